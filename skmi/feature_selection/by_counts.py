"""Greedy selection on counts: every criterion, permuted as well; pairs as one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skmi.feature_selection.candidates import Candidates
from skmi.feature_selection.criteria import CriterionState, Overlap
from skmi.feature_selection.search import (
    GreedySearch,
    Pool,
    Rule,
    Step,
    Unit,
    best,
)
from skmi.feature_selection.significance import (
    GIVEN_PART,
    PAIRS_PART,
    StepTest,
    expected_maximum,
    family_test,
    n_step_permutations,
)

__all__ = ["CountedSearch"]

# Where a decision is in doubt there are so many times more permutations, as long as
# they come to so many cells; with fewer rows the time depends on the columns alone.
GROWTH, MOST_WORK, FEW_ROWS = 4, 2 * 10**7, 400

# The log p-value of a pair's synergy, which grows with it, beside a pair of selected
# columns: a proxy of one of them has up to 1, a column of another interaction more.
# Chosen by trial on two tables, madelon and a sum of products; no wider trial was made.
MORE_SYNERGY = 1.25

RATIOS = {"mrmr_quotient", "disr"}  # criteria that are not in nats

# A column without information must not be redundant with every other one.
SMALLEST_RELEVANCE = 1e-12


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
        self.n_schemes = candidates.exchange.n_schemes
        n_given = candidates.exchange.n_permutations
        n_cells = max(len(candidates.codes), FEW_ROWS) * len(candidates.members)
        n_permutations = min(rule.n_permutations, n_given)
        self.most = max(n_permutations, min(n_given, MOST_WORK // n_cells))
        while True:
            self.draws = candidates.relevance(n_permutations)
            columns = self.draws[:, : self.n_columns]
            kind = rule.control, self.n_schemes, rule.entry_level
            pvalues, doubtful = family_test(columns, *kind)
            n_permutations = self._more(n_permutations)
            if not (rule.automatic and doubtful.any() and n_permutations):
                break
        super().__init__(rule, columns[0], pvalues)
        self.shares_level = rule.automatic and rule.control == "fwer"
        if self.shares_level and (pvalues <= rule.entry_level).any():
            raised = pair_pvalues * rule.entry_level / (rule.level * PAIRS_PART)
            pair_pvalues = np.clip(raised, pair_pvalues, 1.0)
        self.marginal_pvalues = np.append(self.pvalues, pair_pvalues)
        self.pool = Pool.of(
            candidates.members, self.marginal_pvalues.copy(), candidates.n_levels == 1
        )
        self.overlaps: list[np.ndarray] = []  # redundancy, synergy with each unit
        self.chosen: list[int] = []  # candidates, in their order
        self.shift = self._expected_of_uninformative()
        self.given_others: np.ndarray | None = None  # p-values of columns, NaN: none
        # P-values of pairs given selected columns, by columns: of those explained.
        self.pairs_given: Callable[[list, list], np.ndarray] | None = None
        self.exchangeable = True  # whether these are enough for a column to enter
        self.closed = np.zeros(len(self.pool.members), dtype=bool)  # to the steps
        wanted = n_step_permutations(rule.level) if rule.automatic else 0
        self._restart(min(wanted, n_given))

    def _more(self, n_permutations: int) -> int:
        """Next larger number of permutations; 0 where there is none."""
        larger = min(GROWTH * n_permutations, self.most)
        return larger if larger > n_permutations else 0

    def _restart(self, n_permutations: int) -> None:
        """Measure and test all steps again with so many permutations."""
        self.n_permutations = n_permutations
        if len(self.draws) <= n_permutations * self.n_schemes:
            self.draws = self.candidates.relevance(n_permutations)
        self.base = self.draws[: 1 + n_permutations * self.n_schemes]
        self.state = CriterionState(self.rule.criterion, self.base)
        self.test = StepTest(
            self.marginal_pvalues,
            (self.rule.entry_level, self.rule.level),
            self.rule.control,
            self.n_schemes,
        )
        if n_permutations:
            self.test.pvalues(self.base, self.tested)
        for choice in self.chosen:
            self._add_overlap(choice)
            if n_permutations and choice != self.chosen[-1]:
                self.test.pvalues(self.state.values, self.tested)

    def _expected_of_uninformative(self) -> np.ndarray:
        """Largest criterion among as many uninformative candidates of each kind."""
        if self.rule.criterion in RATIOS:
            return np.zeros(len(self.pool.members))
        candidates, n_columns = self.candidates, self.n_columns
        n_pairs = n_columns * (n_columns - 1) / 2
        n_tests = np.where(self.pool.single, n_columns, n_pairs)
        freedom = (candidates.n_levels - 1) * (candidates.n_full - 1)
        return expected_maximum(np.maximum(freedom, 1), n_tests, candidates.n_effective)

    def advance(self) -> bool:
        """Select another column or pair; return whether there was one."""
        if self.full:
            return False
        choice = self._test_and_choose()
        if choice is None and self.missing > 0:
            choice = self._fill(self.state.values[0])
        if choice is None:
            return False
        self.take(choice)
        return True

    def _test_and_choose(self) -> int | None:
        """Best eligible candidate, with more permutations where it is in doubt."""
        while True:
            pvalues, doubtful = self._step_pvalues()
            self.pool = self.pool._replace(pvalues=pvalues)
            least, most = (
                self._choose(self.pool._replace(pvalues=np.where(doubtful, p, pvalues)))
                for p in (1.0, 0.0)
            )
            larger = self._more(self.n_permutations)
            if least == most or not (larger and self.rule.automatic):
                return self._choose(self.pool)
            self._restart(larger)

    @property
    def tested(self) -> np.ndarray:
        """Whether each candidate is tested in the steps after the first one."""
        return self.pool.free & ~self.closed

    @property
    def has_significant(self) -> bool:
        """Whether some of the selected columns are significant."""
        return any(step.pvalue <= self.rule.level for step in self.steps)

    def _step_pvalues(self) -> tuple[np.ndarray, np.ndarray]:
        """P-values given the selected columns, and whether they are in doubt.

        NaN where they are not tested.
        """
        none = np.zeros(len(self.pool.members), dtype=bool)
        if not self.units:
            return self._given_others(self.marginal_pvalues, none)
        if not self.n_permutations:
            return np.full(len(none), np.nan), none
        found = self.test.pvalues(self.state.values, self.tested)
        return self._given_others(*found)

    def _given_others(
        self, pvalues: np.ndarray, doubtful: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """P-values of columns that are significant alone raised to those given others.

        Other columns that are significant given all others enter after the first step.
        If each one that is significant alone is explained by others, the first step
        takes the best of them: those that explain it are not significant alone.
        """
        if self.given_others is None:
            return pvalues, doubtful
        given = np.append(self.given_others, np.full(len(pvalues) - self.n_columns, 0))
        alone = (self.marginal_pvalues <= self.rule.entry_level) & self.pool.single
        explained = alone & (given > self.rule.level)
        pvalues = self._raise_pairs(pvalues, np.flatnonzero(explained))
        given = np.where(explained, self._pair_pvalues(explained), given)
        if not (self.units or (alone & ~explained).any()):
            explained[:] = False
        pvalues = np.where(explained, np.maximum(pvalues, given), pvalues)
        raised = given / GIVEN_PART if self.shares_level else given
        enters = ~alone & self.pool.single & (raised <= self.rule.level)
        if self.units:
            pvalues = np.where(alone, np.fmax(pvalues, given), pvalues)
            if self.exchangeable:
                enters &= self.pool.free
                pvalues = np.where(enters, np.minimum(pvalues, raised), pvalues)
        return pvalues, doubtful & ~explained & ~enters

    def _raise_pairs(self, pvalues: np.ndarray, explained: np.ndarray) -> np.ndarray:
        """P-values where those of pairs of explained columns are those given others.

        Beside a sum each pair of proxies of its terms has synergy.
        """
        members = self.pool.members
        tested = [
            i
            for i in np.flatnonzero(pvalues <= self.rule.level).tolist()
            if len(members[i]) == 2 and np.isin(members[i], explained).any()
        ]
        if not (tested and self.pairs_given):
            return pvalues
        pvalues = pvalues.copy()
        given = self.pairs_given([members[i] for i in tested], self.selected)
        pvalues[tested] = np.maximum(pvalues[tested], given)
        return pvalues

    def _pair_pvalues(self, explained: np.ndarray) -> np.ndarray:
        """P-value of the best pair of some columns with a selected one; 1 if none.

        Pairs of two selected columns have to be far less significant: of a sum each
        pair of terms has synergy, and so have their proxies.
        """
        found = np.ones(len(self.pool.members))
        chosen, least = set(self.selected), dict.fromkeys(self.selected, 1.0)
        pvalues = self.marginal_pvalues[self.n_columns :].copy()
        within, across = [], []
        for i, pair in enumerate(self.pool.members[self.n_columns :]):
            new = [k for k in pair if k not in chosen]
            if not new:
                within.append((i, pair))
            elif len(new) == 1 and explained[new[0]] and pvalues[i] <= self.rule.level:
                across.append((i, new[0], pair[pair[0] == new[0]]))
        pvalues = self._given_selected(pvalues, [i for i, *_ in across])
        across = [one for one in across if pvalues[one[0]] <= self.rule.level]
        others = {other for *_, other in across}
        within = [(i, pair) for i, pair in within if others.intersection(pair)]
        pvalues = self._given_selected(pvalues, [i for i, _ in within])
        for i, pair in within:
            least |= {k: min(least[k], pvalues[i]) for k in pair}
        for i, k, other in across:
            if pvalues[i] < least[other] ** MORE_SYNERGY:
                found[k] = min(found[k], pvalues[i])
        return found

    def _given_selected(self, pvalues: np.ndarray, numbers: list[int]) -> np.ndarray:
        """P-values of pairs, some raised to those given the selected columns.

        Adjusted for the number of all pairs. Beside a sum proxies have synergy.
        """
        if not (numbers and self.pairs_given):
            return pvalues
        members = [self.pool.members[self.n_columns + i] for i in numbers]
        given = self.pairs_given(members, self.selected)
        given = np.minimum(given * (len(pvalues) / len(numbers)), 1.0)
        pvalues = pvalues.copy()
        pvalues[numbers] = np.maximum(pvalues[numbers], given)
        return pvalues

    def _choose(self, pool: Pool) -> int | None:
        """Best eligible candidate; a pair counts by half of its value.

        Columns and pairs are compared by their excess over the best of as many
        uninformative ones.
        """
        values = self.state.values[0]
        level = self.rule.level if self.steps else self.rule.entry_level
        eligible = pool.eligible(self.rule, len(self.steps), level)
        single = best(values, eligible & self.pool.single)
        pair = best(values, eligible & ~self.pool.single)
        if pair is None or single is None:
            return single if pair is None else pair
        values = values - self.shift
        return pair if values[pair] / 2 > values[single] else single

    def best_among(self, allowed: np.ndarray) -> int | None:
        """Candidate of the largest criterion among some that may still add to it."""
        return best(self.state.values[0], self.pool.free & allowed)

    def _fill(self, values: np.ndarray) -> int | None:
        """Best column that adds nothing significant, where more are asked for."""
        choice = best(values, self.pool.free & self.pool.single)
        if choice is None:
            choice = best(values, self.pool.open & self.pool.single)
        return choice

    def close_others(self) -> None:
        """Test pairs, and of the columns only those that none other explains."""
        found = self.marginal_pvalues <= self.rule.entry_level
        if self.given_others is not None:
            found[: self.n_columns] &= ~(self.given_others > self.rule.level)
        self.closed = self.pool.single & ~found

    def take_fixed(self) -> None:
        """Select the fixed columns."""
        for k in self.rule.fixed:
            self.pool.pvalues[k] = np.nan
            self.take(k)

    def take(self, choice: int) -> None:
        """Select a column or a pair and measure the others' overlap with it."""
        unit = self.pool.members[choice]
        gain, pvalue = float(self.state.values[0, choice]), self.pool.pvalues[choice]
        self.record(unit, gain, float(pvalue))
        determined = self.pool.determined.copy()
        for k in unit:
            determined |= self.candidates.determined_by(k)
        self.pool = self.pool.without(unit)._replace(determined=determined)
        self.chosen.append(choice)
        self.overlaps.append(self._add_overlap(choice))

    def take_columns(
        self, columns: list[int], on_step: Callable[[Step], Any] | None
    ) -> bool:
        """Select columns one by one; return whether `on_step` stopped it."""
        return any(self.take_unit((k,), on_step) for k in columns)

    def take_unit(self, unit: Unit, on_step: Callable[[Step], Any] | None) -> bool:
        """Select a column or a pair; return whether `on_step` stopped it."""
        self.pool = self.pool._replace(pvalues=self._step_pvalues()[0])
        self.take(self.pool.members.index(unit))
        return on_step is not None and bool(on_step(self.steps[-1]))

    def take_alone(self, columns: list[int], pvalues: np.ndarray) -> None:
        """Select columns by their own p-values, without a step of the search each."""
        gains = self.state.values[0]
        for k in columns:
            self.record((k,), float(gains[k]), float(pvalues[k]))
        self.pool = self.pool.without(tuple(columns))
        self.n_alone = len(columns)

    def _add_overlap(self, choice: int) -> np.ndarray:
        """Add the overlap with a selected candidate to the criterion, and return it."""
        disr = self.rule.criterion == "disr"
        sides = choice, self.n_permutations, disr, self.tested
        measured = self.candidates.overlap(*sides)
        if self.closed.any():  # those are not permuted
            observed = self.candidates.overlap(choice, 0, disr)
            for values, own in zip(measured, observed, strict=True):
                values[0] = own[0]
        redundancy, conditional, entropy = measured
        self.state.add(
            Overlap(redundancy, conditional, self.base, self.base[0, choice], entropy)
        )
        return np.column_stack([redundancy[0], conditional[0]])

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
        order = self.selected[: len(self.steps) - self.n_alone]
        later = np.full(self.n_columns, len(order))
        later[order] = np.arange(len(order))
        for place, j in enumerate(order):
            redundancy, conditional, _ = self.candidates.overlap(j, 0)
            determined = self.candidates.determined_by(j)
            shared = (redundancy - conditional)[0, : self.n_columns]
            twin = (determined & (self.candidates.n_levels > 1))[: self.n_columns]
            shared = np.where(twin, np.inf, shared)
            better = (shared > largest) & (known | twin) & (later > place)
            answer[better] = j
            largest = np.where(better, shared, largest)
        return answer
