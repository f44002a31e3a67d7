import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import entr, logsumexp

from skmi import KernelDensityMI, ReliabilityWarning, SaturationWarning
from skmi.bounds import info_nce
from skmi.density import kernel
from skmi.exceptions import SkmiWarning
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


@pytest.mark.parametrize("adaptive", [True, False])
def test_a_device_gives_the_same_estimate(monkeypatch, device, adaptive):
    """Also on the CPU, by torch in blocks of a few rows."""
    X, Y, _ = draw_normal(300, 2, 0.5, seed=0)
    here = KernelDensityMI(adaptive=adaptive).fit(X, Y)
    monkeypatch.setattr(kernel, "other_device", lambda device: device)
    monkeypatch.setattr("skmi.density._device.BLOCK_SIZE", 7000)
    there = KernelDensityMI(adaptive=adaptive, device=device).fit(X, Y)
    assert there._kernels.device == device
    assert there.bandwidth_ == pytest.approx(here.bandwidth_, rel=1e-6)
    assert there.mutual_info_ == pytest.approx(here.mutual_info_, abs=1e-7)
    assert there.standard_error_ == pytest.approx(here.standard_error_, abs=1e-7)
    expected = here.score_samples(X[:50] + 0.1, Y[:50])
    assert there.score_samples(X[:50] + 0.1, Y[:50]) == pytest.approx(
        expected, abs=1e-6
    )
    assert there.score(X, Y) == pytest.approx(here.score(X, Y), abs=1e-6)


def test_an_unknown_device_is_refused():
    X, Y, _ = draw_normal(50, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="device='nowhere' cannot be used here"):
        KernelDensityMI(device="nowhere").fit(X, Y)


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


def thin_ring(rng, n):
    angle, noise = rng.uniform(0, 2 * np.pi, n), 0.02 * rng.standard_normal((2, n))
    return np.cos(angle) + noise[0], np.sin(angle) + noise[1]


def test_wide_kernels_are_warned_of():
    """A ring that is thinner than the kernels: much of its information is lost."""
    X, Y = thin_ring(np.random.default_rng(0), 400)
    with pytest.warns(ReliabilityWarning, match="Kernels are wide"):
        estimator = KernelDensityMI(bandwidth="scott").fit(X[:, np.newaxis], Y)
    assert estimator.standard_error_ > 0.1
    assert estimator.status_ == "not converged"


def codes(n_codes, share):
    """Codes a share of which is that of the other column, and their information."""
    table = np.full((n_codes, n_codes), (1 - share) / n_codes**2)
    table[np.diag_indices(n_codes)] += share / n_codes

    def draw(rng, n):
        x = rng.integers(n_codes, size=n)
        kept = rng.uniform(size=n) < share
        return x, np.where(kept, x, rng.integers(n_codes, size=n))

    return draw, entr(table).sum() * -1 + 2 * np.log(n_codes)


def rounded_normals(rho, unit):
    """Normal columns in multiples of a unit; the information by cell probabilities."""
    edges = (np.arange(-40, 41) + 0.5) * unit
    grid = np.linspace(-8, 8, 16_001)
    given = stats.norm.cdf((edges[:, np.newaxis] - rho * grid) / np.sqrt(1 - rho**2))
    parts = np.diff(given, axis=0) * stats.norm.pdf(grid) * (grid[1] - grid[0])
    cells = np.array(
        [parts[:, (grid > a) & (grid <= b)].sum(axis=1) for a, b in pairwise(edges)]
    )
    margins = entr(cells.sum(axis=0)).sum() + entr(cells.sum(axis=1)).sum()

    def draw(rng, n):
        x, noise = rng.standard_normal((2, n))
        y = rho * x + np.sqrt(1 - rho**2) * noise
        return np.round(x / unit) * unit, np.round(y / unit) * unit

    return draw, margins - entr(cells).sum()


SHARP = {
    "codes": codes(5, 0.5),
    "equal codes": codes(4, 1.0),
    "many codes": codes(15, 0.8),
    "rounded": rounded_normals(0.9, 1.0),
    "rounded less": rounded_normals(0.95, 0.5),
    "steps": (  # five values, each with an interval of y that overlaps the next
        lambda rng, n: (x := rng.integers(5, size=n), x + rng.uniform(0, 2, n)),
        np.log(5) - 4 / 5 * np.log(2),
    ),
    "uniform noise": (
        lambda rng, n: (x := rng.uniform(size=n), x + rng.uniform(0, 0.2, n)),
        0.1 - np.log(0.2),
    ),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.DuplicateRowsWarning")
@pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning")
@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("n_samples", [250, 800])
def test_sharp_edges_are_within_the_error_or_warned_of(name, n_samples):
    draw, truth = SHARP[name]
    silent, misses = [], []
    for seed in range(10):
        x, y = draw(np.random.default_rng(100 + seed), n_samples)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ReliabilityWarning)
            fitted = KernelDensityMI().fit(x[:, np.newaxis], y)
        miss = abs(fitted.mutual_info_ - truth) / fitted.standard_error_
        misses.append(miss > 1.96)
        silent.append(miss > 3 and not caught)
    assert np.mean(misses) <= 0.3
    assert np.mean(silent) <= 0.1


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("n_samples", [20, 60, 300, 1000])
@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
def test_more_than_the_samples_support_is_not_reported(n_samples, noise):
    x, e = np.random.default_rng(5).standard_normal((2, n_samples))
    with pytest.warns(SaturationWarning):
        fitted = KernelDensityMI().fit(x[:, np.newaxis], x + noise * e)
    assert fitted.mutual_info_ <= fitted.ceiling_ == pytest.approx(np.log(n_samples))
    assert fitted.status_ == "saturated"


@pytest.mark.parametrize("noise", [0.03, 0.01])
@pytest.mark.parametrize("n_samples", [300, 1000])
def test_strong_dependence_is_within_the_error(noise, n_samples):
    truth, inside = 0.5 * np.log1p(noise**-2), []
    for seed in range(10):
        x, e = np.random.default_rng(seed).standard_normal((2, n_samples))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkmiWarning)
            fitted = KernelDensityMI().fit(x[:, np.newaxis], x + noise * e)
        inside.append(abs(fitted.mutual_info_ - truth) < 2 * fitted.standard_error_)
    assert np.mean(inside) >= 0.8
