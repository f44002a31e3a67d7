import math

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.feature_selection._mutual_info import _compute_mi_cc, _compute_mi_cd

from skmi import (
    KSG,
    DiscreteTargetWarning,
    MixedKSG,
    ReliabilityWarning,
    SaturationWarning,
)
from skmi.datasets import BENCHMARK_TASKS
from skmi.neighbors._search import MANY_COLUMNS, Block, JointRows
from tests.neighbors.draws import brute_force_ksg
from tests.oracle import draw_normal

X8 = np.array([0.1, 0.5, 0.9, 1.4, 2.0, 2.2, 3.1, 3.3]).reshape(-1, 1)
Y8 = np.array([0.3, 0.2, 1.1, 1.0, 2.4, 1.7, 2.9, 3.6])


@pytest.mark.parametrize(
    ("estimator", "value"),
    [
        (KSG(n_neighbors=1, marginals=None), 1.030357),
        (KSG(n_neighbors=3, marginals=None), 0.467857),
        (KSG(n_neighbors=1, marginals=None, variant=2), 0.905357),
        (KSG(n_neighbors=3, marginals=None, variant=2), 0.509524),
    ],
    ids=str,
)
def test_golden_value(estimator, value):
    assert estimator.fit(X8, Y8).mutual_info_ == pytest.approx(value, abs=1e-6)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize(("d", "k"), [(1, 3), (2, 1), (4, 5)])
def test_agrees_with_the_definition(d, k):
    X, Y, _ = draw_normal(120, d, 1.0, seed=d)
    estimate = KSG(n_neighbors=k, marginals=None).fit(X, Y).mutual_info_
    assert estimate == pytest.approx(brute_force_ksg(X, Y, k), abs=1e-12)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_many_columns_agree_with_the_definition():
    """From so many columns on, blocks of distances replace the trees."""
    X, Y, _ = draw_normal(150, MANY_COLUMNS // 2 + 2, 3.0, seed=0)
    estimate = KSG(marginals=None).fit(X, Y).mutual_info_
    assert estimate == pytest.approx(brute_force_ksg(X, Y, 3), abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_agrees_with_scikit_learn(k):
    """Its routines, without the noise and scaling of its public functions."""
    X, Y, _ = draw_normal(800, 1, 0.5, seed=0)
    estimator = KSG(marginals=None, n_neighbors=k)
    ours = estimator.fit(X, Y).mutual_info_
    assert ours == pytest.approx(_compute_mi_cc(X[:, 0], Y[:, 0], k), abs=1e-6)
    labels = np.digitize(Y[:, 0], [-1, 0.5])
    ours = estimator.fit(X, labels.astype(str)).mutual_info_
    assert ours == pytest.approx(_compute_mi_cd(X[:, 0], labels, k), abs=1e-6)


def test_accuracy_on_normals():
    estimates = []
    for seed in range(10):
        X, Y, _ = draw_normal(3000, 1, 0.5, seed=50 + seed)
        estimates.append(KSG().fit(X, Y).mutual_info_)
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.015)


def test_no_increasing_map_of_a_column_changes_the_estimate():
    X, Y, _ = draw_normal(500, 1, 0.5, seed=1)
    plain = KSG().fit(X, Y).mutual_info_
    for x, y in ((X * 1e6, Y), (X + 1e6, Y), (np.exp(3 * X), Y), (X, np.arctan(Y))):
        assert KSG().fit(x, y).mutual_info_ == plain


def test_rounding_changes_little():
    X, Y, _ = draw_normal(3000, 1, 0.5, seed=2)
    plain = KSG().fit(X, Y).mutual_info_
    for x, y in ((X.round(1), Y), (X, Y.round(1)), (X.round(1), Y.round(1))):
        assert KSG(random_state=0).fit(x, y).mutual_info_ == pytest.approx(
            plain, abs=0.05
        )
    for marginals in ("standard", None):
        rounded = KSG(marginals=marginals, random_state=0).fit(X.round(1), Y)
        assert rounded.mutual_info_ == pytest.approx(plain, abs=0.05)


@pytest.mark.parametrize("marginals", ["rank", "standard", None])
def test_ties_far_from_zero(marginals):
    """Timestamps: the noise that parts equal values goes by their spread."""
    rng = np.random.RandomState(0)
    steps = np.round(np.cumsum(rng.exponential(0.01, 1000)), 2).reshape(-1, 1)
    y = steps + rng.standard_normal((1000, 1))
    near = KSG(marginals=marginals, random_state=0).fit(steps, y).mutual_info_
    far = KSG(marginals=marginals, random_state=0).fit(1.7e9 + steps, y).mutual_info_
    assert far == pytest.approx(near, abs=0.03)
    assert near > 0.5


def test_saturation_names_the_ceiling():
    """Twenty nats cannot be seen in 500 rows."""
    X, Y, _ = draw_normal(500, 1, 16.0, seed=0)
    for estimator, ceiling in ((KSG(), 5.291), (KSG(variant=2), 4.957)):
        with pytest.warns(SaturationWarning, match="the largest value that KSG"):
            estimator.fit(X, Y)
        assert estimator.ceiling_ == pytest.approx(ceiling, abs=1e-3)
        assert estimator.mutual_info_ <= estimator.ceiling_ + 1e-12
    with pytest.warns(SaturationWarning, match=r"close to 5\.29"):
        MixedKSG().fit(X, Y)


def test_pointwise_values_of_tied_samples():
    rng = np.random.RandomState(0)
    x = rng.randint(2, size=1000)
    y = np.where(rng.uniform(size=1000) < 0.75, x, 1 - x)
    exact = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    for seed in range(5):
        estimator = KSG(discrete_target=False, random_state=seed)
        pointwise = estimator.fit(x.reshape(-1, 1), y).score_samples(
            x.reshape(-1, 1), y
        )
        assert pointwise.mean() == pytest.approx(exact, abs=0.03)


@pytest.mark.filterwarnings(
    "ignore::skmi.exceptions.ReliabilityWarning"
)  # by the random order
def test_estimates_of_new_samples_are_deterministic():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    X, Y = X.round(1), Y.round(1)
    for random_state in (None, np.random.RandomState(0)):
        estimator = KSG(random_state=random_state).fit(X[:200], Y[:200])
        assert estimator.mutual_info(X[200:], Y[200:]) == estimator.mutual_info(
            X[200:], Y[200:]
        )
    with pytest.raises(ValueError, match="n_samples=3 is too few"):
        KSG(variant=2).fit(X, Y).mutual_info(X[:3], Y[:3])


def test_heavy_tails_stay_finite():
    rng = np.random.RandomState(0)
    X = rng.standard_cauchy((1000, 1))
    Y = X + rng.standard_cauchy((1000, 1))
    assert 0.4 < KSG().fit(X, Y).mutual_info_ < 1.0


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_constant_column_is_ignored():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=3)
    with_constant = np.hstack([X, np.full((300, 1), 7.0)])
    plain = KSG().fit(X, Y)
    assert KSG().fit(with_constant, Y).mutual_info_ == plain.mutual_info_
    assert KSG().fit(with_constant[:, 1:], Y).mutual_info_ == 0.0


def test_standard_error_is_about_the_standard_deviation():
    estimates, errors = [], []
    for seed in range(40):
        X, Y, _ = draw_normal(400, 1, 0.5, seed=seed)
        estimator = KSG().fit(X, Y)
        estimates.append(estimator.mutual_info_)
        errors.append(estimator.standard_error_)
    assert 0.7 < np.mean(errors) / np.std(estimates, ddof=1) < 1.6


def test_labels_against_the_exact_value():
    def integrand(x):
        p, q = stats.norm.pdf(x), (stats.norm.pdf(x) + stats.norm.pdf(x, 2)) / 2
        return p * np.log(p / q)

    truth = integrate.quad(integrand, -9, 9)[0]  # the two labels give the same
    estimates = []
    for seed in range(10):
        rng = np.random.RandomState(seed)
        labels = rng.randint(2, size=2000)
        X = rng.standard_normal((2000, 1)) + 2 * labels[:, np.newaxis]
        for cls in (KSG, MixedKSG):
            estimates.append(cls().fit(X, labels.astype(str)).mutual_info_)
    assert np.mean(estimates) == pytest.approx(truth, abs=0.015)


@pytest.mark.filterwarnings("ignore:Many labels of y:skmi.ReliabilityWarning")
def test_a_label_of_one_sample_is_not_informative():
    X = np.random.RandomState(0).standard_normal((50, 1))
    with pytest.warns(DiscreteTargetWarning, match="50 labels in 50 samples"):
        estimator = KSG().fit(X, np.arange(50).astype(str))
    assert estimator.mutual_info_ == pytest.approx(0.0)


def test_score_is_a_lower_bound_and_negative_on_shuffled_samples():
    X, Y, _ = draw_normal(3000, 1, 1.0, seed=4)
    estimator = KSG().fit(X[:2000], Y[:2000])
    assert 0.5 < estimator.score(X[2000:], Y[2000:]) < 1.05
    shuffled = np.roll(Y[2000:], 1, axis=0)
    assert estimator.score(X[2000:], shuffled) < 0.0


def test_pointwise_values_of_new_samples_average_to_the_estimate():
    X, Y, _ = draw_normal(4000, 1, 0.5, seed=5)
    estimator = KSG().fit(X[:2000], Y[:2000])
    pointwise = estimator.score_samples(X[2000:], Y[2000:])
    assert pointwise.mean() == pytest.approx(0.5, abs=0.06)


def test_too_few_samples():
    with pytest.raises(ValueError, match="n_samples=3 is too few for n_neighbors=3"):
        KSG().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])


def test_marginals_is_a_parameter_and_an_attribute():
    estimator = KSG(marginals=None)
    assert estimator.get_params()["marginals"] is estimator.marginals is None
    assert not hasattr(estimator, "transform")
    assert repr(estimator) == "KSG(marginals=None)"


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_jobs_and_device_do_not_change_the_estimate():
    X, Y, _ = draw_normal(400, 3, 1.0, seed=0)
    plain = KSG().fit(X, Y)
    for options in ({"n_jobs": 2}, {"n_jobs": -1}, {"device": "cpu"}):
        estimator = KSG(**options).fit(X, Y)
        assert estimator.mutual_info_ == plain.mutual_info_
        assert estimator.score(X[:50], Y[:50]) == plain.score(X[:50], Y[:50])
    with pytest.raises(ValueError, match="device='nowhere' cannot be used here"):
        KSG(device="nowhere").fit(X, Y)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("variant", [1, 2])
def test_device_gives_the_same_estimate(device, variant):
    X, Y, _ = draw_normal(3000, 5, 1.0, seed=0)
    here = KSG(variant=variant).fit(X, Y).mutual_info_
    there = KSG(variant=variant, device=device).fit(X, Y).mutual_info_
    assert there == pytest.approx(here, abs=1e-6)


class TestDrift:
    """The bias that more neighbours indicate, as error, status and warning."""

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
    @pytest.mark.parametrize("cls", [KSG, MixedKSG])
    @pytest.mark.parametrize(
        "task",
        [
            "additive noise 0.1",
            "additive noise 0.75",
            "spiral 3x3",
            "student 1x1 dof 1",
            "wave 1x1",
            "normal 1x1",
        ],
    )
    def test_covers_or_says_no(self, cls, task):
        n_held = 0
        tasks = BENCHMARK_TASKS | {"wave 1x1": draw_wave}
        for seed in range(30):
            X, Y, truth = tasks[task](n_samples=200, random_state=seed)
            estimator = cls().fit(X, Y)
            gap = abs(estimator.mutual_info_ - truth)
            is_doubted = estimator.status_ == "not converged"
            n_held += is_doubted or gap < 1.96 * estimator.standard_error_
        assert n_held >= 26

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
    def test_bias_is_about_the_true_one(self):
        """The terms of k and of 4k neighbours, from the definition."""
        X, Y, _ = BENCHMARK_TASKS["additive noise 0.1"](n_samples=300, random_state=0)
        estimator = KSG(marginals=None).fit(X, Y)
        drift = brute_force_ksg(X, Y, 3) - brute_force_ksg(X, Y, 12)
        assert estimator._drift == pytest.approx(drift)  # a power of a half: factor 1
        error = estimator.standard_error_
        assert error == pytest.approx(math.hypot(estimator._sampling_error, drift))

    def test_normal_columns_are_not_doubted(self):
        n_trusted = 0
        for seed in range(20):
            X, Y, _ = draw_normal(1000, 1, 0.5, seed)
            n_trusted += KSG().fit(X, Y).status_ == "ok"
        assert n_trusted >= 19

    @pytest.mark.parametrize("d", [10, 25])
    def test_many_columns_are_doubted(self, d):
        """Neighbours are so far apart that nothing shows, not even in the drift."""
        X, Y, _ = BENCHMARK_TASKS["spiral 25x25"](n_samples=500, random_state=0)
        with pytest.warns(ReliabilityWarning, match=r"Neighbours are [12]\.\d"):
            estimator = KSG().fit(X[:, :d], Y[:, :d])
        assert estimator.status_ == "not converged"

    def test_independent_columns_are_zero(self):
        statuses = [
            KSG().fit(*np.random.RandomState(seed).standard_normal((2, 400, 1))).status_
            for seed in range(20)
        ]
        assert statuses.count("zero") >= 17

    def test_a_line_is_saturated(self):
        x = np.random.RandomState(0).standard_normal((300, 1))
        with pytest.warns(SaturationWarning, match="close to"):
            assert KSG().fit(x, x).status_ == "saturated"

    @pytest.mark.parametrize("k", [3, 12])
    def test_some_rows_have_the_counts_of_all(self, k):
        rng = np.random.RandomState(0)
        columns, codes = rng.standard_normal((2, 200, 2)), rng.randint(3, size=(2, 200))
        some = np.sort(rng.permutation(200)[:60])
        for n_columns in (1, 2):
            x, y = (
                Block(c[:, :n_columns], code)
                for c, code in zip(columns, codes, strict=True)
            )
            joint = JointRows(x, y)
            every, few = joint.ball_counts(k), joint.ball_counts(k, some)
            for all_rows, some_rows in zip(every, few, strict=True):
                np.testing.assert_array_equal(all_rows[some], some_rows)


def draw_wave(n_samples, random_state):
    """A sine with normal noise, and its information by integration."""
    rng = np.random.default_rng(random_state)
    x = rng.uniform(0, 1, (n_samples, 1))
    wave = np.sin(6 * np.pi * np.linspace(0, 1, 2001))
    grid = np.linspace(-3, 3, 2001)
    density = stats.norm.pdf(grid[:, None], wave, 0.4).mean(axis=1)
    entropy = -integrate.trapezoid(density * np.log(density), grid)
    truth = entropy - stats.norm(scale=0.4).entropy()
    y = np.sin(6 * np.pi * x) + 0.4 * rng.standard_normal((n_samples, 1))
    return x, y, truth
