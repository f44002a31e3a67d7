import math

import numpy as np
import pandas as pd
import pytest

from skmi import KSG, NWJ, TNCE, GaussianMI, MixedKSG, StudentCopulaMI
from skmi.datasets import (
    make_correlated_normal,
    make_sparse_normal,
    make_student_t,
)
from skmi.inference import (
    conditional_independence_test,
    confidence_interval,
    permutation_test,
)
from skmi.inference._resampling import permuted_rows
from skmi.inference.conditional import (
    local_neighbors,
    local_permutation,
    local_permuter,
)
from skmi.inference.intervals import map_to_margins
from skmi.neighbors.conditional import make_block
from tests.oracle import OracleCritic, draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.ConvergenceWarning")


def draw_series(n_samples, memory, rng):
    """A first-order autoregression of unit variance."""
    series = rng.standard_normal(n_samples)
    for t in range(1, n_samples):
        series[t] = memory * series[t - 1] + math.sqrt(1 - memory**2) * series[t]
    return series


# -- permutations ------------------------------------------------------------------


def test_rows_are_permuted_as_asked():
    rng = np.random.RandomState(0)
    groups = np.array(list("abcab") * 8)
    within = permuted_rows(40, groups, None, rng)
    assert sorted(within) == list(range(40))
    np.testing.assert_array_equal(groups[within], groups)
    assert (within != np.arange(40)).sum() > 20
    blocks = permuted_rows(40, None, 8, rng)
    assert sorted(blocks) == list(range(40))
    follows = np.diff(blocks) % 40 == 1
    assert follows.sum() >= 40 - 5  # five blocks, so at most four seams inside
    assert not follows.all()


def test_each_order_within_groups_is_as_likely():
    rng = np.random.RandomState(0)
    groups = [0, 1, 0, 0]
    draws = [tuple(permuted_rows(4, groups, None, rng)) for _ in range(1200)]
    orders, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(orders) == 6
    assert (np.abs(counts - 200) < 4 * math.sqrt(200)).all()


def test_what_cannot_be_permuted_is_refused():
    X, Y, _ = draw_normal(20, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="not both"):
        permutation_test(GaussianMI(), X, Y, groups=np.zeros(20), block_length=2)
    with pytest.raises(ValueError, match="nothing can be permuted"):
        permutation_test(GaussianMI(), X, Y, groups=np.arange(20))
    with pytest.raises(ValueError, match="block_length=15 must be"):
        permutation_test(GaussianMI(), X, Y, block_length=15)
    with pytest.raises(ValueError, match="too few for block_length=14"):
        permutation_test(NWJ(), X, Y, block_length=14)


# -- the test of independence ------------------------------------------------------


def pvalues_of_nulls(n_tests, n_samples, estimator, **options):
    values = []
    for seed in range(n_tests):
        x, y = np.random.RandomState(seed).standard_normal((2, n_samples, 1))
        result = permutation_test(estimator, x, y, random_state=seed, **options)
        values.append(result.pvalue)
    return np.array(values)


@pytest.mark.parametrize(
    ("estimator", "n_tests"),
    [
        (GaussianMI(), 150),
        (NWJ(critic=OracleCritic(0.7), max_iter=1, early_stopping=False), 60),
    ],
)
def test_size(estimator, n_tests):
    """P-values of independent rows are uniform on 0.05, 0.1, ..., 1."""
    pvalues = pvalues_of_nulls(n_tests, 40, estimator, n_permutations=19)
    for level in (0.05, 0.2, 0.5):
        spread = math.sqrt(level * (1 - level) / n_tests)
        assert abs((pvalues <= level + 1e-9).mean() - level) < 3 * spread


@pytest.mark.parametrize("estimator", [GaussianMI(), KSG(), NWJ(max_iter=20)])
def test_power(estimator):
    X, Y, _ = draw_normal(400, 1, 0.4, seed=0)
    result = permutation_test(estimator, X, Y, n_permutations=99, random_state=0)
    assert result.pvalue == 0.01
    assert result.statistic == pytest.approx(0.3, abs=0.25)
    assert len(result.null_distribution) == 99
    assert result.null_distribution.max() < result.statistic
    again = permutation_test(estimator, X, Y, n_permutations=99, random_state=0)
    np.testing.assert_array_equal(again.null_distribution, result.null_distribution)


def test_statistic_of_a_critic_is_its_pointwise_mean_on_the_report_rows():
    X, Y, rho = draw_normal(400, 1, 0.4, seed=0)
    for model in (NWJ(critic=OracleCritic(rho)), TNCE()):
        model.set_params(max_iter=2)
        result = permutation_test(model, X, Y, n_permutations=5, random_state=0)
        rng = np.random.RandomState(0)
        seed = rng.randint(np.iinfo(np.int32).max)
        order = rng.permutation(400)
        train, report = order[100:], np.sort(order[:100])
        model.set_params(random_state=seed, cv=[(train, report)]).fit(X, Y)
        expected = model.score_samples(X[report], Y[report]).mean()
        assert result.statistic == pytest.approx(expected)


def test_labels_frames_and_jobs():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(rng.standard_normal((120, 2)), columns=["a", "b"])
    labels = pd.Series(np.where(frame["a"] > 0, "up", "down"))
    options = {"n_permutations": 19, "random_state": 0}
    single = permutation_test(KSG(), frame, labels, **options)
    double = permutation_test(KSG(), frame, labels, n_jobs=2, **options)
    assert single.pvalue == double.pvalue == 0.05
    np.testing.assert_array_equal(single.null_distribution, double.null_distribution)


def test_groups_take_a_confounder_out():
    """x and y share the mean of their group and nothing else."""
    plain, within = [], []
    for seed in range(30):
        rng = np.random.RandomState(seed)
        groups = rng.randint(5, size=200)
        mean = 2.0 * rng.standard_normal(5)[groups][:, None]
        x, y = mean + rng.standard_normal((2, 200, 1))
        options = {"n_permutations": 19, "random_state": seed}
        plain.append(permutation_test(GaussianMI(), x, y, **options).pvalue)
        options["groups"] = groups
        within.append(permutation_test(GaussianMI(), x, y, **options).pvalue)
    assert np.mean(np.array(plain) <= 0.05) > 0.8
    assert np.mean(np.array(within) <= 0.05) < 0.2


def test_blocks_keep_the_size_on_series():
    plain, by_block = [], []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        x, y = (draw_series(400, 0.9, rng)[:, None] for _ in range(2))
        options = {"n_permutations": 19, "random_state": seed}
        plain.append(permutation_test(GaussianMI(), x, y, **options).pvalue)
        options["block_length"] = 40
        by_block.append(permutation_test(GaussianMI(), x, y, **options).pvalue)
    assert np.mean(np.array(plain) <= 0.05) > 0.3
    assert np.mean(np.array(by_block) <= 0.05) < 0.15


# -- the test of conditional independence ------------------------------------------


def test_exchanged_rows_are_near():
    rng = np.random.RandomState(0)
    Z = np.sort(rng.standard_normal((200, 1)), axis=0)
    near = local_neighbors(make_block(Z, "Z", "rank", rng), 5)
    assert (near[:, 0] == np.arange(200)).all()
    order = local_permutation(near, rng)
    assert np.abs(order - np.arange(200)).max() <= 4
    assert len(np.unique(order)) > 170
    labels = np.array(["a", "b"] * 100)
    frame = pd.DataFrame({"z": Z[:, 0], "label": labels})
    near = local_neighbors(make_block(frame, "Z", "rank", rng), 5)
    assert (labels[near] == labels[:, None]).all()


def test_labels_alone_are_permuted_within():
    labels = np.repeat(["a", "b"], 100)
    block = make_block(labels, "Z", "rank", None)
    order = local_permuter(block, 5, np.random.RandomState(0))()
    assert sorted(order) == list(range(200))
    np.testing.assert_array_equal(labels[order], labels)
    assert (order != np.arange(200)).mean() > 0.9


def test_counts_are_checked():
    X, Y, _ = draw_normal(30, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="n_permutations=0 must be"):
        permutation_test(GaussianMI(), X, Y, n_permutations=0)
    with pytest.raises(ValueError, match=r"block_length=2\.5 must be"):
        permutation_test(GaussianMI(), X, Y, block_length=2.5)
    with pytest.raises(ValueError, match="n_local=1 must be"):
        conditional_independence_test(X, Y, X, n_local=1)
    with pytest.raises(ValueError, match="n_resamples=1 must be"):
        confidence_interval(GaussianMI(), X, Y, method="subsample", n_resamples=1)


@pytest.mark.parametrize("mixed", [False, True])
def test_size_and_power_given_what_is_known(mixed):
    def draw(seed, link):
        rng = np.random.RandomState(seed)
        z, a, b = rng.standard_normal((3, 120))
        if mixed:
            label = rng.choice(["p", "q"], 120)
            z = pd.DataFrame({"z": z, "label": label})
            shared = z["z"] + 2 * (label == "p")
        else:
            shared = z
        return shared + a, shared + b + link * a, z

    def pvalues(n_tests, link):
        options = {"n_permutations": 19}
        return np.array(
            [
                conditional_independence_test(
                    *draw(seed, link), random_state=seed, **options
                ).pvalue
                for seed in range(n_tests)
            ]
        )

    assert (pvalues(30, link=0) <= 0.05).mean() <= 0.17
    assert (pvalues(5, link=1.5) == 0.05).all()


def draw_given_five(rng, link, n_samples=300):
    """Two columns that share five others, curved ones and labels among them."""
    Z = pd.DataFrame(rng.standard_normal((n_samples, 3)), columns=["a", "b", "c"])
    Z["d"] = rng.choice(list("pqr"), n_samples)
    Z["e"] = rng.rand(n_samples) < 0.5
    shared = Z["a"] + 0.7 * Z["b"] + 0.7 * Z["c"] + (Z["d"] == "p") - Z["e"]
    x, y = 0.6 * rng.standard_normal((2, n_samples))
    return shared + x, shared + y + link * x, Z


def test_size_and_power_given_five_mixed_columns():
    """Neighbours in five columns alone let four in ten of these nulls be rejected."""

    def share(n_tests, link):
        pvalues = [
            conditional_independence_test(
                *draw_given_five(np.random.RandomState(seed), link),
                n_permutations=19,
                random_state=seed,
            ).pvalue
            for seed in range(n_tests)
        ]
        return np.mean(np.array(pvalues) <= 0.05)

    assert share(40, link=0) <= 0.175
    assert share(10, link=1.0) >= 0.8


def test_what_a_regression_leaves_keeps_the_conditional_information():
    """Closed form of normal columns: I(x; y | z) of correlation 0.6 given z."""
    rng = np.random.RandomState(0)
    Z, noise = rng.standard_normal((2000, 3)), rng.standard_normal((2, 2000))
    x = Z.sum(axis=1) + noise[0]
    y = 2 * Z[:, 0] + 0.6 * noise[0] + 0.8 * noise[1]
    options = {"n_permutations": 9, "random_state": 0}
    result = conditional_independence_test(x, y, Z, **options)
    truth = -math.log(1 - 0.6**2) / 2
    assert result.statistic == pytest.approx(truth, abs=0.06)
    assert result.pvalue == 0.1


def test_a_callable_for_routines_that_learn_graphs():
    """In a - b - c, a and c are dependent, and independent given b."""

    def pvalues(seed):
        rng = np.random.RandomState(seed)
        a, noise, other = rng.standard_normal((3, 200))
        b = a + 0.7 * noise
        c = b + 0.7 * other
        options = {"n_permutations": 19, "random_state": seed}
        return [
            conditional_independence_test(x, y, Z, **options).pvalue
            for x, y, Z in ((a, b, c), (b, c, a), (a, c, b))
        ]

    edges_and_none = np.array([pvalues(seed) for seed in range(8)])
    assert (edges_and_none[:, :2] == 0.05).all()
    assert edges_and_none[:, 2].mean() > 0.2


# -- intervals ---------------------------------------------------------------------


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
    with pytest.raises(ValueError, match="labels"):
        confidence_interval(KSG(), X, labels, method="reference")


def test_wrong_level_and_method():
    X, Y, _ = draw_normal(30, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="level=95"):
        confidence_interval(GaussianMI(), X, Y, level=95)
    with pytest.raises(ValueError, match="method='bootstrap'"):
        confidence_interval(GaussianMI(), X, Y, method="bootstrap")
