"""Validation of a pair (X, y): numbers, labels and columns of labels, once for all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array, check_X_y, validate_data

from skmi._data.checks import (
    are_codes,
    warn_of_column_codes,
    warn_of_duplicate_rows,
    warn_of_integer_labels,
    warn_of_many_labels,
)
from skmi._data.columns import as_objects, shown_column, warn_of_number_texts
from skmi._data.dtypes import (
    as_texts,
    column_types,
    dtype_kind,
    feature_kinds,
    is_missing,
    is_two_valued,
    label_rows,
    raise_missing,
    target_kind,
    wanting_numbers,
)
from skmi._data.integers import Origin, distinct, keep_distinct
from skmi._data.nominal import warn_of_nominal_features
from skmi._data.reading import read_block, refuse_labels, require_columns

__all__ = [
    "LabelColumns",
    "Layout",
    "Target",
    "chosen_columns",
    "numbers_and_codes",
    "validate_pair",
]


class LabelColumns(NamedTuple):
    """The columns of a block that hold labels, and the labels of each."""

    name: str  # of the block, for messages
    mask: np.ndarray  # (n_columns,), True for labels
    labels: dict[int, dict]  # for each such column, its labels with a code each

    @classmethod
    def learn(cls, name: str, block: Any, mask: np.ndarray) -> LabelColumns:
        """Learn the labels of a table or an array of objects."""
        block = require_labels(name, block, mask)
        labels = {
            number: {v: i for i, v in enumerate(dict.fromkeys(block[:, number]))}
            for number in np.flatnonzero(mask)
        }
        return cls(name, mask, labels)

    def codes(self, block: Any) -> np.ndarray:
        """Replace labels by their codes; those unknown in fit by -1."""
        block = require_labels(self.name, block, self.mask).copy()
        for number, codes in self.labels.items():
            block[:, number] = [codes.get(value, -1) for value in block[:, number]]
        return block.astype(np.float64)

    def indicators(self, block: Any) -> np.ndarray:
        """Return the numbers, then an indicator of each label, by columns.

        Labels unknown in fit have none.
        """
        block = require_labels(self.name, block, self.mask)
        columns = [block[:, ~self.mask].astype(np.float64)]
        for number, codes in self.labels.items():
            labels = np.unique(as_texts(np.array(list(codes), dtype=object)))
            columns.append(as_texts(block[:, [number]]) == labels)
        return np.hstack(columns).astype(np.float64)


class Target(NamedTuple):
    """How y was given in fit: its shape, and the codes of its labels, if it has any."""

    n_columns: int
    ndim: int
    varies: np.ndarray  # (n_columns,), which columns are not constant; or all are
    codes: dict[tuple, int] | None = None
    origins: dict[int, Origin] | None = None  # of numbers

    @property
    def classes(self) -> np.ndarray:
        """The labels in the order of their codes."""
        labels = np.array(list(self.codes or ()))
        return labels.squeeze(-1) if self.ndim == 1 else labels

    def encode(self, y: np.ndarray, kind: str, name: str) -> np.ndarray:
        """Return numbers as float64 (n, d_y), or the codes of labels (n,)."""
        n_columns = 1 if y.ndim == 1 else y.shape[1]
        if n_columns != self.n_columns:
            raise ValueError(
                f"y has {n_columns} columns, but {name} was fitted with "
                f"{self.n_columns}."
            )
        if self.codes is None:
            if kind == "discrete":
                raise ValueError("y holds labels, but was continuous in fit.")
            y = separate(y, "y", self.origins)[0]
            return y.reshape(len(y), -1).astype(np.float64)
        try:
            return np.array([self.codes[label] for label in label_rows(y)])
        except KeyError as error:
            raise ValueError(
                f"y holds the label {error} that was not there in fit. In a search, "
                "pass cv=StratifiedKFold(...): without it the folds are not stratified."
            ) from None


class Layout(NamedTuple):
    """What is remembered of the data of a fit, to read new data in the same way."""

    target: Target
    X_labels: LabelColumns | None = None
    y_labels: LabelColumns | None = None
    X_origins: dict[int, Origin] | None = None


def validate_pair(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    reset: bool,
    min_samples: int = 2,
    with_y: bool = True,
    classes: ArrayLike | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return X as floats (n, d_x) and y as floats (n, d_y) or codes of labels (n,).

    Parameters
    ----------
    estimator : MutualInfoEstimator
        Says by its attributes what it takes. In a fit it is given ``_layout`` and
        ``classes_``.
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their partners.
    reset : bool
        Whether this is a fit, which sets what later calls are compared with.
    min_samples : int, default=2
        Fewest samples.
    with_y : bool, default=True
        Whether y is wanted; if not, None is returned in its place.
    classes : array-like, default=None
        Labels that later batches may hold.
    """
    name = type(estimator).__name__
    with wanting_numbers("X or y", X=X, y=y):
        X = read_block(X, "X")
        require_columns(X, "X")
        known = None if reset else estimator._layout.X_origins
        X, X_origins = separate(X, "X", known)
        y = None if y is None else read_block(y, "y")
        require_same_rows(X, y)
        if not with_y:
            return read_features(estimator, X, None, reset, min_samples)[0], None
        if y is None:
            raise ValueError(
                f"{name} requires y to be passed, but the target y is None; pass it "
                "second, after X."
            )
        y, y_labels = read_label_columns(estimator, y, reset)
        kind = None if y is None else target_kind(y)
        if reset and kind == "discrete":
            warn_of_number_texts(y, "y")
        if y is not None and column_types(y):
            origins = None if reset else estimator._layout.target.origins
            several = kind == "discrete" and hasattr(y, "columns")
            if several or keep_distinct(y, "y", origins)[1]:
                y = as_objects(y)  # columns of several types side by side
        X, y, X_labels = read_features(estimator, X, y, reset, min_samples)
        if reset:
            target = learn_target(estimator, y, kind, classes)
            estimator._layout = Layout(target, X_labels, y_labels, X_origins)
        y = estimator._layout.target.encode(y, kind, name)
        if reset:
            warn_of_duplicate_rows(X, y)
            if (X == np.floor(X)).all(axis=0).any():
                warn_of_nominal_features(estimator, X, y)
        return X, y


def separate(data, name, known=None):
    """Return what `keep_distinct` does, at once for floats, which nothing merges."""
    if isinstance(data, np.ndarray) and data.dtype.kind == "f":
        return data, known or {}
    return keep_distinct(data, name, known)


def require_same_rows(X: Any, y: Any) -> None:
    """Raise where X and y have different numbers of rows."""
    if y is not None and np.shape(X)[0] != np.shape(y)[0]:
        sizes = [np.shape(X)[0], np.shape(y)[0]]
        raise ValueError(
            f"X and y have inconsistent numbers of samples: {sizes}; pass one row of y "
            "for each row of X."
        )


def read_label_columns(estimator, y, reset):
    """Turn label columns of a y that has numbers as well into indicators."""
    if y is None or not estimator._mixes_labels_in_y:
        return y, None
    kinds = {dtype_kind(name) for name in column_types(y)}
    if len(kinds) < 2 or not kinds & {"discrete", "object"}:
        return y, None
    labels = None if reset else estimator._layout.y_labels
    if reset:
        mask = np.isin(feature_kinds(y), ["discrete", "text", "boolean"])
        if mask.any() and not mask.all():
            labels = LabelColumns.learn("y", y, mask)
    return (y, None) if labels is None else (labels.indicators(y), labels)


def read_features(estimator, X, y, reset, min_samples):
    """Return X, y, and the label columns of X, where the estimator takes some."""
    mask = label_mask(estimator, X)
    if estimator._label_columns is None:
        return *read_numbers(estimator, X, y, reset, min_samples), None
    known = None if reset else estimator._layout.X_labels
    if not reset and bool(mask.any()) != (known is not None):
        raise ValueError(
            "X holds labels where it held numbers in fit, or the other way round."
        )
    if not mask.any():
        return *read_numbers(estimator, X, y, reset, min_samples), None
    if reset:
        warn_of_number_texts(X, "X")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    labels = LabelColumns.learn("X", X, mask) if reset else known
    X = getattr(labels, estimator._label_columns)(X)
    options = {"dtype": np.float64, "ensure_min_samples": min_samples}
    if y is None:
        return check_array(X, estimator=estimator, input_name="X", **options), y, labels
    return *check_X_y(X, y, multi_output=True, estimator=estimator, **options), labels


def label_mask(estimator, X):
    """Return which columns of X are labels; raise where they are not taken."""
    kinds = np.array(feature_kinds(X), dtype=object)
    taken = {"codes": {"discrete", "text", "boolean"}, "indicators": {"discrete"}}
    if estimator._takes_text:
        taken["indicators"] = taken["codes"]
    taken = taken.get(estimator._label_columns, set())
    for number, kind in enumerate(kinds):
        if kind in {"discrete", "text"} - taken:
            column = shown_column(X, number)
            refuse_labels("X", kind, column, type(estimator).__name__)
    return np.isin(kinds, list(taken))


def read_numbers(estimator, X, y, reset, min_samples):
    """Return X and y as arrays, by scikit-learn's own validation."""
    options: dict[str, Any] = {} if y is None else {"multi_output": True}
    if y is None and not reset:
        y = "no_validation"
    try:
        found = validate_data(
            estimator,
            X,
            y,
            reset=reset,
            dtype=estimator._number_types,
            ensure_min_samples=min_samples,
            force_writeable=estimator._may_write,
            **options,
        )
    except (TypeError, ValueError) as error:
        explain_text(error, type(estimator).__name__, reset)
        raise
    return (found, None) if isinstance(y, str) else found


def explain_text(error, name, reset):
    """Raise an error that names the cure where X holds text or missing values."""
    if "NAType" in str(error):
        raise_missing("X", "missing values (NA)", error)
    if "could not convert string" not in str(error):
        return
    if not reset:
        raise ValueError(
            "X holds text in a column that held numbers in fit."
        ) from error
    raise ValueError(
        f"X holds text ({error}). {name} takes numbers: encode the text columns, for "
        "example with sklearn.preprocessing.OneHotEncoder, or use skmi.MixedKSG, "
        "which takes them as they are. A target of labels goes second: fit(X, y)."
    ) from error


def learn_target(
    estimator: Any, y: np.ndarray, kind: str, classes: ArrayLike | None
) -> Target:
    """Decide between labels and numbers, and set `classes_` for labels."""
    vars(estimator).pop("classes_", None)
    numbers, origins = (y, {}) if kind == "discrete" else separate(y, "y")
    discrete = is_discrete(estimator, numbers, kind)
    columns = numbers.reshape(len(y), -1)
    varies = (columns != columns[:1]).any(axis=0)
    shape = columns.shape[1], y.ndim, varies | (not varies.any())
    if not discrete:
        return Target(*shape, origins=origins)
    if not estimator._takes_labels:
        raise ValueError(
            f"y holds labels; {type(estimator).__name__} takes numbers. Use skmi.KSG, "
            "skmi.MixedKSG or a critic-based estimator."
        )
    announced: Iterable = () if classes is None else label_rows(np.asarray(classes))
    labels = in_order(set(label_rows(y)).union(announced))
    target = Target(*shape, {label: code for code, label in enumerate(labels)})
    estimator.classes_ = target.classes
    warn_of_many_labels(len(labels), len(y))
    return target


def in_order(labels: set) -> list:
    """Return labels in order, by their texts where values cannot be compared."""
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=repr)


def is_discrete(estimator: Any, y: np.ndarray, kind: str) -> bool:
    """Return whether y holds labels: as asked, else by its type and its values."""
    asked = estimator.discrete_target
    if asked == "auto":
        takes_two = estimator._takes_labels and estimator._two_values_are_labels
        if kind == "discrete" or (takes_two and is_two_valued(y)):
            return True
        if kind == "integer" or are_codes(y):
            warn_of_integer_labels(y)
        return False
    if not asked and kind == "discrete":
        raise ValueError(
            "y holds labels, but discrete_target=False says that it is continuous."
        )
    return bool(asked)


def require_labels(name: str, block: Any, mask: np.ndarray) -> np.ndarray:
    """Return a table as an array of objects; raise where a label is missing."""
    cells = np.asarray(block, dtype=object)
    for number in np.flatnonzero(mask):
        if any(map(is_missing, cells[:, number])):
            raise ValueError(
                f"{name} contains missing labels in column "
                f"{shown_column(block, number)}; drop those rows, or give them a label "
                'of their own, such as "missing".'
            )
    return cells


def chosen_columns(
    discrete_features: Any, n_features: int, names: Iterable | None = None
) -> np.ndarray:
    """Return a mask of the columns that a parameter declares as labels."""
    mask = np.zeros(n_features, dtype=bool)
    if isinstance(discrete_features, str):
        return mask
    chosen = np.asarray(discrete_features)
    places = {column: k for k, column in enumerate(() if names is None else names)}
    if chosen.dtype.kind in "UO" and all(c in places for c in chosen.ravel().tolist()):
        chosen = np.array([places[c] for c in chosen.ravel().tolist()], dtype=int)
    size = chosen.size
    inside = size == 0 or (
        chosen.dtype.kind in "iu"
        and -n_features <= chosen.min() <= chosen.max() < n_features
    )
    flags = chosen.dtype.kind == "b" and chosen.shape in {(), (n_features,)}
    if not (inside or flags):
        raise ValueError(
            "discrete_features must be 'auto', True, False, one boolean for each of "
            f"the {n_features} columns, their numbers, or their names in a table; got "
            f"{discrete_features!r}."
        )
    mask[chosen if size else []] = True
    return mask


def numbers_and_codes(
    data: Any, name: str, *, warn_of_codes: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Split one argument into columns of numbers and one code for all labels.

    Columns of two distinct values are labels too. The codes are 0 where no column
    contains labels.

    Parameters
    ----------
    data : array-like of shape (n_samples,) or (n_samples, n_columns)
        The argument.
    name : str
        Its name, for the messages.
    warn_of_codes : bool, default=False
        Whether to warn of columns of whole numbers that look like codes of labels.

    Returns
    -------
    numbers : ndarray of shape (n_samples, n_numbers)
    codes : ndarray of shape (n_samples,)
    """
    given = data = distinct(read_block(data, name), name)
    if np.ndim(data) == 1:
        kinds = [target_kind(data, name)]
        data = np.asarray(data, dtype=object).reshape(-1, 1)
    else:
        kinds = feature_kinds(data)
        data = np.asarray(data, dtype=object if kinds else None)
        kinds = kinds or ["continuous"] * data.shape[1]
    n_rows = len(data)
    labelled = np.isin(kinds, ["discrete", "text", "boolean"])
    numbers = np.empty((n_rows, 0))
    if not labelled.all():
        numbers = data[:, ~labelled]
        with wanting_numbers(name, **{name: given}):
            numbers = check_array(numbers, dtype=np.float64, input_name=name)
    require_labels(name, given if np.ndim(given) == 2 else data, labelled)
    warn_of_number_texts(given, name)
    two_valued = np.array([is_two_valued(column) for column in numbers.T], dtype=bool)
    if warn_of_codes:
        for column in numbers[:, ~two_valued].T:
            warn_of_column_codes(column, name)
    labels = [data[:, k] for k in np.flatnonzero(labelled)]
    labels += [column for column in numbers.T[two_valued]]
    return numbers[:, ~two_valued], joint_codes(labels, n_rows)


def joint_codes(columns: list[np.ndarray], n_rows: int) -> np.ndarray:
    """Return one code for each distinct row of columns of labels."""
    codes = np.zeros(n_rows, dtype=int)
    for column in columns:
        numbers = {label: i for i, label in enumerate(dict.fromkeys(column.tolist()))}
        own = np.array([numbers[label] for label in column.tolist()])
        codes = np.unique(codes * len(numbers) + own, return_inverse=True)[1]
    return codes
