"""Log density ratio of a mixture of normal distributions of normal scores."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from skmi.gaussian.cross_fitted import FoldedCopula, out_of_fold_terms

__all__ = ["MixtureCopula", "NormalMixture"]

N_COMPONENTS = (2, 4, 8, 16)
N_STARTS = 4
MOST_START_SAMPLES = 1000
MOST_SAMPLES = 20_000  # in random order; a mixture has some hundred parameters
MOST_STEPS = 200  # of expectation and maximisation
STEPS_OF_FOLD = 20  # from the mixture of all samples
RIDGE = 1e-4  # of the covariances, of columns of unit variance
SAMPLES_PER_PARAMETER = 5


class NormalMixture:
    """Mixture of normal distributions of the blocks x and y.

    Parameters
    ----------
    weights : ndarray of shape (k,)
        Shares of the components.
    means : ndarray of shape (k, n_x + n_y)
        Their means.
    covariances : ndarray of shape (k, n_x + n_y, n_x + n_y)
        Their covariances.
    n_x : int
        Number of columns of the first block.
    """

    def __init__(
        self,
        weights: np.ndarray,
        means: np.ndarray,
        covariances: np.ndarray,
        n_x: int,
    ) -> None:
        self.weights, self.means, self.covariances = weights, means, covariances
        self.n_x = n_x

    def log_densities(self, block: np.ndarray, part: slice) -> np.ndarray:
        """Return the weighted log densities of the components, shape (k, n)."""
        parts = []
        for weight, mean, covariance in zip(
            self.weights, self.means, self.covariances, strict=True
        ):
            root = np.linalg.cholesky(covariance[part, part])
            whitened = (block - mean[part]) @ np.linalg.inv(root).T
            constant = np.log(np.diag(root)).sum()
            constant += len(root) / 2 * math.log(2 * math.pi)
            length = np.einsum("ij,ij->i", whitened, whitened)
            parts.append(math.log(weight) - constant - length / 2)
        return np.array(parts)

    def pairs(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratio of each row of x with its own row of y, shape (n,)."""
        whole = logsumexp(self.log_densities(np.hstack([x, y]), slice(None)), axis=0)
        return whole - self._alone(0, x) - self._alone(1, y)

    def matrix(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratios of all rows of x with all rows of y, shape (n, m).

        The log density of a component is that of x, plus that of y given x, whose
        mean is linear in x.
        """
        n_x, whole = self.n_x, None
        own = self.log_densities(x, slice(None, n_x))
        for at_x, mean, covariance in zip(
            own, self.means, self.covariances, strict=True
        ):
            slope = np.linalg.solve(covariance[:n_x, :n_x], covariance[:n_x, n_x:])
            rest = covariance[n_x:, n_x:] - covariance[n_x:, :n_x] @ slope
            root = np.linalg.cholesky(rest)
            inverse = np.linalg.inv(root).T
            left = (x - mean[:n_x]) @ slope @ inverse
            right = (y - mean[n_x:]) @ inverse
            at_x = at_x - np.log(np.diag(root)).sum() - (left**2).sum(axis=1) / 2
            at_x -= len(root) / 2 * math.log(2 * math.pi)
            part = left @ right.T + at_x[:, np.newaxis]
            part -= (right**2).sum(axis=1) / 2
            whole = part if whole is None else np.logaddexp(whole, part)
        return whole - self._alone(0, x)[:, np.newaxis] - self._alone(1, y)

    def draw(
        self, n_samples: int, random_state: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw samples of both blocks from the distribution."""
        which = random_state.choice(len(self.weights), n_samples, p=self.weights)
        noise = random_state.standard_normal((n_samples, self.means.shape[1]))
        roots = np.linalg.cholesky(self.covariances)
        rows = self.means[which] + np.einsum("nij,nj->ni", roots[which], noise)
        return rows[:, : self.n_x], rows[:, self.n_x :]

    def _alone(self, side, block):
        part = slice(self.n_x, None) if side else slice(None, self.n_x)
        return logsumexp(self.log_densities(block, part), axis=0)


class MixtureCopula(FoldedCopula):
    r"""Log density ratio of a mixture of normal distributions, out of fold.

    It is fitted to the normal scores by expectation and maximisation from several
    starts, with the number of components of the smallest Bayesian information
    criterion. For crosses, clusters and curves in few columns.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples in random order; each fifth of them is a fold.
    random_state : RandomState instance
        Chooses the starts.

    Attributes
    ----------
    n_components : int
        Number of components; 1 where more are not worth their parameters.
    terms : ndarray of shape (n_samples,)
        The terms of the multi-sample bound out of fold, in nats.
    ratio : NormalMixture or None
        The ratio, as a function of the scores; None where it is 0.

    Notes
    -----
    0 where a single component is best, which `CopulaReference` fits, or where there are
    too few samples for two.
    """

    n_components: int = 1

    def __init__(
        self, X: np.ndarray, y: np.ndarray, random_state: np.random.RandomState
    ) -> None:
        self._random_state = random_state
        self._values = np.zeros(len(X))
        super().__init__(X, y)

    def _fit(self, x, y, folds):
        block = np.hstack([x, y])
        found = fit_mixture(block[:MOST_SAMPLES], x.shape[1], self._random_state)
        if found is None:
            return
        self.ratio, self.n_components = found, len(found.weights)
        terms, values = [], []
        for rest, fold in folds:
            start = NormalMixture(found.weights, found.means, found.covariances, 0)
            ratio, _ = maximise(start, block[rest][:MOST_SAMPLES], STEPS_OF_FOLD)
            ratio.n_x = x.shape[1]
            self._without_fold.append(ratio)
            terms.append(out_of_fold_terms(ratio, x[fold], y[fold]))
            values.append(ratio.pairs(x[fold], y[fold]))
            values[-1] -= log_mean_ratio(ratio, x[fold], y[fold])
        self.terms, self._values = np.concatenate(terms), np.concatenate(values)

    @property
    def mutual_info(self) -> float:
        """The mean of the normalised log ratio out of fold, in nats."""
        return float(self._values.mean())


def log_mean_ratio(ratio: NormalMixture, x: np.ndarray, y: np.ndarray) -> float:
    """Return the log of the mean density ratio of pairs of different samples."""
    values = ratio.matrix(x[:500], y[:500])
    np.fill_diagonal(values, -np.inf)
    return float(logsumexp(values) - math.log(len(values) * (len(values) - 1)))


def fit_mixture(
    block: np.ndarray, n_x: int, random_state: np.random.RandomState
) -> NormalMixture | None:
    """Return the mixture of the smallest criterion; None for a single component."""
    n_samples, d = block.shape
    n_parameters = d + d * (d + 1) / 2 + 1
    cost = math.log(n_samples) / (2 * n_samples) * n_parameters
    single = np.cov(block, rowvar=False) + RIDGE * np.eye(d)
    whole = NormalMixture(np.ones(1), block.mean(axis=0)[np.newaxis], single[None], n_x)
    best, found = whole.log_densities(block, slice(None)).mean() - cost, None
    for k in N_COMPONENTS:
        if n_samples < SAMPLES_PER_PARAMETER * k * n_parameters:
            break
        start = best_start(block, k, random_state)
        mixture, likelihood = maximise(start, block, MOST_STEPS)
        value = likelihood - k * cost
        if value > best:
            best, found = value, mixture
        elif found is not None:
            break
    if found is not None:
        found.n_x = n_x
    return found


def best_start(block, k, random_state):
    """Return the best mixture after some steps from several starts, on few samples."""
    rows = random_state.permutation(len(block))[:MOST_START_SAMPLES]
    part = block[rows]
    starts = [spread_start(part, k, random_state) for _ in range(N_STARTS)]
    if k == 2:
        starts.append(sign_start(part))
    tried = [maximise(start, part, STEPS_OF_FOLD) for start in starts]
    return max(tried, key=lambda item: item[1])[0]


def spread_start(block, k, random_state):
    """Return components around samples that lie far from each other, at random."""
    centers = block[[random_state.randint(len(block))]]
    for _ in range(k - 1):
        gaps = ((block[:, np.newaxis] - centers) ** 2).sum(axis=2).min(axis=1)
        chosen = random_state.choice(len(block), p=gaps / gaps.sum())
        centers = np.vstack([centers, block[chosen]])
    d = block.shape[1]
    spread = np.repeat((np.eye(d) / k ** (2 / d))[np.newaxis], k, axis=0)
    return NormalMixture(np.full(k, 1 / k), centers, spread, 0)


def sign_start(block):
    """Return two components by the sign of the product of two columns, as of a cross.

    Of the columns whose squares are most correlated.
    """
    squares = np.corrcoef(block**2, rowvar=False) - np.eye(block.shape[1])
    i, j = np.unravel_index(squares.argmax(), squares.shape)
    same = block[:, i] * block[:, j] > 0
    return component_means(block, np.array([same, ~same]).astype(float))


def component_means(block, shares):
    """Return the mixture of the weighted means and covariances; shares is (k, n)."""
    totals = shares.sum(axis=1) + 1e-10
    means = shares @ block / totals[:, np.newaxis]
    covariances = []
    for share, total, mean in zip(shares, totals, means, strict=True):
        centered = block - mean
        covariance = (centered * share[:, np.newaxis]).T @ centered / total
        covariances.append(covariance + RIDGE * np.eye(len(mean)))
    return NormalMixture(totals / totals.sum(), means, np.array(covariances), 0)


def maximise(mixture, block, n_steps):
    """Return the mixture after steps of expectation and maximisation, its likelihood.

    Components of fewer samples than columns would shrink to points; they get the
    covariance of all.
    """
    previous = -math.inf
    for _ in range(n_steps):
        parts = mixture.log_densities(block, slice(None))
        whole = logsumexp(parts, axis=0)
        likelihood = whole.mean()
        if likelihood - previous < 1e-5:
            break
        previous = likelihood
        best = mixture
        mixture = component_means(block, np.exp(parts - whole))
        small = mixture.weights * len(block) < 2 * block.shape[1]
        mixture.covariances[small] = np.cov(block, rowvar=False)
    return best, previous
