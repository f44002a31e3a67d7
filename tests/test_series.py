import math

import numpy as np
import pytest

from skmi import KSG, GaussianMI, HistogramMI
from skmi.exceptions import FewRowsWarning
from skmi.series import lagged_mutual_info, transfer_entropy
from skmi.statistics import standard_error


def draw_coupled(rng, n_samples, coupling, memory=0.5):
    """Two autoregressive columns, of which the first drives the second."""
    noise = rng.standard_normal((n_samples + 200, 2))
    x, y = np.zeros((2, n_samples + 200))
    for t in range(1, len(x)):
        x[t] = memory * x[t - 1] + noise[t, 0]
        y[t] = memory * y[t - 1] + coupling * x[t - 1] + noise[t, 1]
    return x[200:], y[200:]


def analytic(coupling, memory=0.5):
    """Half the log ratio of the prediction variances of y, by the stationary moments.

    Given its own last value alone, with x and y at a time of the Lyapunov equation.
    """
    step = np.array([[memory, 0], [coupling, memory]])
    moments = np.eye(2)
    for _ in range(500):
        moments = step @ moments @ step.T + np.eye(2)
    rest = moments[0, 0] - moments[0, 1] ** 2 / moments[1, 1]
    return 0.5 * math.log(1 + coupling**2 * rest)


@pytest.mark.parametrize("estimator", [GaussianMI(), None], ids=["normal", "default"])
def test_coupled_autoregressive_processes(estimator):
    values, back = [], []
    for seed in range(3):
        x, y = draw_coupled(np.random.RandomState(seed), 5000, 0.5)
        values.append(transfer_entropy(x, y, estimator=estimator).value)
        back.append(transfer_entropy(y, x, estimator=estimator).value)
    assert np.mean(values) == pytest.approx(analytic(0.5), abs=0.02)
    assert np.mean(back) == pytest.approx(0.0, abs=0.02)
    assert min(values) > max(back)


def test_uncoupled_processes_are_not_found():
    pvalues, effective = [], []
    for seed in range(60):
        x, y = draw_coupled(np.random.RandomState(seed), 400, 0.0, memory=0.9)
        options = {"estimator": GaussianMI(), "n_permutations": 39}
        found = transfer_entropy(x, y, random_state=seed, **options)
        pvalues.append(found.pvalue)
        effective.append(found.effective_value)
    assert np.mean(np.array(pvalues) <= 0.05) <= 0.15
    assert np.mean(effective) == pytest.approx(0.0, abs=0.003)


def test_a_common_cause_is_a_condition():
    rng = np.random.RandomState(0)
    cause, a, b = rng.standard_normal((3, 3000))
    x, y = np.roll(cause, 1) + 0.5 * a, np.roll(cause, 2) + 0.5 * b
    plain = transfer_entropy(x, y, estimator=GaussianMI())
    given = transfer_entropy(
        x, y, conditions=cause, target_lags=[1, 2], estimator=GaussianMI()
    )
    assert plain.value > 0.3
    assert given.value == pytest.approx(0.0, abs=0.01)
    assert plain.pvalue is None


def test_lags_of_the_source():
    rng = np.random.RandomState(0)
    x, noise = rng.standard_normal((2, 2000))
    y = np.roll(x, 3) + noise
    one, three = (
        transfer_entropy(x, y, source_lags=lags, estimator=GaussianMI()).value
        for lags in (2, [3])
    )
    assert one == pytest.approx(0.0, abs=0.01)
    assert three == pytest.approx(0.5 * math.log(2), abs=0.05)


def test_a_planted_lag_is_found():
    for seed in range(10):
        rng = np.random.RandomState(seed)
        x, noise = rng.standard_normal((2, 400))
        y = 0.7 * np.roll(x, 7) + noise
        found = lagged_mutual_info(x, y, lags=range(1, 21), estimator=GaussianMI())
        assert found.lags[found.value.argmax()] == 7
        assert found.pvalue[6] <= 0.02
        assert found.value[6] == pytest.approx(0.5 * math.log(1.49), abs=0.15)


def test_pvalues_over_lags_hold_for_series():
    smallest = []
    for seed in range(40):
        x, y = draw_coupled(np.random.RandomState(seed), 300, 0.0, memory=0.8)
        found = lagged_mutual_info(x, y, lags=10, estimator=GaussianMI())
        smallest.append(found.pvalue.min())
    assert np.mean(np.array(smallest) <= 0.05) <= 0.175


def test_the_sign_of_a_lag():
    rng = np.random.RandomState(0)
    x = rng.standard_normal(300)
    y = np.roll(x, -2) + 0.1 * rng.standard_normal(300)
    found = lagged_mutual_info(x, y, lags=[-2, 0, 2], estimator=GaussianMI())
    assert found.value.argmax() == 0


def test_blocks_widen_the_errors_of_series():
    x, y = draw_coupled(np.random.RandomState(0), 500, 0.5, memory=0.9)
    plain = lagged_mutual_info(x, y, lags=[1], estimator=KSG())
    blocks = lagged_mutual_info(x, y, lags=[1], estimator=KSG(), block_length=50)
    assert blocks.standard_error[0] > 1.3 * plain.standard_error[0]
    assert blocks.value[0] == plain.value[0]


def test_the_standard_error_in_blocks_is_that_of_a_mean():
    """The mean of an autoregressive series, of known variance."""
    rng = np.random.RandomState(0)
    means, errors = [], []
    for _ in range(200):
        x, _ = draw_coupled(rng, 1000, 0.0, memory=0.8)
        means.append(x.mean())
        errors.append(standard_error(x, block_length=50))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(means), rel=0.15)


def test_arguments_are_checked():
    x = np.arange(20.0)
    with pytest.raises(ValueError, match="whole numbers"):
        lagged_mutual_info(x, x, lags=[1.5])
    with pytest.raises(ValueError, match="fewer than half"):
        lagged_mutual_info(x, x, lags=15)
    with pytest.raises(ValueError, match="positive whole numbers"):
        transfer_entropy(x, x, source_lags=0)
    with pytest.raises(ValueError, match="fewer than half"):
        transfer_entropy(x, x, target_lags=15)


@pytest.mark.parametrize(
    ("n_samples", "lags", "n_series"),
    [(12, 0, 200), (20, 0, 200), (40, 5, 150), (100, 20, 60)],
)
@pytest.mark.filterwarnings("ignore::skmi.exceptions.FewRowsWarning")
def test_pvalues_of_short_independent_series(n_samples, lags, n_series):
    """As often below a level as it says, and never below one by the samples."""
    smallest = []
    for seed in range(n_series):
        x, y = np.random.RandomState(seed).standard_normal((2, n_samples))
        options = {"estimator": GaussianMI(), "random_state": seed}
        smallest.append(lagged_mutual_info(x, y, lags=lags, **options).pvalue.min())
    assert min(smallest) >= 1 / n_samples - 1e-9
    for level in (0.01, 0.05, 0.1):
        chance = 3 * math.sqrt(level * (1 - level) / n_series)
        assert np.mean(np.array(smallest) <= level + 1e-9) <= level + chance


def test_series_too_short_for_a_small_pvalue():
    x, y = np.random.RandomState(0).standard_normal((2, 12))
    with pytest.warns(
        FewRowsWarning, match="P-values of series of 12 samples are 0.08"
    ):
        found = lagged_mutual_info(x, x + 1e-3 * y, lags=[0], estimator=GaussianMI())
    assert found.pvalue[0] >= 1 / 12


@pytest.mark.parametrize("memory", [0.9, -0.9])
def test_pvalues_of_series_that_alternate_or_persist(memory):
    smallest = []
    for seed in range(60):
        x, y = draw_coupled(np.random.RandomState(seed), 300, 0.0, memory=memory)
        found = lagged_mutual_info(x, y, lags=3, estimator=GaussianMI())
        smallest.append(found.pvalue.min())
    assert np.mean(np.array(smallest) <= 0.05) <= 0.13


def chain_of_labels(n_samples):
    """A label that y repeats at the next time, with another at random in 20 %."""
    rng = np.random.RandomState(0)
    x = rng.choice(["up", "down"], n_samples)
    y = np.where(rng.rand(n_samples) < 0.8, np.roll(x, 1), rng.permutation(x))
    return x, y


def test_series_of_labels():
    """The chance of a label that differs is .1; both are equally frequent."""
    x, y = chain_of_labels(2000)
    truth = math.log(2) + 0.1 * math.log(0.1) + 0.9 * math.log(0.9)
    for estimator in (None, HistogramMI()):
        found = lagged_mutual_info(x, y, lags=2, estimator=estimator)
        assert found.value[1] == pytest.approx(truth, abs=0.04)
        assert found.value[[0, 2]] == pytest.approx(0.0, abs=0.01)
        assert found.pvalue[1] <= 0.01 < found.pvalue[[0, 2]].min()
        forth = transfer_entropy(x, y, estimator=estimator, conditions=np.roll(y, 9))
        assert forth.value == pytest.approx(truth, abs=0.04)
        assert transfer_entropy(y, x, estimator=estimator).value < 0.01


def test_missing_labels_and_lengths_are_named():
    x, y = chain_of_labels(40)
    with pytest.raises(ValueError, match="x contains missing values"):
        lagged_mutual_info(np.where(x == "up", None, x), y, lags=1)
    with pytest.raises(ValueError, match="y contains NaN"):
        lagged_mutual_info(np.arange(9.0), [np.nan] * 9, lags=1)
    with pytest.raises(ValueError, match=r"source, target, conditions .* \[40, 40, 39"):
        transfer_entropy(x, y, conditions=x[1:])
    with pytest.raises(ValueError, match=r"source_lags=1\.5 must be positive whole"):
        transfer_entropy(x, y, source_lags=1.5)
