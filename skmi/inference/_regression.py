"""Regression of several variables on Z at once, with little bias."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.stats import rankdata

from skmi._data.marginals import normal_scores
from skmi.inference._dependence import (
    cosines,
    kernel_functions,
    label_functions,
    leading,
    standardised,
)

__all__ = [
    "FEW_VALUES",
    "LARGEST_SHARE",
    "Explained",
    "Features",
    "Regression",
    "features_of",
    "n_cosines_of",
]

MOST_COSINES = 96  # of one column of Z
SHARE_OF_COSINES = 0.24  # of the samples, in all columns together
MOST_PRODUCTS = 200  # of pairs of columns; their principal components beyond
MOST_INDICATORS = 256  # of labels, likewise
FEW_VALUES = 30  # up to which a column also has an indicator of each value
SAMPLES_OF_A_VALUE = 8
N_UPDATES = 15  # of the variances; three digits are fixed by then

# The penalties of least error leave a bias that X and y share, which a test of large
# samples takes for dependence. Divided by this, the error is that of variance, which is
# independent in X and y. Of 5 and 20 the larger halved the false rejections of waves in
# five columns.
UNDERSMOOTHING = 20.0
LEAST_LEFT = 0.05  # of a sample, by which its residual is divided
LARGEST_SHARE = 0.45  # of the degrees of freedom that the regression may take


class Features(NamedTuple):
    """Groups of functions of Z."""

    groups: list[np.ndarray]
    has_fine: bool  # the last are cosines of high frequency
    n_kernel: int  # functions of a kernel, which are the ones before these


def features_of(
    columns: np.ndarray, labels: np.ndarray, random_state: np.random.RandomState
) -> Features:
    """Return functions of Z in groups, coarse to fine, each of mean 0 and variance 1.

    Of columns of numbers, and of columns of codes of labels.

    Scores of ranks, columns as they are, indicators of labels and of repeated values,
    polynomials, products of pairs, cosines of ranks, principal functions of a kernel,
    and last, where there are some, cosines of high frequency.
    """
    n_samples = len(columns)
    scores = np.empty(columns.shape)
    raw, curved, low, high = [], [], [], []
    indicators = [label_functions(codes) for codes in labels.T]
    n_cosines = n_cosines_of(columns)
    for number, column in enumerate(columns.T):
        ranks = rankdata(column)
        scores[:, number] = normal_scores(ranks, n_samples)
        values, index = np.unique(column, return_inverse=True)
        if len(values) <= max(2, min(FEW_VALUES, n_samples // SAMPLES_OF_A_VALUE)):
            indicators.append(label_functions(index))
            continue
        plain = column / max(np.abs(column).max(), np.finfo(float).tiny)
        plain = plain - np.median(plain)
        raw.append(plain)
        score = scores[:, number]
        # Cosines of ranks alone would converge slowly in the tails.
        curved += [score**2, score**3, np.abs(score), plain**2, np.abs(plain)]
        waves = cosines(ranks, n_cosines)[:, 1:]
        low.append(waves[:, : n_cosines // 2])
        high.append(waves[:, n_cosines // 2 :])
    scores = standardised(scores)
    plain, curved = ([np.transpose(part)] if part else [] for part in (raw, curved))
    if indicators:
        indicators = [leading(np.hstack(indicators), MOST_INDICATORS)]
    groups = [[scores], plain, indicators, curved, low]
    # The noise of the ranks would remain of products of scores.
    groups += [products_of(block) for block in (scores.T, raw)]
    together = np.hstack([scores, *(0.5 * part for part in indicators)])
    n_kernel = 0
    if together.shape[1] > 1:
        kernel = kernel_functions(together, random_state)
        groups, n_kernel = [*groups, [kernel]], kernel.shape[1]
    groups.append(high)
    joined = [np.hstack(parts) for parts in groups if parts]
    kept = [standardised(group) for group in joined if group.shape[1]]
    return Features(kept or [np.zeros((n_samples, 1))], bool(high), n_kernel)


def products_of(columns: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    """Return the products of pairs of columns, in a list that is empty without any."""
    products = [one * other for one, other in combinations(columns, 2)]
    return [leading(np.transpose(products), MOST_PRODUCTS)] if products else []


def n_cosines_of(columns: np.ndarray) -> int:
    """Return the number of cosines of the ranks of each column."""
    n_samples, d = columns.shape
    return int(np.clip(SHARE_OF_COSINES * n_samples / max(d, 1), 4, MOST_COSINES))


class Explained(NamedTuple):
    """How a regression explains one variable."""

    penalties: np.ndarray  # of each group of features, in units of the noise
    unexplained: float  # share of the variance that is noise


def explain(features: list[np.ndarray], target: np.ndarray) -> Explained:
    """Fit one variance of the coefficients of each group by maximal evidence [1]_.

    .. [1] D. J. C. MacKay. Bayesian interpolation. Neural Comput. 4, 1992.
    """
    design, group = np.hstack(features), group_numbers(features)
    target = target - target.mean()
    gram, product, square = design.T @ design, design.T @ target, target @ target
    n_samples = len(target)
    if square <= 1e-12 * n_samples:
        return Explained(np.full(len(features), 1e7), 1.0)
    precision = np.full(len(features), design.shape[1] / target.var())
    noise = 0.5 * target.var()
    for _ in range(N_UPDATES):
        covariance = inverse(gram / noise + np.diag(precision[group]))
        weights = covariance @ product / noise
        known = 1 - precision[group] * np.diag(covariance)
        freedom = np.bincount(group, known)
        energy = np.bincount(group, weights**2)
        limits = 1e-3 / target.var(), 1e7 / target.var()
        precision = np.clip(freedom / np.maximum(energy, 1e-12), *limits)
        rest = square - 2 * weights @ product + weights @ gram @ weights
        noise = max(rest, 1e-9 * square) / max(n_samples - freedom.sum(), 1.0)
    return Explained(precision * noise, min(noise / target.var(), 1.0))


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Invert a positive definite matrix, in half the time of any other."""
    root, failed = dpotrf(matrix, lower=1)
    found, failed = dpotri(root, lower=1) if not failed else (root, failed)
    if failed:
        return np.linalg.inv(matrix)
    return np.tril(found) + np.tril(found, -1).T


def group_numbers(features: list[np.ndarray]) -> np.ndarray:
    """Return the number of the group of each feature."""
    return np.repeat(np.arange(len(features)), [len(f.T) for f in features])


class Regression:
    r"""Penalised regression on Z, the same for all variables.

    The smallest penalty that any of them needs is taken for each group of features, so
    that the bias of none is large: a fixed linear map, whose residuals of independent
    noises are independent.

    Parameters
    ----------
    features : Features
        Groups of functions of Z, from `features_of`.
    targets : list of ndarrays of shape (n_samples,)
        Variables whose penalties are fitted.
    """

    def __init__(self, features: Features, targets: list[np.ndarray]) -> None:
        groups, has_fine, self.n_kernel = features
        self.explained = [explain(groups, target) for target in targets]
        penalties = [np.full(len(groups), 1e7), *(e.penalties for e in self.explained)]
        least = np.min(penalties, axis=0)
        self.design, self.n_samples = np.hstack(groups), len(groups[0])
        self.n_fine = groups[-1].shape[1] if has_fine else 0
        penalties = least[group_numbers(groups)] / UNDERSMOOTHING
        self._factorise(penalties)
        self.wanted = self.freedom
        while self.freedom > LARGEST_SHARE * self.n_samples:
            penalties = 2 * penalties
            self._factorise(penalties)

    def _factorise(self, penalties: np.ndarray) -> None:
        gram = self.design.T @ self.design
        jitter = 1e-9 * self.n_samples
        root = np.linalg.cholesky(gram + np.diag(penalties + jitter))
        self.half = solve_triangular(root, self.design.T, lower=True)
        self.inner = self.half @ self.half.T
        self.freedom = float(np.trace(self.inner))

    def residuals(self, values: np.ndarray) -> np.ndarray:
        """Return what the regression leaves of columns."""
        values = values - values.mean(axis=0)
        return values - self.half.T @ (self.half @ values)

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """Return the fitted values of columns of mean 0."""
        return values - self.residuals(values)

    def residuals_without_itself(self, values: np.ndarray) -> np.ndarray:
        """Return what the regressions without each sample leave of it."""
        own = (self.half**2).sum(axis=0)[:, np.newaxis]
        return self.residuals(values) / np.maximum(1 - own, LEAST_LEFT)

    def shares(self, targets: list[np.ndarray]) -> list[tuple[float, float]]:
        """Return the shares of what is explained that only some functions explain.

        The finest functions, and those of the kernel. Unbiased, hence with noise on
        both sides of 0.
        """
        if not targets or self.basis is None:
            return [(0.0, 0.0)] * len(targets)
        sums, noise = self._project(np.column_stack(targets))
        excess = sums**2 - noise
        stop = len(sums) - self.n_fine
        fine = excess[stop:].sum(axis=0)
        kernel = excess[stop - self.n_kernel : stop].sum(axis=0)
        explained = np.maximum(excess.sum(axis=0), np.maximum(noise, 1e-300))
        return list(zip(fine / explained, kernel / explained, strict=True))

    def shared_by_fine(self, u: np.ndarray, v: np.ndarray) -> float:
        """Return the covariance of two variables that is so by the finest functions.

        The largest of their columns, in units of the noise, and unbiased.
        """
        n_fine = self.n_fine
        if self.basis is None or not (n_fine and u.shape[1] and v.shape[1]):
            return 0.0
        (u_sums, u_noise), (v_sums, v_noise) = self._project(u), self._project(v)
        n_rest = self.n_samples - len(u_sums)
        rest = (u - u.mean(axis=0)).T @ (v - v.mean(axis=0)) - u_sums.T @ v_sums
        fine = u_sums[-n_fine:].T @ v_sums[-n_fine:]
        excess = np.abs(fine - n_fine / n_rest * rest)
        scale = np.sqrt(np.outer(u_noise, v_noise))
        return float((excess / np.maximum(scale, 1e-300)).max() / self.n_samples)

    @cached_property
    def basis(self) -> np.ndarray | None:
        """An orthonormal basis of the functions; None where there are too many."""
        if self.design.shape[1] > 0.6 * self.n_samples:
            return None
        return np.linalg.qr(self.design)[0]

    def _project(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients of columns, and the variance of their noise."""
        values = values - values.mean(axis=0)
        sums = self.basis.T @ values
        noise = (values**2).sum(axis=0) - (sums**2).sum(axis=0)
        return sums, noise / (self.n_samples - len(sums))

    @property
    def inflation(self) -> np.ndarray:
        r"""Factor by which products of two residuals vary more than their sizes say.

        .. math:: \sqrt{(M^4)_{ii}} / (M^2)_{ii}

        with M the matrix of the residuals: the regression takes degrees of freedom.
        """
        power, terms = self.half, []
        for _ in range(4):
            terms.append((self.half * power).sum(axis=0))
            power = self.inner @ power
        one, two, three, four = terms
        second = 1 - 2 * one + two
        fourth = 1 - 4 * one + 6 * two - 4 * three + four
        return np.sqrt(np.maximum(fourth, 1e-12)) / np.maximum(second, 1e-6)
