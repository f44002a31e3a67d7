"""Residuals of a linear regression, in units of quartiles or uncorrelated."""

import math

import numpy as np

from skmi.gaussian.closed_form import inverse_root

__all__ = ["residuals", "rounding_step", "spread", "standard_block", "whitened"]

MOST_COPIES = 10  # of one value; more may be an atom, which has no density
RARE, OFF_GRID = 0.01, 0.01  # share of repeated values; of a step
ROUNDING = 1e-12  # of the range; gaps below are those of equal values


def residuals(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return what a linear regression on x leaves of z, far samples weighing less."""
    lengths = 1 + (x**2).mean(axis=1) + (z**2).mean(axis=1)
    roots = 1 / np.sqrt(lengths)[:, np.newaxis]
    design = np.column_stack([np.ones(len(x)), x])
    return z - design @ np.linalg.lstsq(roots * design, roots * z, rcond=None)[0]


def standard_block(block: np.ndarray) -> np.ndarray:
    """Return the columns in units of their quartiles, without constant ones."""
    block = block[:, (block != block[:1]).any(axis=0)]
    block = block / np.abs(block).max(axis=0)
    block = block - np.median(block, axis=0)
    return block / np.maximum(spread(block), 1e-300)


def spread(block: np.ndarray) -> np.ndarray:
    """Return the distance of the quartiles; of a normal distribution about 1.35."""
    low, high = np.quantile(block, [0.25, 0.75], axis=0)
    return high - low


def rounding_step(column: np.ndarray) -> float:
    """Return the step of rounded values, 0 of others.

    Infinite where values are repeated more often than by rounding to such steps.
    """
    column = np.sort(column)
    least = ROUNDING * np.abs(column).max()
    gaps = np.diff(column)
    has_atom = (column[MOST_COPIES:] - column[:-MOST_COPIES] <= least).any()
    repeats = (gaps <= least).mean()
    gaps = gaps[gaps > least]
    steps = gaps / gaps.min(initial=math.inf)
    is_grid = (np.abs(steps - np.rint(steps)) < OFF_GRID).all()
    step = gaps.min(initial=math.inf) if is_grid else 0.0
    usual = 2 * spread(column) / len(column)  # distance of sorted values
    rounded = repeats * usual <= RARE * usual + 3 * step
    return step if rounded and not has_atom else math.inf


def whitened(block: np.ndarray) -> tuple[np.ndarray, float]:
    """Return uncorrelated columns, and the log determinant of the map back."""
    centred = block - block.mean(axis=0)
    root = inverse_root(centred.T @ centred / len(block))
    return centred @ root, -float(np.log(np.linalg.svd(root)[1]).sum())
