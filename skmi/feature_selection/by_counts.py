"""Greedy selection on counts: every criterion, permuted as well; pairs as one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skmi.feature_selection.counts import (
    OneHot,
    conditional_of_counts,
    count,
    count_entropy,
    is_determined,
    mutual_info_of_counts,
)
from skmi.feature_selection.criteria import CriterionState, Overlap
from skmi.feature_selection.encoding import gather_rare, join_codes
from skmi.feature_selection.pair_screen import Pairs
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
    expected_maximum,
    family_pvalues,
    n_step_permutations,
    permutation_batches,
    permuted_indicators,
    step_pvalues,
)
from skmi.feature_selection.table import Table

__all__ = ["Candidates", "select_by_counts"]

# Each pair is counted against every selected column: more of them take long.
MOST_CANDIDATE_PAIRS = 64

# Labels of a selected column that stay apart: with more of them the cells of
# (label, target) are too few to count a candidate in.
MOST_CONTEXTS = 8

RATIOS = {"mrmr_quotient", "disr"}  # criteria that are not in nats

# A column without information must not be redundant with every other one.
SMALLEST_RELEVANCE = 1e-12


class Candidates:
    """Counts of columns, and of pairs as further columns, with the permuted target.

    Parameters
    ----------
    table : Table
        Codes of all samples.
    permutations : ndarray of shape (n_permutations + 1, n_rows)
        Sample numbers, the identity first.
    pairs : Pairs, default=None
        Pairs that are candidates as well.
    """

    def __init__(
        self, table: Table, permutations: np.ndarray, pairs: Pairs | None = None
    ):
        self.n_columns = table.codes.shape[1]
        joined = []
        if pairs is not None:
            joined = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
        self.members: list[Unit] = [(k,) for k in range(self.n_columns)] + joined
        codes = [
            join_codes(table.pair_codes[:, j], table.pair_codes[:, k])
            for j, k in joined
        ]
        self.codes = np.column_stack([table.codes, *codes]) if codes else table.codes
        self.one_hot = OneHot(self.codes, table.weights)
        self.target = table.target
        self.n_classes = int(table.target.max()) + 1
        self.permutations = permutations
        self.whole = table.weights is None

    def relevance(self) -> np.ndarray:
        """I(X; y) of all candidates, shape (n_permutations + 1, n_candidates)."""
        return self._measure(
            self.target,
            (self.n_classes,),
            lambda counts: [mutual_info_of_counts(counts, self.whole)],
        )[0]

    def overlap(
        self,
        k: int,
        n_permutations: int,
        with_entropy: bool = False,
        wanted: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """I(X; S), I(X; S | y) and, if asked for, H(X, S, y), for a candidate S.

        Of a column with many labels only the most frequent are kept apart.
        """
        code = self.codes[:, k]
        if len(self.members[k]) == 1 and self.one_hot.sizes[k] > MOST_CONTEXTS:
            code = gather_rare(code, max_levels=MOST_CONTEXTS)
        size = int(code.max()) + 1
        context = np.where(
            (code >= 0) & (self.target >= 0), self.target * size + code, -1
        )

        def measure(counts: np.ndarray) -> list[np.ndarray]:
            pooled = counts.sum(axis=0)
            conditional = conditional_of_counts(counts, self.whole)
            entropy = np.zeros_like(conditional)
            if with_entropy:
                flat = counts.reshape(-1, *counts.shape[2:])
                entropy = count_entropy(flat, self.whole)
            redundancy = mutual_info_of_counts(pooled, self.whole)
            return [redundancy, conditional, entropy]

        shape = self.n_classes, size
        return self._measure(context, shape, measure, n_permutations, wanted)

    def determined_by(self, k: int) -> np.ndarray:
        """Whether each candidate is a function of a column or of its codes."""
        shape = (int(self.one_hot.sizes[k]),)
        flags = self._measure(
            self.codes[:, k], shape, lambda counts: [is_determined(counts)], 1
        )[0][0].astype(bool)
        return flags | [bool(flags[list(unit)].any()) for unit in self.members]

    def _measure(
        self,
        context: np.ndarray,
        shape: tuple[int, ...],
        measure: Callable[[np.ndarray], list[np.ndarray]],
        n_permutations: int | None = None,
        wanted: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """Apply a function of counts to blocks of columns and of permutations."""
        n_contexts = int(np.prod(shape))
        results = []
        for part in permutation_batches(self.permutations[:n_permutations], n_contexts):
            indicator = permuted_indicators(context, n_contexts, part)
            blocks = self.one_hot.blocks(len(part) * n_contexts, wanted)
            found = [
                (columns, measure(count(indicator, block, (*shape, size))))
                for columns, size, block in blocks
            ]
            results.append(self._assemble(found, len(part)))
        return [np.concatenate(parts) for parts in zip(*results, strict=True)]

    def _assemble(self, found: list[tuple], n_permutations: int) -> list[np.ndarray]:
        """Put the values of blocks of columns in their places, 0 elsewhere."""
        parts = []
        for i in range(max((len(values) for _, values in found), default=3)):
            whole = np.zeros((n_permutations, len(self.members)))
            for columns, values in found:
                whole[:, columns] = values[i]
            parts.append(whole)
        return parts


def select_by_counts(
    table: Table,
    pairs: Pairs,
    permutations: np.ndarray,
    rule: Rule,
    on_step: Callable[[Step], Any] | None = None,
) -> Selection:
    """Select columns of codes that are informative about the target.

    Parameters
    ----------
    table : Table
        Codes of all samples.
    pairs : Pairs
        Pairs that may be selected together.
    permutations : ndarray of shape (n_permutations + 1, n_rows)
        Sample numbers, the identity first.
    rule : Rule
        How to select.
    on_step : callable, default=None
        Called with each step; a true answer stops.

    Returns
    -------
    Selection
    """
    pairs = pairs.take(np.arange(min(len(pairs.first), MOST_CANDIDATE_PAIRS)))
    candidates = Candidates(table, permutations, pairs)
    return CountedSearch(candidates, pairs.pvalue, rule).run(on_step)


class CountedSearch(GreedySearch):
    """Take the candidate of the largest criterion, tested by permutations.

    Parameters
    ----------
    candidates : Candidates
        Columns and pairs.
    pair_pvalues : ndarray of shape (n_pairs,)
        P-values of the pairs.
    rule : Rule
        How to select.
    """

    def __init__(self, candidates: Candidates, pair_pvalues: np.ndarray, rule: Rule):
        self.candidates = candidates
        self.n_columns = candidates.n_columns
        draws = candidates.relevance()
        columns = draws[:, : self.n_columns]
        super().__init__(rule, columns[0], family_pvalues(columns, rule.control))
        wanted = n_step_permutations(rule.level) if rule.automatic else 0
        self.n_permutations = min(wanted, len(draws) - 1)
        self.base = draws[: self.n_permutations + 1]
        self.state = CriterionState(rule.criterion, self.base)
        self.marginal_pvalues = np.append(self.pvalues, pair_pvalues)
        self.pool = Pool.of(
            candidates.members, self.marginal_pvalues, candidates.one_hot.sizes == 1
        )
        self.overlaps: list[np.ndarray] = []  # redundancy, synergy with each unit
        self.shift = self._expected_of_uninformative()

    def _expected_of_uninformative(self) -> np.ndarray:
        """Largest criterion among as many uninformative candidates of each kind."""
        if self.rule.criterion in RATIOS:
            return np.zeros(len(self.pool.members))
        candidates, n_columns = self.candidates, self.n_columns
        n_pairs = n_columns * (n_columns - 1) / 2
        n_tests = np.where(self.pool.single, n_columns, n_pairs)
        freedom = (candidates.one_hot.sizes - 1) * (candidates.n_classes - 1)
        return expected_maximum(np.maximum(freedom, 1), n_tests, len(candidates.codes))

    def advance(self) -> bool:
        """Select another column or pair; return whether there was one."""
        if self.full:
            return False
        self.pool = self.pool._replace(pvalues=self._step_pvalues())
        values = self.state.values[0]
        choice = self._choose(values)
        if choice is None and self.missing > 0:
            choice = self._fill(values)
        if choice is None:
            return False
        self._take(choice)
        return True

    def _step_pvalues(self) -> np.ndarray:
        """P-values of all candidates given the selected ones; NaN where not tested."""
        values, n_candidates = self.state.values, len(self.pool.members)
        if not self.units:
            return self.marginal_pvalues
        if not self.n_permutations:
            return np.full(n_candidates, np.nan)
        pvalues = np.ones(n_candidates)
        tested = np.flatnonzero(self.pool.free)
        if len(tested):
            pvalues[tested] = step_pvalues(
                values[:, tested],
                self.marginal_pvalues[tested],
                self.rule.entry_level,
                self.rule.control,
            )
        return pvalues

    def _choose(self, values: np.ndarray) -> int | None:
        """Best eligible candidate; a pair counts by half of its value.

        Columns and pairs are compared by their excess over the best of as many
        uninformative ones.
        """
        eligible = self.pool.eligible(self.rule, len(self.steps), self.level)
        single = best(values, eligible & self.pool.single)
        pair = best(values, eligible & ~self.pool.single)
        if pair is None or single is None:
            return single if pair is None else pair
        values = values - self.shift
        return pair if values[pair] / 2 > values[single] else single

    def _fill(self, values: np.ndarray) -> int | None:
        """Best column that adds nothing significant, where more are asked for."""
        choice = best(values, self.pool.free & self.pool.single)
        if choice is None:
            choice = best(values, self.pool.open & self.pool.single)
        return choice

    def _take(self, choice: int) -> None:
        """Select a column or a pair and measure the others' overlap with it."""
        unit = self.pool.members[choice]
        gain, pvalue = float(self.state.values[0, choice]), self.pool.pvalues[choice]
        self.record(unit, gain, pvalue)
        determined = self.pool.determined.copy()
        for k in unit:
            determined |= self.candidates.determined_by(k)
        self.pool = self.pool.without(unit)._replace(determined=determined)
        redundancy, conditional, entropy = self.candidates.overlap(
            choice,
            self.n_permutations + 1,
            self.rule.criterion == "disr",
            self.pool.free,
        )
        self.overlaps.append(np.column_stack([redundancy[0], conditional[0]]))
        self.state.add(
            Overlap(redundancy, conditional, self.base, self.base[0, choice], entropy)
        )

    def mean_overlap(self, k: int) -> tuple[float, float]:
        """Mean redundancy and synergy of a column with the selected units."""
        before = [overlap[k] for overlap in self.overlaps]
        return tuple(np.mean(before, axis=0)) if before else (0.0, 0.0)

    def remaining_order(self) -> np.ndarray:
        """All columns by criterion, then relevance; determined ones come last."""
        values = np.where(self.pool.determined[: self.n_columns], -np.inf, 0.0)
        values = values + self.state.values[0, : self.n_columns]
        return np.lexsort([-self.relevance, -values])

    def redundant_with(self) -> np.ndarray:
        """Find the selected column that shares most of a column's relevance, or -1."""
        answer = np.full(self.n_columns, -1)
        largest = np.maximum(self.relevance, SMALLEST_RELEVANCE) / 2
        known = ~(self.pvalues > self.rule.level)
        order = self.selected
        later = np.full(self.n_columns, len(order))
        later[order] = np.arange(len(order))
        for place, j in enumerate(order):
            redundancy, conditional, _ = self.candidates.overlap(j, 1)
            determined = self.candidates.determined_by(j)
            shared = (redundancy - conditional)[0, : self.n_columns]
            twin = (determined & (self.candidates.one_hot.sizes > 1))[: self.n_columns]
            shared = np.where(twin, np.inf, shared)
            better = (shared > largest) & (known | twin) & (later > place)
            answer[better] = j
            largest = np.where(better, shared, largest)
        return answer
