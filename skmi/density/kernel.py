"""Mutual information by kernel density estimation."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist
from sklearn.utils.parallel import Parallel, delayed

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Integral, Interval, Real, StrOptions
from skmi._data.marginals import BlockView
from skmi._data.splitting import split_rows
from skmi.base import Estimate, MutualInfoEstimator
from skmi.density._device import log_sums_on_device
from skmi.density._verdict import NEAR, ONE_SIDED
from skmi.exceptions import ReliabilityWarning, warn
from skmi.neighbors._distances import device_that_is_here, other_device
from skmi.neighbors._drift import drift_of_neighbors
from skmi.neighbors._residuals import ResidualsMixin
from skmi.neighbors._search import Block, JointRows
from skmi.neighbors._terms import ball_terms
from skmi.statistics import standard_error

__all__ = ["KernelDensityMI"]

BLOCK_SIZE = 2**17  # kernel values computed at once

MOST_ROWS = 2000  # samples from which the biases are estimated
MOST_SHUFFLES = 5
N_NEIGHBORS = 3

# Biases that are warned of: in nats, and as a share of the estimate.
LEAST_BIAS, LARGE_SHARE, LARGE_RANKS = 0.03, 0.05, 0.5
SMALL_BIAS = 0.01  # nats
SIGNIFICANT = 2.5  # standard errors

# Terms of samples that share kernels are correlated: the standard deviation of
# estimates was 1 to 1.4 times that of independent terms where there is dependence.
INFLATION = 1.1


@estimator
class KernelDensityMI(ResidualsMixin, MutualInfoEstimator):
    r"""Mutual information by kernel density estimation.

    .. math::
        I = \frac1n \sum_i \log \frac{\hat p_{-i}(x_i, y_i)}
        {\hat p_{-i}(x_i) \hat p_{-i}(y_i)}

    with normal kernels whose covariance is that of the samples times :math:`h^2`, each
    sample left out of its own densities [1]_. The marginal densities are the margins of
    the joint one, so that parts of their biases cancel. For few columns and some
    thousands of samples: time grows quadratically with their number, memory does not.

    Parameters
    ----------
    [shared]
    bandwidth : {"likelihood", "silverman", "scott"} or float, default="likelihood"
        The factor h: the maximiser of the leave-one-out likelihood, a rule of thumb for
        normal data, or a number.
    adaptive : bool, default=True
        Whether kernels are wider where the density is low [2]_.
    marginals : {"rank", "standard"} or None, default="rank"
        Transform of each column: normal scores of its ranks, standardisation, or none.
    n_jobs : int or None, default=None
        Number of threads: None means 1 outside a joblib context, -1 all processors.
    device : str or None, default=None
        None or "cpu" sums kernels on the CPU. The name of another device, such as
        "cuda", sums them there with torch, in double precision; "auto" uses CUDA where
        it is available. `score` computes on the CPU.

    Attributes
    ----------
    [shared]
    bandwidth_ : float
        The factor h.
    status_ : {"ok", "zero", "saturated", "not converged"}
        "zero": not significantly above 0. "saturated": close to the ceiling, the
        logarithm of the number of samples. "not converged": a bias is indicated that
        is larger than the standard error by sampling.

    See Also
    --------
    KSG : Adapts to the density without a bandwidth.

    Notes
    -----
    Ties in a column are broken, always in the same way: with repeated samples the
    likelihood would prefer kernels of no width. Kernels blur edges of the density,
    as of codes, counts and uniform noise, so that the estimate is too low: by a sixth
    for normal columns rounded to their standard deviation, by a third for codes that
    determine each other. By how much nearest neighbours find more is part of the
    standard error, with the share of ties, what ranks lose of strong dependence, and
    what is found where y is shuffled; a :class:`skmi.ReliabilityWarning` says where
    that is large. Adaptive kernels with the bandwidth of the largest likelihood had the
    least error on data of known mutual information.

    References
    ----------
    .. [1] Y.-I. Moon, B. Rajagopalan, U. Lall. Estimation of mutual information using
       kernel density estimators. Phys. Rev. E 52, 1995.
    .. [2] G. R. Terrell, D. W. Scott. Variable kernel density estimation. Ann. Statist.
       20, 1992.

    Examples
    --------
    >>> from skmi import KernelDensityMI
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     1000, 1, mutual_info=0.5, random_state=0)
    >>> round(KernelDensityMI().fit(X, Y).mutual_info_, 1)
    0.5
    """

    bandwidth: float | str = parameter(
        default="likelihood",
        constraints=[
            StrOptions({"silverman", "scott", "likelihood"}),
            Interval(Real, 0, None, closed="neither"),
        ],
    )
    adaptive: bool = parameter(default=True, constraints=["boolean"])
    marginals: str | None = parameter(
        default="rank", constraints=[StrOptions({"rank", "standard"}), None]
    )
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])
    device: str | None = parameter(default=None, constraints=[str, None])

    _takes_labels = False
    _is_normalized = True

    def _fit(self, X, y):
        given, marginals = (X, y), self.marginals
        self._views = [BlockView(block, marginals) for block in (X, y)]
        random_state = np.random.RandomState(0)
        x, y = (
            view.apply_without_ties(block, random_state)
            for view, block in zip(self._views, (X, y), strict=True)
        )
        n_columns = x.shape[1] + y.shape[1]
        if len(x) < 2 * n_columns:
            raise ValueError(
                f"n_samples={len(x)} is too few for the covariance of {n_columns} "
                "columns. Pass fewer columns, or two samples or more for each."
            )
        self._kernels = Kernels(x, y, self.n_jobs, other_device(self.device))
        self.bandwidth_: float = self._choose_bandwidth(len(x))
        self._kernels.bandwidth = self.bandwidth_
        if self.adaptive and self._kernels.has_both_sides:
            self._kernels.adapt()
        terms = self._kernels.left_out_terms()
        ceiling = math.log(len(x))  # what the samples support without a model
        value = min(float(terms.mean()), ceiling)
        sampling = INFLATION * standard_error(terms)
        bias = KernelBias(
            self._bias_of_independence(x, y),
            self._bias_of_ranks(value, len(x)),
            max(value, 0.0) * max(map(largest_share_of_ties, given)),
            *shortfall_of_kernels(terms, x, y),
        )
        error = math.hypot(sampling, *bias[:2], max(bias.ties, bias.shortfall))
        self.status_: str = status(value, error, ceiling, bias, sampling)
        if self.status_ == "not converged":
            warn_of_bias(value, bias, sampling)
        return Estimate(value, error, ceiling, influence=INFLATION * terms)

    @property
    def _residual_marginals(self) -> str | None:
        return self.marginals

    def _fit_conditional(self, X, y, Z, **settings):
        found = super()._fit_conditional(X, y, Z, **settings)
        sides = [*self._merge((X, y), self._residuals.columns), Z]
        gaps = gaps_below_floor(sides, self.marginals, found.influence / INFLATION)
        gap = float(gaps.mean())
        if gap <= max(SIGNIFICANT * standard_error(gaps), SMALL_BIAS):
            return found
        if self.status_ in ("ok", "zero"):
            self.status_ = "not converged"
        bias = KernelBias(0.0, 0.0, 0.0, gap, True)
        warn_of_bias(found.mutual_info, bias, found.standard_error)
        error = math.hypot(found.standard_error, gap)
        return found._replace(standard_error=error)

    def _bias_of_independence(self, x, y) -> float:
        """Return the size of the estimate where y is shuffled, beyond chance."""
        random_state = np.random.RandomState(0)
        rows = random_state.permutation(len(x))[:MOST_ROWS]
        squares = []
        for _ in range(min(max(MOST_ROWS // len(rows), 1), MOST_SHUFFLES)):
            other = y[random_state.permutation(rows)]
            shuffled = Kernels(x[rows], other, self.n_jobs, self._kernels.device)
            if not shuffled.has_both_sides:
                return 0.0
            shuffled.bandwidth = self.bandwidth_
            if self.adaptive:
                shuffled.adapt()
            terms = shuffled.left_out_terms()
            squares.append(terms.mean() ** 2 - standard_error(terms) ** 2)
        return math.sqrt(max(np.mean(squares), 0.0))

    def _bias_of_ranks(self, value: float, n_samples: int) -> float:
        """Return about what ranks lose where most neighbours in x are those in y."""
        return 2 * math.exp(value) / n_samples if self.marginals == "rank" else 0.0

    def _transform(self, X, y) -> tuple[np.ndarray, np.ndarray]:
        """Transform the columns of new samples as those of the fit."""
        x_view, y_view = self._views
        return x_view.apply(X), y_view.apply(y)

    def _choose_bandwidth(self, n_samples: int) -> float:
        if not isinstance(self.bandwidth, str):
            return float(self.bandwidth)
        d = self._kernels.n_columns
        scott = n_samples ** (-1 / (d + 4))
        if self.bandwidth == "scott":
            return scott
        silverman = (4 / (d + 2)) ** (1 / (d + 4)) * scott
        if self.bandwidth == "silverman" or not self._kernels.has_both_sides:
            return silverman
        return self._kernels.most_likely_bandwidth(silverman)

    def _mutual_info(self, X, y):
        return self._log_ratio_of_pairs(X, y).mean()

    def _log_ratio(self, X, y):
        return self._kernels.log_ratio_matrix(*self._transform(X, y))

    def _log_ratio_of_pairs(self, X, y):
        return self._kernels.log_ratio(*self._transform(X, y))


class KernelBias(NamedTuple):
    """What is known of the biases of an estimate, in nats."""

    independence: float  # where y is shuffled
    ranks: float  # about what they lose of strong dependence
    ties: float  # about what kernels blur between repeated values
    shortfall: float  # below neighbours, which show sharp structure
    is_clear: bool  # whether that is more than chance


def largest_share_of_ties(block: np.ndarray) -> float:
    """Return the probability that two samples of a column are equal, the largest.

    On rounded normals, codes and mixtures with atoms the estimate was too low by about
    this share of it, or less, where neighbours did not show more.
    """
    shares = []
    for column in block.T:
        counts = np.unique(column, return_counts=True)[1]
        if len(counts) > 1:
            pairs = len(column) * (len(column) - 1)
            shares.append(float((counts * (counts - 1)).sum() / pairs))
    return max(shares, default=0.0)


def shortfall_of_kernels(
    terms: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[float, bool]:
    """Return by how much neighbours find more than kernels, and if that is clear.

    Kernels blur edges of the density, as of repeated values, uniform noise and narrow
    curves. Other bandwidths do not show it: with half and twice the width the estimate
    changed by a twentieth to a third of the bias, or in the other direction.
    """
    if not x.shape[1] or not y.shape[1] or len(x) <= N_NEIGHBORS:
        return 0.0, False
    rows = np.sort(np.random.RandomState(0).permutation(len(x))[:MOST_ROWS])
    codes = np.zeros(len(x), dtype=int)
    joint = JointRows(Block(x, codes), Block(y, codes))
    found = ball_terms(joint, N_NEIGHBORS)[0]
    drift = drift_of_neighbors(joint, N_NEIGHBORS, found)
    gaps = found[rows] - terms[rows]
    is_clear = bool(gaps.mean() > SIGNIFICANT * standard_error(gaps))
    value = float(gaps.mean()) + (max(drift.bias, 0.0) if is_clear else 0.0)
    return max(value, 0.0), is_clear


def gaps_below_floor(
    sides: list[np.ndarray], marginals: str | None, terms: np.ndarray
) -> np.ndarray:
    r"""Return by how much neighbours without Z find more than kernels given it.

    .. math:: I(X; Y \mid Z) \ge I(X; Y) - \min(I(X; Z), I(Y; Z))

    Regressions leave little of the last term, and the others have a column less, so
    that edges which kernels blur with Z are sharp without.

    Parameters
    ----------
    sides : list of three ndarrays of shape (n_samples, n_columns)
        Residuals of X and of y, and Z.
    marginals : {"rank", "standard"} or None
        Transform of each column.
    terms : ndarray of shape (n_samples,)
        Terms of the kernels, whose mean is the estimate given Z.
    """
    random_state, codes = np.random.RandomState(0), np.zeros(len(terms), dtype=int)
    x, y, z = (
        Block(BlockView(side, marginals).apply_without_ties(side, random_state), codes)
        for side in sides
    )
    if len(terms) <= N_NEIGHBORS or not x.columns.shape[1] or not y.columns.shape[1]:
        return np.zeros(len(terms))
    pairs = [(x, y), (x, z), (y, z)] if z.columns.shape[1] else [(x, y)]
    found = [ball_terms(JointRows(*pair), N_NEIGHBORS)[0] for pair in pairs]
    with_z = min(found[1:], key=np.mean, default=0.0)
    return found[0] - with_z - terms


def status(
    value: float, error: float, ceiling: float, bias: KernelBias, sampling: float
) -> str:
    """Return the verdict on an estimate, in the words of `AutoMI.status_`."""
    if value > NEAR * ceiling:
        return "saturated"
    shortfall = bias.shortfall if bias.is_clear else 0.0
    if max(*bias[:3], shortfall) > max(sampling, SMALL_BIAS):
        return "not converged"
    return "zero" if value <= ONE_SIDED * error else "ok"


def warn_of_bias(value: float, bias: KernelBias, sampling: float) -> None:
    """Warn of a bias that is larger than the standard error."""
    if bias.independence > max(0.1, sampling):
        reason = (
            f"With y shuffled, hence independent of X, the estimate is off by "
            f"{bias.independence:.2f} nats: there are too many columns for the number "
            "of samples."
        )
    elif bias.is_clear and bias.shortfall > max(LEAST_BIAS, LARGE_SHARE * value):
        reason = (
            "Kernels are wide for this dependence: nearest neighbours find "
            f"{bias.shortfall:.2f} nats more. Use skmi.KSG or skmi.MixedKSG."
        )
    elif bias.ties > max(LEAST_BIAS, sampling):
        reason = "Kernels blur repeated values. Use skmi.KSG or skmi.MixedKSG."
    elif bias.ranks > LARGE_RANKS:
        reason = "Ranks of so few samples do not show all of so strong a dependence."
    else:
        return
    warn(
        f"{reason} The estimate of {value:.2f} nats may be off by as much, which the "
        "standard error contains. Pass fewer columns or more samples.",
        ReliabilityWarning,
    )


def log_sum_exp(exponents: np.ndarray) -> np.ndarray:
    """Return log(sum(exp(row))) of each row, overwriting the rows.

    Terms below e^-40 (4e-18) of the largest are replaced by that: exponentials that
    underflow would take most of the time.
    """
    peak = exponents.max(axis=1, keepdims=True)
    exponents -= peak
    np.maximum(exponents, -40, out=exponents)
    return np.log(np.exp(exponents, out=exponents).sum(axis=1)) + peak[:, 0]


class Kernels:
    """Normal kernels on the joint samples, and their margins.

    With the covariance of the samples factored as L L^T, x is whitened by the corner of
    L, and y by the rest after its regression on x is subtracted.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        n_jobs: int | None = None,
        device: str | None = None,
    ):
        self.n_jobs, self.device = n_jobs, device
        self.n_x, self.n_columns = x.shape[1], x.shape[1] + y.shape[1]
        self.bandwidth = 1.0
        self.log_factors = np.zeros(len(x))
        self.has_both_sides = 0 < self.n_x < self.n_columns
        centered = np.hstack([x, y]) - np.hstack([x, y]).mean(axis=0)
        covariance = centered.T @ centered / (len(x) - 1)
        # A ridge far below any bandwidth: collinear columns stay factorable.
        covariance += 1e-9 * np.diag(np.diag(covariance))
        root = np.linalg.cholesky(covariance)
        self.joint_map = np.linalg.inv(root).T
        y_root = np.linalg.cholesky(covariance[self.n_x :, self.n_x :])
        self.y_map = np.linalg.inv(y_root).T
        self.rows = self._whiten(x, y)

    def _whiten(self, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Return the joint samples and y alone, whitened so that kernels are round."""
        return np.hstack([x, y]) @ self.joint_map, y @ self.y_map

    def log_ratio(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the log ratio of pairs of new samples."""
        joint, alone = self._whiten(x, y)
        return self._difference(joint, alone, own=None)

    def left_out_terms(self, numbers: np.ndarray | None = None) -> np.ndarray:
        """Return the leave-one-out log ratio of each sample of the fit, or of some."""
        if numbers is None:
            numbers = np.arange(len(self.rows[0]))
        return self._difference(*(rows[numbers] for rows in self.rows), own=numbers)

    def _difference(self, joint, alone, own: np.ndarray | None) -> np.ndarray:
        """Return log densities of the joint samples less those of their margins."""
        if not self.has_both_sides:
            return np.zeros(len(joint))
        rows, y_rows = self.rows
        whole = self._log_density(joint, rows, own)
        x_part = self._log_density(joint[:, : self.n_x], rows[:, : self.n_x], own)
        y_part = self._log_density(alone, y_rows, own)
        return whole - x_part - y_part + self._log_scale

    @property
    def _log_scale(self) -> float:
        """Log determinants that do not cancel: those of y with and without x."""
        with_x = np.log(np.diag(self.joint_map)[self.n_x :]).sum()
        return with_x - np.log(np.diag(self.y_map)).sum()

    def adapt(self) -> None:
        """Widen the kernels where the leave-one-out density is low.

        The geometric mean of the factors is 1. Their logarithms are rounded to a tenth,
        so that kernels of one width are summed together.
        """
        rows = self.rows[0]
        pilot = self._log_density(rows, rows, own=np.arange(len(rows)))
        self.log_factors = ((pilot.mean() - pilot) / self.n_columns).round(1)

    def _log_density(self, queries, points, own: np.ndarray | None) -> np.ndarray:
        """Return the log mean kernel at each query, without constants that cancel.

        With `own`, the number of its point, each query is left out of its own mean.
        """
        width = self.bandwidth * math.sqrt(2 * math.pi)
        n_points = len(points) - (own is not None)
        level = math.log(n_points) + queries.shape[1] * math.log(width)
        return self._log_sums(queries, points, own) - level

    def _log_sums(self, queries, points, own: np.ndarray | None) -> np.ndarray:
        """Return the log sums of kernels at queries, computed in parts."""
        if self.device is not None:
            factors, device = self.log_factors[: len(points)], self.device
            device = device_that_is_here(device) or "cpu"
            return log_sums_on_device(
                queries, points, factors, self.bandwidth, own, device
            )
        sums = self._parallel(
            delayed(self._log_sum)(
                queries[rows], points, [] if own is None else own[rows]
            )
            for rows in split_rows(len(queries), len(points), BLOCK_SIZE)
        )
        return np.concatenate(sums)

    def _log_sum(self, queries, points, own) -> np.ndarray:
        """Return the log sum of kernels at each query, without its own point."""
        exponents = self._exponents(queries, points, self.log_factors[: len(points)])
        exponents[np.arange(len(own)), own] = -np.inf
        return log_sum_exp(exponents)

    def _exponents(self, queries, points, log_factors) -> np.ndarray:
        """Return the logarithms of the kernels, each with its own width."""
        exponents = cdist(queries, points, "sqeuclidean")
        exponents *= np.exp(-2 * log_factors) / (-2 * self.bandwidth**2)
        exponents -= queries.shape[1] * log_factors
        return exponents

    @property
    def _parallel(self) -> Parallel:
        return Parallel(self.n_jobs, require="sharedmem")

    def log_ratio_matrix(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the log ratios of all rows of x with all rows of y."""
        if not self.has_both_sides:
            return np.zeros((len(x), len(y)))
        from_x = x @ self.joint_map[: self.n_x]
        from_y = y @ self.joint_map[self.n_x :, self.n_x :]
        alone = y @ self.y_map
        sums = self._parallel(
            delayed(self._pair_sums)(from_x, from_y, alone, points)
            for points in self._points_of_one_width(16 * BLOCK_SIZE // len(x))
        )
        whole, x_part, y_part = map(np.logaddexp.reduce, zip(*sums, strict=True))
        level = math.log(len(self.rows[0])) + self._log_scale
        return whole - x_part[:, np.newaxis] - y_part + level

    def _points_of_one_width(self, size: int) -> Iterator[np.ndarray]:
        """Split the samples into parts of one kernel width, of at most `size`."""
        for width in np.unique(self.log_factors):
            rows = np.flatnonzero(self.log_factors == width)
            yield from np.array_split(rows, -(-len(rows) // max(size, 1)))

    def _pair_sums(self, from_x, from_y, alone, points) -> tuple:
        """Return log sums of the kernels of some points, at all pairs and each side."""
        x_points, rest = np.hsplit(self.rows[0][points], [self.n_x])
        from_x, shift = np.hsplit(from_x, [self.n_x])
        log_factor = self.log_factors[points[0]]
        near_x = self._exponents(from_x, x_points, log_factor)
        whole = self._log_product_sums(near_x, shift, from_y, rest, log_factor)
        for i in np.flatnonzero(np.isnan(whole).any(axis=1)):
            left = np.isnan(whole[i])  # where the product underflowed
            apart = self._exponents(shift[i] + from_y[left], rest, log_factor)
            whole[i, left] = log_sum_exp(apart + near_x[i])
        y_part = self._exponents(alone, self.rows[1][points], log_factor)
        return whole, log_sum_exp(near_x), log_sum_exp(y_part)

    def _log_product_sums(self, near_x, shift, from_y, rest, log_factor) -> np.ndarray:
        r"""Return log sums over m of exp(near_x[i, m] - (s_i + t_j - r_m)^2 / 2h^2).

        The square is :math:`(s_i + t_j)^2 - 2 s_i r_m + r_m^2 - 2 t_j r_m`, so that the
        sums are a product of two matrices; NaN where that underflows.
        """
        factor = np.exp(-2 * log_factor) / self.bandwidth**2
        of_x = near_x + factor * shift @ rest.T
        of_y = factor * (from_y @ rest.T - (rest**2).sum(axis=1) / 2)
        x_peak, y_peak = (of.max(axis=1, keepdims=True) for of in (of_x, of_y))
        product = np.exp(of_x - x_peak) @ np.exp(of_y - y_peak).T
        product[product < 1e-250] = np.nan
        apart = self._exponents(shift, -from_y, log_factor)
        return np.log(product) + x_peak + y_peak.T + apart

    def most_likely_bandwidth(self, start: float, n_rows: int = 2000) -> float:
        """Return the bandwidth of the largest leave-one-out likelihood.

        Of at most `n_rows` samples; what they prefer is scaled to the number of all by
        the rate n^(-1/(d + 4)) of the rules of thumb.
        """
        kept = np.random.RandomState(0).permutation(len(self.rows[0]))[:n_rows]
        sample = self.rows[0][kept]
        growth = (len(kept) / len(self.rows[0])) ** (1 / (self.n_columns + 4))

        own = np.arange(len(kept))

        def loss(log_factor):
            self.bandwidth = math.exp(log_factor)
            return -self._log_density(sample, sample, own=own).mean()

        bounds = (math.log(start / growth / 10), math.log(2 * start / growth))
        found = minimize_scalar(loss, bounds=bounds, method="bounded")
        return math.exp(found.x) * growth
