"""Kinds of columns: labels, numbers or dates, by the types that they came with."""

import contextlib
import datetime
import re
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from scipy import sparse
from sklearn import get_config

__all__ = [
    "array_kinds",
    "as_array",
    "as_texts",
    "column_types",
    "dtype_kind",
    "element_kind",
    "feature_kinds",
    "is_missing",
    "is_tensor",
    "is_two_valued",
    "label_rows",
    "labels_as_objects",
    "on_device_of",
    "target_kind",
    "wanting_numbers",
]

MOST_NAMES = 5  # columns that a message names

# How the names of column types begin.
BOOLEANS = ("bool",)
TEXTS = ("str", "large_str", "utf", "binary", "large_binary", "bytes", "|s", "<u")


def target_kind(y, name="y"):
    """Return "discrete", "integer" or "continuous", by the types that y came with."""
    if sparse.issparse(y):
        raise ValueError(f"{name} is sparse; pass a dense array: {name}.toarray().")
    kinds = {dtype_kind(name) for name in column_types(y)}
    if has_missing_labels(y, kinds):
        raise ValueError(
            f"{name} contains missing values (None, NaN or NA); drop those rows."
        )
    if not kinds or "object" in kinds:
        kinds = kinds - {"object"} | array_kinds(y)
    if "time" in kinds:
        raise ValueError(
            f"{name} holds dates or durations; convert them to numbers of days first: "
            f"({name} - {name}.min()) / numpy.timedelta64(1, 'D')."
        )
    if "discrete" in kinds and len(kinds) > 1:
        raise ValueError(
            f"{name} mixes text or labels with numbers; make all of it labels "
            f"({name}.astype(str)) or all of it numbers."
        )
    return next(
        (kind for kind in ("discrete", "continuous") if kind in kinds), "integer"
    )


def column_types(y):
    """Return the column types of a pandas, polars or pyarrow object, else []."""
    if hasattr(y, "schema") and hasattr(y.schema, "types"):
        types = y.schema.types
    elif hasattr(y, "type") and hasattr(y, "to_pylist"):
        types = [y.type]
    elif hasattr(y, "dtypes") and hasattr(y, "columns"):
        types = list(y.dtypes)
    elif type(y).__module__.split(".")[0] in {"pandas", "polars"}:
        types = [y.dtype]
    else:
        types = []
    return [str(name).lower() for name in types]


def dtype_kind(name):
    """Map the name of a column type to a kind of target."""
    kinds = {
        "cells": ("list", "array", "fixed_size_list", "large_list", "struct", "map"),
        "discrete": BOOLEANS + TEXTS + ("categor", "enum", "dictionary", "interval["),
        "time": ("date", "time", "duration", "interval", "period"),
        "integer": ("int", "uint"),
        "object": ("object", "null"),
        "complex": ("complex",),
    }
    for kind, prefixes in kinds.items():
        if name.startswith(prefixes):
            return kind
    return "continuous"


def array_kinds(y):
    """Return the kinds of an array, or of the elements of an object array."""
    array = np.array(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if array.dtype != object:
        codes = {"b": "discrete", "U": "discrete", "S": "discrete", "T": "discrete"}
        codes |= {"M": "time", "m": "time", "i": "integer", "u": "integer"}
        return {codes.get(array.dtype.kind, "continuous")}
    return {element_kind(kind) for kind in set(map(type, array.ravel()))}


def element_kind(kind):
    """Map the type of an element to a kind of target."""
    times = (np.datetime64, np.timedelta64, datetime.timedelta)
    if issubclass(kind, times) or hasattr(kind, "isoformat") or hasattr(kind, "asfreq"):
        return "time"
    if issubclass(kind, (str, bytes, bool, np.bool_)) or kind.__name__ == "Interval":
        return "discrete"
    if issubclass(kind, (int, np.integer)):
        return "integer"
    return "continuous"


def has_missing_labels(y, kinds):
    """Whether a value is missing where values need not be floats."""
    if kinds and not kinds & {"object", "discrete"}:
        return False
    if isinstance(y, (list, tuple)) or kinds:
        y = np.array(y, dtype=object)
    objects = isinstance(y, np.ndarray) and y.dtype == object
    return objects and any(map(is_missing, y.ravel()))


def is_missing(value):
    """Whether a value is None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def as_array(block):
    """Return a tensor as an array, anything else as it is."""
    if not is_tensor(block):
        return block
    block = block.detach().cpu()
    block = block.dequantize() if block.is_quantized else block.to_dense()
    if block.is_floating_point() and block.itemsize <= 2:
        block = block.float()  # numpy lacks most of the narrow types
    return block.resolve_conj().resolve_neg().numpy()


def on_device_of(block, values):
    """Return values as a tensor beside a given one where arrays are dispatched."""
    if is_tensor(block) and get_config()["array_api_dispatch"]:
        return block[:0].double().new_tensor(values)
    return values


def is_tensor(block):
    """Whether a block is a tensor of torch, which need not be imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(block, torch.Tensor)


def columns_with(data: Any, is_bad: np.ufunc) -> str:
    """Return " in column ..." for the columns with NaN or infinity, for a message.

    ``is_bad`` is ``numpy.isnan`` or ``numpy.isinf``. A single column is not named.
    """
    try:
        cells = np.asarray(as_array(data))
    except Exception:  # such as polars' integers of 128 bits: no name in the message
        return ""
    if cells.ndim != 2 or cells.shape[1] < 2:
        return ""
    if cells.dtype.kind != "f":
        cells = np.vectorize(float_or_zero, otypes=[float])(cells)
    found = np.flatnonzero(is_bad(cells).any(axis=0)).tolist()
    names = getattr(data, "column_names", getattr(data, "columns", range(len(cells.T))))
    shown = [repr(names[k]) for k in found[:MOST_NAMES]]
    if len(found) > MOST_NAMES:
        shown.append("...")
    plural = "s" if len(found) > 1 else ""
    return f" in column{plural} {', '.join(shown)}" if found else ""


def float_or_zero(value: Any) -> float:
    """Return a float as it is, NaN for a missing value, and 0 for any other."""
    if is_missing(value):
        return np.nan
    return value if isinstance(value, (float, np.floating)) else 0.0


def raise_missing(name: str, kind: str, error: Exception) -> NoReturn:
    """Raise for missing values, with the cure."""
    cure = (
        " MIFeatureSelector(missing='bin' or 'pairwise') and mutual_info_matrix take "
        "missing values, with estimator=None."
    )
    raise ValueError(
        f"{name} contains {kind}. Drop those rows of all arguments, or fill them by an "
        "imputer of sklearn.impute." + cure * name.startswith("X")
    ) from error


@contextlib.contextmanager
def wanting_numbers(name: str, **blocks: Any) -> Iterator[None]:
    """Re-raise conversion errors of numpy with a message that names the argument.

    Given the arguments by name, the message names the columns as well.
    """
    try:
        with np.errstate(invalid="ignore"):  # sums of columns of the largest numbers
            yield
    except (TypeError, ValueError) as error:
        found = str(error)
        if found.startswith(("X ", "y ")):
            raise
        if found.startswith("Found array with"):
            raise ValueError(
                f"{name} is too small. {found} Pass more rows, or more columns."
            ) from error
        if found.startswith("Support for labels represented as bytes"):
            raise ValueError(f"y holds bytes. {found}") from error
        if "contains infinity" in found:
            where = columns_with(blocks.get(found.split()[1]), np.isinf)
            raise ValueError(
                f"{found.rstrip('.')}{where}. Drop those rows, or clip or rescale the "
                "column."
            ) from error
        missing = re.match(r"Input (.+ )?contains NaN", found)  # objects have no name
        if missing or "NAType" in found or "NA is ambiguous" in found:
            name = missing[1].strip() if missing and missing[1] else name
            kind = "NaN" if missing else "missing values (NA)"
            where = columns_with(blocks.get(name), np.isnan)
            raise_missing(name, kind + where, error)
        if "could not convert string" in found:
            raise ValueError(
                f"{name} holds text ({found}); encode it as numbers, for example with "
                "sklearn.preprocessing.OneHotEncoder."
            ) from error
        if found.startswith("setting an array element"):
            raise ValueError(
                f"{name} holds lists in place of numbers, or rows of unequal length."
            ) from error
        if "argument must be a string or a real number" in found:
            raise TypeError(f"{name} holds objects, not numbers ({found}).") from error
        raise


def label_rows(y):
    """Return each row of y as a tuple of Python values."""
    columns = y.reshape(len(y), -1)
    return [tuple(row) for row in columns.tolist()]


def as_texts(labels):
    """Return an array of labels as text, bytes of any encoding by their characters."""
    try:
        return labels.astype(str)
    except UnicodeDecodeError:
        values = labels.ravel().tolist()
        texts = [v.decode("latin-1") if isinstance(v, bytes) else v for v in values]
        return np.array(list(map(str, texts))).reshape(labels.shape)


def labels_as_objects(data):
    """Return data of pandas with labels of its own types as objects, not floats."""
    if not hasattr(data, "iloc"):
        return data
    kinds = [dtype_kind(kind) for kind in column_types(data)]
    if not hasattr(data, "columns"):
        return data.astype(object) if kinds == ["discrete"] else data
    labels = [k for k, kind in enumerate(kinds) if kind == "discrete"]
    labels = [k for k in labels if not isinstance(data.dtypes.iloc[k], np.dtype)]
    data = data.copy(deep=False) if labels else data
    for k in labels:
        if not are_floats(np.asarray(data.iloc[:, k])):
            data.isetitem(k, data.iloc[:, k].astype(object))
    return data


def are_floats(values):
    """Whether all values of an array are exact as float64."""
    if values.dtype.kind in "iu" and len(values):
        return max(int(values.max()), -int(values.min())) <= 2**53
    return values.dtype.kind in "biuf"


def feature_kinds(X):
    """Return the kind of each column of X where types or elements show it, else [].

    Labels are "text", "boolean" or "discrete", as a category of whole numbers is.
    """
    names = column_types(X)
    if names:
        kinds = [label_kind(name) for name in names]
        if "object" not in kinds:
            return kinds
        columns = np.asarray(X, dtype=object).reshape(-1, len(kinds))  # or of a series
        return [
            element_kinds(columns[:, number]) if kind == "object" else kind
            for number, kind in enumerate(kinds)
        ]
    array = np.asarray(X)
    if array.dtype.kind not in "OUST" or not array.ndim:  # as of sparse ones
        return []
    return [element_kinds(c) for c in array.reshape(len(array), -1).astype(object).T]


def label_kind(name):
    """Map the name of a column type to a kind, text and booleans by their own."""
    if name.startswith(TEXTS):
        return "text"
    return "boolean" if name.startswith(BOOLEANS) else dtype_kind(name)


def element_kinds(column):
    """Return the kind of a column of objects, of missing values only "continuous"."""
    types = set(map(type, column))
    if any(issubclass(kind, (str, bytes)) for kind in types):
        return "text"
    booleans = {kind for kind in types if issubclass(kind, (bool, np.bool_))}
    if "discrete" in {element_kind(kind) for kind in types - booleans}:
        return "discrete"
    if not booleans:
        return "continuous"
    pure = all(type(value) in booleans or is_missing(value) for value in column)
    return "boolean" if pure else "continuous"


def is_two_valued(block):
    """Whether the rows of numbers take two distinct values, which makes them labels."""
    first = None
    for column in block.reshape(len(block), -1).T:
        column = column.astype(np.float64) if column.dtype == object else column
        lowest, highest = column.min(), column.max()
        if lowest == highest:
            continue
        is_high = column == highest
        if not (is_high | (column == lowest)).all():
            return False
        first = is_high if first is None else first
        if (is_high == first).any() and (is_high != first).any():
            return False
    return first is not None
