"""From what users pass to arrays, sparse matrices and tables in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Set, Sized
from typing import Any, NoReturn

import numpy as np
from scipy import sparse

from skmi._data.columns import (
    column_of,
    require_different_names,
    shown_column,
    with_column,
)
from skmi._data.dates import days_or_refusal
from skmi._data.dtypes import (
    as_array,
    column_types,
    dtype_kind,
    element_kind,
    feature_kinds,
    is_missing,
    is_tensor,
)
from skmi._data.integers import LARGEST_EXACT, warn_of_merged
from skmi.exceptions import ReliabilityWarning, warn

__all__ = [
    "are_pairs",
    "in_memory",
    "read_block",
    "read_numbers",
    "read_sides",
    "refuse_labels",
    "require_columns",
]

FEW_TEXTS = 0.05  # share of the cells that text among numbers is missing values in

MISSING = frozenset(["NoneType", "NAType", "NaTType"])  # types of missing values
BOOLEANS = (bool, np.bool_)
CONTAINERS = (list, tuple, set, frozenset, np.ndarray)
SHAPE = "an array or a table of shape (n_samples, n_columns)"


def read_block(data: Any, name: str, *, for_table: bool = False) -> Any:
    """Return an argument as an array, a sparse matrix or a table in memory.

    Parameters
    ----------
    data : object
        What a user passed.
    name : str
        Name of the argument, for the messages.
    for_table : bool, default=False
        Whether dates become numbers of days, and masked values and a few texts among
        numbers missing values. All three raise otherwise.

    Returns
    -------
    ndarray, sparse matrix or table of pandas, polars or pyarrow

    Raises
    ------
    TypeError
        If it is no array and no table.
    ValueError
        If its shape or a type in it has no reading as numbers or labels.
    """
    data = in_memory(data, name, for_table)
    if sparse.issparse(data):
        return data
    if column_types(data):
        return read_table(data, name, for_table)
    if type(data) is not np.ndarray:
        return data  # of scikit-learn's array protocols
    require_two_dimensions(data, name)
    if data.dtype.kind == "c":
        refuse_complex(name)
    if data.dtype.kind in "mM":
        return days_or_refusal(data, name, for_table)
    if data.dtype != object or not data.size:
        return data
    columns = data.reshape(len(data), -1).T
    read = [
        read_objects(column, name, k, for_table) for k, column in enumerate(columns)
    ]
    if not all(new is old for new, old in zip(read, columns, strict=True)):
        data = np.array(read, dtype=object).T.reshape(data.shape)
    return data


# -- containers ------------------------------------------------------------------------


def in_memory(data, name, for_table):
    """Return data of any library as an array, a sparse matrix or a table."""
    library = type(data).__module__.partition(".")[0]
    if data is None:
        raise ValueError(f"{name} is None; pass {SHAPE}.")
    if is_tensor(data):
        require_dense_values(data, name)
        return as_array(data)
    if library.startswith("dask"):
        return in_memory(data.compute(), name, for_table)
    if library == "polars" and hasattr(data, "collect"):
        return data.collect()
    if library == "xarray":
        if not hasattr(data, "values") or callable(data.values):
            refuse(name, data, "pass one of its arrays, or X.to_dataframe()")
        return np.asarray(data.values)
    if library == "pandas":
        if hasattr(data, "to_series"):  # an index
            data = data.to_series().reset_index(drop=True)
        elif not hasattr(data, "iloc"):  # an array of its own types, as categories
            data = sys.modules["pandas"].Series(data)
        return without_sparse_columns(data)
    if isinstance(data, np.ma.MaskedArray):
        return without_mask(data, name, for_table)
    if sparse.issparse(data) and data.dtype.kind == "c":
        refuse_complex(name)
    if sparse.issparse(data) or column_types(data):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return plain_array(np.asarray(data), name)
    if hasattr(data, "__array_namespace__"):
        return data
    if hasattr(data, "__array__"):
        return plain_array(np.asarray(data), name)
    return array_of_items(data, name)


def require_dense_values(tensor, name):
    """Raise for tensors of torch without values, or with rows of unequal length."""
    if tensor.is_nested:
        raise ValueError(
            f"{name} is a nested tensor, whose rows may differ in length; pad it: "
            f"torch.nested.to_padded_tensor({name}, 0.0)."
        )
    if tensor.is_meta:
        raise ValueError(
            f"{name} is a tensor on the meta device, which has no values; pass a "
            "tensor on a device with values, such as the CPU."
        )


def without_sparse_columns(data):
    """Return a table or column of pandas with its sparse columns made dense."""
    if not any(kind.startswith("sparse") for kind in column_types(data)):
        return data
    if not hasattr(data, "columns"):
        return type(data)(np.asarray(data), index=data.index, name=data.name)
    data = data.copy()
    for k, kind in enumerate(data.dtypes):
        if str(kind).startswith("Sparse"):
            data.isetitem(k, np.asarray(data.iloc[:, k]))
    return data


def without_mask(data, name, for_table):
    """Return a masked array as a plain one, its masked values as missing ones."""
    n_masked = int(np.ma.count_masked(data))
    if not n_masked:
        return plain_array(np.asarray(data.data), name)
    if not for_table:
        raise ValueError(
            f"{name} is a masked array with {n_masked} masked values; drop those rows, "
            f"or fill them: {name}.filled(value)."
        )
    if data.dtype.kind in "mM":
        return data.filled(np.array("NaT", dtype=data.dtype))
    numeric = data.dtype.kind == "f"  # floats would merge large integers
    filled = data.data.astype(np.float64 if numeric else object)
    filled[np.ma.getmaskarray(data)] = np.nan if numeric else None
    return filled


def plain_array(array, name):
    """Return an array with types that scikit-learn knows."""
    if array.dtype.names is not None:
        raise ValueError(
            f"{name} is a structured array; pass a table, pandas.DataFrame({name}), or "
            f"its columns side by side: numpy.column_stack([{name}[key] for key in "
            f"{name}.dtype.names])."
        )
    if array.dtype.kind == "T":
        return array.astype(object)
    if array.dtype.kind == "V" and "float" in array.dtype.name:
        return array.astype(np.float32)  # narrow floats of other libraries
    return array


def array_of_items(data, name):
    """Return a list, or another sequence, as an array of numbers or of objects."""
    if isinstance(data, Mapping):
        refuse(name, data, f"pass a table, pandas.DataFrame({name})")
    if isinstance(data, (str, bytes)):
        refuse(name, data, "read a file first, for example with pandas.read_csv")
    if isinstance(data, Set):
        refuse(name, data, "a set has no order; pass a list")
    if isinstance(data, Iterator):
        refuse(name, data, f"pass list({name})")
    if not (isinstance(data, Iterable) and isinstance(data, Sized)):
        is_dataset = hasattr(data, "__getitem__") and hasattr(data, "__len__")
        loader = "or a loader of its samples, torch.utils.data.DataLoader"
        cure = "pass one row for each sample"
        refuse(name, data, f"{cure}, {loader}({name})" if is_dataset else cure)
    data = list(data)
    if are_pairs(data):
        raise TypeError(
            f"{name} is an iterable of batches (X, y), which contain the targets too. "
            "Estimators that train a critic, IBEncoder and IBRegressor take it alone, "
            f"without y; all take arrays: X, y = map(torch.cat, zip(*{name}))."
        )
    items = [as_array(item) if is_tensor(item) else item for item in data]
    try:
        objects = np.array(items, dtype=object)
    except ValueError:
        refuse_cells(name, "lists")
    kinds = set(map(type, objects.ravel()))
    if any(issubclass(kind, CONTAINERS) for kind in kinds):
        refuse_cells(name, "lists")
    if any(issubclass(kind, (str, bytes)) for kind in kinds) or bool in kinds:
        return objects if len(kinds) > 1 or not objects.size else of_one_type(objects)
    try:
        array = plain_array(np.asarray(items), name)
    except (TypeError, ValueError, OverflowError):
        return objects
    mixed = array.dtype.kind == "f" and any(issubclass(k, int) for k in kinds)
    # Floats beside large whole numbers make floats of these.
    return (
        objects
        if mixed and np.nanmax(np.abs(array), initial=0) > LARGEST_EXACT
        else array
    )


def are_pairs(data: Any) -> bool:
    """Whether data is a list of batches: pairs of arrays or tensors of samples."""
    return (
        isinstance(data, (list, tuple))
        and len(data) > 0
        and all(isinstance(item, (list, tuple)) and len(item) == 2 for item in data)
        and all(len(getattr(block, "shape", ())) for item in data for block in item)
    )


def of_one_type(objects):
    """Return booleans as an array of their type, anything else as it is."""
    return objects.astype(bool) if type(objects.flat[0]) is bool else objects


def refuse(name, data, cure) -> NoReturn:
    """Raise for something that is no array and no table."""
    kind = type(data).__name__
    article = "an" if kind[0].lower() in "aeiou" else "a"
    raise TypeError(f"{name} is {article} {kind}, not {SHAPE}; {cure}.")


def refuse_cells(name, kind) -> NoReturn:
    """Raise for cells that are no single values."""
    raise ValueError(
        f"{name} holds {kind} in place of numbers or labels, or rows of unequal "
        "length; give each entry a column of its own, and all rows as many."
    )


def refuse_complex(name) -> NoReturn:
    """Raise for complex numbers."""
    raise ValueError(
        f"{name} is complex. Complex data not supported; pass the real and the "
        "imaginary part as columns."
    )


def require_columns(block, name):
    """Raise for a vector where a block of columns is taken."""
    if len(np.shape(block)) == 1:
        raise ValueError(
            f"{name} has one dimension. Expected 2D array, got 1D array instead. "
            "Reshape your data: array.reshape(-1, 1), of a Series series.to_frame(), "
            "makes one column of it."
        )


def require_two_dimensions(array, name):
    """Raise for a single value, and for images and other arrays of arrays."""
    if array.ndim == 0:
        refuse(name, array.item(), "pass one row for each sample")
    if array.ndim <= 2:
        return
    shape = tuple(array.shape)
    raise ValueError(
        f"{name} has {array.ndim} dimensions, of shape {shape}, where at most two are "
        f"taken: flatten, or pass an encoder module. {name}.reshape(len({name}), -1) "
        "makes one row of each sample; a module for `encoder` or `critic` begins with "
        f"torch.nn.Unflatten(1, {shape[1:]})."
    )


# -- columns ---------------------------------------------------------------------------


def read_numbers(data: Any, name: str, owner: str) -> Any:
    """Return an argument as `read_block` does; refuse columns of labels.

    `owner` is the name of the class that takes numbers alone.
    """
    data = read_block(data, name)
    if name == "X":
        require_columns(data, name)
    if not sparse.issparse(data):
        for number, kind in enumerate(feature_kinds(data)):
            if kind in {"discrete", "text"}:
                refuse_labels(name, kind, shown_column(data, number), owner)
        warn_of_merged(data, name)
    return data


def refuse_labels(name: str, kind: str, column: str, owner: str) -> NoReturn:
    """Raise for a column of labels where numbers are taken."""
    what = "text" if kind == "text" else "categories"
    raise ValueError(
        f"{name} holds {what} in column {column}, which are labels. {owner} takes "
        "numbers: encode such columns, for example with "
        "sklearn.preprocessing.OneHotEncoder, or use skmi.MixedKSG, which takes them "
        "as they are. A target of labels goes second: fit(X, y)."
    )


def read_sides(**sides: Any) -> list[Any]:
    """Return arguments as `read_block` does, with as many rows each, at least two."""
    blocks = [read_block(data, name) for name, data in sides.items()]
    for name, block in zip(sides, blocks, strict=True):
        if sparse.issparse(block):
            raise ValueError(f"{name} is sparse; pass a dense array: {name}.toarray().")
        n_rows, *n_columns = np.shape(block)
        if n_rows < 2 or 0 in n_columns:
            raise ValueError(
                f"{name} has {n_rows} rows and {(n_columns or [1])[0]} columns; at "
                "least two rows and one column are needed."
            )
    sizes = [len(block) for block in blocks]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"{', '.join(sides)} have inconsistent numbers of samples: {sizes}; pass "
            "as many rows of each."
        )
    return blocks


def read_table(data, name, for_table):
    """Return a table whose columns are numbers or labels."""
    types = column_types(data)
    require_different_names(data, name)
    for k, kind in enumerate(map(dtype_kind, types)):
        if kind == "cells":
            refuse_cells(name, "lists")
        if kind == "complex":
            refuse_complex(name)
        is_long = types[k].endswith("int128")
        if kind not in {"time", "object"} and not is_long:
            continue
        column = column_of(data, k)
        if is_long:
            values = shorter_integers(column)
        elif kind == "time":
            values = days_or_refusal(column, name, for_table)
        else:
            values = read_objects(column, name, shown_column(data, k), for_table)
        if values is not column:
            data = with_column(data, k, values)
    return data


def shorter_integers(column: np.ndarray) -> np.ndarray:
    """Return whole numbers as of 64 bits, as floats beside gaps, or else as objects."""
    is_gap = np.array([is_missing(value) for value in column], dtype=bool)
    limit = LARGEST_EXACT if is_gap.any() else np.iinfo(np.int64).max
    if any(abs(value) > limit for value in column[~is_gap]):
        return column.astype(object)
    return column.astype(np.float64 if is_gap.any() else np.int64)


def read_objects(column, name, place, for_table):
    """Return a column of objects whose values are all numbers or all labels."""
    kinds = set(map(type, column))
    if any(issubclass(kind, CONTAINERS) or is_tensor_type(kind) for kind in kinds):
        refuse_cells(name, "lists")
    if any(issubclass(kind, Mapping) for kind in kinds):
        raise TypeError(
            f"{name} holds dicts, where each argument must be a string or a number; "
            f"a list of dicts becomes a table by pandas.DataFrame({name})."
        )
    if any(issubclass(kind, (complex, np.complexfloating)) for kind in kinds):
        refuse_complex(name)
    present = [kind for kind in kinds if kind.__name__ not in MISSING]
    found = {kind: element_kind(kind) for kind in present}
    if "time" in found.values():
        return days_or_refusal(column, name, for_table)
    texts = [kind for kind in found if issubclass(kind, (str, bytes))]
    if len({issubclass(kind, bytes) for kind in texts}) > 1:
        raise ValueError(
            f"{name} mixes text and bytes in column {place}; decode the bytes: "
            "[v.decode() if isinstance(v, bytes) else v for v in column]."
        )
    if texts and any(issubclass(kind, BOOLEANS) for kind in found):
        raise ValueError(
            f"{name} mixes text and booleans in column {place}; column.astype(str) "
            "makes labels of both."
        )
    numbers = [kind for kind, of in found.items() if of in {"integer", "continuous"}]
    if texts and numbers and name != "y" and not are_texts_and_gaps(column):
        return read_mixture(column, name, place, for_table)
    # Equal to numbers, as True is to 1, and one label with them.
    if numbers and name != "y" and any(issubclass(t, BOOLEANS) for t in found):
        values = [int(v) if isinstance(v, BOOLEANS) else v for v in column]
        return np.array(values, dtype=object)
    return column


def are_texts_and_gaps(column):
    """Whether all values are text or missing, as NaN is."""
    return all(isinstance(v, (str, bytes)) or is_missing(v) for v in column)


def is_tensor_type(kind):
    """Whether a type is that of tensors of torch."""
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(kind, torch.Tensor)


def read_mixture(column, name, place, for_table):
    """Return a column of numbers and text, a few texts as missing values, or raise."""
    is_text = np.array([isinstance(value, (str, bytes)) for value in column])
    is_gap = np.array([is_missing(value) for value in column])
    number = next(
        v for v, a, b in zip(column, is_text, is_gap, strict=True) if a + b < 1
    )
    example = f"such as {column[is_text][0]!r} and {number!r}"
    cure = "pandas.to_numeric(column, errors='coerce') makes numbers of such a column"
    if not for_table:
        raise ValueError(
            f"{name} mixes text with numbers in column {place}, {example}. {cure}, "
            "with NaN for text, whose rows can be dropped; column.astype(str) makes "
            "labels."
        )
    if is_text.sum() > FEW_TEXTS * (~is_gap).sum():
        warn(
            f"{name} mixes text with numbers in column {place}, {example}, and is "
            f"taken as labels. {cure}.",
            ReliabilityWarning,
        )
        return column
    texts = ", ".join(sorted({repr(value) for value in column[is_text]})[:5])
    warn(
        f"{name} contains {is_text.sum()} texts among the numbers of column {place}, "
        f"{texts}, which count as missing. {cure}.",
        ReliabilityWarning,
    )
    return np.where(is_text | is_gap, np.nan, column).astype(np.float64)
