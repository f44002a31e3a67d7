"""Closed form of a normal copula in which a share of the samples is independent."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit, ndtri
from scipy.stats import qmc

from skmi.gaussian.closed_form import EllipticalRatio, covariance_bias
from skmi.gaussian.cross_fitted import (
    LARGEST_CORRELATION,
    LEAST_CORRELATION,
    FoldedCopula,
    out_of_fold_terms,
)

__all__ = ["ContaminatedCopula", "ContaminatedRatio"]

MOST_STEPS = 100  # of expectation and maximisation
FIRST_SHARE = 0.7
LEAST_SHARE = 0.02  # of dependent samples
RIDGE = 1e-4  # of the scatter matrix, whose columns have unit variance
N_POINTS = 2**13  # of the integral over the fitted distribution


class ContaminatedRatio:
    r"""Log density ratio of blocks that depend on each other in a share of samples.

    .. math:: \log \frac{p(x, y)}{p(x) \, p(y)} = \log\left(a e^{r(x, y)} + 1 - a\right)

    with r the log ratio of the dependent samples, whose blocks have the same
    distributions as those of the others.

    Parameters
    ----------
    dependent : EllipticalRatio
        The ratio r.
    share : float
        The share a of dependent samples.
    """

    def __init__(self, dependent: EllipticalRatio, share: float) -> None:
        self.dependent, self.share = dependent, share

    def pairs(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratio of each row of x with its own row of y, shape (n,)."""
        return self.contaminate(self.dependent.pairs(x, y))

    def matrix(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratios of all rows of x with all rows of y, shape (n, m)."""
        return self.contaminate(self.dependent.matrix(x, y))

    def contaminate(self, ratios: np.ndarray) -> np.ndarray:
        """Return the log ratios of all samples, given those of the dependent ones."""
        if self.share >= 1:
            return ratios
        return np.logaddexp(math.log(self.share) + ratios, math.log1p(-self.share))

    def draw(
        self, n_samples: int, random_state: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw samples of both blocks from the distribution, centred at 0."""
        u, v = self.dependent.draw(n_samples, random_state)
        _, other = self.dependent.draw(n_samples, random_state)
        depends = random_state.uniform(size=(n_samples, 1)) < self.share
        return u, np.where(depends, v, other)

    @property
    def mutual_info(self) -> float:
        """The mean of the ratio under its own distribution, in nats.

        The integral over the canonical variates is a mean over a net of points.
        """
        correlations = self.dependent.correlations
        correlations = correlations[correlations > 0]
        k = len(correlations)
        if not k:
            return 0.0
        net = qmc.Sobol(2 * k, seed=0).random(N_POINTS)
        u, v = np.split(ndtri(np.clip(net, 1e-12, 1 - 1e-12)), 2, axis=1)
        scatter = np.eye(2 * k)
        scatter[:k, k:] = scatter[k:, :k] = np.diag(correlations)
        ratio = ContaminatedRatio(
            EllipticalRatio(np.zeros(2 * k), scatter, k), self.share
        )
        independent = ratio.pairs(u, v).mean()
        v = correlations * u + np.sqrt(1 - correlations**2) * v
        dependent = ratio.pairs(u, v).mean()
        return float(self.share * dependent + (1 - self.share) * independent)


class ContaminatedCopula(FoldedCopula):
    r"""Normal copula in which a share of the samples is independent, out of fold.

    Share and scatter matrix of the normal scores are fitted by expectation and
    maximisation; then, as in `CopulaReference`, the canonical correlations and the
    share are estimated anew along directions of the other folds.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples in random order; each fifth of them is a fold.

    Attributes
    ----------
    share : float
        Share of dependent samples.
    terms : ndarray of shape (n_samples,)
        The terms of the multi-sample bound out of fold, in nats.
    ratio : ContaminatedRatio or None
        The ratio, as a function of the scores; None where it is 0.

    Notes
    -----
    Wrong for dependence of another form; compare :attr:`bound` with that of
    `CopulaReference`, which has the same folds, as `choose_by_folds` does.
    """

    share: float = 1.0

    def _fit(self, x, y, folds):
        # Each scatter matrix has to be of full rank without a fold.
        if len(x) <= 2 * (x.shape[1] + y.shape[1]):
            return
        sample = fit_contaminated(x, y)
        parts, folds = zip(*folds, strict=True)
        ratios = [fit_contaminated(x[rows], y[rows], sample.share) for rows in parts]
        if len({ratio.dependent.sizes for ratio in (sample, *ratios)}) > 1:
            return
        variates = [
            ratio.dependent.variates(x[fold], y[fold])
            for ratio, fold in zip(ratios, folds, strict=True)
        ]
        u, v = (np.concatenate(sides) for sides in zip(*variates, strict=True))
        share, measured = measure_share(u, v, sample)
        self.share = share
        weights = dependent_weights(sample, x, y)
        self._unshrunk = weighted_ratio(x, y, weights)
        self._n_effective = (weights**2).sum()
        self.ratio = ContaminatedRatio(sample.dependent.rescale(*measured), share)
        self._without_fold = [
            ContaminatedRatio(ratio.dependent.rescale(*measured), share)
            for ratio in ratios
        ]
        self.terms = np.concatenate(
            [
                out_of_fold_terms(ratio, x[fold], y[fold])
                for ratio, fold in zip(self._without_fold, folds, strict=True)
            ]
        )

    @property
    def shortfall(self) -> float:
        """The bias of :attr:`mutual_info` by learned directions, in nats, negated.

        That of the dependent samples, as in `CopulaReference`, times the slope of the
        mutual information of all samples in that of the dependent ones.
        """
        if not self.is_clear:
            return 0.0
        own, sample = self.ratio.dependent, self._unshrunk
        n_effective = int(self._n_effective)
        largest = sample.correlations.max()
        if n_effective <= 1.2 * sum(own.sizes) or largest > LARGEST_CORRELATION:
            return 0.0
        unbiased = sample.mutual_info - covariance_bias(n_effective, *own.sizes)
        change = unbiased - own.mutual_info
        found = own.correlations > 0
        gaps = 1 - own.correlations[found] ** 2
        gaps *= math.exp(-2 * change / max(found.sum(), 1))
        other = own.rescale(np.sqrt(np.clip(1 - gaps, 0, LARGEST_CORRELATION)), 1, 1)
        return ContaminatedRatio(other, self.share).mutual_info - self.mutual_info


def fit_contaminated(
    x: np.ndarray, y: np.ndarray, share: float = FIRST_SHARE
) -> ContaminatedRatio:
    """Return the ratio of largest likelihood, by expectation and maximisation.

    It starts with a scatter matrix whose cross-correlations are those of fewer, more
    dependent samples.
    """
    n_x, block = x.shape[1], np.hstack([x, y])
    scatter = block.T @ block / len(block)
    scatter[:n_x, n_x:] /= max(share, 0.1)
    scatter[n_x:, :n_x] /= max(share, 0.1)
    values, vectors = np.linalg.eigh(scatter)
    scatter = (vectors * np.maximum(values, 0.02)) @ vectors.T
    previous = -math.inf
    for _ in range(MOST_STEPS):
        dependent = EllipticalRatio(np.zeros(len(scatter)), scatter, n_x)
        ratios = dependent.pairs(x, y)
        ratio = ContaminatedRatio(dependent, share)
        likelihood = ratio.contaminate(ratios).mean()
        if likelihood - previous < 1e-5:
            break
        previous = likelihood
        weights = expit(math.log(share) - math.log1p(-share) + ratios)
        share = float(np.clip(weights.mean(), LEAST_SHARE, 1 - 1e-6))
        scatter = (block * weights[:, np.newaxis]).T @ block / weights.sum()
        scatter[np.diag_indices_from(scatter)] += RIDGE
        # Chance correlations of few samples would gain weight step by step.
        chance = min(len(scatter) / (2 * weights.sum()), 0.5)
        scatter[:n_x, n_x:] *= 1 - chance
        scatter[n_x:, :n_x] *= 1 - chance
    return ratio


def dependent_weights(
    ratio: ContaminatedRatio, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return the probability of each sample to be a dependent one."""
    odds = math.log(ratio.share) - math.log1p(-ratio.share)
    return expit(odds + ratio.dependent.pairs(x, y))


def weighted_ratio(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> EllipticalRatio:
    """Return the ratio of the scatter matrix, about 0, of weighted samples."""
    block = np.hstack([x, y])
    scatter = (block * weights[:, np.newaxis]).T @ block / weights.sum()
    return EllipticalRatio(np.zeros(len(scatter)), scatter, x.shape[1])


def measure_share(u, v, start: ContaminatedRatio):
    """Return the share, and correlations and scales of pairs of variates."""
    k, share = min(u.shape[1], v.shape[1]), start.share
    u_scale, v_scale = np.ones(u.shape[1]), np.ones(v.shape[1])
    correlations = (u[:, :k] * v[:, :k]).mean(axis=0) / max(share, 0.1)
    least = LEAST_CORRELATION / math.sqrt(len(u) * share)
    previous = -math.inf
    for _ in range(MOST_STEPS):
        correlations = np.where(correlations < least, 0.0, correlations)
        correlations = np.minimum(correlations, LARGEST_CORRELATION)
        ratios = ratios_of_variates(
            u[:, :k] / u_scale[:k], v[:, :k] / v_scale[:k], correlations
        )
        ratio = ContaminatedRatio(start.dependent, share)
        likelihood = ratio.contaminate(ratios).mean()
        if likelihood - previous < 1e-6:
            break
        previous = likelihood
        weights = expit(math.log(share) - math.log1p(-share) + ratios)
        share = float(np.clip(weights.mean(), LEAST_SHARE, 1 - 1e-6))
        total, weights = weights.sum(), weights[:, np.newaxis]
        u_scale, v_scale = (
            np.sqrt((weights * block**2).sum(axis=0) / total) for block in (u, v)
        )
        products = weights * (u[:, :k] / u_scale[:k]) * (v[:, :k] / v_scale[:k])
        correlations = products.sum(axis=0) / total
    return share, (correlations, u_scale, v_scale)


def ratios_of_variates(u, v, correlations):
    """Return the log density ratios of pairs of canonical variates of unit variance."""
    found = correlations > 0
    u, v, r = u[:, found], v[:, found], correlations[found]
    gaps = 1 - r**2
    quadratic = (u * v) @ (r / gaps) - (u**2 + v**2) @ (r**2 / gaps) / 2
    return quadratic - np.log(gaps).sum() / 2
