import math
import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from skmi import KernelDensityMI, ReliabilityWarning
from skmi.bounds import info_nce
from skmi.density import kernel
from tests.oracle import draw_normal


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("adaptive", [False, True])
def test_agrees_with_scipy(adaptive):
    """Leave-one-out by scipy's normal density, kernel by kernel."""
    X, Y, _ = draw_normal(60, 1, 0.8, seed=0)
    estimator = KernelDensityMI(marginals=None, bandwidth=0.4, adaptive=adaptive)
    estimator.fit(X, Y)
    block = np.hstack([X, Y])
    covariance = 0.16 * np.cov(block.T)

    def left_out(columns, i, widths):
        part = covariance[np.ix_(columns, columns)]
        kernels = [
            stats.multivariate_normal.pdf(
                block[i, columns] - block[j, columns], cov=widths[j] ** 2 * part
            )
            for j in range(60)
            if j != i
        ]
        return math.log(np.mean(kernels))

    widths = np.ones(60)
    if adaptive:
        pilot = [left_out([0, 1], i, widths) for i in range(60)]
        widths = np.exp(((np.mean(pilot) - pilot) / 2).round(1))
        assert len(set(widths)) > 5
    terms = [
        left_out([0, 1], i, widths)
        - left_out([0], i, widths)
        - left_out([1], i, widths)
        for i in range(60)
    ]
    assert estimator.mutual_info_ == pytest.approx(np.mean(terms), abs=1e-7)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(("d", "mutual_info"), [(2, 0.8), (1, 4.0)])
def test_matrix_and_pairs_agree(monkeypatch, adaptive, d, mutual_info):
    """Also where most products of kernels underflow, and in many blocks."""
    X, Y, _ = draw_normal(80, d, mutual_info, seed=0)
    kernels = kernel.Kernels(X[:60], Y[:60])
    kernels.bandwidth = kernels.most_likely_bandwidth(start=0.5)
    if adaptive:
        kernels.adapt()
    i, j = (index.ravel() for index in np.indices((20, 20)))
    pairs = kernels.log_ratio(X[60:][i], Y[60:][j])
    for size in (kernel.BLOCK_SIZE, 200):
        monkeypatch.setattr(kernel, "BLOCK_SIZE", size)
        matrix = kernels.log_ratio_matrix(X[60:], Y[60:])
        np.testing.assert_allclose(matrix.ravel(), pairs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("adaptive", [False, True])
def test_score_is_the_contrastive_bound_of_the_pointwise_values(adaptive):
    X, Y, _ = draw_normal(80, 1, 1.0, seed=0)
    estimator = KernelDensityMI(adaptive=adaptive).fit(X[:60], Y[:60])
    i, j = (index.ravel() for index in np.indices((20, 20)))
    pointwise = estimator.score_samples(X[60:][i], Y[60:][j]).reshape(20, 20)
    expected = float(info_nce(torch.from_numpy(pointwise)))
    assert estimator.score(X[60:], Y[60:]) == pytest.approx(expected)


def test_jobs_do_not_change_the_estimate():
    X, Y, _ = draw_normal(700, 1, 0.8, seed=0)
    plain, jobs = KernelDensityMI().fit(X, Y), KernelDensityMI(n_jobs=2).fit(X, Y)
    assert jobs.mutual_info_ == plain.mutual_info_
    assert jobs.score(X[:90], Y[:90]) == plain.score(X[:90], Y[:90])


def test_bandwidths():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    found = {
        rule: KernelDensityMI(bandwidth=rule).fit(X, Y).bandwidth_
        for rule in ("silverman", "scott", "likelihood", 0.3)
    }
    assert found["scott"] == pytest.approx(300 ** (-1 / 6))
    assert found["silverman"] == pytest.approx(found["scott"])  # d = 2: factor 1
    assert found[0.3] == 0.3


def test_bandwidth_has_the_largest_leave_one_out_likelihood():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    found = KernelDensityMI(marginals=None).fit(X, Y).bandwidth_
    block = np.hstack([X, Y])
    precision = np.linalg.inv(np.cov(block.T))
    squares = cdist(block, block, "mahalanobis", VI=precision) ** 2
    np.fill_diagonal(squares, np.inf)

    def likelihood(h):
        return (logsumexp(-squares / (2 * h**2), axis=1) - 2 * np.log(h)).mean()

    best = likelihood(found)
    assert best > max(likelihood(0.97 * found), likelihood(1.03 * found))


@pytest.mark.parametrize(("d", "error"), [(1, 0.05), (2, 0.08)])
def test_normal_blocks(d, error):
    values = []
    for seed in range(5):
        X, Y, _ = draw_normal(800, d, 0.5, seed)
        values.append(KernelDensityMI().fit(X, Y).mutual_info_)
    assert np.mean(values) == pytest.approx(0.5, abs=error)


def test_independent_rows():
    values = []
    for seed in range(5):
        X, Y = np.random.RandomState(seed).standard_normal((2, 500, 1))
        values.append(KernelDensityMI().fit(X, Y).mutual_info_)
    assert np.mean(values) == pytest.approx(0.0, abs=0.02)


INDEPENDENT = {
    "normal": lambda rng, n, d: rng.standard_normal((n, d)),
    "heavy tails": lambda rng, n, d: rng.standard_cauchy((n, d)),
    "a scale for each row": lambda rng, n, d: (
        rng.standard_normal((n, d)) * np.exp(rng.standard_normal((n, 1)))
    ),
    "counts": lambda rng, n, d: rng.poisson(3, (n, d)),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.DuplicateRowsWarning")
@pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning")
@pytest.mark.parametrize("draw", INDEPENDENT)
@pytest.mark.parametrize(
    ("n", "d_x", "d_y"), [(100, 5, 5), (200, 10, 10), (100, 1, 30)]
)
def test_independent_blocks_within_the_error(draw, n, d_x, d_y):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, Y = INDEPENDENT[draw](rng, n, d_x), INDEPENDENT[draw](rng, n, d_y)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ReliabilityWarning)
            estimator = KernelDensityMI().fit(X, Y)
        error = abs(estimator.mutual_info_)
        assert error <= max(0.03, 3 * estimator.standard_error_)
        assert caught or error < 0.3


def test_too_many_columns_are_refused_or_warned_of():
    X, Y = np.random.RandomState(0).standard_normal((2, 100, 60))
    with pytest.raises(ValueError, match="covariance of 120 columns"):
        KernelDensityMI().fit(X, Y)
    with pytest.warns(ReliabilityWarning, match="With y shuffled"):
        estimator = KernelDensityMI().fit(X[:, :25], Y[:, :25])
    assert abs(estimator.mutual_info_) < 2 * estimator.standard_error_


def test_wide_kernels_are_warned_of():
    """A ring that is thinner than the kernels: much of its information is lost."""
    rng = np.random.default_rng(0)
    angle, noise = rng.uniform(0, 2 * np.pi, 400), 0.02 * rng.standard_normal((2, 400))
    X, Y = np.cos(angle) + noise[0], np.sin(angle) + noise[1]
    with pytest.warns(ReliabilityWarning, match="Kernels are wide"):
        estimator = KernelDensityMI(bandwidth="scott").fit(X[:, np.newaxis], Y)
    assert estimator.standard_error_ > 0.1
