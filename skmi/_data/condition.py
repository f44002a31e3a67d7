"""Validation of the conditioning variable Z of a conditional fit."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.validation import check_array

from skmi._data.checks import warn_of_column_codes
from skmi._data.columns import warn_of_number_texts
from skmi._data.dtypes import as_texts, feature_kinds, target_kind, wanting_numbers
from skmi._data.integers import Origin, distinct, keep_distinct
from skmi._data.nominal import warn_of_nominal_codes
from skmi._data.reading import read_block
from skmi._data.validation import LabelColumns, require_labels

__all__ = ["Condition", "as_table", "labelled_table"]


class Condition(NamedTuple):
    """How the columns of Z become numbers, learned from those of a fit."""

    n_columns: int
    form: Literal["codes", "indicators"]  # of label columns
    labels: LabelColumns | None  # None where all columns are numbers
    origins: dict[int, Origin]  # of columns that floats would merge

    @classmethod
    def learn(cls, Z: ArrayLike, form: Literal["codes", "indicators"]) -> Condition:
        """Learn the number of columns, and the labels of those that hold some."""
        Z, origins = keep_distinct(read_block(Z, "Z"), "Z")
        table, mask = as_table(Z)
        given = Z if np.ndim(Z) == 2 else table
        labels = LabelColumns.learn("Z", given, mask) if mask.any() else None
        if labels is not None:
            warn_of_number_texts(Z, "Z")
        for column in table[:, ~mask].T:
            if column.dtype.kind in "iu":
                warn_of_column_codes(column, "Z")
        return cls(table.shape[1], form, labels, origins)

    def read(self, Z: ArrayLike, n_samples: int) -> np.ndarray:
        """Return Z as float64, (n_samples, n_columns), labels as codes or indicators.

        An indicator has a column for each label.
        """
        table, mask = as_table(keep_distinct(read_block(Z, "Z"), "Z", self.origins)[0])
        if table.shape[1] != self.n_columns:
            raise ValueError(
                f"Z has {table.shape[1]} columns, but had {self.n_columns} in fit."
            )
        expected = np.zeros_like(mask) if self.labels is None else self.labels.mask
        if (mask != expected).any():
            raise ValueError("Z holds labels where it held numbers in fit, or reverse.")
        if self.labels is not None:
            table = getattr(self.labels, self.form)(table)
        with wanting_numbers("Z", Z=Z):
            table = check_array(table, dtype=np.float64, input_name="Z")
        if len(table) != n_samples:
            raise ValueError(
                f"Z has {len(table)} rows, but X and y have {n_samples}: inconsistent "
                "numbers of samples; pass one row of Z for each of theirs."
            )
        return table

    def warn_of_nominal(self, Z: np.ndarray, *others: np.ndarray) -> bool:
        """Warn where numbers of Z, as read, look like codes; return whether some do."""
        if Z.shape[1] == self.n_columns:
            Z = Z[:, ~self.label_mask]
        others = tuple(side.reshape(len(Z), -1) for side in others)
        return warn_of_nominal_codes(Z, np.hstack(others), "Z")

    @property
    def label_mask(self) -> np.ndarray:
        """Which columns of Z hold labels."""
        if self.labels is None:
            return np.zeros(self.n_columns, dtype=bool)
        return self.labels.mask


def labelled_table(data: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return an argument as columns, labels as text, and which columns are labels.

    The columns are float64 where none is labels, and objects otherwise.
    """
    data = distinct(read_block(data, name), name)
    table, mask = as_table(data, name)
    require_labels(name, data if np.ndim(data) == 2 else table, mask)
    numbers = table[:, ~mask]
    if numbers.shape[1]:
        with wanting_numbers(name, **{name: data}):
            numbers = check_array(numbers, dtype=np.float64, input_name=name)
    if not mask.any():
        return numbers, mask
    table = table.copy()
    table[:, ~mask], table[:, mask] = numbers, as_texts(table[:, mask])
    return table, mask


def as_table(Z: ArrayLike, name: str = "Z") -> tuple[np.ndarray, np.ndarray]:
    """Return a block of two dimensions, and which columns are labels."""
    if sparse.issparse(Z):
        raise ValueError(f"{name} is sparse; pass a dense array: {name}.toarray().")
    if np.ndim(Z) == 1:
        labelled = target_kind(Z, name) == "discrete"
        table = np.asarray(Z, dtype=object if labelled else None).reshape(-1, 1)
        return table, np.array([labelled])
    if np.ndim(Z) != 2:
        raise ValueError(f"{name} must have one row for each sample, and columns.")
    mask = np.isin(feature_kinds(Z), ["discrete", "text", "boolean"])
    table = np.asarray(Z, dtype=object) if mask.any() else np.asarray(Z)
    if not len(mask):
        mask = np.full(table.shape[1], table.dtype.kind == "b")
        table = table.astype(object) if mask.any() else table
    return table, mask
