"""Weights of samples: their validation, and draws in proportion to them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skmi._core.sklearn_compat import check_sample_weight, select_rows
from skmi._data.dtypes import as_array, is_tensor
from skmi.exceptions import FewRowsWarning, warn

__all__ = [
    "draw_in_proportion",
    "effective_size",
    "is_counted",
    "read_weights",
    "take_weights",
    "thin",
    "warn_of_unequal_weights",
    "weigh_influence",
]

# Share of the largest weight below which a weight counts as 0: it would be lost in the
# rounding of sums, and ranks by weight would reach 1.
NEGLIGIBLE = 1e-12

# Effective samples below which weights are too unequal for a test to have power.
FEW_EFFECTIVE = 20


def read_weights(sample_weight: ArrayLike, X: Any) -> np.ndarray:
    """Return weights as numbers of at least 0, one for each sample."""
    try:
        given = sample_weight
        given = as_array(given) if is_tensor(given) else given
        weights = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "sample_weight contains values that are not numbers; pass one number for "
            "each sample."
        ) from error
    if not weights.ndim:
        raise ValueError(
            f"sample_weight={sample_weight} is one number; pass one for each sample, "
            "or None for equal weights."
        )
    weights = check_sample_weight(weights, X, dtype=float, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("sample_weight is 0 for all samples; give some of them more.")
    return weights


def take_weights(
    sample_weight: ArrayLike | None, blocks: Sequence[Any]
) -> tuple[np.ndarray | None, tuple[Any, ...]]:
    """Return weights of mean 1 and the blocks, without the samples of weight 0.

    Equal weights are None. X is the first of the blocks; the others may be None.
    """
    if sample_weight is None:
        return None, tuple(blocks)
    weights = read_weights(sample_weight, blocks[0])
    kept = np.flatnonzero(is_counted(weights))
    weights = weights / weights.max()
    if len(kept) < len(weights):
        blocks = [
            None if block is None else select_rows(block, kept) for block in blocks
        ]
    weights = weights[kept]
    if np.ptp(weights) <= 1e-12:
        return None, tuple(blocks)
    n_effective = effective_size(weights)
    if n_effective < 2:
        raise ValueError(
            f"sample_weight is so unequal that {len(kept)} samples count as "
            f"{n_effective:.2g} equally weighted ones. Trim the largest weights."
        )
    warn_of_unequal_weights(n_effective, len(kept))
    return weights / weights.mean(), tuple(blocks)


def is_counted(weights: ArrayLike) -> np.ndarray:
    """Whether each weight is more than a negligible share of the largest one."""
    weights = np.asarray(weights, dtype=float)
    return weights > NEGLIGIBLE * weights.max()


def effective_size(weights: np.ndarray) -> float:
    r"""Return the number of equally weighted samples of the same variance.

    .. math:: n_\text{eff} = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}
    """
    return float(weights.sum() ** 2 / (weights**2).sum())


def weigh_influence(influence: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the influence of each sample on a weighted mean, of the same level."""
    if weights is None:
        return influence
    level = np.average(influence, weights=weights)
    return level + weights / weights.mean() * (influence - level)


def warn_of_unequal_weights(n_effective: float, n_samples: int) -> None:
    """Warn where a few samples have most of the weight."""
    if n_effective < min(FEW_EFFECTIVE, n_samples):
        warn(
            f"sample_weight is so unequal that {n_samples} samples count as "
            f"{n_effective:.1f} equally weighted ones; estimates are unreliable and "
            "hardly anything can be significant. Trim the largest weights.",
            FewRowsWarning,
        )


def draw_in_proportion(
    weights: np.ndarray, n_draws: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Draw sample numbers, each as often as its share of the weight, to within one.

    In random order.
    """
    shuffled = random_state.permutation(len(weights))
    steps = weights[shuffled].cumsum()
    points = (np.arange(n_draws) + random_state.uniform()) / n_draws * steps[-1]
    places = np.searchsorted(steps, points).clip(max=len(weights) - 1)
    return random_state.permutation(shuffled[places])


def thin(weights: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
    """Draw sample numbers in proportion to the weights, none of them twice.

    As many as the effective samples; the largest weights then have less than theirs.
    """
    chance = np.minimum(weights / weights.sum() * effective_size(weights), 1.0)
    return np.flatnonzero(random_state.uniform(size=len(weights)) < chance)
