"""Greedy forward selection: its rule, its candidates and its result."""

from collections.abc import Callable
from itertools import islice
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np

from skmi.feature_selection.significance import (
    entry_level,
    fewest_permutations,
    smallest_pvalue,
)

__all__ = [
    "GreedySearch",
    "Pool",
    "Rule",
    "Selection",
    "Step",
    "best",
    "make_rule",
    "ranks",
]

Unit = tuple[int, ...]  # columns that are selected at once


class Rule(NamedTuple):
    """Criterion, size and significance level of a selection."""

    criterion: str
    n_columns: int | None  # None stops where no candidate is significant
    least: int  # columns to select whether significant or not
    level: float
    entry_level: float  # level of the first step
    control: str  # "fwer" or "fdr"
    stopping: str  # "significance" or "information"
    n_permutations: int  # to begin with
    fixed: Unit  # columns that are selected first, without a test

    @property
    def automatic(self) -> bool:
        """Whether significance decides how many columns are selected."""
        return self.n_columns is None

    @property
    def adds(self) -> bool:
        """Whether columns are added for their held-out information.

        Other criteria rank noise before informative columns that are redundant.
        """
        by_default = self.criterion == "jmi" and self.control == "fwer"
        return self.automatic and by_default and self.stopping == "information"

    @property
    def without_number(self) -> "Rule":
        """The rule that stops where no candidate is significant."""
        return self._replace(n_columns=None)

    @property
    def begins_significant(self) -> bool:
        """Whether the number of columns begins with those of the rule without one."""
        is_reached = smallest_pvalue(self.n_permutations) <= self.entry_level
        return not self.automatic and is_reached and self.without_number.adds

    def missing(self, n_selected: int) -> int:
        """Return the number of columns still wanted, significant or not."""
        wanted = self.least if self.n_columns is None else self.n_columns
        return wanted - n_selected


def make_rule(
    criterion: str,
    wanted: float | str,
    least: int,
    *,
    level: float,
    control: str,
    stopping: str,
    n_permutations: int,
    n_units: int,
    with_pairs: bool,
    fixed: Unit = (),
) -> Rule:
    """Rule of a selection among a number of units.

    Parameters
    ----------
    criterion, level, control, stopping, n_permutations
        Parameters of the selector of these names.
    wanted : int, float or "auto"
        Number or share of the units to select, or "auto".
    least : int
        Fewest units to select.
    n_units : int
        Number of features, or of groups of features.
    with_pairs : bool
        Whether pairs are candidates as well.
    fixed : tuple of int, default=()
        Units that are selected in any case.

    Returns
    -------
    Rule

    Raises
    ------
    ValueError
        If there are fewer units than wanted, fewer wanted than fixed or than `least`,
        or too few permutations for the level.
    """
    if isinstance(wanted, (bool, np.bool_)):
        raise ValueError(
            f"n_features_to_select={wanted} is neither a number nor a share of the "
            'columns; pass 1 for one column, or "auto".'
        )
    if least > n_units:
        raise ValueError(
            f"min_features_to_select={least}, but there are {n_units} columns or "
            "groups of columns; pass no more than that."
        )
    if isinstance(wanted, Real) and not isinstance(wanted, Integral):
        wanted = max(1, round(wanted * n_units))
    if not isinstance(wanted, str) and wanted > n_units:
        raise ValueError(
            f"n_features_to_select={wanted}, but there are {n_units} columns or "
            "groups of columns."
        )
    if not isinstance(wanted, str) and wanted < least:
        raise ValueError(
            f"n_features_to_select={wanted}, but min_features_to_select={least}; pass "
            "a number no smaller than that."
        )
    if not isinstance(wanted, str) and wanted < len(fixed):
        raise ValueError(
            f"n_features_to_select={wanted}, but fixed_features has {len(fixed)}."
        )
    first = entry_level(level, with_pairs)
    if wanted == "auto" and smallest_pvalue(n_permutations) > first:
        raise ValueError(
            f"n_permutations={n_permutations} cannot reach significance at level="
            f"{level}; {fewest_permutations(first)} are needed."
        )
    n_columns = None if isinstance(wanted, str) else int(wanted)
    tests = level, first, control, stopping, n_permutations
    return Rule(criterion, n_columns, least, *tests, fixed)


class Step(NamedTuple):
    """One selected column; amounts in nats."""

    column: int
    relevance: float
    redundancy: float
    synergy: float
    gain: float
    pvalue: float


class Selection(NamedTuple):
    """Result of a selection."""

    relevance: np.ndarray
    pvalues: np.ndarray
    steps: list[Step]
    ranking: np.ndarray
    redundant_with: np.ndarray
    units: list[Unit]  # selected columns, pairs that came together as one
    reached: list[float]  # mutual information of the first units, where measured
    n_alone: int = 0  # last units, which were selected as they are informative alone

    def with_relevance(self, relevance: np.ndarray, in_gain: bool) -> "Selection":
        """Return the same selection with another relevance, also in the gains."""
        change = relevance - self.relevance
        steps, rest = [], iter(self.steps)
        for unit in self.units:
            more = sum(change[k] for k in unit) if in_gain else 0.0
            for step in islice(rest, len(unit)):
                own = {"relevance": relevance[step.column], "gain": step.gain + more}
                steps.append(step._replace(**own))
        return self._replace(relevance=relevance, steps=steps)


class Pool(NamedTuple):
    """Candidates of a selection: single columns first, then pairs of columns."""

    members: list[Unit]
    sizes: np.ndarray  # number of columns of each candidate
    open: np.ndarray  # whether none of its columns is selected
    determined: np.ndarray  # whether it is a function of the selected columns
    pvalues: np.ndarray  # of adding it; NaN where not tested

    @classmethod
    def of(
        cls,
        members: list[Unit],
        pvalues: np.ndarray,
        determined: np.ndarray | None = None,
    ) -> "Pool":
        """Pool in which nothing is selected yet."""
        sizes = np.array([len(unit) for unit in members])
        if determined is None:
            determined = np.zeros(len(members), dtype=bool)
        return cls(members, sizes, np.ones(len(members), bool), determined, pvalues)

    @property
    def free(self) -> np.ndarray:
        """Whether each candidate may still add information."""
        return self.open & ~self.determined

    @property
    def single(self) -> np.ndarray:
        """Whether each candidate is one column."""
        return self.sizes == 1

    def eligible(self, rule: Rule, n_selected: int, level: float) -> np.ndarray:
        """Whether each candidate may be selected next.

        It has to be significant where the rule is automatic, or else to fit into the
        columns that are still wanted.
        """
        if rule.automatic:
            return self.free & (self.pvalues <= level)
        return self.free & (self.sizes <= rule.missing(n_selected))

    def without(self, unit: Unit) -> "Pool":
        """Pool after the selection of some columns."""
        taken = set(unit)
        still = np.array([not taken & set(other) for other in self.members])
        return self._replace(open=self.open & still)


class GreedySearch:
    """State of a forward selection; subclasses choose the next candidate.

    Parameters
    ----------
    rule : Rule
        Criterion, size and level.
    relevance, pvalues : ndarray of shape (n_columns,)
        Mutual information of each column and the target, and its adjusted p-value.
    """

    def __init__(self, rule: Rule, relevance: np.ndarray, pvalues: np.ndarray):
        self.rule = rule
        self.relevance, self.pvalues = relevance, pvalues
        self.steps: list[Step] = []
        self.units: list[Unit] = []
        self.reached: list[float] = []
        self.n_alone = 0

    @property
    def selected(self) -> list[int]:
        """Columns selected so far, in order."""
        return [step.column for step in self.steps]

    @property
    def level(self) -> float:
        """Significance level of the next step."""
        return self.rule.level if self.steps else self.rule.entry_level

    @property
    def missing(self) -> int:
        """Number of columns still wanted, significant or not."""
        return self.rule.missing(len(self.steps))

    @property
    def full(self) -> bool:
        """Whether no further column may be selected."""
        everything = len(self.steps) == len(self.relevance)
        return everything or (not self.rule.automatic and self.missing <= 0)

    def run(self, on_step: Callable[[Step], bool] | None = None) -> Selection:
        """Select until nothing is left to add, or until `on_step` returns True."""
        self.go_on(on_step)
        return self.result()

    def go_on(self, on_step: Callable[[Step], bool] | None = None) -> bool:
        """Select until nothing is left to add; return whether `on_step` stopped it."""
        if self.rule.fixed and not self.steps:
            self.take_fixed()
        while self.advance():
            if on_step is not None and on_step(self.steps[-1]):
                return True
        return False

    def take_fixed(self) -> None:
        """Select the fixed columns."""
        raise NotImplementedError

    def advance(self) -> bool:
        """Select another unit; return whether there was one."""
        raise NotImplementedError

    def record(self, unit: Unit, gain: float, pvalue: float) -> None:
        """Record the columns of a unit as selected, the most relevant first."""
        for k in sorted(unit, key=lambda k: -self.relevance[k]):
            overlap = self.mean_overlap(k)
            self.steps.append(Step(k, self.relevance[k], *overlap, gain, pvalue))
        self.units.append(tuple(unit))

    def mean_overlap(self, k: int) -> tuple[float, float]:
        """Mean redundancy and synergy of a column with the selected units."""
        return np.nan, np.nan

    def remaining_order(self) -> np.ndarray:
        """All columns, the best to be added next first."""
        return np.argsort(-self.relevance, kind="stable")

    def redundant_with(self) -> np.ndarray:
        """Find the selected column with which each column is redundant, or -1."""
        return np.full(len(self.relevance), -1)

    def result(self) -> Selection:
        """Return the selection so far."""
        return Selection(
            self.relevance,
            self.pvalues,
            self.steps,
            ranks(self.selected, self.remaining_order()),
            self.redundant_with(),
            self.units,
            self.reached,
            self.n_alone,
        )


def ranks(selected: list[int], order: np.ndarray) -> np.ndarray:
    """Rank of each column from 1: selected ones first, others in their order."""
    chosen = set(selected)
    ranked = [*selected, *(k for k in order if k not in chosen)]
    ranking = np.empty(len(ranked), dtype=int)
    ranking[ranked] = np.arange(1, len(ranked) + 1)
    return ranking


def best(values: np.ndarray, allowed: np.ndarray) -> int | None:
    """Place of the largest allowed value."""
    if not allowed.any():
        return None
    return int(np.argmax(np.where(allowed, values, -np.inf)))
