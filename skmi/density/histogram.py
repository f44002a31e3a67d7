"""Mutual information by histograms."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Integral, Interval, StrOptions
from skmi._data.chance import (
    SMALL_DOUBT,
    CodeInformation,
    code_entropy,
    code_information,
    is_unique,
    warn_of_unique,
    warn_of_unique_labels,
)
from skmi._data.validation import chosen_columns
from skmi.base import Estimate, MutualInfoEstimator
from skmi.density._grid import Cells, Grid
from skmi.density._partition import Partition
from skmi.density._verdict import BinningBias, Change, status, warn_of_cells
from skmi.entropy import CORRECTIONS, discrete_entropy
from skmi.statistics import standard_error

__all__ = ["HistogramMI"]

# Values for each bin up to which there is a bin for each: merged by quantiles, those of
# rounded columns lost a tenth of strong dependence, which other bins did not show.
VALUES_OF_A_BIN = 2
MAX_CELLS = 1_000_000  # of bins, most of which would be empty


@estimator
class HistogramMI(MutualInfoEstimator):
    r"""Mutual information of binned columns.

    .. math:: I = H(x) + H(y) - H(x, y)

    with the entropies of the bins, or of labels, corrected for their bias in finite
    samples. Quick, and as accurate as its bins: dependence within a bin is lost. For
    one or two columns on a side, and for labels on either side: text, categories and
    booleans, or codes that are declared.

    Parameters
    ----------
    [shared]
    n_bins : int or None, default=None
        Number of bins of each column; None takes :math:`n^{2 / (3 d)}` for d columns
        of both sides together, the cube root of n for one on each, and less where L
        labels would leave more than :math:`n^{2/3}` cells in all. Not for "adaptive",
        which chooses its boxes by tests.
    strategy : {"quantile", "uniform", "adaptive"}, default="quantile"
        Bins of equal frequency, bins of equal width, or boxes that are halved until
        the samples within look independent [3]_.
    correction : str, default="chance"
        Bias correction: "chance" subtracts the expectation for cells that are paired
        at random and keeps the scale, as :func:`skmi.entropy.adjusted_mutual_info`
        does; or one of the entropies, "miller_madow", "grassberger", "jackknife",
        "chao_shen", or "plugin" for none; see :func:`skmi.entropy.discrete_entropy`.
        Not used by "adaptive".
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Columns of X that are labels: all (True), none (False), a mask, their numbers or
        names. "auto" takes strings, categories, booleans and columns of two distinct
        values; all other whole numbers are numbers.

    Attributes
    ----------
    [shared]
    status_ : {"ok", "zero", "saturated", "not converged"}
        "zero": not significantly above 0. "saturated": close to the ceiling. "not
        converged": half or twice as many bins change the estimate by more than chance
        and than its standard error by sampling, or the cells are too few or too empty
        to show the dependence. Not set by "adaptive".

    See Also
    --------
    KSG : Without bins.

    Notes
    -----
    The standard error contains the bias of the bins: the larger of the changes to half
    and to twice their number. On columns of a known mutual information it was .4 to 3
    times the bias for one column on each side; in many columns it is too small. Where
    most cells are empty the estimate is 0 for independent variables and exact for those
    that determine each other, and uncertain between, which the standard error contains
    as well; a :class:`skmi.ReliabilityWarning` says so.

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
        default="chance", constraints=[StrOptions({"chance", *CORRECTIONS})]
    )
    discrete_features: Any = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean", "array-like"]
    )

    _is_normalized = True
    _label_columns = "codes"

    # -- fit ---------------------------------------------------------------------

    def _fit(self, X, y):
        vars(self).pop("status_", None)
        self._is_label = self._learn_labels(X)
        self._correction = self.correction
        self._is_adaptive = self.strategy == "adaptive"
        return self._fit_partition(X, y) if self._is_adaptive else self._fit_bins(X, y)

    def _learn_labels(self, X) -> np.ndarray:
        """Return which columns of X are labels, as declared and by their types."""
        names = getattr(self, "feature_names_in_", None)
        mask = chosen_columns(self.discrete_features, X.shape[1], names)
        labels = self._layout.X_labels
        return mask if labels is None else mask | labels.mask

    def _fit_conditional(self, X, y, Z, **settings):
        flags = np.append(self._learn_labels(X), self._condition.label_mask)
        settings["discrete_features"] = flags
        if self.strategy != "adaptive":  # the same bins of Z and y in both terms
            blocks = self._blocks(np.hstack([X, Z]), y)
            n_bins = default_n_bins(blocks, (flags, self._flags_of_y(y)))
            settings["n_bins"] = self.n_bins or n_bins
        found = super()._fit_conditional(X, y, Z, **settings)
        if self.strategy == "adaptive":
            return found
        z_cells, y_cells = self._chain.part._locate(Z, y)
        missing = is_unique(z_cells).mean() * code_entropy(y_cells) / 2
        if missing > max(SMALL_DOUBT, found.standard_error):
            self.status_ = "not converged"
            warn_of_unique_labels("Z")
        error = math.hypot(found.standard_error, missing)
        found = found._replace(standard_error=error)
        if self.status_ == "ok":
            self.status_ = self._chain.status_of(found)
        return found

    def _fit_bins(self, X, y) -> Estimate:
        """Count the samples in a grid of bins and labels."""
        flags = self._is_label, self._flags_of_y(y)
        n_bins = self.n_bins or default_n_bins(self._blocks(X, y), flags)
        self._require_few_cells(X, y, n_bins)
        self._grids = self._learn_grids(X, y, n_bins)
        x, z = self._locate(X, y)
        self._cells = Cells(x, z)
        plain = np.log(self._cells.counts(x, z) / self._cells.expected(x, z))
        chance = code_information(x, z, self._are_labels)
        warn_of_unique(chance)
        value = self._from_cells(x, z)
        sampling = chance.error_from(standard_error(plain))
        fullness = chance.adjusted / max(min(code_entropy(x), code_entropy(z)), 1e-9)
        bias = self._bias_of_bins(X, y, n_bins, chance, fullness)
        error = math.hypot(
            sampling, bias.value, chance.uncertainty, value - chance.adjusted
        )
        ceiling = min(
            self._entropy_of_bins(grid, block, cells)
            for grid, block, cells in zip(
                self._grids, self._blocks(X, y), (x, z), strict=True
            )
        )
        self.status_: str = status(value, error, ceiling, bias, sampling, chance)
        if self.status_ == "not converged":
            warn_of_cells(value, bias, sampling, chance)
        return Estimate(value, error, ceiling, influence=plain)

    def _fit_partition(self, X, y) -> Estimate:
        """Count the samples in boxes that tests have found."""
        if self._is_label.any():
            raise ValueError(
                'strategy="adaptive" takes labels as y only; X has columns of labels. '
                'Pass strategy="quantile", or swap X and y.'
            )
        self._partition, plain = self._partition_samples(X, y)
        # The test does not reject for fewer than eight samples, even if they are
        # perfectly dependent, so that no box is smaller than four.
        ceiling = math.log(max(len(X) / 4, 1))
        error = standard_error(plain)
        return Estimate(plain.mean(), error, ceiling, influence=plain)

    # -- bins --------------------------------------------------------------------

    def _blocks(self, X, y) -> tuple[np.ndarray, np.ndarray]:
        """Return both sides as blocks of columns."""
        return X, y.reshape(len(y), -1)

    def _flags_of_y(self, y) -> np.ndarray:
        """Return which columns of y are labels: all or none."""
        return np.full(self._blocks(y, y)[1].shape[1], hasattr(self, "classes_"))

    @property
    def _are_labels(self) -> tuple[bool, bool]:
        """Whether each side has columns of labels only."""
        return bool(self._is_label.all()), hasattr(self, "classes_")

    def _require_few_cells(self, X, y, n_bins: int) -> None:
        """Raise where there are too many bins to count."""
        n_numbers = sum(
            int((~flags).sum()) for flags in (self._is_label, self._flags_of_y(y))
        )
        if n_bins**n_numbers > MAX_CELLS:
            raise ValueError(
                f"{n_numbers} columns of {n_bins} bins make too many cells to count; "
                "lower n_bins, or use skmi.KSG or a critic-based estimator."
            )

    def _learn_grids(self, X, y, n_bins: int) -> list[Grid]:
        """Cut the columns of both sides into bins; labels remain."""
        return [
            Grid(
                block,
                [
                    None if is_label else self._cut(column, n_bins)
                    for column, is_label in zip(block.T, flags, strict=True)
                ],
            )
            for block, flags in zip(
                self._blocks(X, y), (self._is_label, self._flags_of_y(y)), strict=True
            )
        ]

    def _cut(self, column: np.ndarray, n_bins: int) -> np.ndarray:
        """Return the inner edges of the bins; few values have one each."""
        values = np.unique(column)
        if self.n_bins is None and len(values) <= VALUES_OF_A_BIN * n_bins:
            return values[:-1]
        unit = 4.0 if np.abs(column).max() > 1e300 else 1.0  # else gaps overflow
        column = column / unit
        if self.strategy == "uniform":
            edges = np.linspace(column.min(), column.max(), n_bins + 1)[1:-1]
        else:
            edges = np.quantile(column, np.arange(1, n_bins) / n_bins)
        return unit * np.unique(edges)

    def _locate(self, X, y) -> list[np.ndarray]:
        """Return the numbers of the cells of each sample on both sides."""
        blocks = zip(self._grids, self._blocks(X, y), strict=True)
        return [grid.locate(block) for grid, block in blocks]

    def _bias_of_bins(
        self, X, y, n_bins: int, chance: CodeInformation, fullness: float
    ) -> BinningBias:
        """Compare the estimate with those of half and of twice as many bins."""
        sizes = [grid.n_cells for grid in self._grids]
        changes = []
        for other in (2 * n_bins, n_bins // 2):
            grids = self._learn_grids(X, y, other)
            if [grid.n_cells for grid in grids] == sizes:  # no bin merges values
                return BinningBias(n_bins)
            blocks = zip(grids, self._blocks(X, y), strict=True)
            cells = [grid.locate(block) for grid, block in blocks]
            found = code_information(*cells, self._are_labels)
            change = found.adjusted - chance.adjusted
            changes.append(Change(change, found.error, max(found.error, chance.error)))
        return BinningBias.of(n_bins, *changes, fullness)

    def _entropy_of_bins(self, grid: Grid, block, cells) -> float:
        """Return the entropy of one side, inf where each value has its own bin.

        It is a ceiling of the estimate only where bins merge values.
        """
        if grid.keeps_values(block):
            return math.inf
        if self._correction == "chance":
            return code_entropy(cells)
        return discrete_entropy(cells, self._correction)

    def _from_cells(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the estimate from the cells of samples."""
        if self._correction == "chance":
            return code_information(x, y, self._are_labels).adjusted
        joint = x * (int(y.max()) + 1) + y
        h_x, h_y, h_xy = (
            discrete_entropy(cells, self._correction) for cells in (x, y, joint)
        )
        return h_x + h_y - h_xy

    # -- boxes -------------------------------------------------------------------

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

    # -- new samples -------------------------------------------------------------

    def _mutual_info(self, X, y):
        if self._is_adaptive:
            return self._partition_samples(X, y)[1].mean()
        return self._from_cells(*self._locate(X, y))

    def _log_ratio(self, X, y):
        i, j = (index.ravel() for index in np.indices((len(X), len(y))))
        return self._log_ratio_of_pairs(X[i], y[j]).reshape(len(X), len(y))

    def _log_ratio_of_pairs(self, X, y):
        """Return log((c + 1) / (e + 1)), c the count and e that under independence.

        It is 0 for labels that were not in `fit`.
        """
        if self._is_adaptive:
            boxes = self._partition.locate(*self._sides(X, y))
            counts = self._partition.counts[boxes]
            expected = self._partition.expected[boxes]
        else:
            x, z = self._locate(X, y)
            counts, expected = self._cells.counts(x, z), self._cells.expected(x, z)
        return np.log((counts + 1) / (expected + 1))


def default_n_bins(blocks: Sequence[np.ndarray], flags: Sequence[np.ndarray]) -> int:
    """Return the number of bins of each column of numbers of both sides.

    Parameters
    ----------
    blocks : pair of ndarray of shape (n_samples, n_columns)
        Both sides.
    flags : pair of ndarray of shape (n_columns,)
        Which columns are labels.
    """
    n_numbers, n_columns, n_labels = 0, 0, 1
    for block, is_label in zip(blocks, flags, strict=True):
        own = int((~is_label).sum())
        n_numbers += own
        n_columns += max(own, 1)  # all labels of a side count as one column
        if is_label.any():
            n_labels *= len(np.unique(block[:, is_label], axis=0))
    n_cells = len(blocks[0]) ** (2 / 3)
    n_bins = n_cells ** (1 / n_columns)
    if n_labels > 1 and n_numbers:
        n_bins = min(n_bins, (n_cells / n_labels) ** (1 / n_numbers))
    return max(2, round(n_bins))
