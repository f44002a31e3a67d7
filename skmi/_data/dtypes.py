"""Kinds of columns: labels, numbers or dates, by the types that they came with."""

import contextlib
import datetime

import numpy as np
from scipy import sparse
from sklearn import get_config

__all__ = [
    "array_kinds",
    "as_array",
    "column_types",
    "dtype_kind",
    "element_kind",
    "feature_kinds",
    "is_missing",
    "label_rows",
    "on_device_of",
    "refuse_dates",
    "target_kind",
    "wanting_numbers",
]


def target_kind(y):
    """Return "discrete", "integer" or "continuous", by the types that y came with."""
    if sparse.issparse(y):
        raise ValueError("y is sparse; pass a dense array: y.toarray().")
    kinds = {dtype_kind(name) for name in column_types(y)}
    if has_missing_labels(y, kinds):
        raise ValueError(
            "y contains missing values (None, NaN or NA); drop those rows."
        )
    if not kinds or "object" in kinds:
        kinds = kinds - {"object"} | array_kinds(y)
    if "time" in kinds:
        raise ValueError(
            "y holds dates or durations; convert them to numbers first, for example "
            "to seconds: y.astype('int64') / 1e9."
        )
    if "discrete" in kinds and len(kinds) > 1:
        raise ValueError(
            "y mixes text or labels with numbers; make all of it labels "
            "(y.astype(str)) or all of it numbers."
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
        "discrete": (
            "bool",
            "categor",
            "enum",
            "dictionary",
            "str",
            "large_str",
            "utf",
        ),
        "time": ("date", "time", "duration", "interval", "period"),
        "integer": ("int", "uint"),
        "object": ("object", "null"),
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
    if issubclass(kind, (str, bytes, bool, np.bool_)):
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


def refuse_dates(X):
    """Raise where a column of X holds dates or durations."""
    kinds = [dtype_kind(name) for name in column_types(X)]
    if "time" in kinds or getattr(getattr(X, "dtype", None), "kind", "f") in "mM":
        raise ValueError(
            "X holds dates or durations; convert them to numbers first, for example "
            "to seconds: column.astype('int64') / 1e9."
        )


def as_array(block):
    """Return a tensor as an array, anything else as it is."""
    if not is_tensor(block):
        return block
    block = block.detach().cpu()
    try:
        return block.numpy()
    except TypeError:  # bfloat16 and other types that numpy does not have
        return block.double().numpy()


def on_device_of(block, values):
    """Return values as a tensor beside a given one where arrays are dispatched."""
    if is_tensor(block) and get_config()["array_api_dispatch"]:
        return block[:0].double().new_tensor(values)
    return values


def is_tensor(block):
    """Whether a block is a tensor of torch, which need not be imported for it."""
    return type(block).__module__ == "torch" and hasattr(block, "detach")


@contextlib.contextmanager
def wanting_numbers(name):
    """Re-raise conversion errors of numpy with a message that names the argument."""
    try:
        with np.errstate(invalid="ignore"):  # sums of columns of the largest numbers
            yield
    except (TypeError, ValueError) as error:
        found = str(error)
        if found.startswith(("X ", "y ")):
            raise
        if "NAType" in found or "NA is ambiguous" in found:
            raise ValueError(f"{name} contains missing values (NA).") from error
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


def feature_kinds(X):
    """Return the kind of each column of X where types or elements show it, else []."""
    names = column_types(X)
    if names:
        kinds = [dtype_kind(name) for name in names]
        columns = np.asarray(X, dtype=object) if "object" in kinds else None
        return [
            element_kinds(columns[:, number]) if kind == "object" else kind
            for number, kind in enumerate(kinds)
        ]
    nested = isinstance(X, (list, tuple))
    array = np.array(X, dtype=object) if nested else np.asarray(X)
    if array.ndim != 2 or array.dtype.kind not in "OUST":
        return []
    return [element_kinds(column) for column in array.astype(object).T]


def element_kinds(column):
    """Return the kind of a column of objects: labels if any is text or a boolean."""
    kinds = {element_kind(kind) for kind in set(map(type, column))}
    if "time" in kinds:
        raise ValueError("X holds dates or durations; convert them to numbers first.")
    return "discrete" if "discrete" in kinds else "continuous"
