"""Mutual information by histograms."""

import math

import numpy as np

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Integral, Interval, StrOptions
from skmi.base import Estimate, MutualInfoEstimator
from skmi.density._partition import Partition
from skmi.entropy import CORRECTIONS, discrete_entropy
from skmi.statistics import standard_error

__all__ = ["HistogramMI"]

MAX_CELLS = 1_000_000  # whose counts are stored as one array


@estimator
class HistogramMI(MutualInfoEstimator):
    r"""Mutual information of binned columns.

    .. math:: I = H(x) + H(y) - H(x, y)

    with the entropies of the bins, or of labels, corrected for their bias in finite
    samples. Quick, and as accurate as its bins: dependence within a bin is lost. For
    one or two columns on a side, and for labels.

    Parameters
    ----------
    [shared]
    n_bins : int or None, default=None
        Number of bins of each column; None takes :math:`n^{2 / (3 d)}` for d columns
        of both sides together, the cube root of n for one on each. Not for "adaptive",
        which chooses its boxes by tests.
    strategy : {"quantile", "uniform", "adaptive"}, default="quantile"
        Bins of equal frequency, bins of equal width, or boxes that are halved until
        the samples within look independent [3]_.
    correction : str, default="miller_madow"
        Bias correction of the entropies: "miller_madow", "grassberger", "jackknife",
        "chao_shen", or "plugin" for none; see :func:`skmi.entropy.discrete_entropy`.
        Not used by "adaptive".

    Attributes
    ----------
    [shared]

    See Also
    --------
    KSG : Without bins.

    Notes
    -----
    On new samples the log ratio of a cell is log((c + 1) / (e + 1)), c its count and e
    the count expected under independence, so that an empty cell does not give minus
    infinity. The correction of Grassberger assumes that odd and even counts are equally
    frequent, which they are not in quantile bins of equal counts; the estimate of
    independent columns is then too low. The boxes of "adaptive" find sharp structure in
    few samples; for independent columns mostly a single box is left, and the estimate
    is 0.

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
        default=None, constraints=[Interval(Integral, 2, None, closed="left"), None]
    )
    strategy: str = parameter(
        default="quantile",
        constraints=[StrOptions({"quantile", "uniform", "adaptive"})],
    )
    correction: str = parameter(
        default="miller_madow", constraints=[StrOptions(set(CORRECTIONS))]
    )

    _is_normalized = True

    def _fit(self, X, y):
        if self.strategy == "adaptive":
            self._partition, terms = self._partition_samples(X, y)
            # The test does not reject for fewer than eight samples, even if they are
            # perfectly dependent, so that no box is smaller than four.
            ceiling = math.log(max(len(X) / 4, 1))
            error = standard_error(terms)
            return Estimate(terms.mean(), error, ceiling, influence=terms)
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
        return Estimate(
            self._from_entropies(x, z),
            standard_error(plain),
            min(ceilings),
            influence=plain,
        )

    def _fit_conditional(self, X, y, Z, **settings):
        if self.strategy != "adaptive":  # the same bins of Z and y in both terms
            n_columns = X.shape[1] + Z.shape[1]
            n_columns += 1 if hasattr(self, "classes_") else y.shape[1]
            settings["n_bins"] = self.n_bins or default_n_bins(len(X), n_columns)
        return super()._fit_conditional(X, y, Z, **settings)

    def _learn_edges(self, X, y) -> None:
        """Cut the columns into bins; raise where there are too many cells."""
        n_columns = X.shape[1] + (1 if hasattr(self, "classes_") else y.shape[1])
        n_bins = self.n_bins or default_n_bins(len(X), n_columns)
        self._x_edges = [self._cut(column, n_bins) for column in X.T]
        if not hasattr(self, "classes_"):
            self._y_edges = [self._cut(column, n_bins) for column in y.T]
        if n_cells(self._x_edges) * self._n_y_cells > MAX_CELLS:
            raise ValueError(
                f"{n_columns} columns of {n_bins} bins make too many cells to count; "
                "lower n_bins, or use skmi.KSG or a critic-based estimator."
            )

    def _entropy_of_bins(self, block, edges, cells) -> float:
        """Return the entropy of one side, inf where each value has its own bin.

        It is a ceiling of the estimate only where bins merge values.
        """
        n_values = [len(np.unique(column)) for column in block.T]
        if all(n <= len(e) + 1 for n, e in zip(n_values, edges, strict=True)):
            return math.inf
        return discrete_entropy(cells, self.correction)

    def _partition_samples(self, X, y) -> tuple[Partition, np.ndarray]:
        """Return a partition of the samples and their log ratios."""
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

    def _sides(self, X, y) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the continuous columns of both sides and one code for the labels."""
        if hasattr(self, "classes_"):
            return X, np.empty((len(y), 0)), y
        return X, y, np.zeros(len(y), dtype=int)

    def _cut(self, column: np.ndarray, n_bins: int) -> np.ndarray:
        """Return the inner edges of the bins."""
        unit = 4.0 if np.abs(column).max() > 1e300 else 1.0  # else gaps overflow
        column = column / unit
        if self.strategy == "uniform":
            edges = np.linspace(column.min(), column.max(), n_bins + 1)[1:-1]
        else:
            edges = np.quantile(column, np.arange(1, n_bins) / n_bins)
        return unit * np.unique(edges)

    @property
    def _n_y_cells(self) -> int:
        if hasattr(self, "classes_"):
            return len(self.classes_)
        return n_cells(self._y_edges)

    def _cells(self, X, y) -> tuple[np.ndarray, np.ndarray]:
        x = cell_numbers(X, self._x_edges)
        labelled = hasattr(self, "classes_")
        return x, y if labelled else cell_numbers(y, self._y_edges)

    def _from_entropies(self, x: np.ndarray, y: np.ndarray) -> float:
        joint = x * self._n_y_cells + y
        h_x, h_y, h_xy = (
            discrete_entropy(cells, self.correction) for cells in (x, y, joint)
        )
        return h_x + h_y - h_xy

    def _mutual_info(self, X, y):
        if self.strategy == "adaptive":
            return self._partition_samples(X, y)[1].mean()
        return self._from_entropies(*self._cells(X, y))

    def _log_ratio(self, X, y):
        i, j = (index.ravel() for index in np.indices((len(X), len(y))))
        return self._log_ratio_of_pairs(X[i], y[j]).reshape(len(X), len(y))

    def _log_ratio_of_pairs(self, X, y):
        """Return log((c + 1) / (e + 1)), c the count and e that under independence."""
        if self.strategy == "adaptive":
            boxes = self._partition.locate(*self._sides(X, y))
            counts = self._partition.counts[boxes]
            expected = self._partition.expected[boxes]
        else:
            x, z = self._cells(X, y)
            counts = self._pair_counts[x * self._n_y_cells + z]
            expected = self._x_counts[x] * self._y_counts[z] / self._x_counts.sum()
        return np.log((counts + 1) / (expected + 1))


def default_n_bins(n_samples: int, n_columns: int) -> int:
    """Return the number of bins of each column of both sides together."""
    return max(2, round(n_samples ** (2 / 3 / n_columns)))


def n_cells(edges: list[np.ndarray]) -> int:
    """Return the number of cells of columns with these inner edges."""
    return math.prod(len(inner) + 1 for inner in edges)


def cell_numbers(block: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Return the number of each sample's cell."""
    cells = np.zeros(len(block), dtype=int)
    for column, inner in zip(block.T, edges, strict=True):
        cells = cells * (len(inner) + 1) + np.searchsorted(inner, column, "left")
    return cells
