"""Copulas of a share of dependent samples and mixtures, and the choice among them."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from skmi.datasets import (
    make_correlated_normal,
    make_dense_normal,
    make_sparse_normal,
    make_student_t,
)
from skmi.gaussian.closed_form import EllipticalRatio
from skmi.gaussian.contaminated import ContaminatedCopula, ContaminatedRatio
from skmi.gaussian.cross_fitted import CopulaReference, choose_by_folds
from skmi.gaussian.mixture import MixtureCopula, NormalMixture


def random_covariance(d, seed=0):
    root = np.random.RandomState(seed).standard_normal((d, 2 * d))
    return root @ root.T / d


def log_densities(rows, parts):
    """The log density of a mixture by scipy, of (weight, mean, covariance)."""
    return logsumexp(
        [
            np.log(weight)
            + np.atleast_1d(stats.multivariate_normal(mean, cov).logpdf(rows))
            for weight, mean, cov in parts
        ],
        axis=0,
    )


def log_ratio(x, y, parts):
    """The log density ratio of a mixture by scipy."""
    k = x.shape[1]
    return (
        log_densities(np.hstack([x, y]), parts)
        - log_densities(x, [(w, m[:k], c[:k, :k]) for w, m, c in parts])
        - log_densities(y, [(w, m[k:], c[k:, k:]) for w, m, c in parts])
    )


def draw(n_samples, n_x, parts, seed):
    """Samples of a mixture."""
    rng = np.random.RandomState(seed)
    weights = [weight for weight, *_ in parts]
    which = rng.choice(len(parts), n_samples, p=weights)
    rows = np.empty((n_samples, len(parts[0][1])))
    for number, (_, mean, covariance) in enumerate(parts):
        chosen = which == number
        rows[chosen] = rng.multivariate_normal(mean, covariance, chosen.sum())
    return rows[:, :n_x], rows[:, n_x:]


def contaminated_parts(covariance, n_x, share):
    apart = covariance.copy()
    apart[:n_x, n_x:] = apart[n_x:, :n_x] = 0
    zero = np.zeros(len(covariance))
    return [(share, zero, covariance), (1 - share, zero, apart)]


def inliers(n_samples, n_columns, share, seed):
    """Sparse normals, a share of whose samples is independent."""
    X, Y, _ = make_sparse_normal(n_samples, n_columns, random_state=seed)
    other = make_sparse_normal(n_samples, n_columns, random_state=seed + 1000)[1]
    chosen = np.random.RandomState(seed).rand(n_samples) < share
    return X, np.where(chosen[:, np.newaxis], other, Y)


def cross(n_columns, rho):
    eye, zero = np.eye(n_columns), np.zeros(2 * n_columns)
    return [
        (0.5, zero, np.block([[eye, r * eye], [r * eye, eye]])) for r in (rho, -rho)
    ]


def test_contaminated_ratio_is_that_of_the_densities():
    covariance = random_covariance(5)
    x, y = np.random.RandomState(1).standard_normal((2, 6, 5))
    x, y = x[:, :2], y[:, :3]
    ratio = ContaminatedRatio(EllipticalRatio(np.zeros(5), covariance, 2), 0.6)
    parts = contaminated_parts(covariance, 2, 0.6)
    np.testing.assert_allclose(ratio.pairs(x, y), log_ratio(x, y, parts), atol=1e-10)
    np.testing.assert_allclose(np.diag(ratio.matrix(x, y)), ratio.pairs(x, y))


def test_contaminated_mutual_info_is_the_mean_ratio():
    covariance = random_covariance(5)
    ratio = ContaminatedRatio(EllipticalRatio(np.zeros(5), covariance, 2), 0.6)
    parts = contaminated_parts(covariance, 2, 0.6)
    values = log_ratio(*draw(100_000, 2, parts, 0), parts)
    error = values.std() / np.sqrt(len(values))
    assert ratio.mutual_info == pytest.approx(values.mean(), abs=4 * error)


def test_mixture_ratio_is_that_of_the_densities():
    rng = np.random.RandomState(0)
    means = rng.standard_normal((3, 5))
    covariances = np.array([random_covariance(5, seed) for seed in range(3)])
    weights = np.array([0.2, 0.3, 0.5])
    x, y = rng.standard_normal((7, 2)), rng.standard_normal((7, 3))
    ratio = NormalMixture(weights, means, covariances, 2)
    parts = list(zip(weights, means, covariances, strict=True))
    expected = [[log_ratio(a[None], b[None], parts)[0] for b in y] for a in x]
    np.testing.assert_allclose(ratio.matrix(x, y), expected, atol=1e-9)
    np.testing.assert_allclose(ratio.pairs(x, y), np.diag(expected), atol=1e-9)


@pytest.mark.parametrize(
    ("n_columns", "share", "truth"),
    [(5, 0.2, 0.634), (5, 0.5, 0.268), (25, 0.2, 0.634), (25, 0.5, 0.268)],
)
def test_inliers(n_columns, share, truth):
    """The plain copula returns .57 and .18."""
    X, Y = inliers(10_000, n_columns, share, seed=0)
    plain, fitted = CopulaReference(X, Y), ContaminatedCopula(X, Y)
    assert choose_by_folds([plain, fitted]) is fitted
    assert fitted.share == pytest.approx(1 - share, abs=0.03)
    assert fitted.estimate == pytest.approx(truth, abs=0.025)
    assert fitted.bound == pytest.approx(truth, abs=0.03)
    held_out = fitted.pairs(*inliers(10_000, n_columns, share, seed=1))
    assert held_out.mean() == pytest.approx(truth, abs=0.03)


@pytest.mark.parametrize("n_samples", [300, 2000])
@pytest.mark.parametrize(
    "make",
    [
        lambda n, seed: make_correlated_normal(
            n, 5, mutual_info=0.6, random_state=seed
        ),
        lambda n, seed: make_dense_normal(n, 10, random_state=seed),
        lambda n, seed: make_student_t(n, 2, degrees_of_freedom=2, random_state=seed),
        lambda n, seed: (*np.random.RandomState(seed).standard_normal((2, n, 3)), 0.0),
    ],
    ids=["normal", "dense", "student", "independent"],
)
def test_no_worse_than_the_plain_copula_on_its_own(n_samples, make):
    for seed in range(3):
        X, Y, truth = make(n_samples, seed)
        plain = CopulaReference(X, Y)
        others = ContaminatedCopula(X, Y), MixtureCopula(X, Y, np.random.RandomState(0))
        best = choose_by_folds([plain, *others])
        assert abs(best.estimate - truth) < abs(plain.estimate - truth) + 0.01


@pytest.mark.parametrize(
    ("n_samples", "n_columns", "rho", "tolerance"),
    [(300, 1, 0.9, 0.1), (2000, 1, 0.9, 0.04), (2000, 3, 0.7, 0.06)],
)
def test_crosses(n_samples, n_columns, rho, tolerance):
    parts = cross(n_columns, rho)
    truth = log_ratio(*draw(200_000, n_columns, parts, 1), parts).mean()
    X, Y = draw(n_samples, n_columns, parts, seed=0)
    fitted = MixtureCopula(X, Y, np.random.RandomState(0))
    assert fitted.n_components == 2
    if n_samples > 300:
        assert choose_by_folds([CopulaReference(X, Y), fitted]) is fitted
    assert fitted.estimate == pytest.approx(truth, abs=tolerance)
    assert np.std(fitted.pairs(*draw(500, n_columns, parts, 2))) > 0.1


def test_clusters():
    centers = np.random.RandomState(11).standard_normal((5, 6)) * 1.5
    parts = [(0.2, center, np.eye(6)) for center in centers]
    truth = log_ratio(*draw(200_000, 3, parts, 1), parts).mean()
    X, Y = draw(3000, 3, parts, seed=0)
    fitted = MixtureCopula(X, Y, np.random.RandomState(0))
    assert choose_by_folds([CopulaReference(X, Y), fitted]) is fitted
    assert fitted.estimate == pytest.approx(truth, abs=0.05)  # plain: .32 too low


@pytest.mark.parametrize("n_samples", [2, 6, 30])
def test_few_or_odd_samples_give_finite_numbers(n_samples):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((n_samples, 3))
    for X, Y in ((x, x), (x, np.zeros((n_samples, 2))), (x.round(), x[::-1].round())):
        for fitted in (ContaminatedCopula(X, Y), MixtureCopula(X, Y, rng)):
            assert np.isfinite(fitted.estimate)
            assert np.isfinite(fitted.matrix(X, Y)).all()
            assert np.isfinite(fitted.pairs(X, Y)).all()
