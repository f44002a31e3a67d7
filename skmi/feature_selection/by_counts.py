"""Greedy selection on counts: every criterion, permuted as well; pairs as one."""

from collections.abc import Callable

import numpy as np

from skmi.feature_selection.chance import (
    adjust_for_chance,
    chance_information,
    is_sparse_table,
    plugin_entropy,
    plugin_values,
)
from skmi.feature_selection.counts import (
    OneHot,
    conditional_of_counts,
    count,
    count_entropy,
    mutual_info_of_counts,
)
from skmi.feature_selection.criteria import CriterionState, Overlap
from skmi.feature_selection.encoding import (
    MAX_LEVELS,
    column_levels,
    gather_rare,
    informative_codes,
    is_function_of,
    join_codes,
)
from skmi.feature_selection.exchange import Contexts, Exchange, make_exchange
from skmi.feature_selection.pair_screen import Pairs
from skmi.feature_selection.search import (
    GreedySearch,
    Pool,
    Rule,
    Unit,
    best,
)
from skmi.feature_selection.significance import (
    StepTest,
    expected_maximum,
    family_test,
    n_step_permutations,
)
from skmi.feature_selection.table import Table

__all__ = ["Candidates", "CountedSearch"]

# Groups of the labels of a selected column: with more of them the cells of
# (label, target) have too few rows to count a candidate in.
MOST_CONTEXTS = 8

# Cells of a table beyond which samples are counted one by one, not by a product of
# indicators: there the former is faster.
MOST_CELLS = 512

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


class Candidates:
    """Counts of columns, and of pairs as further columns, with the permuted target.

    Parameters
    ----------
    table : Table
        Codes of all samples.
    permutations : Permutations, or ndarray of shape (n_permutations + 1, n_rows)
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
            join_codes(table.pair_codes[:, j], table.pair_codes[:, k]).astype(np.int8)
            for j, k in joined  # of few codes each
        ]
        self.codes = np.column_stack([table.codes, *codes]) if codes else table.codes
        self.n_levels = column_levels(self.codes)
        self.weights, self.n_effective = table.weights, table.n_effective
        self.whole = table.weights is None
        self.one_hot = OneHot(self._coarse_codes(), self.whole)
        self.full_target = table.target
        self.n_full = int(table.target.max()) + 1
        self.target = table.target  # with fewer classes, for further splits
        if self.n_full > MAX_LEVELS:
            self.target = gather_rare(table.target)
        self.n_classes = int(self.target.max()) + 1
        self.exchange = make_exchange(permutations, table.weights)

    def _coarse_codes(self) -> np.ndarray:
        """Codes with at most `MAX_LEVELS` levels of a column, for further splits."""
        many = np.flatnonzero(self.n_levels > MAX_LEVELS)
        codes = self.codes.copy() if len(many) else self.codes
        for k in many:
            codes[:, k] = gather_rare(self.codes[:, k])
        return codes

    def relevance(self, n_permutations: int | None = None) -> np.ndarray:
        """I(X; y) of all candidates with all levels, shape (n_turns, n_candidates)."""
        exchange = self.exchange
        if n_permutations is not None:
            exchange = exchange.take(n_permutations)
        few = (self.n_levels <= MAX_LEVELS) & (self.n_full <= MAX_LEVELS)
        few &= self.n_levels * self.n_full <= MOST_CELLS
        counted = self._measure(
            self.full_target,
            (self.n_full,),
            self._relevance_of_counts,
            n_permutations,
            one_hot=None if few.all() else OneHot(self.codes[:, few], self.whole),
        )[0]
        if few.all():
            values = counted
        else:
            values = np.zeros((len(exchange.turns), len(self.members)))
            values[:, few] = counted
        many = np.flatnonzero(~few & (self.n_levels > 1))
        if len(many):
            values[:, many] = self._plugin_values(many, exchange)
        for k in np.flatnonzero(self._is_sparse(self.n_levels)):
            values[:, k] = self._adjusted(values[:, k], self.codes[:, k])
        return values

    def _plugin_values(self, columns: np.ndarray, exchange: Exchange) -> np.ndarray:
        """Plug-in values of columns of many levels, shape (n_turns, n_columns)."""
        results = []
        for part in exchange.batches(1):
            sides = part.rows, part.weights, part.carried
            results.append(
                np.column_stack(
                    [
                        plugin_values(self.codes[:, k], self.full_target, *sides)
                        for k in columns
                    ]
                )
            )
        return np.concatenate(results)

    def _is_sparse(self, n_levels: np.ndarray) -> np.ndarray:
        """Whether the table of each column and the target is adjusted for chance."""
        return is_sparse_table(self.n_effective, n_levels, self.n_full)

    def _relevance_of_counts(
        self, counts: np.ndarray, of_contexts: np.ndarray | None
    ) -> list[np.ndarray]:
        """Mutual information of columns with equally many levels."""
        corrected = not self._is_sparse(counts.shape[-2])
        return [mutual_info_of_counts(counts, self.whole, corrected, of_contexts)]

    def _adjusted(self, values: np.ndarray, code: np.ndarray) -> np.ndarray:
        """Adjust plug-in values for chance, all by the observed margins.

        With weights the expectation is the mean under permutation.
        """
        known = code >= 0
        sides = code[known], self.full_target[known]
        mass = None if self.whole else self.weights[known]
        first, second = (np.bincount(side, mass) for side in sides)
        if self.whole:
            chance, largest = chance_information(first, second)
        else:
            chance = values[1:].mean() if len(values) > 1 else 0.0
            largest = min(map(plugin_entropy, (first, second)))
        return adjust_for_chance(values, chance, largest)

    def overlap(
        self,
        k: int,
        n_permutations: int,
        with_entropy: bool = False,
        wanted: np.ndarray | None = None,
    ) -> list[np.ndarray]:
        """I(X; S), I(X; S | y) and, if asked for, H(X, S, y), for a candidate S.

        Labels of S beyond a few are merged by their classes, see `informative_codes`.
        """
        code = self.codes[:, k]
        if len(self.members[k]) == 1 and self.n_levels[k] > MOST_CONTEXTS:
            code = informative_codes(code, self.target, MOST_CONTEXTS)
        size = int(code.max()) + 1
        context = np.where(
            (code >= 0) & (self.target >= 0), self.target * size + code, -1
        )

        def measure(
            counts: np.ndarray, of_contexts: np.ndarray | None
        ) -> list[np.ndarray]:
            pooled = counts.sum(axis=0)
            of_labels = None if of_contexts is None else of_contexts.sum(axis=0)
            conditional = conditional_of_counts(counts, self.whole, of_contexts)
            entropy = np.zeros_like(conditional)
            if with_entropy:
                flat = counts.reshape(-1, *counts.shape[2:])
                entropy = count_entropy(flat, self.whole)
            redundancy = mutual_info_of_counts(pooled, self.whole, True, of_labels)
            return [redundancy, conditional, entropy]

        shape = self.n_classes, size
        return self._measure(context, shape, measure, n_permutations, wanted)

    def determined_by(self, k: int) -> np.ndarray:
        """Whether each candidate is a function of a column or of its codes."""
        flags = is_function_of(self.codes, self.codes[:, k])
        within = flags.copy()
        for i, unit in enumerate(self.members[self.n_columns :], self.n_columns):
            within[i] |= flags[list(unit)].any()
        return within

    def _measure(
        self,
        context: np.ndarray,
        shape: tuple[int, ...],
        measure: Callable[[np.ndarray, np.ndarray | None], list[np.ndarray]],
        n_permutations: int | None = None,
        wanted: np.ndarray | None = None,
        one_hot: OneHot | None = None,
    ) -> list[np.ndarray]:
        """Apply a function of counts to blocks of columns and of permutations."""
        n_contexts = int(np.prod(shape))
        one_hot = self.one_hot if one_hot is None else one_hot
        results = []
        exchange = self.exchange
        if n_permutations is not None:
            exchange = exchange.take(n_permutations)
        for part in exchange.batches(n_contexts):
            contexts = Contexts(context, n_contexts, part)
            known = None
            if contexts.complete:
                known = contexts.totals.reshape(*shape, -1, 1)
            blocks = one_hot.blocks(len(part.turns) * n_contexts, wanted)
            shapes = len(part.turns), len(one_hot.sizes)
            wholes: list[np.ndarray] = []
            for columns, size, block in blocks:
                counts = count(contexts, block, (*shape, size))
                values = measure(counts, known if block.short else None)
                wholes = wholes or [np.zeros(shapes) for _ in values]
                for whole, own in zip(wholes, values, strict=True):
                    whole[:, columns] = own
            results.append(wholes or [np.zeros(shapes) for _ in range(3)])
        if len(results) == 1:
            return results[0]
        return [np.concatenate(parts) for parts in zip(*results, strict=True)]


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
            pvalues, doubtful = family_test(
                columns, rule.control, self.n_schemes, rule.entry_level
            )
            n_permutations = self._more(n_permutations)
            if not (rule.automatic and doubtful.any() and n_permutations):
                break
        super().__init__(rule, columns[0], pvalues)
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
        given = np.where(explained, self._pair_pvalues(), given)
        if not (self.units or (alone & ~explained).any()):
            explained[:] = False
        pvalues = np.where(explained, np.maximum(pvalues, given), pvalues)
        enters = ~alone & self.pool.single & (given <= self.rule.level)
        if self.units:
            pvalues = np.where(alone, np.fmax(pvalues, given), pvalues)
            if self.exchangeable:
                enters &= self.pool.free
                pvalues = np.where(enters, np.minimum(pvalues, given), pvalues)
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

    def _pair_pvalues(self) -> np.ndarray:
        """P-value of each candidate's best pair with a selected column; 1 if none.

        Pairs of two selected columns have to be far less significant: of a sum each
        pair of terms has synergy, and so have their proxies.
        """
        found = np.ones(len(self.pool.members))
        chosen, least = set(self.selected), dict.fromkeys(self.selected, 1.0)
        members = self.pool.members[self.n_columns :]
        pvalues = self.marginal_pvalues[self.n_columns :]
        if self.pairs_given and len(members):  # beside a sum, proxies have synergy
            pvalues = np.maximum(pvalues, self.pairs_given(members, self.selected))
        pairs = list(zip(members, pvalues.tolist(), strict=True))
        for pair, pvalue in pairs:
            if chosen.issuperset(pair):
                least |= {k: min(least[k], pvalue) for k in pair}
        for pair, pvalue in pairs:
            for k in set(pair) - chosen:
                (other,) = set(pair) - {k}
                if other in chosen and pvalue < least[other] ** MORE_SYNERGY:
                    found[k] = min(found[k], pvalue)
        return found

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

    def _fill(self, values: np.ndarray) -> int | None:
        """Best column that adds nothing significant, where more are asked for."""
        choice = best(values, self.pool.free & self.pool.single)
        if choice is None:
            choice = best(values, self.pool.open & self.pool.single)
        return choice

    def close_others(self) -> None:
        """Test pairs, and of the columns only those that none other explains.

        The steps take time by the number of tested columns.
        """
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

    def take_alone(self, columns: list[int], pvalues: np.ndarray) -> None:
        """Select columns by their own p-values, without a step of the search each."""
        gains = self.state.values[0]
        for k in columns:
            self.record((k,), float(gains[k]), float(pvalues[k]))
        self.pool = self.pool.without(tuple(columns))
        self.n_alone = len(columns)

    def _add_overlap(self, choice: int) -> np.ndarray:
        """Add the overlap with a selected candidate to the criterion, and return it."""
        with_entropy = self.rule.criterion == "disr"
        measured = self.candidates.overlap(
            choice, self.n_permutations, with_entropy, self.tested
        )
        if self.closed.any():  # those are not permuted
            observed = self.candidates.overlap(choice, 0, with_entropy)
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
