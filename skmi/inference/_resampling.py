"""Permutations, halves and held-out samples, and fits of an estimator on them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skmi._core.sklearn_compat import Integral, select_rows
from skmi._data.checks import is_grouped, warn_of_serial_dependence
from skmi._data.splitting import hold_out, part_size
from skmi._data.validation import numbers_and_codes
from skmi._data.weights import read_weights
from skmi.base import MutualInfoEstimator
from skmi.entropy import read_groups
from skmi.exceptions import ReliabilityWarning, SkmiWarning, warn
from skmi.inference._dependence import label_functions

__all__ = [
    "count_blocks",
    "count_rows",
    "disagreement",
    "estimates_of_halves",
    "fit_again",
    "fit_on_rows",
    "permuted_rows",
    "permuted_within",
    "random_halves",
    "random_signs",
    "read_groups",
    "require_block_length",
    "require_count",
    "require_level",
    "require_weighted_fit",
    "rows_by_rejection",
    "train_and_test_rows",
    "warn_of_series",
    "with_seed",
]

N_SPLITS = 10

FEW_DRAWN = 8  # samples drawn by their weights that can be split and permuted


# -- arguments -------------------------------------------------------------------------


def require_count(name: str, value: Any, least: int) -> None:
    """Raise where a parameter is not an integer, or is too small."""
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number, {least} or more.")


def require_block_length(block_length: int | None) -> None:
    """Raise where a length of blocks is given that is not a positive integer."""
    if block_length is not None:
        require_count("block_length", block_length, 1)


def require_level(level: float | None) -> None:
    """Raise where a level to stop at is given that is no probability."""
    if level is not None and not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1, or be None.")


def warn_of_series(
    X: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    block_length: int | None = None,
) -> None:
    """Warn of series where neither groups nor blocks were given."""
    if groups is not None or block_length is not None:
        return
    with warnings.catch_warnings():  # the test or the fit itself warns of the rest
        warnings.simplefilter("ignore", SkmiWarning)
        sides = [numbers_and_codes(X, "X"), numbers_and_codes(y, "y")]
    tables = []
    for columns, codes in sides:
        labels = label_functions(codes[:0] if is_grouped(codes) else codes)
        tables.append(np.hstack([columns, labels]) if len(labels) else columns)
    warn_of_serial_dependence(*tables)


def with_seed(
    estimator: MutualInfoEstimator,
    random_state: np.random.RandomState,
    sample_weight: ArrayLike | None = None,
    has_condition: bool = False,
) -> MutualInfoEstimator:
    """Return a clone with a seed drawn from the random state of a test."""
    if isinstance(estimator, type) or not hasattr(estimator, "mutual_info"):
        name = getattr(estimator, "__name__", f"{type(estimator).__name__}()")
        raise TypeError(
            f"estimator must be an instance of an estimator of mutual information, "
            f"such as skmi.KSG(); got {name}."
        )
    if getattr(estimator, "_condition", None) is not None and not has_condition:
        raise ValueError(
            "The estimator was fitted with Z, but no Z was passed: pass it to "
            "confidence_interval or conditional_independence_test. For the mutual "
            "information without Z, pass an estimator that is not fitted."
        )
    if sample_weight is None and getattr(estimator, "_had_weights", False):
        warn(
            "The estimator was fitted with sample_weight; it is fitted again without "
            "weights, to another distribution. Pass them to confidence_interval or "
            "permutation_test as well.",
            ReliabilityWarning,
        )
    estimator = clone(estimator)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=random_state.randint(np.iinfo(np.int32).max))
    return estimator


def require_weighted_fit(estimator: MutualInfoEstimator) -> None:
    """Raise where an estimator takes no weights."""
    if not has_fit_parameter(estimator, "sample_weight"):
        raise TypeError(
            f"{type(estimator).__name__} takes no sample_weight. Leave it out, or pass "
            "an estimator that takes weights: GaussianMI, GaussianCopulaMI, "
            "StudentCopulaMI, or one that trains a critic, such as InfoNCE."
        )


def rows_by_rejection(
    sample_weight: ArrayLike, X: ArrayLike, random_state: np.random.RandomState
) -> np.ndarray:
    """Draw the numbers of samples that are equally weighted ones of the distribution.

    A sample is kept with its share of the largest weight as the chance, so that none
    comes twice, and those kept are independent.
    """
    weights = read_weights(sample_weight, X)
    chance = weights / weights.max()
    rows = np.flatnonzero(random_state.uniform(size=len(weights)) < chance)
    if len(rows) < FEW_DRAWN:
        raise ValueError(
            f"sample_weight is so unequal that {len(weights)} samples count as "
            f"{len(rows)} equally weighted ones, which are too few to permute. Trim "
            "the largest weights."
        )
    return rows


def count_rows(data: ArrayLike) -> int:
    """Count the samples of an array, frame or list."""
    return len(select_rows(data, slice(None)))


# -- permutations ----------------------------------------------------------------------


def permuted_rows(
    n_samples: int,
    groups: ArrayLike | None,
    block_length: int | None,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return row numbers in random order, within groups or block by block."""
    if groups is not None and block_length is not None:
        raise ValueError("Pass groups or block_length, not both.")
    if groups is not None:
        return permuted_within(np.asarray(groups), random_state)
    if block_length is None:
        return random_state.permutation(n_samples)
    if not 1 <= block_length <= n_samples // 2:
        raise ValueError(
            f"block_length={block_length} must be at least 1 and at most half of the "
            f"{n_samples} rows to permute."
        )
    # The series is closed to a circle and cut at a random place, so that the blocks
    # start elsewhere in each permutation.
    rows = np.roll(np.arange(n_samples), random_state.randint(n_samples))
    blocks = np.array_split(rows, range(block_length, n_samples, block_length))
    return np.concatenate([blocks[i] for i in random_state.permutation(len(blocks))])


def permuted_within(
    groups: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Return row numbers permuted within each group."""
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if counts.max() < 2:
        raise ValueError(
            "No two rows have the same label of `groups` or Z: nothing can be "
            "permuted. Pass labels that are repeated, or numbers."
        )
    order = np.empty(len(codes), dtype=int)
    shuffled = random_state.permutation(len(codes))
    order[np.argsort(codes, kind="stable")] = shuffled[
        np.argsort(codes[shuffled], kind="stable")
    ]
    return order


def random_signs(
    n_samples: int,
    n_draws: int,
    groups: ArrayLike | None,
    block_length: int | None,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Draw signs (n_draws, n_samples), the same within a group or a block."""
    if groups is not None and block_length is not None:
        raise ValueError("Pass groups or block_length, not both.")
    if groups is not None:
        codes = np.unique(np.asarray(groups), return_inverse=True)[1]
        signs = random_state.choice([-1.0, 1.0], size=(n_draws, codes.max() + 1))
        return signs[:, codes]
    require_block_length(block_length)
    length = block_length or 1
    if length == 1:
        return random_state.choice([-1.0, 1.0], size=(n_draws, n_samples))
    # Blocks begin elsewhere in each draw.
    starts = random_state.randint(length, size=(n_draws, 1))
    codes = (np.arange(n_samples) + starts) // length
    signs = random_state.choice([-1.0, 1.0], size=(n_draws, codes.max() + 1))
    return np.take_along_axis(signs, codes, axis=1)


def count_blocks(
    n_samples: int, groups: ArrayLike | None, block_length: int | None
) -> int:
    """Count the groups or blocks of samples that may be independent."""
    if groups is not None:
        return len(np.unique(np.asarray(groups)))
    return n_samples // (block_length or 1)


def train_and_test_rows(
    n_samples: int,
    test_size: float,
    block_length: int | None,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Split into training and test samples, at random or, for a series, by time.

    The test samples of a series are its last ones, a block's length after the others,
    so that the two are nearly independent.
    """
    if block_length is None:
        train, test = hold_out(np.arange(n_samples), test_size, random_state)
        return train, np.sort(test)
    start = n_samples - part_size(test_size, n_samples)
    if start - block_length < 4:
        raise ValueError(
            f"n_samples={n_samples} is too few for block_length={block_length}: the "
            "rows that train and those that are permuted have to be a block apart."
        )
    return np.arange(start - block_length), np.arange(start, n_samples)


# -- halves ----------------------------------------------------------------------------


def random_halves(
    n_samples: int, n_halves: int, random_state: np.random.RandomState
) -> list[np.ndarray]:
    """Draw the row numbers of random halves, independently of each other."""
    return [
        random_state.permutation(n_samples)[: n_samples // 2] for _ in range(n_halves)
    ]


def estimates_of_halves(
    estimator: MutualInfoEstimator,
    samples: Sequence[ArrayLike],
    random_state: np.random.RandomState,
    parallel: Callable,
) -> np.ndarray:
    """Return the estimates on both halves of ten random splits, shape (10, 2)."""
    n_samples = count_rows(samples[1])
    parts = [
        half
        for _ in range(N_SPLITS)
        for half in np.array_split(random_state.permutation(n_samples), 2)
    ]
    values = parallel(delayed(fit_on_rows)(estimator, samples, rows) for rows in parts)
    return np.reshape(list(values), (-1, 2))


def disagreement(halves: np.ndarray) -> float:
    """Return the standard error of an estimate from the differences of its halves.

    The variance of a difference is twice that of a half, and four times that of the
    estimate on all samples.
    """
    return float(np.sqrt((np.diff(halves) ** 2).mean()) / 2)


def fit_on_rows(
    estimator: MutualInfoEstimator,
    samples: Sequence[ArrayLike],
    rows: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> float:
    """Return the estimate on some of the samples of X, y and, where given, Z."""
    rows = np.sort(rows)
    options = {} if sample_weight is None else {"sample_weight": sample_weight[rows]}
    chosen = (select_rows(one, rows) for one in samples)
    return fit_again(estimator, *chosen, **options).mutual_info_


def fit_again(
    estimator: MutualInfoEstimator, *samples: ArrayLike, **options: Any
) -> MutualInfoEstimator:
    """Fit a clone; only the fit on the given samples warns of its reliability."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReliabilityWarning)
        return clone(estimator).fit(*samples, **options)
