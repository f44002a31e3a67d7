import copy
import math
import pickle

import numpy as np
import pytest

from skmi import KSG, GaussianMI, MixedKSG, StudentCopulaMI
from skmi.datasets import (
    make_correlated_normal,
    make_sparse_normal,
    make_student_t,
)
from skmi.exceptions import SerialDependenceWarning
from skmi.inference import (
    ConfidenceInterval,
    confidence_interval,
    permutation_test,
)
from skmi.inference.intervals import map_to_margins
from tests.oracle import draw_normal

ATTRIBUTES = ("low", "high", "standard_error", "mutual_info", "lower_limit")


class TestConfidenceInterval:
    def make(self):
        return ConfidenceInterval(
            0.4, 0.6, standard_error=0.05, mutual_info=0.5, lower_limit=0.42
        )

    def test_is_a_pair(self):
        interval = self.make()
        low, high = interval
        assert (low, high) == (interval.low, interval.high) == (0.4, 0.6)
        assert interval == (0.4, 0.6)
        assert interval != (0.4, 0.7)
        assert hash(interval) == hash((0.4, 0.6))
        assert isinstance(interval, tuple)
        assert len(interval) == 2
        assert interval[1] == max(interval) == 0.6
        np.testing.assert_array_equal(np.asarray(interval), [0.4, 0.6])
        assert repr(interval) == "ConfidenceInterval(low=0.4, high=0.6)"

    @pytest.mark.parametrize(
        "duplicate",
        [copy.copy, copy.deepcopy]
        + [
            lambda interval, protocol=protocol: pickle.loads(
                pickle.dumps(interval, protocol)
            )
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
        ],
    )
    def test_copies_keep_the_attributes(self, duplicate):
        interval = self.make()
        again = duplicate(interval)
        assert type(again) is ConfidenceInterval
        assert again == interval
        for name in ATTRIBUTES:
            assert getattr(again, name) == getattr(interval, name)

    def test_takes_any_number_and_gives_floats(self):
        interval = ConfidenceInterval(np.float32(0), 1, standard_error=np.int64(2))
        for name in ATTRIBUTES:
            assert type(getattr(interval, name)) is float
        assert math.isnan(interval.mutual_info)
        assert math.isnan(interval.lower_limit)

    def test_a_replaced_end_makes_the_attributes_unknown(self):
        again = self.make()._replace(low=0.3)
        assert again == (0.3, 0.6)
        assert math.isnan(again.mutual_info)


@pytest.mark.parametrize("method", ["influence", "subsample"])
def test_coverage(method):
    covered, above = [], []
    for seed in range(60):
        X, Y, truth = make_correlated_normal(400, 2, mutual_info=0.5, random_state=seed)
        interval = confidence_interval(
            GaussianMI(), X, Y, method=method, n_resamples=20, random_state=0
        )
        covered.append(interval.low <= truth <= interval.high)
        above.append(interval.lower_limit <= truth)
    assert 0.88 <= np.mean(covered) <= 1
    assert 0.88 <= np.mean(above) <= 1


def test_interval_is_the_normal_one():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    fitted = GaussianMI().fit(X, Y)
    interval = confidence_interval(GaussianMI(), X, Y, level=0.9)
    reach = 1.6448536 * fitted.standard_error_
    assert interval.mutual_info == fitted.mutual_info_
    assert interval.high - interval.mutual_info == pytest.approx(reach)
    assert interval.mutual_info - interval.low == pytest.approx(reach)
    one_sided = fitted.mutual_info_ - 1.2815516 * fitted.standard_error_
    assert interval.lower_limit == pytest.approx(one_sided)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_subsamples_give_the_spread_of_neighbours():
    """The influence of rows misses a part of it."""
    estimates, errors = [], []
    for seed in range(25):
        X, Y, _ = draw_normal(300, 1, 1.0, seed)
        interval = confidence_interval(
            KSG(), X, Y, method="subsample", n_resamples=25, random_state=seed
        )
        estimates.append(interval.mutual_info)
        errors.append(interval.standard_error)
    assert np.mean(estimates) == pytest.approx(1.0, abs=0.05)
    assert 0.75 < np.mean(errors) / np.std(estimates, ddof=1) < 1.4


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_reference_removes_the_bias_of_neighbours():
    """In six columns KSG misses a quarter of a nat; all four have one copula."""
    options = {"random_state": 0, "n_resamples": 15}
    for transforms in (None, ["half_cube"]):
        errors, given, covered = [], [], []
        for seed in range(12):
            X, Y, truth = make_sparse_normal(
                300, 3, transforms=transforms, random_state=seed
            )
            interval = confidence_interval(KSG(), X, Y, **options)
            errors.append(interval.mutual_info - truth)
            given.append(interval.standard_error)
            covered.append(interval.low <= truth <= interval.high)
        assert abs(np.mean(errors)) < 0.08
        assert KSG().fit(X, Y).mutual_info_ < truth - 0.15
        assert 0.04 < np.mean(given) < 0.13
        assert np.mean(covered) >= 0.7


def test_reference_draws_have_its_mutual_information_and_the_columns_of_the_rows():
    X, Y, _ = make_student_t(2000, 2, degrees_of_freedom=3, random_state=0)
    model = StudentCopulaMI().fit(X, Y)
    drawn = model._ratio.draw(20_000, np.random.RandomState(0))
    again = StudentCopulaMI().fit(*drawn)
    assert again.mutual_info_ == pytest.approx(model._ratio.mutual_info, abs=0.03)
    seen = map_to_margins(drawn[0], np.column_stack([X, np.ones(2000)]))
    assert seen.shape == (20_000, 2)
    share = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(
        np.quantile(seen, share, axis=0), np.quantile(X, share, axis=0), atol=0.02
    )


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_each_estimator_has_its_method():
    rng = np.random.RandomState(0)
    X, Y = rng.standard_normal((2, 60, 2))
    labels = np.where(X[:, 0] + rng.standard_normal(60) > 0, "up", "down")
    options = {"n_resamples": 6, "random_state": 0}
    for estimator, y, method in (
        (GaussianMI(), Y, "influence"),
        (MixedKSG(), Y, "subsample"),
        (KSG(), labels, "subsample"),
        (KSG(), Y, "reference"),
    ):
        auto = confidence_interval(estimator, X, y, **options)
        named = confidence_interval(estimator, X, y, method=method, **options)
        assert auto == named
    nothing = confidence_interval(KSG(), np.ones((60, 1)), Y, **options)
    assert nothing.low == nothing.high == 0
    with pytest.raises(ValueError, match='method="subsample", which takes labels'):
        confidence_interval(KSG(), X, labels, method="reference")


def test_number_of_resamples_is_checked():
    X, Y, _ = draw_normal(30, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="n_resamples=1 must be"):
        confidence_interval(GaussianMI(), X, Y, method="subsample", n_resamples=1)


def test_wrong_level_and_method():
    X, Y, _ = draw_normal(30, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="level=95"):
        confidence_interval(GaussianMI(), X, Y, level=95)
    with pytest.raises(ValueError, match="method='bootstrap'"):
        confidence_interval(GaussianMI(), X, Y, method="bootstrap")


def draw_series(rng, n_samples, correlation, memory=0.9):
    """Normal pairs of known information whose samples depend on the ones before."""
    noise = rng.standard_normal((n_samples + 100, 2))
    for row in range(1, len(noise)):
        noise[row] += memory * noise[row - 1]
    x, other = noise[100:].T
    return x.reshape(-1, 1), correlation * x + math.sqrt(1 - correlation**2) * other


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
@pytest.mark.filterwarnings("ignore::skmi.exceptions.SerialDependenceWarning")
def test_blocks_cover_the_information_of_series(correlation):
    truth, plain, blocks = -0.5 * math.log(1 - correlation**2), [], []
    for seed in range(60):
        rows = draw_series(np.random.RandomState(seed), 400, correlation)
        options = {"random_state": seed}
        low, high = confidence_interval(GaussianMI(), *rows, **options)
        plain.append(low < truth < high)
        low, high = confidence_interval(GaussianMI(), *rows, block_length=40, **options)
        blocks.append(low <= truth <= high)
    assert np.mean(plain) <= 0.85
    assert np.mean(blocks) >= 0.88


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SerialDependenceWarning")
def test_groups_widen_the_interval():
    rng = np.random.RandomState(0)
    groups = np.repeat(np.arange(50), 8)
    x, y = rng.standard_normal((2, 50))[:, groups]
    x, y = x + 0.2 * rng.standard_normal(400), x + y + 0.2 * rng.standard_normal(400)
    rows = x.reshape(-1, 1), y
    plain = confidence_interval(GaussianMI(), *rows)
    wide = confidence_interval(GaussianMI(), *rows, groups=groups)
    assert wide.standard_error > 1.8 * plain.standard_error
    # 50 groups show 1/100 by chance, of which the estimate knows 1/800.
    assert wide.mutual_info == pytest.approx(plain.mutual_info - 0.00875, abs=0.004)
    with pytest.raises(ValueError, match="not both"):
        confidence_interval(GaussianMI(), *rows, groups=groups, block_length=3)
    with pytest.raises(ValueError, match="block_length=0"):
        confidence_interval(GaussianMI(), *rows, block_length=0)


@pytest.mark.parametrize("correlation", [0.0, 0.15, 0.3, 0.9])
@pytest.mark.parametrize("equal", [True, False])
def test_groups_cover_the_information_of_samples_that_depend(correlation, equal):
    """Fifty groups of eight samples, or of two to fourteen, that share most noise."""
    truth, covered = -0.5 * math.log(1 - correlation**2), []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        sizes = np.full(50, 8) if equal else rng.randint(2, 15, 50)
        groups = np.repeat(np.arange(50), sizes)
        shared = rng.standard_normal((2, 50))[:, groups]
        own = rng.standard_normal((2, len(groups)))
        x, other = math.sqrt(0.8) * shared + math.sqrt(0.2) * own
        y = correlation * x + math.sqrt(1 - correlation**2) * other
        low, high = confidence_interval(
            GaussianMI(), x.reshape(-1, 1), y, groups=groups
        )
        covered.append(low <= truth <= high)
    assert np.mean(covered) >= 0.88


def test_one_group_or_block_is_refused():
    X, Y, _ = draw_normal(30, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="groups hold one group"):
        confidence_interval(GaussianMI(), X, Y, groups=np.zeros(30))


def test_blocks_that_are_shorter_than_the_memory_are_warned_of():
    rows = draw_series(np.random.RandomState(0), 2000, 0.3, memory=0.98)
    with pytest.warns(SerialDependenceWarning, match="block_length=10 is short"):
        confidence_interval(GaussianMI(), *rows, block_length=10)


def draw_given(rng, n_samples, correlation, memory=0.0):
    """Normal X and y whose noise, beside Z, has a correlation, and all a memory."""
    noise = rng.standard_normal((n_samples + 100, 3))
    for row in range(1, len(noise)):
        noise[row] += memory * noise[row - 1]
    x, other, z = noise[100:].T
    y = correlation * x + math.sqrt(1 - correlation**2) * other
    return (x + 2 * z).reshape(-1, 1), y - z, z


@pytest.mark.parametrize("method", ["auto", "subsample"])
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_intervals_given_a_condition_cover(method, correlation):
    truth, covered = -0.5 * math.log(1 - correlation**2), []
    for seed in range(40):
        rows = draw_given(np.random.RandomState(seed), 300, correlation)
        options = {"method": method, "n_resamples": 12, "random_state": seed}
        low, high = confidence_interval(GaussianMI(), *rows, **options)
        covered.append(low <= truth <= high)
    assert np.mean(covered) >= 0.88


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_blocks_cover_the_information_of_series_given_another(correlation):
    truth, covered = -0.5 * math.log(1 - correlation**2), []
    for seed in range(25):
        rows = draw_given(np.random.RandomState(seed), 400, correlation, memory=0.9)
        interval = confidence_interval(
            GaussianMI(), *rows, block_length=40, random_state=seed
        )
        covered.append(interval.low <= truth <= interval.high)
    assert np.mean(covered) >= 0.88


def test_groups_cover_the_information_given_a_condition():
    covered = []
    for seed in range(40):
        rng = np.random.RandomState(seed)
        groups = np.repeat(np.arange(50), 8)
        shared, own = rng.standard_normal((3, 50))[:, groups], rng.standard_normal(400)
        x, y = shared[:2] + shared[2] + 0.3 * own * [[1], [0]]
        rows = x.reshape(-1, 1), y, shared[2]
        low, high = confidence_interval(GaussianMI(), *rows, groups=groups)
        covered.append(low <= 0 <= high)
    assert np.mean(covered) >= 0.88


@pytest.mark.parametrize("labels", ["", "y", "Xy", "XyZ"])
@pytest.mark.parametrize("options", [{}, {"block_length": 5}, {"groups": "pairs"}])
def test_labels_given_labels_have_an_interval(labels, options):
    """Z makes up all dependence: the interval holds 0, and not what it adds."""
    rng = np.random.RandomState(0)
    z, a, b = rng.standard_normal((3, 400))
    x, y = z + a / 2, z + b / 2
    rows = {"X": x, "y": y, "Z": z > 0 if "Z" in labels else z}
    rows |= {name: rows[name] > 0 for name in labels.replace("Z", "")}
    if "Z" in labels:
        rows["X"], rows["y"] = (rows["Z"] + 0.4 * one > 0.5 for one in (a, b))
    rows["X"] = rows["X"].reshape(-1, 1)
    if "groups" in options:
        options = {"groups": np.arange(400) // 2}
    low, high = confidence_interval(MixedKSG(), **rows, **options, random_state=0)
    without, _ = confidence_interval(MixedKSG(), rows["X"], rows["y"], random_state=0)
    assert low <= 0.01 < without
    assert 0 <= high < 0.15


def test_an_interval_takes_the_condition_that_the_fit_had():
    X, y, z = draw_given(np.random.RandomState(0), 200, 0.5)
    fitted = KSG().fit(X, y, z)
    for call in (confidence_interval, permutation_test):
        with pytest.raises(ValueError, match="was fitted with Z"):
            call(fitted, X, y)
    again = confidence_interval(fitted, X, y, Z=z)
    assert again.mutual_info == fitted.mutual_info_
    assert again.standard_error == fitted.standard_error_
    with pytest.raises(ValueError, match="not available given Z"):
        confidence_interval(fitted, X, y, Z=z, method="reference")
    with pytest.raises(ValueError, match="Z have inconsistent numbers"):
        confidence_interval(fitted, X, y, Z=z[1:])


def test_series_without_memory_given_another_are_not_warned_of(recwarn):
    """Both follow a slow series, and nothing else of them depends on the past."""
    rng = np.random.RandomState(0)
    z = draw_series(rng, 500, 0.0)[1]
    x, y = z + 0.3 * rng.standard_normal((2, 500))
    confidence_interval(GaussianMI(), x.reshape(-1, 1), y, z)
    assert not recwarn.list
    with pytest.warns(SerialDependenceWarning):
        confidence_interval(GaussianMI(), x.reshape(-1, 1), y)
