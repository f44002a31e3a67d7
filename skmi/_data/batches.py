"""Samples that come in batches, as from a DataLoader of torch."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from skmi._data.checks import columns_of, is_copied, row_counts, row_keys
from skmi._data.reading import are_pairs
from skmi.exceptions import DuplicateRowsWarning, warn

__all__ = ["collect_batches", "is_batches"]

# Not of lists and tuples, of which one may be a table.
TABLES = ("__array__", "__dataframe__", "__getitem__", "shape")


def is_batches(X: Any) -> bool:
    """Whether X is a list of pairs, or another iterable that is no array or table."""
    return are_pairs(X) or (
        isinstance(X, Iterable)
        and not isinstance(X, (str, bytes, dict, set))
        and not any(hasattr(X, name) for name in TABLES)
    )


def collect_batches(X: Any, y: Any) -> tuple[Any, Any]:
    """Return X and y, or all samples of X if it is an iterable of pairs (X, y).

    An image, or another sample of several dimensions, becomes one row. A loader that
    can be read again gives one epoch, of which all samples are kept. An iterator or a
    list may give several: a sample that comes again is then kept once, so that none
    both trains and tests; those of discrete data, which repeat by themselves, are all
    kept.
    """
    if y is not None or not is_batches(X):
        return X, y
    is_epoch = iter(X) is not X and not isinstance(X, (list, tuple))
    parts = [read_pair(batch) for batch in X]
    if not parts:
        raise ValueError("X is an iterable of batches, but it has none.")
    X, y = (np.concatenate(blocks) for blocks in zip(*parts, strict=True))
    if is_epoch:
        return X, y
    codes = y
    if y.dtype.kind not in "biuf":
        codes = np.unique(y, return_inverse=True)[1]
    keys = row_keys(X, codes)
    _, first = np.unique(keys, return_index=True)
    if len(first) < len(X) and (is_continuous(X) or is_copied(row_counts(X, codes))):
        first.sort()
        warn(
            f"{len(X) - len(first)} of {len(X)} samples of the iterator came before; "
            "they are left out. If they are no second epoch, pass the loader itself, "
            "or arrays X and y.",
            DuplicateRowsWarning,
        )
        return X[first], y[first]
    return X, y


def read_pair(batch: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples of a batch as rows, and their targets."""
    try:
        X, y = batch
    except (TypeError, ValueError):
        raise TypeError(
            "X is an iterable, so that each of its items must be a batch of samples "
            f"and their targets, (X, y); one is of type {type(batch).__name__}."
        ) from None
    X, y = (as_array(block) for block in (X, y))
    return X.reshape(len(X), -1), y if y.ndim < 3 else y.reshape(len(y), -1)


def as_array(block: Any) -> np.ndarray:
    """Return a block as an array; a tensor of low precision in single precision."""
    if hasattr(block, "detach"):
        block = block.detach().cpu()
        if block.is_floating_point() and block.element_size() < 4:
            block = block.float()
        return block.numpy()
    return np.asarray(block)


def is_continuous(X: np.ndarray) -> bool:
    """Whether some column has more different values than the root of its length."""
    return any(len(np.unique(column)) ** 2 > len(X) for column in columns_of(X))
