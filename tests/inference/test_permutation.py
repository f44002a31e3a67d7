import math

import numpy as np
import pandas as pd
import pytest

from skmi import KSG, NWJ, TNCE, GaussianMI
from skmi.inference import permutation_test
from tests.inference.draws import draw_series
from tests.oracle import OracleCritic, draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.ConvergenceWarning")


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


def test_a_result_is_shown_in_a_line():
    X, Y, _ = draw_normal(20, 1, 0.5, seed=0)
    result = permutation_test(GaussianMI(), X, Y, n_permutations=99, random_state=0)
    assert len(result.null_distribution) == 99
    assert f"pvalue={result.pvalue}" in repr(result)
    assert len(repr(result)) < 100


def test_counts_are_checked():
    X, Y, _ = draw_normal(30, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="n_permutations=0 must be"):
        permutation_test(GaussianMI(), X, Y, n_permutations=0)
    with pytest.raises(ValueError, match=r"block_length=2\.5 must be"):
        permutation_test(GaussianMI(), X, Y, block_length=2.5)


def pvalues_of_nulls(n_tests, n_samples, estimator, **options):
    values = []
    for seed in range(n_tests):
        x, y = np.random.RandomState(seed).standard_normal((2, n_samples, 1))
        result = permutation_test(estimator, x, y, random_state=seed, **options)
        values.append(result.pvalue)
    return np.array(values)


@pytest.mark.filterwarnings("ignore:The estimate of -:skmi.ReliabilityWarning")
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


def test_statistic_of_a_critic_is_its_pointwise_mean_on_the_test_samples():
    X, Y, rho = draw_normal(400, 1, 0.4, seed=0)
    for model in (NWJ(critic=OracleCritic(rho)), TNCE()):
        model.set_params(max_iter=2)
        result = permutation_test(model, X, Y, n_permutations=5, random_state=0)
        rng = np.random.RandomState(0)
        seed = rng.randint(np.iinfo(np.int32).max)
        order = rng.permutation(400)
        train, test = order[100:], np.sort(order[:100])
        model.set_params(random_state=seed, cv=[(train, test)]).fit(X, Y)
        expected = model.score_samples(X[test], Y[test]).mean()
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


def test_groups_remove_a_confounder():
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


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SerialDependenceWarning")
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
