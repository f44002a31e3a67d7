"""Greedy selection by any estimator: fits in place of counts, critics in one stack."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skmi._data.dtypes import as_texts
from skmi.exceptions import SkmiWarning
from skmi.feature_selection.candidates import Candidates
from skmi.feature_selection.criteria import CriterionState, Overlap
from skmi.feature_selection.encoding import (
    Columns,
    few_codes,
    label_codes,
    missing_as_code,
)
from skmi.feature_selection.pair_screen import Pairs, screen_triples
from skmi.feature_selection.search import (
    GreedySearch,
    Pool,
    Rule,
    Selection,
    Step,
    Unit,
    best,
)
from skmi.feature_selection.significance import (
    DECIMALS,
    GAIN_PERMUTATIONS,
    bonferroni,
    criterion_pvalue,
    family_pvalues,
    gain_pvalue,
    mean_pvalues,
    searched_pvalue,
)
from skmi.feature_selection.table import Table

__all__ = [
    "blocks_for",
    "columns_for",
    "fitted_mutual_info",
    "make_measure",
    "select_by_fits",
    "with_target",
]

MOST_SEEDS = 8  # pairs or triples that are fitted as a start

SHORTLIST = 16  # candidates that are fitted in each step


def fitted_mutual_info(
    estimator: Any, x: np.ndarray, y: np.ndarray, seed: int | None = None
) -> float:
    """Estimate of a clone fitted on two blocks of columns, in nats."""
    estimator = clone(estimator)
    if seed is not None and "random_state" in estimator.get_params():
        estimator.set_params(random_state=seed)
    with warnings.catch_warnings():
        # Blocks of a table repeat samples and take integers as they are.
        warnings.simplefilter("ignore", SkmiWarning)
        return estimator.fit(x, y).mutual_info_


def columns_for(estimator: Any, columns: Columns, k: int) -> np.ndarray:
    """Return a column, (n_rows, m), in a form that the estimator reads by its kind.

    Labels are text, or indicators for an estimator that takes these in place of text.
    """
    values = columns.values[:, [k]]
    if not columns.is_label(k):
        return values
    if estimator._label_columns == "indicators" and not estimator._takes_text:
        codes = missing_as_code(label_codes(values[:, 0])[:, np.newaxis])[:, 0]
        return np.eye(int(codes.max()) + 1)[codes]
    return as_texts(values).astype(object)


def blocks_for(
    estimator: Any, columns: Columns, units: list[np.ndarray]
) -> list[np.ndarray]:
    """Return the columns of each unit in a form that the estimator reads."""
    return [
        np.column_stack([columns_for(estimator, columns, k) for k in unit])
        for unit in units
    ]


def with_target(estimator: Any, discrete_target: bool | str) -> Any:
    """Clone of an estimator that takes y as the selector does."""
    estimator = clone(estimator)
    if "discrete_target" in estimator.get_params() and discrete_target != "auto":
        estimator.set_params(discrete_target=discrete_target)
    return estimator


class Task(NamedTuple):
    """Data of a selection by fits."""

    blocks: list[np.ndarray]  # candidates, each of shape (n_rows, n_columns)
    y: np.ndarray  # target, of shape (n_rows,) or (n_rows, n_targets)
    table: Table  # codes of the same candidates and samples
    pairs: Pairs  # candidates that may be selected together
    permutations: np.ndarray  # (n_permutations + 1, n_rows), the identity first

    def together(self, columns: Unit | list[int]) -> np.ndarray:
        """Block of several candidates."""
        return np.column_stack([self.blocks[k] for k in columns])


class Measured(NamedTuple):
    """Mutual information of several blocks of columns and the target, in nats."""

    values: np.ndarray  # of shape (n_blocks,)
    terms: np.ndarray | None  # pointwise, (n_blocks, n_held_out), where there are any


class Fits:
    """Measures by one fit for each block.

    Parameters
    ----------
    estimator : MutualInfoEstimator
        Estimator that is cloned and fitted.
    n_jobs : int or None
        Jobs for the fits.
    seed : int
        Seed of each fit.
    """

    def __init__(self, estimator: Any, n_jobs: int | None, seed: int):
        self.estimator, self.n_jobs, self.seed = estimator, n_jobs, seed

    def measure(self, blocks: list[np.ndarray], y: np.ndarray) -> Measured:
        """Mutual information of each block and y."""
        values = Parallel(n_jobs=self.n_jobs)(
            delayed(fitted_mutual_info)(self.estimator, block, y, self.seed)
            for block in blocks
        )
        return Measured(np.array(values), None)

    def pvalues(self, measured: Measured, task: Task, control: str) -> np.ndarray:
        """Return adjusted p-values of the blocks of a task, by permutations of y."""
        null = [
            self.measure(task.blocks, task.y[rows]).values
            for rows in task.permutations[1:]
        ]
        return family_pvalues(np.stack([measured.values, *null]), control)


class Stack:
    """Measures by critics trained side by side, on the same held-out samples.

    Parameters
    ----------
    estimator : CriticEstimator
        Brings the critic, the objective and the schedule.
    seed : int
        Seed of the split and of the weights.
    """

    def __init__(self, estimator: Any, seed: int):
        self.estimator, self.seed = estimator, seed

    def measure(self, blocks: list[np.ndarray], y: np.ndarray) -> Measured:
        """Mutual information of each block and y."""
        from skmi.variational.many import report_terms  # torch is for critics alone

        terms = report_terms(self.estimator, blocks, y, self.seed)
        return Measured(terms.mean(axis=1), terms)

    def pvalues(self, measured: Measured, task: Task, control: str) -> np.ndarray:
        """Return adjusted p-values from the spread of the pointwise values."""
        return bonferroni(mean_pvalues(measured.terms), len(task.blocks))


def make_measure(estimator: Any, n_jobs: int | None, seed: int) -> Fits | Stack:
    """Object that measures many blocks by an estimator, critics in one stack."""
    stacks = hasattr(estimator, "_make_objective")
    stacks &= getattr(estimator, "reference", None) is None  # one for each block
    return Stack(estimator, seed) if stacks else Fits(estimator, n_jobs, seed)


def select_by_fits(
    task: Task,
    measure: Fits | Stack,
    rule: Rule,
    on_step: Callable[[Step], Any] | None = None,
) -> Selection:
    """Select blocks of columns by fits of an estimator.

    Parameters
    ----------
    task : Task
        Candidates and target.
    measure : Fits or Stack
        Estimates of mutual information.
    rule : Rule
        How to select.
    on_step : callable, default=None
        Called with each step; a true answer stops.

    Returns
    -------
    Selection
    """
    kind = JointSearch if rule.criterion == "joint" else PairwiseSearch
    return kind(task, measure, rule).run(on_step)


class FittedSearch(GreedySearch):
    """Base of both searches: data, and pairs to start with.

    Parameters
    ----------
    task, measure, rule
        As in `select_by_fits`.
    relevance, pvalues
        As in `GreedySearch`.
    """

    def __init__(
        self,
        task: Task,
        measure: Fits | Stack,
        rule: Rule,
        relevance: np.ndarray,
        pvalues: np.ndarray,
    ):
        super().__init__(rule, relevance, pvalues)
        self.task, self.measure = task, measure
        self.gain_permutations = task.permutations[1 : GAIN_PERMUTATIONS + 1]
        first, second, *_, certified = task.pairs.take(slice(MOST_SEEDS))
        members = zip(first.tolist(), second.tolist(), strict=True)
        self.seeds = dict(zip(members, certified.tolist(), strict=True))

    def mutual_info(
        self, blocks: list[np.ndarray], y: np.ndarray | None = None
    ) -> np.ndarray:
        """Mutual information of blocks and the target, or another block."""
        return self.measure.measure(blocks, self.task.y if y is None else y).values


class JointSearch(FittedSearch):
    """Take the candidate that raises I(selected, candidate; y) the most.

    Counts give the relevance of single columns, the pairs and triples to start with,
    and the shortlist of candidates.
    """

    def __init__(self, task: Task, measure: Fits | Stack, rule: Rule):
        self.counts = Candidates(task.table, task.permutations)
        draws = self.counts.relevance().round(DECIMALS)
        pvalues = family_pvalues(draws, rule.control)
        super().__init__(task, measure, rule, draws[0], pvalues)
        self.state = CriterionState("jmi", self.relevance)
        self.kept_terms: np.ndarray | None = None  # pointwise, of what is selected

    def take_fixed(self) -> None:
        """Select the fixed columns, measured together."""
        measured = self.measure.measure(
            [self.task.together(self.rule.fixed)], self.task.y
        )
        self._take(self.rule.fixed, measured, 0, float(measured.values[0]), np.nan)

    def advance(self) -> bool:
        """Select another column, or at first a pair or triple."""
        if self.full:
            return False
        return self._go_on() if self.steps else self._begin()

    def _begin(self) -> bool:
        """Begin with the column, pair or triple of the largest mutual information."""
        starts = self._starts()
        if not starts:
            return False
        units = sorted(starts, key=lambda unit: starts[unit])[:SHORTLIST]
        measured = self.measure.measure(
            [self.task.together(unit) for unit in units], self.task.y
        )
        i = int(np.argmax(measured.values))
        self._take(units[i], measured, i, float(measured.values[i]), starts[units[i]])
        return True

    def _starts(self) -> dict[Unit, float]:
        """P-values of the units that may be selected first."""
        order = np.argsort(-self.relevance, kind="stable")[:SHORTLIST]
        starts: dict[Unit, float] = {(int(k),): float(self.pvalues[k]) for k in order}
        starts |= self.seeds
        if min(starts.values()) > self.rule.entry_level:
            starts |= self._triples()
        return {
            unit: pvalue
            for unit, pvalue in starts.items()
            if self._accepts(pvalue)
            and (self.rule.automatic or len(unit) <= self.missing)
        }

    def _triples(self) -> dict[Unit, float]:
        """P-values of triples of columns whose halves are informative by parity."""
        table = self.task.table
        if table.n_pair_codes == 0 or len(self.task.blocks) < 3:
            return {}
        halves = few_codes(table.pair_codes, 2)
        found = screen_triples(halves, table.pair_target, self.rule.entry_level)
        return dict(list(found.items())[:MOST_SEEDS])

    def _go_on(self) -> bool:
        """Select the candidate that adds the most, if that is significant."""
        worth = self.state.values.copy()
        worth[self.selected] = -np.inf
        candidates = np.argsort(-worth, kind="stable")[:SHORTLIST]
        candidates = [int(k) for k in candidates if worth[k] > -np.inf]
        blocks = [self.task.together([*self.selected, k]) for k in candidates]
        measured = self.measure.measure(blocks, self.task.y)
        i = int(np.argmax(measured.values))
        pvalue = self._gain_pvalue(measured, i, candidates[i])
        if not self._accepts(pvalue):
            return False
        gain = float(measured.values[i]) - self.reached[-1]
        self._take((candidates[i],), measured, i, gain, pvalue)
        return True

    def _accepts(self, pvalue: float) -> bool:
        """Whether a candidate of this p-value may be selected."""
        return self.missing > 0 or (self.rule.automatic and pvalue <= self.level)

    def _gain_pvalue(self, measured: Measured, i: int, k: int) -> float:
        """P-value of the gain by candidate k, whose block is the i-th measured."""
        if measured.terms is not None:
            pvalue = float(mean_pvalues(measured.terms[i] - self.kept_terms))
        else:
            selected = self.task.together(self.selected)
            blocks = [
                np.column_stack([selected, self.task.blocks[k][rows]])
                for rows in self.gain_permutations
            ]
            pvalue = gain_pvalue(measured.values[i], self.mutual_info(blocks))
        n_candidates = len(self.task.blocks) - len(self.steps)
        return searched_pvalue(
            pvalue, self.pvalues[k], self.rule.entry_level, n_candidates
        )

    def _take(
        self, unit: Unit, measured: Measured, i: int, gain: float, pvalue: float
    ) -> None:
        """Select a unit; keep its value, which another fit would not reproduce."""
        self.reached.append(float(measured.values[i]))
        self.kept_terms = None if measured.terms is None else measured.terms[i]
        self.record(unit, gain, pvalue)
        for k in unit:
            redundancy, conditional, _ = self.counts.overlap(k, 0)
            self.state.add(
                Overlap(redundancy[0], conditional[0], self.relevance, 0.0, None)
            )


class PairwiseSearch(FittedSearch):
    """Take the candidate of the largest criterion, from pairwise fits."""

    def __init__(self, task: Task, measure: Fits | Stack, rule: Rule):
        measured = measure.measure(task.blocks, task.y)
        pvalues = measure.pvalues(measured, task, rule.control)
        super().__init__(task, measure, rule, measured.values, pvalues)
        pairs = list(self.seeds)
        members = [(k,) for k in range(len(task.blocks))] + pairs
        certified = np.append(self.pvalues, list(self.seeds.values()))
        self.pool = Pool.of(members, certified)
        self.unit_blocks = [task.together(unit) for unit in members]
        joint = self.unit_blocks[len(task.blocks) :]
        joint = self.mutual_info(joint) if joint else []
        self.unit_relevance = np.append(self.relevance, joint)
        self.state = CriterionState(rule.criterion, self.unit_relevance)
        self.chosen: list[int] = []

    def advance(self) -> bool:
        """Select another column or pair; return whether there was one."""
        if self.full:
            return False
        # Candidates are significant alone; each step has a test of its own.
        level = self.rule.entry_level
        values = self.state.values / self.pool.sizes
        i = best(values, self.pool.eligible(self.rule, len(self.steps), level))
        pvalue = np.nan if i is None else self._pvalue(i)
        if self.rule.automatic and not pvalue <= self.rule.level:
            single = self.pool.free & self.pool.single
            i = best(values, single) if self.missing > 0 else None
        if i is None:
            return False
        self._take(i, pvalue)
        return True

    def take_fixed(self) -> None:
        """Select the fixed columns."""
        for k in self.rule.fixed:
            self._take(k, np.nan)

    def _take(self, i: int, pvalue: float) -> None:
        """Select a candidate and measure the others' overlap with it."""
        unit = self.pool.members[i]
        self.record(unit, float(self.state.values[i]), pvalue)
        self.pool = self.pool.without(unit)
        self.chosen.append(i)
        if not self.full:
            self.state.add(self._overlap(self.unit_blocks, self.unit_relevance, i))

    def _overlap(
        self, blocks: list[np.ndarray], relevance: np.ndarray, i: int
    ) -> Overlap:
        """Overlap of blocks with a selected one."""
        selected = self.unit_blocks[i]
        redundancy = self.mutual_info(blocks, selected)
        joint = self.mutual_info(
            [np.column_stack([block, selected]) for block in blocks]
        )
        conditional = joint - relevance - self.unit_relevance[i] + redundancy
        return Overlap(redundancy, conditional, relevance, self.unit_relevance[i], None)

    def _pvalue(self, i: int) -> float:
        """P-value of the criterion of one candidate, its samples permuted."""
        if not self.chosen:
            return float(self.pool.pvalues[i])
        if not self.rule.automatic:
            return np.nan
        blocks = [self.unit_blocks[i][rows] for rows in self.gain_permutations]
        relevance = self.mutual_info(blocks)
        state = CriterionState(self.rule.criterion, relevance)
        for j in self.chosen:
            state.add(self._overlap(blocks, relevance, j))
        return criterion_pvalue(
            self.state.values[i], state.values, self.pool.pvalues[i]
        )
