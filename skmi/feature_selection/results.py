"""Fitted attributes of the feature selector, made from a selection of units."""

import importlib.util
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from skmi.feature_selection.criteria import is_sum
from skmi.feature_selection.cumulative import cumulative_information
from skmi.feature_selection.encoding import Columns
from skmi.feature_selection.extrapolation import (
    Estimates,
    column_estimates,
    pair_synergy,
    target_ceiling,
)
from skmi.feature_selection.groups import join_columns
from skmi.feature_selection.pair_screen import Pairs
from skmi.feature_selection.search import Rule, Selection, Step
from skmi.feature_selection.selector_input import Label, SelectorInput
from skmi.feature_selection.table import Table

__all__ = [
    "Interaction",
    "as_frame",
    "draw_halves",
    "make_interactions",
    "make_path",
    "redundant_names",
    "selected_mask",
    "selected_masks",
    "spread",
    "stability",
    "step_pvalues",
    "unit_estimates",
    "unknown_errors",
]


# Units of a path whose held-out information is measured: the model of so many columns
# is fitted anew for each, in time that grows as the cube of their number.
MOST_MEASURED = 100


class Interaction(NamedTuple):
    """Two features that are more informative together than each alone, in nats."""

    first: Any
    second: Any
    mutual_info: float
    synergy: float
    pvalue: float


def unit_estimates(data: SelectorInput, n_bins: int, missing: str) -> Estimates:
    """Estimates of all units of features, of several columns the largest.

    Those are the estimates of each column and of their joint cells as labels.

    Parameters
    ----------
    data : SelectorInput
        Features, target and units.
    n_bins, missing
        Parameters of the selector of these names.
    """
    owner = np.repeat(np.arange(len(data.units)), [len(u) for u in data.units])
    sides = [(owner, data.x.select(np.concatenate(data.units)))]
    groups = np.array([k for k, unit in enumerate(data.units) if len(unit) > 1], int)
    if len(groups):
        codes = join_columns(data.x, n_bins, [data.units[k] for k in groups])
        joint = np.where(codes < 0, np.nan, codes)
        sides.append((groups, Columns(joint, [True] * len(groups), None)))
    found = []
    for units, columns in sides:
        names = [data.unit_names[k] for k in units]
        estimates = column_estimates(columns, data.y, data.weights, missing, names)
        found.append(np.column_stack(estimates))
    owner, values = np.concatenate([owner, groups]), np.concatenate(found)
    largest_last = np.lexsort([values[:, 0], owner])
    last = np.append(np.diff(owner[largest_last]) > 0, True)
    return Estimates(*values[largest_last[last]].T)


def unknown_errors(found: Selection) -> Estimates:
    """Estimates by an estimator, without standard errors and ceilings."""
    unknown = np.full(len(found.relevance), np.nan)
    return Estimates(found.relevance, unknown, unknown)


def make_interactions(
    pairs: Pairs, data: SelectorInput, counted: Estimates | None
) -> list[Interaction]:
    """Pairs of units by name, the largest synergy first.

    Their value is the sum of both scores and the synergy, which is extrapolated as the
    scores are where both units are single columns.
    """
    if counted is None:
        return []
    ceiling, names, scores = target_ceiling(data.y), data.unit_names, counted.values
    found = []
    for j, k, _, synergy, pvalue in zip(*pairs, strict=True):
        if len(data.units[j]) == len(data.units[k]) == 1:
            sides = [data.x.select(data.units[i]) for i in (j, k)]
            finer = pair_synergy(*sides, data.y, data.weights)
            synergy = finer if finer > 0 else synergy
        together = min(scores[j] + scores[k] + synergy, ceiling)
        if together > max(scores[j], scores[k]):
            figures = map(float, (together, synergy, pvalue))
            found.append(Interaction(names[j], names[k], *figures))
    return sorted(found, key=lambda pair: -pair.synergy)


def step_pvalues(
    found: Selection, units: list[np.ndarray], n_columns: int
) -> np.ndarray:
    """P-value by which each column was selected, NaN for the others."""
    pvalues = np.full(n_columns, np.nan)
    for step in found.steps:
        pvalues[units[step.column]] = step.pvalue
    return pvalues


def spread(values: np.ndarray, units: list[np.ndarray], n_columns: int) -> np.ndarray:
    """Values of units given to each of their columns."""
    result = np.empty(n_columns, dtype=values.dtype)
    sizes = [len(unit) for unit in units]
    result[np.concatenate(units)] = values[np.repeat(np.arange(len(units)), sizes)]
    return result


def selected_mask(
    found: Selection, units: list[np.ndarray], n_columns: int
) -> np.ndarray:
    """Whether each column is selected."""
    mask = np.zeros(n_columns, dtype=bool)
    for step in found.steps:
        mask[units[step.column]] = True
    return mask


def selected_masks(found: list, units: list, n_columns: int) -> np.ndarray:
    """Return which features each of several selections selects, as 0 and 1."""
    masks = [selected_mask(one, units, n_columns) for one, _ in found]
    return np.array(masks, dtype=float)


def redundant_names(found: Selection, names: list[Label]) -> np.ndarray:
    """Name of the unit with which each unit is redundant, or None."""
    result = np.full(len(names), None, dtype=object)
    for i, j in enumerate(found.redundant_with):
        result[i] = names[j] if j >= 0 else None
    return result


def make_path(
    found: Selection,
    table: Table,
    names: list[Label],
    scores: np.ndarray,
    rule: Rule,
) -> dict[str, list]:
    """Columns of the frame of steps, the relevance by the scores."""
    found = found.with_relevance(scores, is_sum(rule.criterion))
    path = {"feature": [names[step.column] for step in found.steps]}
    for name in ("relevance", "redundancy", "synergy", "gain"):
        path[name] = [float(getattr(step, name)) for step in found.steps]
    rises, standard_errors = rises_of(found, table)
    sizes = [len(unit) for unit in found.units]
    path["cumulative"] = np.repeat(found.reached or rises.cumsum(), sizes).tolist()
    path["pvalue"] = [float(step.pvalue) for step in found.steps]
    if found.reached:
        standard_errors = np.full(len(sizes), np.nan)
    path["standard_error"] = np.repeat(standard_errors, sizes).tolist()
    path["shared"] = [shared(step) for step in found.steps]
    path["evidence"] = evidence(found, names, rule)
    return path


def rises_of(found: Selection, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Rises of the held-out information and errors, NaN where not measured.

    Those are of columns selected alone and of units after the first `MOST_MEASURED`.
    """
    n_measured = min(len(found.units) - found.n_alone, MOST_MEASURED)
    values = cumulative_information(table, found.units[:n_measured])
    unknown = np.full(len(found.units) - n_measured, np.nan)
    return tuple(np.append(part, unknown) for part in values)


def shared(step: Step) -> float:
    """Share of the relevance of a step that the features before it have, on average."""
    lost = max(step.redundancy - step.synergy, 0.0)
    return float(min(lost / step.relevance, 1.0)) if step.relevance > 0 else np.nan


def evidence(found: Selection, names: list[Label], rule: Rule) -> list[str]:
    """Why each feature was selected, in words."""
    words, rest = [], iter(found.steps)
    for unit in found.units:
        for step in islice(rest, len(unit)):
            others = [str(names[k]) for k in unit if k != step.column]
            is_last = len(words) >= len(found.steps) - found.n_alone
            if is_last and step.pvalue <= rule.level:
                word = "alone (false discovery rate)"
            elif step.column in rule.fixed:
                word = "fixed"
            elif others:
                word = f"together with {' and '.join(others)}"
            elif not step.pvalue <= rule.level:
                word = "held-out information" if rule.adds else "number asked for"
            elif found.pvalues[step.column] <= rule.level:
                word = "alone"
            else:
                word = "beside those before"
            words.append(word)
    return words


def as_frame(columns: dict[str, list]) -> Any:
    """Pandas frame, or a structured array where there is no pandas."""
    if importlib.util.find_spec("pandas"):
        import pandas as pd

        return pd.DataFrame(columns)
    arrays = [np.array(values) for values in columns.values()]
    return np.rec.fromarrays(arrays, names=list(columns))


def draw_halves(
    n_rows: int, n_draws: int, random_state: np.random.RandomState
) -> list[tuple[np.ndarray, int]]:
    """Draw random halves of the samples, each with a seed."""
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_draws)
    return [
        (np.sort(random_state.permutation(n_rows)[: n_rows // 2]), seed)
        for seed in seeds
    ]


def stability(chosen: np.ndarray) -> float:
    r"""Agreement of selections; NaN where it is not defined.

    .. math::
        1 - \frac{\frac1p \sum_k s_k^2}{\frac{\bar m}{p} (1 - \frac{\bar m}{p})}

    with :math:`s_k^2` the unbiased variance of the choice of column k and
    :math:`\bar m` the mean number of columns selected.

    Parameters
    ----------
    chosen : ndarray of shape (n_resamples, n_columns)
        1 where a column is selected, else 0.

    Returns
    -------
    float
        1 for equal selections, about 0 for random ones; NaN for a single one, or where
        each selects all columns or none.
    """
    share = chosen.mean()
    if len(chosen) < 2 or share in (0.0, 1.0):
        return np.nan
    return float(1 - chosen.var(axis=0, ddof=1).mean() / (share * (1 - share)))
