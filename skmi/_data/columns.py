"""Columns of tables of pandas, polars and pyarrow: names, values, replacement."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from skmi._data.dtypes import column_types, feature_kinds, is_missing
from skmi.exceptions import ReliabilityWarning, warn

__all__ = [
    "as_objects",
    "column_names",
    "column_of",
    "require_different_names",
    "shown_column",
    "warn_of_number_texts",
    "with_column",
]


MOST_CODES = 20  # distinct texts of numbers that may be codes of labels

# Signs and currencies, digits in groups of thousands or not, decimals after a point or
# a comma, an exponent, and percent or a currency.
SIGN, CURRENCY = "[-+\u2212\u2013]?", "[$€£¥]?"
DIGITS = r"(\d{1,3}([,.'\u2019\s]\d{3})+|\d*)([.,]\d+|(?<=\d)[.,]?)(e[-+]?\d+)?"
AMOUNT = rf"(?i)(?=.*\d){SIGN}\s?{CURRENCY}\s?{SIGN}{DIGITS}\s?[%\u2030$€£¥]?"


def column_names(data: Any) -> list:
    """Return the names of the columns of a table, [] of anything else."""
    names = getattr(data, "column_names", None)  # of pyarrow
    return list(getattr(data, "columns", ()) if names is None else names)


def shown_column(data: Any, number: int) -> str:
    """Return the name of a column of a table, or its number, for a message."""
    names = column_names(data)
    return repr(names[number]) if names else str(number)


def require_different_names(data: Any, name: str) -> None:
    """Raise where columns share a name."""
    names = column_names(data)
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        raise ValueError(
            f"{name} has {names.count(twice)} columns named {twice!r}; rename them, or "
            "pass an array without names."
        )


def column_of(data: Any, k: int) -> np.ndarray:
    """Return column k of a table, or a column itself, as an array.

    Whole numbers with missing values among them are an array of objects.
    """
    if not hasattr(data, "columns"):
        column = data
    elif hasattr(data, "iloc"):
        column = data.iloc[:, k]
    elif hasattr(data, "get_column"):
        column = data.get_column(data.columns[k])
    else:
        column = data.column(k)
    dtype = getattr(column, "dtype", None)
    dtype = getattr(dtype, "pyarrow_dtype", dtype)
    if hasattr(column, "dt") and getattr(dtype, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if any(
        kind.endswith("int128") for kind in column_types(column)
    ):  # longer than those of numpy
        return np.array(list(column), dtype=object)
    array = np.asarray(column)
    if array.dtype.kind == "f" and "int" in column_types(column)[0]:  # with gaps
        values = column.to_pylist() if hasattr(column, "to_pylist") else list(column)
        array = np.array(values, dtype=object)
    return array


def as_objects(data: Any) -> np.ndarray:
    """Return a table, or a column itself, as an array of objects of their own types."""
    if not hasattr(data, "columns"):
        return column_of(data, 0).astype(object)
    n_columns = len(column_names(data))
    return np.column_stack(
        [column_of(data, k).astype(object) for k in range(n_columns)]
    )


def with_column(data: Any, k: int, values: np.ndarray) -> Any:
    """Return a table with other values in column k; a column as an array."""
    if not hasattr(data, "columns"):
        return values
    if hasattr(data, "iloc"):
        data = data.copy(deep=False)
        data.isetitem(k, values)
        return data
    if hasattr(data, "get_column"):
        column = type(data.get_column(data.columns[k]))
        return data.with_columns(column(data.columns[k], values))
    return data.set_column(k, data.schema.names[k], [values])


def warn_of_number_texts(data: Any, name: str) -> None:
    """Warn of text that is decimal numbers of many values, taken as labels.

    Whole numbers as text are codes, and nothing else is wanted.
    """
    for k, kind in enumerate(feature_kinds(data)):
        if kind != "text":
            continue
        given = column_types(data) or np.ndim(data) == 1
        column = column_of(data, k) if given else np.asarray(data)[:, k]
        texts = {text for text in column.tolist() if not is_missing(text)}
        texts = {
            t.decode(errors="replace") if isinstance(t, bytes) else str(t)
            for t in texts
        }
        are_codes = all(text.lstrip("-+").isdigit() for text in texts)
        if len(texts) <= MOST_CODES or are_codes or not all(map(is_number, texts)):
            continue
        cure = "pandas.to_numeric(column) makes numbers of them"
        if not all(map(is_plain_number, texts)):
            cure = f"Write them as 1234.5 (column.str.replace), then {cure}"
        warn(
            f"{name} holds numbers as text in column {shown_column(data, k)}, such as "
            f"{min(texts)!r}; its {len(texts)} distinct texts are taken as labels. "
            f"{cure}; "
            "column.astype('category') says that they are labels.",
            ReliabilityWarning,
        )


def is_number(text: str) -> bool:
    """Whether a text is a number, plain or as people write amounts."""
    return is_plain_number(text) or re.fullmatch(AMOUNT, text.strip()) is not None


def is_plain_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
