"""Closed forms for elliptical distributions: log density ratios and their means."""

from __future__ import annotations

import copy
import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, gammaln

__all__ = [
    "EllipticalRatio",
    "covariance_bias",
    "elliptical_mutual_info",
    "student_log_density",
    "student_offset",
    "student_scatter",
]


def covariance_bias(n_samples: int, n_x: int, n_y: int) -> float:
    r"""Compute the bias of the mutual information of a sample covariance.

    .. math:: b = \tfrac12 \left( B(d_x) + B(d_y) - B(d_x + d_y) \right), \quad
        B(d) = \sum_{j=1}^{d} \psi\left( \tfrac{n - j}{2} \right)

    exact for normal data, by the mean of the log determinant of a Wishart matrix.

    Parameters
    ----------
    n_samples : int
        Number of samples; more than there are columns.
    n_x, n_y : int
        Numbers of columns of the two blocks.

    Returns
    -------
    float
        The bias in nats, to be subtracted.

    Notes
    -----
    Exact for normal samples only; heavy tails raise the bias.

    Examples
    --------
    >>> from skmi.gaussian import covariance_bias
    >>> covariance_bias(500, 20, 20)
    0.418...
    """

    def log_determinant(d):
        return digamma((n_samples - np.arange(1, d + 1)) / 2).sum()

    whole = log_determinant(n_x + n_y)
    return float((log_determinant(n_x) + log_determinant(n_y) - whole) / 2)


def student_offset(n_x: int, n_y: int, degrees_of_freedom: float) -> float:
    r"""Compute the mutual information of uncorrelated blocks of a Student vector.

    .. math:: c = h(d_x) + h(d_y) - h(d_x + d_y) - h(0), \quad h(d) =
        -\log \Gamma\left(\tfrac{\nu + d}{2}\right) + \tfrac{\nu + d}{2}
        \psi\left(\tfrac{\nu + d}{2}\right)

    The blocks depend on each other through their common scale.

    Parameters
    ----------
    n_x, n_y : int
        Numbers of columns of the two blocks.
    degrees_of_freedom : float
        Degrees of freedom; inf for a normal distribution.

    Returns
    -------
    float
        Nats.

    Notes
    -----
    Tends to 0 as the degrees of freedom grow, and to infinity as they vanish.

    Examples
    --------
    >>> from skmi.gaussian import student_offset
    >>> student_offset(2, 2, 1)
    0.4319...
    """
    if math.isinf(degrees_of_freedom):
        return 0.0

    def entropy(d):
        half = (degrees_of_freedom + d) / 2
        return half * digamma(half) - gammaln(half)

    return float(entropy(n_x) + entropy(n_y) - entropy(n_x + n_y) - entropy(0))


def elliptical_mutual_info(
    correlations: ArrayLike, n_x: int, n_y: int, degrees_of_freedom: float = math.inf
) -> float:
    r"""Compute the mutual information of the blocks of an elliptical distribution.

    .. math:: I = -\tfrac12 \sum_c \log(1 - \rho_c^2) + c_\nu

    with :math:`\rho_c` the canonical correlations and :math:`c_\nu` of
    :func:`student_offset`.

    Parameters
    ----------
    correlations : array-like
        Canonical correlations of the blocks.
    n_x, n_y : int
        Numbers of columns of the two blocks.
    degrees_of_freedom : float, default=inf
        Degrees of freedom of a Student distribution; inf for a normal one.

    Returns
    -------
    float
        Nats.

    Notes
    -----
    Infinite for a correlation of 1.

    Examples
    --------
    >>> from skmi.gaussian import elliptical_mutual_info
    >>> elliptical_mutual_info([0.8, 0.8], 2, 2)
    1.0216...
    """
    gaps = 1 - np.asarray(correlations) ** 2
    offset = student_offset(n_x, n_y, degrees_of_freedom)
    with np.errstate(divide="ignore"):  # infinite for an exact relation
        return float(-np.log(gaps).sum() / 2 + offset)


class EllipticalRatio:
    r"""Log density ratio of the blocks of a normal or Student distribution.

    .. math:: \log \frac{p(x, y)}{p(x) \, p(y)}

    Parameters
    ----------
    mean : ndarray of shape (n_x + n_y,)
        Location.
    covariance : ndarray of shape (n_x + n_y, n_x + n_y)
        Covariance or scatter matrix; directions without variance are left out.
    n_x : int
        Number of columns of the first block.
    degrees_of_freedom : float, default=inf
        Degrees of freedom of a Student distribution; inf for a normal one.

    Notes
    -----
    Fails for an exact linear relation of x and y: a canonical correlation of 1 has no
    density ratio.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.gaussian import EllipticalRatio
    >>> ratio = EllipticalRatio(np.zeros(2), np.array([[1.0, 0.8], [0.8, 1.0]]), 1)
    >>> round(float(ratio.mutual_info), 3)
    0.511
    """

    def __init__(
        self,
        mean: np.ndarray,
        covariance: np.ndarray,
        n_x: int,
        degrees_of_freedom: float = math.inf,
    ) -> None:
        self.degrees_of_freedom = degrees_of_freedom
        self.x_mean, self.y_mean = mean[:n_x], mean[n_x:]
        x_map = inverse_root(covariance[:n_x, :n_x])
        y_map = inverse_root(covariance[n_x:, n_x:])
        left, self.correlations, right = np.linalg.svd(
            x_map.T @ covariance[:n_x, n_x:] @ y_map
        )
        self.correlations = np.minimum(self.correlations, 1.0)
        self.x_map, self.y_map = x_map @ left, y_map @ right.T

    @property
    def mutual_info(self) -> float:
        """The mutual information: the mean of the ratio, in nats."""
        return elliptical_mutual_info(
            self.correlations, *self.sizes, self.degrees_of_freedom
        )

    @property
    def correlation_info(self) -> float:
        """The part of it by the canonical correlations, in nats."""
        return elliptical_mutual_info(self.correlations, *self.sizes)

    @property
    def scatter(self) -> np.ndarray:
        """The covariance or scatter matrix."""
        k = len(self.correlations)
        x_root, y_root = np.linalg.pinv(self.x_map), np.linalg.pinv(self.y_map)
        across = (x_root[:k].T * self.correlations) @ y_root[:k]
        return np.block([[x_root.T @ x_root, across], [across.T, y_root.T @ y_root]])

    def pairs(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratio of each row of x with its own row of y, shape (n,)."""
        left, right = self.features(0, x), self.features(1, y)
        products = (left[:, :-2] * right[:, :-2]).sum(axis=1)
        return self._ratio(products, *(left + right)[:, -2:].T)

    def matrix(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratios of all rows of x with all rows of y, shape (n, m)."""
        left, right = self.features(0, x), self.features(1, y)
        sums = (left[:, np.newaxis, i] + right[:, i] for i in (-2, -1))
        return self._ratio(left[:, :-2] @ right[:, :-2].T, *sums)

    def draw(
        self, n_samples: int, random_state: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw samples of both blocks from the distribution, centred at 0."""
        u, v = (
            random_state.standard_normal((n_samples, side.shape[1]))
            for side in (self.x_map, self.y_map)
        )
        k = len(self.correlations)
        v[:, :k] *= np.sqrt(1 - self.correlations**2)
        v[:, :k] += self.correlations * u[:, :k]
        if not math.isinf(self.degrees_of_freedom):
            nu = self.degrees_of_freedom
            scale = np.sqrt(random_state.chisquare(nu, (n_samples, 1)) / nu)
            u, v = u / scale, v / scale
        return u @ np.linalg.pinv(self.x_map), v @ np.linalg.pinv(self.y_map)

    def variates(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the canonical variates of both blocks."""
        return (x - self.x_mean) @ self.x_map, (y - self.y_mean) @ self.y_map

    def rescale(
        self, correlations: np.ndarray, x_scale: np.ndarray, y_scale: np.ndarray
    ) -> Self:
        """Return the ratio with correlations and scales from other samples."""
        other = copy.copy(self)
        other.correlations = correlations
        other.x_map, other.y_map = self.x_map / x_scale, self.y_map / y_scale
        return other

    def features(self, side: int, block: np.ndarray) -> np.ndarray:
        """Compute the features of one block from which the ratio follows.

        Parameters
        ----------
        side : {0, 1}
            The first block, x, or the second.
        block : ndarray of shape (n, n_x) or (n, n_y)
            Samples of that block.

        Returns
        -------
        ndarray of shape (n, k + 2)
            The canonical variates, those of x times the weights of the products; then
            the block's term of the pair's squared length, and of the log ratio.
        """
        mean, weights = (self.x_mean, self.y_mean)[side], (self.x_map, self.y_map)[side]
        k, nu = len(self.correlations), self.degrees_of_freedom
        variates = (block - mean) @ weights
        gaps = 1 - self.correlations**2
        excess = variates[:, :k] ** 2 @ (self.correlations**2 / gaps)
        length = (variates**2).sum(axis=1)
        if math.isinf(nu):
            share = -excess / 2
        else:
            share = (nu + variates.shape[1]) / 2 * np.log1p(length / nu)
        products = variates[:, :k] * (1 if side else self.correlations / gaps)
        return np.column_stack([products, length + excess, share])

    @property
    def level(self) -> float:
        """The ratio where both blocks are at their means."""
        nu, n_x, n_y = self.degrees_of_freedom, *self.sizes
        level = -np.log(1 - self.correlations**2).sum() / 2
        if math.isinf(nu):
            return level
        level += gammaln((nu + n_x + n_y) / 2) + gammaln(nu / 2)
        return level - gammaln((nu + n_x) / 2) - gammaln((nu + n_y) / 2)

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of canonical variates of both blocks."""
        return self.x_map.shape[1], self.y_map.shape[1]

    def _ratio(self, products, lengths, shares):
        nu = self.degrees_of_freedom
        if math.isinf(nu):
            return self.level + shares + products
        whole = np.log1p((lengths - 2 * products) / nu)
        return self.level + shares - (nu + sum(self.sizes)) / 2 * whole


def inverse_root(covariance: np.ndarray) -> np.ndarray:
    """Return W with W^T C W the identity, over the directions that have variance."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    # Of a correlation matrix, eigenvalues below this are 0 up to rounding.
    kept = values > 1e-10 * values.max(initial=1e-300)
    return vectors[:, kept] / np.sqrt(values[kept]) / scale[:, np.newaxis]


def student_scatter(
    block: np.ndarray,
    degrees_of_freedom: float,
    start: np.ndarray | None = None,
    tol: float = 1e-4,
    max_iter: int = 200,
    ridge: float = 0.0,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray:
    r"""Fit the scatter matrix of a centred Student distribution by maximum likelihood.

    The fixed point of

    .. math:: S = \frac1n \sum_i \frac{\nu + d}{\nu + z_i^T S^{-1} z_i} z_i z_i^T

    Parameters
    ----------
    block : ndarray of shape (n_samples, n_columns)
        Centred samples.
    degrees_of_freedom : float
        Degrees of freedom; inf gives the covariance.
    start : ndarray of shape (n_columns, n_columns), default=None
        Initial value; None means the covariance of the samples clipped at a quantile.
    tol : float, default=1e-4
        Relative change at which to stop.
    max_iter : int, default=200
        Maximum number of steps.
    ridge : float, default=0.0
        Share by which the diagonal is raised in each step. With many samples on a line
        or plane the scatter matrix would otherwise shrink to it.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the samples; None means equal ones.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        The scatter matrix.

    Notes
    -----
    Fails with fewer samples than columns, where the scatter matrix has no inverse.

    References
    ----------
    .. [1] J. T. Kent, D. E. Tyler. Redescending M-estimates of multivariate location
       and scatter. Ann. Statist. 19, 1991.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.gaussian import student_scatter
    >>> block = np.random.RandomState(0).standard_t(3, size=(5000, 1))
    >>> student_scatter(block, 3).round(1)
    array([[1.]])
    """
    d = block.shape[1]
    shares = np.full(len(block), 1 / len(block))
    if sample_weight is not None:
        shares = sample_weight / sample_weight.sum()
    if math.isinf(degrees_of_freedom):
        return (block * shares[:, np.newaxis]).T @ block
    scatter = start
    if scatter is None:
        # Without the clipping a few samples of heavy tails would rule the first step.
        cut = np.quantile(np.abs(block), 0.7, axis=0)
        inner = np.clip(block, -cut, cut)
        scatter = (inner * shares[:, np.newaxis]).T @ inner
        scatter[np.diag_indices(d)] *= 1 + ridge
    for _ in range(max_iter):
        lengths, _ = squared_lengths(block, scatter)
        weights = shares * (degrees_of_freedom + d) / (degrees_of_freedom + lengths)
        previous, scatter = scatter, (block * weights[:, np.newaxis]).T @ block
        scatter[np.diag_indices(d)] *= 1 + ridge
        if np.abs(scatter - previous).max() <= tol * np.abs(scatter).max():
            break
    return scatter


def student_log_density(
    block: np.ndarray, scatter: np.ndarray, degrees_of_freedom: float
) -> np.ndarray:
    r"""Compute the log density of a centred Student distribution.

    .. math:: \log \frac{\Gamma(\frac{\nu + d}{2})}{\Gamma(\frac\nu2)} -
        \tfrac d2 \log \nu\pi - \tfrac12 \log |S| - \tfrac{\nu + d}{2}
        \log\left(1 + \tfrac1\nu z^T S^{-1} z\right)

    Parameters
    ----------
    block : ndarray of shape (n_samples, n_columns)
        Centred samples z.
    scatter : ndarray of shape (n_columns, n_columns)
        The scatter matrix S.
    degrees_of_freedom : float
        Degrees of freedom; inf gives the normal density.

    Returns
    -------
    ndarray of shape (n_samples,)
        Log densities, in nats.

    Raises
    ------
    ValueError
        If some columns determine each other.

    Notes
    -----
    The scatter matrix has to be of full rank.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.gaussian import student_log_density
    >>> np.exp(student_log_density(np.zeros((1, 1)), np.eye(1), 1)) * np.pi
    array([1.])
    """
    d, nu = block.shape[1], degrees_of_freedom
    lengths, log_determinant = squared_lengths(block, scatter)
    if math.isinf(nu):
        return -(d * math.log(2 * math.pi) + log_determinant + lengths) / 2
    constant = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * math.log(nu * math.pi)
    return constant - log_determinant / 2 - (nu + d) / 2 * np.log1p(lengths / nu)


def squared_lengths(block: np.ndarray, scatter: np.ndarray) -> tuple[np.ndarray, float]:
    """Return z^T S^-1 z for each sample z, and the log determinant of S."""
    try:
        root = np.linalg.cholesky(scatter)
    except np.linalg.LinAlgError as error:
        raise np.linalg.LinAlgError(  # which is a ValueError
            "Some columns determine each other, so that their joint density does not "
            "exist. Remove them, or use skmi.GaussianCopulaMI."
        ) from error
    whitened = np.linalg.solve(root, block.T)
    return (whitened**2).sum(axis=0), 2 * np.log(np.diag(root)).sum()
