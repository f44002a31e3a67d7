"""Standardisation of columns, robust to outliers."""

import itertools
from typing import NamedTuple

import numpy as np
import torch

from skmi._core.torch_utils import to_tensor

__all__ = ["Scaler", "scale_rows"]

LARGEST_PART = 2**22  # numbers that are scaled at a time


class Scaler(NamedTuple):
    """Standardisation of columns, learned from training samples.

    The moments are those of the values clipped to ten robust spreads around the median,
    so that they are robust to outliers. Values beyond ten standard deviations are
    compressed to a logarithm: they keep their order, at a bounded size.
    """

    unit: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, block):
        """Learn the moments; a constant column is only shifted."""
        n_rows, n_columns = block.shape
        step = max(1, LARGEST_PART // max(n_rows, 1))
        if step >= n_columns:
            return cls._fit_part(block.astype(np.float64, copy=False))
        parts = (
            cls._fit_part(block[:, start : start + step].astype(np.float64))
            for start in range(0, n_columns, step)
        )
        return cls(*map(np.concatenate, zip(*parts, strict=True)))

    @classmethod
    def _fit_part(cls, block):
        unit = np.abs(block).max(axis=0)  # keeps squares from overflowing
        unit = np.where(unit > 0, unit, 1.0)
        block = block / unit
        median = np.median(block, axis=0)
        reach = 14.826 * np.median(np.abs(block - median), axis=0)
        inner = np.where(
            reach > 0, np.clip(block, median - reach, median + reach), block
        )
        scale = inner.std(axis=0)
        scale = np.where(scale > 0, scale, block.std(axis=0))
        return cls(unit, inner.mean(axis=0), np.where(scale > 0, scale, 1.0))

    @classmethod
    def identity(cls, n_columns):
        """Leave columns as they are."""
        return cls(np.ones(n_columns), np.zeros(n_columns), np.ones(n_columns))

    def transform(self, block):
        """Return the standardised columns."""
        block = (block / self.unit - self.mean) / self.scale
        size = np.abs(block)
        drawn_in = np.sign(block) * (10 + np.log1p(np.maximum(size - 10, 0)))
        return np.where(size > 10, drawn_in, block)

    def inverse(self, block):
        """Return columns in their own units from standardised ones."""
        size = np.abs(block)
        spread_out = np.sign(block) * (10 + np.expm1(np.maximum(size - 10, 0)))
        block = np.where(size > 10, spread_out, block)
        largest = np.finfo(np.float64).max
        with np.errstate(over="ignore"):
            block = (block * self.scale + self.mean) * self.unit
        return np.clip(block, -largest, largest)

    def log_slope(self, block):
        """Return the log determinant of the map's derivative at each row."""
        size = np.abs((block / self.unit - self.mean) / self.scale)
        slope = -np.log(self.unit) - np.log(self.scale)
        return (slope - np.log1p(np.maximum(size - 10, 0))).sum(axis=1)


def scale_rows(scalers, block, device):
    """Return the rows as each scaler sees them, (n_scalers, n, n_columns).

    They are scaled in parts: of many rows there is one copy, in single precision.
    """
    size = max(1, LARGEST_PART // block.shape[1])
    starts = range(0, len(block), size)
    parts = (
        [
            to_tensor(
                scaler.transform(block[start : start + size]), device, torch.float32
            )
            for scaler in scalers
        ]
        for start in starts
    )
    first = next(parts)
    rows = first[0].new_empty(len(scalers), len(block), first[0].shape[1])
    for start, tensors in zip(starts, itertools.chain([first], parts), strict=True):
        for whole, part in zip(rows, tensors, strict=True):
            whole[start : start + len(part)] = part
    return rows
