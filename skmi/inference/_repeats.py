"""Intervals given Z that is the same within groups: one sample of each at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike

from skmi._core.sklearn_compat import select_rows, watch, without_callbacks
from skmi.base import MutualInfoEstimator
from skmi.exceptions import ReliabilityWarning, warn
from skmi.inference._given import read_quietly
from skmi.inference._resampling import fit_again
from skmi.statistics import permutation_pvalue, standard_error

__all__ = [
    "has_enough_groups",
    "is_repeated_in_groups",
    "mean_of_parts",
    "mean_of_tests",
    "one_of_each_group",
]

# With fewer groups a part has too few samples for an estimate by neighbours.
FEWEST_GROUPS = 30
MOST_PARTS = 5
MOSTLY = 0.9  # share of the groups within which a column of Z is constant


def is_repeated_in_groups(Z: ArrayLike, groups: np.ndarray) -> bool:
    """Whether a column of numbers of Z is a property of the groups.

    Regressions on Z, and neighbours in it, then cannot separate what the samples of a
    group have in common from what Z explains.
    """
    columns = read_quietly(Z, "Z").columns
    codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    codes = codes.ravel()
    several = sizes > 1
    if not several.any():
        return False
    low = np.full((len(sizes), columns.shape[1]), np.inf)
    high = -low
    np.minimum.at(low, codes, columns)
    np.maximum.at(high, codes, columns)
    constant = (low == high)[several].mean(axis=0) >= MOSTLY
    # A column of two values, as of an arm of a trial, is that of many groups.
    n_values = np.array([len(np.unique(column)) for column in columns.T])
    return bool((constant & (n_values > 2)).any())


def has_enough_groups(groups: np.ndarray) -> bool:
    """Whether one sample of each group is enough for an estimate; else warn."""
    n_groups = len(np.unique(groups))
    if n_groups >= FEWEST_GROUPS:
        return True
    warn(
        f"Z is the same within each of {n_groups} groups, too few to separate what "
        "it explains from what the samples of a group have in common: the estimate is "
        "of the dependence within groups. Pass more groups, or use skmi.GaussianMI.",
        ReliabilityWarning,
    )
    return False


def one_of_each_group(
    groups: np.ndarray, random_state: np.random.RandomState
) -> list[np.ndarray]:
    """Return parts with one sample of each group, different ones as far as they go."""
    codes = np.unique(groups, return_inverse=True)[1].ravel()
    order = random_state.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    sizes = np.bincount(codes)
    starts = np.append(0, np.cumsum(sizes)[:-1])
    n_parts = min(MOST_PARTS, int(sizes.max()))
    return [order[starts + part % sizes] for part in range(n_parts)]


def mean_of_parts(
    method: Callable,
    estimator: MutualInfoEstimator,
    samples: Sequence[ArrayLike],
    parts: list[np.ndarray],
    n_resamples: int,
    random_state: np.random.RandomState,
    parallel: Callable,
) -> tuple[float, float, float]:
    """Return the mean of the estimates of the parts, its error, and degrees of freedom.

    The influence of a group is the mean of those of its samples. Where that is unknown
    the error is that of one part.
    """
    tables = [[select_rows(side, rows) for side in samples] for rows in parts]
    one = without_callbacks(estimator)
    fits = parallel(delayed(fit_again)(one, *table) for table in tables)
    fits = watch(estimator, fits, "parts", len(parts))
    found = [
        method(fit, table, n_resamples, random_state, parallel)
        for fit, table in zip(fits, tables, strict=True)
    ]
    values, errors, freedoms = np.transpose(found)
    statuses = [getattr(fit, "status_", "") for fit in fits]
    if 2 * statuses.count("not converged") > len(fits):
        warn(
            f"Z is the same within groups, of which there are {len(parts[0])}: an "
            "estimate on one sample of each has not converged and may be off by more "
            "than its error. Pass more groups.",
            ReliabilityWarning,
        )
    error = math.sqrt(np.mean(errors**2))
    influence = [fit._influence for fit in fits]
    if all(part is not None and len(part) == len(parts[0]) for part in influence):
        single = math.sqrt(np.mean([standard_error(part) ** 2 for part in influence]))
        together = standard_error(np.mean(influence, axis=0))
        error = math.sqrt(max(error**2 - single**2, 0.0) + together**2)
    freedom = min(freedoms.min(), len(parts[0]) - 1)
    return float(values.mean()), error, float(freedom)


def mean_of_tests(
    test: Callable,
    samples: Sequence[ArrayLike],
    groups: np.ndarray,
    random_state: np.random.RandomState,
) -> Any:
    """Return one result of a test for several on one sample of each group.

    The groups have the same random signs in all of them, so that the means of the
    statistics have the null distribution of the means. It is reliable where most are.
    """
    parts = one_of_each_group(groups, random_state)
    seed = random_state.randint(np.iinfo(np.int32).max)
    results = []
    for rows in parts:
        part = [select_rows(side, rows) for side in samples]
        results.append(test(*part, groups=np.arange(len(rows)), random_state=seed))
    statistic = float(np.mean([result.statistic for result in results]))
    null = np.mean([result.null_distribution for result in results], axis=0)
    reasons = [result.reason for result in results if not result.reliable]
    reason = reasons[0] if 2 * len(reasons) > len(results) else ""
    pvalue = permutation_pvalue(statistic, null)
    return type(results[0])(statistic, pvalue, null, not reason, reason)
