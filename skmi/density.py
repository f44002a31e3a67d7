"""Estimators that first estimate densities: counts in bins, and kernels."""

import math

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist
from sklearn.utils.parallel import Parallel, delayed

from skmi._columns import BlockView
from skmi._nearest import split_rows
from skmi._partition import Partition
from skmi._sklearn import Integral, Interval, Real, StrOptions, parameter
from skmi.base import MutualInfoEstimator, Report, estimator
from skmi.entropy import CORRECTIONS, discrete_entropy
from skmi.statistics import standard_error

__all__ = ["HistogramMI", "KernelDensityMI"]

MAX_CELLS = 1_000_000
BLOCK_SIZE = 2**17


@estimator
class HistogramMI(MutualInfoEstimator):
    r"""Mutual information of counts in bins.

    .. math:: I = H(x) + H(y) - H(x, y)

    with the entropies of the bins, or of labels, corrected for the bias of counting.
    Quick, and as good as its bins: cutting a column loses what it says within a bin.
    For one or two columns on a side, and for labels.

    Parameters
    ----------
    [shared]
    n_bins : int or None, default=None
        Bins of each column; None takes the cube root of the rows, shared out among the
        columns of both sides. "adaptive" finds them by itself.
    strategy : {"quantile", "uniform", "adaptive"}, default="quantile"
        Whether bins hold as many rows each, or are as wide, or are boxes that are
        halved as long as the rows within show structure [3]_.
    correction : str, default="miller_madow"
        Correction of the entropies: "miller_madow", "grassberger", "jackknife",
        "chao_shen", or "plugin" for none; see :func:`skmi.entropy.discrete_entropy`.
        There is none for "adaptive".

    Attributes
    ----------
    [shared]

    See Also
    --------
    KSG : Without bins.

    Notes
    -----
    On new rows the log ratio of a cell is log((c + 1) / (e + 1)), c its count and e the
    count that independence lets expect: a cell without any row says little, not minus
    infinity. The correction of Grassberger relies on odd and even counts coming in
    turn, which the equal counts of quantile bins do not; on independent columns it is
    then too low. The boxes of "adaptive" find sharp structure with few rows; of
    independent columns mostly one is left, and the estimate is 0.

    References
    ----------
    .. [1] G. A. Miller. Note on the bias of information estimates. Information Theory
       in Psychology, 1955.
    .. [2] L. Paninski. Estimation of entropy and mutual information. Neural Comput. 15,
       2003.
    .. [3] G. A. Darbellay, I. Vajda. Estimation of the information by an adaptive
       partitioning of the observation space. IEEE Trans. Inf. Theory 45, 1999.

    Examples
    --------
    >>> from skmi import HistogramMI
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     5000, 1, mutual_info=0.5, random_state=0)
    >>> round(HistogramMI().fit(X, Y).mutual_info_, 1)
    0.5
    """

    n_bins: int | None = parameter(
        None, Interval(Integral, 2, None, closed="left"), None
    )
    strategy: str = parameter(
        "quantile", StrOptions({"quantile", "uniform", "adaptive"})
    )
    correction: str = parameter("miller_madow", StrOptions(set(CORRECTIONS)))

    _is_normalized = True

    def _fit(self, X, y):
        if self.strategy == "adaptive":
            self._partition, terms = self._cut_adaptively(X, y)
            # Fewer than eight rows in order do not make the test reject.
            ceiling = math.log(max(len(X) / 4, 1))
            return Report(terms.mean(), standard_error(terms), ceiling)
        self._learn_edges(X, y)
        x, z = self._cells(X, y)
        n_x_cells = n_cells(self._x_edges)
        size = n_x_cells * self._n_y_cells
        self._x_counts = np.bincount(x, minlength=n_x_cells)
        self._y_counts = np.bincount(z, minlength=self._n_y_cells)
        pairs = x * self._n_y_cells + z
        self._pair_counts = np.bincount(pairs, minlength=size)
        joint = self._pair_counts[pairs]
        plain = np.log(len(x) * joint / (self._x_counts[x] * self._y_counts[z]))
        ceilings = [self._entropy_of_bins(X, self._x_edges, x)]
        if not hasattr(self, "classes_"):
            ceilings.append(self._entropy_of_bins(y, self._y_edges, z))
        return Report(self._entropies(x, z), standard_error(plain), min(ceilings))

    def _learn_edges(self, X, y):
        """Cut the columns into bins; raise where they make too many cells."""
        n_columns = X.shape[1] + (1 if hasattr(self, "classes_") else y.shape[1])
        n_bins = self.n_bins or max(2, round(len(X) ** (2 / 3 / n_columns)))
        self._x_edges = [self._cut(column, n_bins) for column in X.T]
        if not hasattr(self, "classes_"):
            self._y_edges = [self._cut(column, n_bins) for column in y.T]
        if n_cells(self._x_edges) * self._n_y_cells > MAX_CELLS:
            raise ValueError(
                f"{n_columns} columns of {n_bins} bins make too many cells to count; "
                "lower n_bins, or use skmi.KSG or a critic-based estimator."
            )

    def _entropy_of_bins(self, block, edges, cells):
        """Return the entropy of one side, inf where each value has its own bin."""
        n_values = [len(np.unique(column)) for column in block.T]
        if all(n <= len(e) + 1 for n, e in zip(n_values, edges, strict=True)):
            return math.inf
        return discrete_entropy(cells, self.correction)

    def _cut_adaptively(self, X, y):
        """Return a partition of the rows and their log ratios."""
        x, z, labels = self._sides(X, y)
        n_columns = x.shape[1] + z.shape[1]
        if self.n_bins is not None:
            raise ValueError('strategy="adaptive" finds its bins; leave n_bins None.')
        if len(x) < 4 * 2**n_columns:
            raise ValueError(
                f"{n_columns} columns make too many cells for {len(x)} rows; use "
                "skmi.KSG or a critic-based estimator."
            )
        partition = Partition(x, z, labels)
        boxes = partition.locate(x, z, labels)
        return partition, np.log(partition.counts[boxes] / partition.expected[boxes])

    def _sides(self, X, y):
        """Return both sides and one code for the labels."""
        if hasattr(self, "classes_"):
            return X, np.empty((len(y), 0)), y
        return X, y, np.zeros(len(y), dtype=int)

    def _cut(self, column, n_bins):
        """Return the inner edges of the bins."""
        unit = 4.0 if np.abs(column).max() > 1e300 else 1.0  # gaps would overflow
        column = column / unit
        if self.strategy == "uniform":
            edges = np.linspace(column.min(), column.max(), n_bins + 1)[1:-1]
        else:
            edges = np.quantile(column, np.arange(1, n_bins) / n_bins)
        return unit * np.unique(edges)

    @property
    def _n_y_cells(self):
        if hasattr(self, "classes_"):
            return len(self.classes_)
        return n_cells(self._y_edges)

    def _cells(self, X, y):
        x = cell_numbers(X, self._x_edges)
        labelled = hasattr(self, "classes_")
        return x, y if labelled else cell_numbers(y, self._y_edges)

    def _entropies(self, x, y):
        joint = x * self._n_y_cells + y
        h_x, h_y, h_xy = (
            discrete_entropy(cells, self.correction) for cells in (x, y, joint)
        )
        return h_x + h_y - h_xy

    def _mutual_info(self, X, y):
        if self.strategy == "adaptive":
            return self._cut_adaptively(X, y)[1].mean()
        return self._entropies(*self._cells(X, y))

    def _log_ratio(self, X, y):
        i, j = (index.ravel() for index in np.indices((len(X), len(y))))
        return self._log_ratio_of_pairs(X[i], y[j]).reshape(len(X), len(y))

    def _log_ratio_of_pairs(self, X, y):
        """Return log((c + 1) / (e + 1)) for a count c where independence expects e."""
        if self.strategy == "adaptive":
            boxes = self._partition.locate(*self._sides(X, y))
            counts = self._partition.counts[boxes]
            expected = self._partition.expected[boxes]
        else:
            x, z = self._cells(X, y)
            counts = self._pair_counts[x * self._n_y_cells + z]
            expected = self._x_counts[x] * self._y_counts[z] / self._x_counts.sum()
        return np.log((counts + 1) / (expected + 1))


def n_cells(edges):
    """Return the number of cells that columns with these inner edges make."""
    return math.prod(len(inner) + 1 for inner in edges)


def cell_numbers(block, edges):
    """Return the number of each row's cell."""
    cells = np.zeros(len(block), dtype=int)
    for column, inner in zip(block.T, edges, strict=True):
        cells = cells * (len(inner) + 1) + np.searchsorted(inner, column, "left")
    return cells


@estimator
class KernelDensityMI(MutualInfoEstimator):
    r"""Mutual information of kernel density estimates.

    .. math::
        I = \frac1n \sum_i \log \frac{\hat p_{-i}(x_i, y_i)}
        {\hat p_{-i}(x_i) \hat p_{-i}(y_i)}

    with normal kernels whose covariance is that of the rows times :math:`h^2`, each row
    left out of its own densities [1]_. The marginal densities are the margins of the
    joint one, so that part of their biases cancel. For few columns and some thousands
    of rows: time grows as the square of the rows, memory does not.

    Parameters
    ----------
    [shared]
    bandwidth : {"likelihood", "silverman", "scott"} or float, default="likelihood"
        The factor h: the value of the largest likelihood of rows left out, a rule for
        normal data, or a number.
    adaptive : bool, default=True
        Whether kernels are wider where rows are rare [2]_.
    transform : {"rank", "standard"} or None, default="rank"
        How a column is seen: by the normal scores of its ranks, standardised, or as it
        is.
    n_jobs : int or None, default=None
        Threads at work: None means 1 outside a joblib context, -1 all processors.

    Attributes
    ----------
    [shared]
    bandwidth_ : float
        The factor h that was used.

    See Also
    --------
    KSG : Adapts to the density by itself.

    Notes
    -----
    Equal values in a column are set apart, always in the same way: repeated rows would
    call for kernels without width. The estimate is too low of columns rounded to a few
    values, by a sixth for normal columns rounded to their standard deviation, and where
    dependence is strong or bent. Widths that adapt, with the bandwidth of the largest
    likelihood, had the least error on data of known mutual information.

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

    bandwidth: object = parameter(
        "likelihood",
        StrOptions({"silverman", "scott", "likelihood"}),
        Interval(Real, 0, None, closed="neither"),
    )
    adaptive: bool = parameter(True, "boolean")
    transform: object = parameter(
        "rank", StrOptions({"rank", "standard"}), None, hidden=True
    )
    n_jobs: int | None = parameter(None, Integral, None)

    _takes_labels = False
    _is_normalized = True

    def _fit(self, X, y):
        transform = vars(self)["transform"]
        self._views = [BlockView(block, transform) for block in (X, y)]
        random_state = np.random.RandomState(0)
        x, y = (
            view.apply_without_ties(block, random_state)
            for view, block in zip(self._views, (X, y), strict=True)
        )
        self._kernels = Kernels(x, y, self.n_jobs)
        self._kernels.bandwidth = self.bandwidth_ = self._choose_bandwidth(len(x))
        if self.adaptive and self._kernels.has_both_sides:
            self._kernels.adapt()
        terms = self._kernels.left_out_terms()
        return Report(terms.mean(), standard_error(terms))

    def _see(self, X, y):
        x_view, y_view = self._views
        return x_view.apply(X), y_view.apply(y)

    def _choose_bandwidth(self, n_samples):
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
        return self._kernels.log_ratio_matrix(*self._see(X, y))

    def _log_ratio_of_pairs(self, X, y):
        return self._kernels.log_ratio(*self._see(X, y))


def log_sum_exp(exponents):
    """Return log(sum(exp(row))) of each row, overwriting the rows.

    Terms below e^-40 of the largest count as that: exponentials that underflow would
    take most of the time.
    """
    peak = exponents.max(axis=1, keepdims=True)
    exponents -= peak
    np.maximum(exponents, -40, out=exponents)
    return np.log(np.exp(exponents, out=exponents).sum(axis=1)) + peak[:, 0]


class Kernels:
    """Normal kernels on joint rows, and their margins.

    With the covariance of the rows factored as L L^T, x is whitened by the corner of L
    and y by the rest, once what x says of it is taken off.
    """

    def __init__(self, x, y, n_jobs=None):
        self.n_jobs = n_jobs
        self.n_x, self.n_columns = x.shape[1], x.shape[1] + y.shape[1]
        self.bandwidth = 1.0
        self.log_factors = np.zeros(len(x))
        self.has_both_sides = 0 < self.n_x < self.n_columns
        centered = np.hstack([x, y]) - np.hstack([x, y]).mean(axis=0)
        covariance = centered.T @ centered / (len(x) - 1)
        covariance += 1e-9 * np.diag(np.diag(covariance))
        root = np.linalg.cholesky(covariance)
        self.joint_map = np.linalg.inv(root).T
        y_root = np.linalg.cholesky(covariance[self.n_x :, self.n_x :])
        self.y_map = np.linalg.inv(y_root).T
        self.rows = self._whiten(x, y)

    def _whiten(self, x, y):
        """Return both sides on scales where the kernels are round."""
        return np.hstack([x, y]) @ self.joint_map, y @ self.y_map

    def log_ratio(self, x, y):
        """Return the log ratio of pairs of new rows."""
        joint, alone = self._whiten(x, y)
        return self._difference(joint, alone, own=False)

    def left_out_terms(self):
        """Return the log ratio of each row, left out of its own densities."""
        return self._difference(*self.rows, own=True)

    def _difference(self, joint, alone, own):
        if not self.has_both_sides:
            return np.zeros(len(joint))
        rows, y_rows = self.rows
        whole = self._log_density(joint, rows, own)
        x_part = self._log_density(joint[:, : self.n_x], rows[:, : self.n_x], own)
        y_part = self._log_density(alone, y_rows, own)
        return whole - x_part - y_part + self._log_scale

    @property
    def _log_scale(self):
        """Log determinants that do not cancel: those of y with and without x."""
        with_x = np.log(np.diag(self.joint_map)[self.n_x :]).sum()
        return with_x - np.log(np.diag(self.y_map)).sum()

    def adapt(self):
        """Widen the kernels where rows are rare, by their density without themselves.

        The geometric mean of the factors is 1, but for rounding to a tenth, which lets
        kernels of one width be summed together.
        """
        rows = self.rows[0]
        pilot = self._log_density(rows, rows, own=True)
        self.log_factors = ((pilot.mean() - pilot) / self.n_columns).round(1)

    def _log_density(self, queries, points, own):
        """Return the log mean kernel at each query; constants that cancel left out."""
        parts = split_rows(len(queries), len(points), BLOCK_SIZE)
        sums = self._parallel(
            delayed(self._log_sum)(queries[rows], points, rows if own else [])
            for rows in parts
        )
        width = self.bandwidth * math.sqrt(2 * math.pi)
        level = math.log(len(points) - own) + queries.shape[1] * math.log(width)
        return np.concatenate(sums) - level

    def _log_sum(self, queries, points, own):
        """Return the log sum of kernels at each query, but for its own point."""
        exponents = self._exponents(queries, points, self.log_factors[: len(points)])
        exponents[np.arange(len(own)), own] = -np.inf
        return log_sum_exp(exponents)

    def _exponents(self, queries, points, log_factors):
        """Return the logarithms of the kernels, each of its own width."""
        exponents = cdist(queries, points, "sqeuclidean")
        exponents *= np.exp(-2 * log_factors) / (-2 * self.bandwidth**2)
        exponents -= queries.shape[1] * log_factors
        return exponents

    @property
    def _parallel(self):
        return Parallel(self.n_jobs, require="sharedmem")

    def log_ratio_matrix(self, x, y):
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

    def _points_of_one_width(self, size):
        """Split the rows into parts whose kernels are as wide, not above a size."""
        for width in np.unique(self.log_factors):
            rows = np.flatnonzero(self.log_factors == width)
            yield from np.array_split(rows, -(-len(rows) // max(size, 1)))

    def _pair_sums(self, from_x, from_y, alone, points):
        """Return log sums of kernels at all pairs, and at each side, of some points."""
        x_points, rest = np.hsplit(self.rows[0][points], [self.n_x])
        from_x, shift = np.hsplit(from_x, [self.n_x])
        log_factor = self.log_factors[points[0]]
        near_x = self._exponents(from_x, x_points, log_factor)
        whole = self._log_product_sums(near_x, shift, from_y, rest, log_factor)
        for i in np.flatnonzero(np.isnan(whole).any(axis=1)):
            left = np.isnan(whole[i])
            apart = self._exponents(shift[i] + from_y[left], rest, log_factor)
            whole[i, left] = log_sum_exp(apart + near_x[i])
        y_part = self._exponents(alone, self.rows[1][points], log_factor)
        return whole, log_sum_exp(near_x), log_sum_exp(y_part)

    def _log_product_sums(self, near_x, shift, from_y, rest, log_factor):
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

    def most_likely_bandwidth(self, start, n_rows=2000):
        """Return the factor of the largest likelihood of rows left out."""
        kept = np.random.RandomState(0).permutation(len(self.rows[0]))[:n_rows]
        sample = self.rows[0][kept]
        growth = (len(kept) / len(self.rows[0])) ** (1 / (self.n_columns + 4))

        def loss(log_factor):
            self.bandwidth = math.exp(log_factor)
            return -self._log_density(sample, sample, own=True).mean()

        bounds = (math.log(start / growth / 10), math.log(2 * start / growth))
        found = minimize_scalar(loss, bounds=bounds, method="bounded")
        return math.exp(found.x) * growth
