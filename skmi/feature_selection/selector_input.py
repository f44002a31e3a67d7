"""Validated input of the feature selector."""

from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.validation import check_consistent_length, validate_data

from skmi._data.columns import column_names, warn_of_number_texts
from skmi._data.dtypes import (
    column_types,
    labels_as_objects,
    target_kind,
    wanting_numbers,
)
from skmi._data.integers import distinct
from skmi._data.reading import in_memory, read_block, require_columns
from skmi._data.validation import chosen_columns
from skmi._data.weights import read_weights, warn_of_unequal_weights
from skmi.feature_selection.encoding import Columns

__all__ = [
    "SelectorInput",
    "TableSelectorMixin",
    "discrete_flags",
    "read_fixed",
    "read_groups",
    "read_input",
    "repeated_rows",
    "scaled_weights",
]

MAX_REPEATS = 1_000_000  # rows that frequencies may come to

if TYPE_CHECKING:
    from skmi._core.sklearn_types import SelectorMixin
else:
    from sklearn.feature_selection import SelectorMixin

Label = Hashable  # name or number of a feature or of a group of features


class TableSelectorMixin(SelectorMixin):
    """Mixin of a selector that takes whatever its `fit` takes."""

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Reduce X to the selected features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray, sparse matrix or table of shape (n_samples, n_selected_features)
            The selected columns as they were given, dates too.

        Raises
        ------
        TypeError
            If X holds whole numbers of 128 bits.
        """
        X = in_memory(X, "X", True)
        if any(kind.endswith("int128") for kind in column_types(X)):
            raise TypeError(
                "X holds whole numbers of 128 bits, which numpy lacks; cast those "
                "columns, or use get_support() to choose columns of the table."
            )
        return super().transform(X)


class SelectorInput(NamedTuple):
    """Both sides, the weights and groups of samples, and the units of features."""

    x: Columns
    y: Columns
    weights: np.ndarray | None  # of shape (n_rows,), None for equal ones
    groups: np.ndarray | None  # within which samples may be exchanged, None for all
    units: list[np.ndarray]  # features that enter and leave together
    unit_names: list[Label]
    fixed: tuple[int, ...] = ()  # units that are selected in any case

    def take(self, rows: np.ndarray) -> "SelectorInput":
        """Return the same input with some of the samples."""
        return self._replace(
            x=self.x.take(rows),
            y=self.y.take(rows),
            weights=None if self.weights is None else self.weights[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    @property
    def target(self) -> np.ndarray:
        """Target of shape (n_rows,), or (n_rows, n_targets) if there are several."""
        values = self.y.values
        return values if values.shape[1] > 1 else values[:, 0]


@wanting_numbers("X or y")
def read_input(
    selector: Any, X: Any, y: Any, sample_weight: Any, permutation_groups: Any
) -> SelectorInput:
    """Validate the data that a selector is fitted on.

    Parameters
    ----------
    selector : MIFeatureSelector
        Its parameters decide what is allowed; it gets `n_features_in_` and, where X
        has names, `feature_names_in_`.
    X, y, sample_weight, permutation_groups
        Arguments of its `fit`.

    Returns
    -------
    SelectorInput
        Samples of zero weight left out, repeated ones where weights are frequencies.
    """
    X = distinct(read_block(X, "X", for_table=True), "X")
    require_columns(X, "X")
    if y is not None:
        y = distinct(read_block(y, "y", for_table=True), "y")
    for data, name in ((X, "X"), (y, "y")):
        if data is not None and not sparse.issparse(data):
            warn_of_number_texts(data, name)
    check_choice(selector.criterion, selector.estimator)
    x, y = read_sides(selector, X, y)
    n_rows, n_columns = x.values.shape
    if selector.block_length is not None and selector.block_length > n_rows // 2:
        raise ValueError(
            f"block_length={selector.block_length} must be at most half of the "
            f"n_samples={n_rows}: fewer than two blocks cannot be permuted."
        )
    rows, weights = weighted_rows(selector, x.values, sample_weight)
    groups = None
    if permutation_groups is not None:
        check_consistent_length(x.values, permutation_groups)
        groups = np.unique(permutation_groups, return_inverse=True)[1][rows]
    names = getattr(selector, "feature_names_in_", np.arange(n_columns)).tolist()
    if sample_weight is not None:
        x, y = x.take(rows), y.take(rows)
    units, labels = read_groups(selector.groups, names)
    fixed = read_fixed(selector.fixed_features, names, units)
    return SelectorInput(x, y, weights, groups, units, labels, fixed)


def read_fixed(
    fixed: Any, names: list[Label], units: list[np.ndarray]
) -> tuple[int, ...]:
    """Units of the features of a parameter: names, numbers or a mask, or none."""
    if fixed is None:
        return ()
    fixed = [fixed] if isinstance(fixed, (str, Integral)) else list(fixed)
    if len(fixed) == len(names) and all(isinstance(k, (bool, np.bool_)) for k in fixed):
        fixed = np.flatnonzero(fixed).tolist()
    place = column_places(names)
    wrong = [k for k in fixed if isinstance(k, (bool, np.bool_)) or k not in place]
    if wrong:
        raise ValueError(
            f"fixed_features contains {wrong[0]!r}, which is neither the name nor the "
            f"number of a column of X; it has {len(names)} columns. A boolean mask has "
            "a value for each of them."
        )
    columns = {place[k] for k in fixed}
    if len(columns) < len(fixed):
        raise ValueError(
            f"fixed_features={fixed!r} names a column more than once; leave out the "
            "repetition."
        )
    return tuple(i for i, unit in enumerate(units) if columns & set(unit.tolist()))


def column_places(names: list[Label]) -> dict[Label, int]:
    """Return the number of each column, by its name and by its number."""
    return {k: k for k in range(len(names))} | {name: k for k, name in enumerate(names)}


def read_sides(selector: Any, X: Any, y: Any) -> tuple[Columns, Columns]:
    """Validate X and y; decide which of their columns are discrete."""
    if y is None:
        raise ValueError(
            f"{type(selector).__name__} requires y to be passed, but the target y is "
            "None."
        )
    types, kinds = column_types(X) or None, target_kinds(y)
    by_counts = selector.estimator is None
    names = column_names(X)
    X, y = validate_data(
        selector,
        labels_as_objects(X),
        labels_as_objects(y),
        dtype=None,
        accept_sparse="csr" if by_counts else False,
        ensure_all_finite="allow-nan" if by_counts else True,
        ensure_min_samples=2,
        multi_output=True,
    )
    y = y.reshape(len(y), -1)
    kinds = kinds * y.shape[1] if len(kinds) == 1 else kinds
    labels = selector.discrete_target is True
    return (
        Columns(
            X, discrete_flags(selector.discrete_features, X.shape[1], names), types
        ),
        Columns(y, [labels or kind == "discrete" for kind in kinds], None),
    )


def check_choice(criterion: str, estimator: Any) -> None:
    """Raise where criterion and estimator do not go together."""
    if criterion == "joint" and estimator is None:
        raise ValueError(
            'criterion="joint" measures many columns at once, for which counts are '
            "too few; pass an estimator such as skmi.KSG() or "
            'skmi.InfoNCE(critic="separable").'
        )
    if criterion == "disr" and estimator is not None:
        raise ValueError(
            'criterion="disr" divides by an entropy, which only counts give; pass '
            "estimator=None or another criterion."
        )


def weighted_rows(
    selector: Any, X: Any, sample_weight: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """Find the samples that count and their weights; an estimator takes none."""
    n_rows = X.shape[0]
    if sample_weight is None:
        return np.arange(n_rows), None
    weights = read_weights(sample_weight, X)
    n_positive = np.count_nonzero(weights)
    if selector.weights == "frequency":
        rows, weights = repeated_rows(weights), None
    else:
        rows, weights = scaled_weights(weights)
    n_effective = n_positive if weights is None else weights.sum()
    warn_of_unequal_weights(n_effective, n_rows)
    estimator = selector.estimator
    if estimator is not None and (weights is not None or len(rows) != n_rows):
        raise ValueError(
            f"estimator={type(estimator).__name__}() takes no sample_weight; "
            "leave it out, or pass estimator=None to select by weighted counts."
        )
    return rows, weights


def repeated_rows(frequencies: np.ndarray) -> np.ndarray:
    """Repeat samples by whole-number frequencies."""
    if (frequencies != np.round(frequencies)).any():
        raise ValueError(
            'With weights="frequency" sample_weight counts repeated samples, but it '
            "contains numbers that are not whole; round them, or pass "
            'weights="importance".'
        )
    if frequencies.sum() > max(MAX_REPEATS, len(frequencies)):
        raise ValueError(
            f"sample_weight repeats samples {frequencies.sum():.0f} times in all, more "
            f'than {MAX_REPEATS}; pass weights="importance", for which only their '
            "ratios count."
        )
    return np.repeat(np.arange(len(frequencies)), frequencies.astype(int))


def scaled_weights(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    r"""Find samples of positive weight; scale weights to the effective sample size.

    .. math:: n_\text{eff} = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}

    is then their sum, and their unit irrelevant; None stands for equal weights.
    """
    weights = weights / weights.max()
    rows = np.flatnonzero(weights)
    weights = weights[rows]
    if np.ptp(weights) <= 1e-12:
        return rows, None
    # sum of weights * scale = (sum of weights)**2 / (sum of squares)
    weights = weights * (weights.sum() / (weights**2).sum())
    return rows, weights


def read_groups(
    groups: Any, names: list[Label]
) -> tuple[list[np.ndarray], list[Label]]:
    """Columns and name of each unit of features.

    Parameters
    ----------
    groups : array-like, dict or None
        A label for each column, or the columns of each group, by name or number.
    names : list
        Names or numbers of the columns.

    Returns
    -------
    units : list of ndarray
        Column numbers.
    labels : list
        Name or number of each unit; names are in order.
    """
    if groups is None:
        units, labels = [np.array([k]) for k in range(len(names))], names
    elif isinstance(groups, dict):
        units, labels = named_groups(groups, names)
    else:
        if any(isinstance(label, (list, tuple, np.ndarray)) for label in groups):
            raise ValueError(
                "groups has a list in place of a label; pass one label for each "
                "column, or a dict from the name of each group to its columns."
            )
        given = np.asarray(groups)
        if len(given) != len(names):
            raise ValueError(
                f"groups has {len(given)} labels for {len(names)} columns."
            )
        labels = list(dict.fromkeys(given.tolist()))
        units = [np.flatnonzero(given == label) for label in labels]
    order = range(len(labels))
    if all(isinstance(label, str) for label in labels):
        order = sorted(order, key=labels.__getitem__)
    return [units[i] for i in order], [labels[i] for i in order]


def named_groups(
    groups: dict, names: list[Label]
) -> tuple[list[np.ndarray], list[Label]]:
    """Units of groups given by name; columns in no group are on their own.

    A group named as one of those columns is called "group NAME".
    """
    place = column_places(names)
    try:
        units = [[place[column] for column in columns] for columns in groups.values()]
    except KeyError as error:
        raise ValueError(f"groups names a column {error} that X has not.") from None
    for label, unit in zip(groups, units, strict=True):
        if not unit:
            raise ValueError(f"Group {label!r} of groups has no columns.")
    grouped = [k for unit in units for k in unit]
    if len(set(grouped)) < len(grouped):
        raise ValueError("groups holds a column more than once.")
    alone = [k for k in range(len(names)) if k not in set(grouped)]
    taken = {names[k] for k in alone}
    labels = [f"group {label}" if label in taken else label for label in groups]
    units = [np.array(unit) for unit in [*units, *([k] for k in alone)]]
    return units, [*labels, *(names[k] for k in alone)]


def discrete_flags(
    given: Any, n_columns: int, names: Sequence | None = None
) -> list[bool | None]:
    """Whether each column is discrete; None where its type decides."""
    if isinstance(given, str):
        return [None] * n_columns
    return chosen_columns(given, n_columns, names).tolist()


def target_kinds(y: Any) -> list[str]:
    """Kind of each column of a frame, or the one of the whole target."""
    if hasattr(y, "columns") and hasattr(y, "shape"):
        if hasattr(y, "column_names"):  # of pyarrow
            return [target_kind(column) for column in y.columns]
        return [target_kind(y[name]) for name in y.columns]
    return [target_kind(y)]
