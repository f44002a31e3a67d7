"""Greedy selection on counts: every criterion, permuted as well; pairs as one."""

from typing import NamedTuple

import numpy as np

from skmi.feature_selection.counts import (
    OneHot,
    conditional_of_counts,
    count,
    count_entropy,
    expected_maximum,
    is_determined,
    mutual_info_of_counts,
    permuted_indicators,
)
from skmi.feature_selection.criteria import Beside, Running
from skmi.feature_selection.encoding import gather_rare
from skmi.statistics import (
    false_discovery_pvalues,
    max_statistic_pvalues,
    permutation_pvalue,
)

__all__ = ["Rule", "Selection", "Step", "select"]

STEP_PERMUTATIONS = 39


MOST_CANDIDATE_PAIRS = 64


MOST_CONTEXTS = 8


RATIOS = {"mrmr_quotient", "disr"}  # criteria that are not in nats


DECIMALS = 9  # nats; equal tables in another order differ in their last bits


class Rule(NamedTuple):
    """How to select."""

    criterion: str
    n_columns: int | None  # None stops where nothing is significant
    least: int
    level: float
    entry_level: float  # of the first column, where pairs have a part of the level
    control: str  # "fwer" or "fdr"


class Step(NamedTuple):
    """One selected column, in nats."""

    column: int
    relevance: float
    redundancy: float
    synergy: float
    gain: float
    pvalue: float


class Selection(NamedTuple):
    """What was found."""

    relevance: np.ndarray
    pvalues: np.ndarray
    steps: list
    ranking: np.ndarray
    redundant_with: np.ndarray
    units: list  # selected columns, pairs that came together as one
    reached: list  # what the first units tell together, where it was measured


class Candidates:
    """The columns, and pairs of them as further columns, beside the permuted target."""

    def __init__(self, table, pairs, permutations):
        codes, pair_codes = table.codes, table.pair_codes
        self.n_columns = codes.shape[1]
        self.pairs = pairs
        self.members = [(k,) for k in range(self.n_columns)]
        self.members += list(
            zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
        )
        joint = [
            join(pair_codes[:, j], pair_codes[:, k])
            for j, k in self.members[self.n_columns :]
        ]
        self.codes = np.column_stack([codes, *joint]) if joint else codes
        self.one_hot = OneHot(self.codes, table.weights)
        self.target = table.target
        self.n_classes = int(table.target.max()) + 1
        self.permutations = permutations
        self.whole = table.weights is None

    def relevance(self):
        """Return I(X; y) of all candidates, a row for each permutation."""
        return self._measure(
            self.target,
            (self.n_classes,),
            lambda counts: [mutual_info_of_counts(counts, self.whole)],
        )[0]

    def beside(self, k, n_permutations, with_entropy, wanted=None):
        """Return redundancy, conditional redundancy and, if asked for, entropy.

        Of a column with many labels only the most frequent are told apart.
        """
        code = self.codes[:, k]
        if len(self.members[k]) == 1 and self.one_hot.sizes[k] > MOST_CONTEXTS:
            code = gather_rare(code, max_levels=MOST_CONTEXTS)
        size = int(code.max()) + 1
        context = np.where(
            (code >= 0) & (self.target >= 0), self.target * size + code, -1
        )

        def measure(counts):
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

    def determined_by(self, k):
        """Tell which candidates are functions of a column or of its codes."""
        shape = (int(self.one_hot.sizes[k]),)
        flags = self._measure(
            self.codes[:, k], shape, lambda counts: [is_determined(counts)], 1
        )[0][0].astype(bool)
        return flags | [bool(flags[list(unit)].any()) for unit in self.members]

    def _measure(self, context, shape, measure, n_permutations=None, wanted=None):
        """Apply a function of counts to blocks of columns and of permutations."""
        permutations = self.permutations[:n_permutations]
        n_contexts = int(np.prod(shape))
        most = max(1, 2**25 // (len(context) * n_contexts))
        results = []
        for part in np.array_split(permutations, -(-len(permutations) // most)):
            indicator = permuted_indicators(context, n_contexts, part)
            blocks = self.one_hot.blocks(len(part) * n_contexts, wanted)
            found = [
                (columns, measure(count(indicator, block, (*shape, size))))
                for columns, size, block in blocks
            ]
            results.append(self._assemble(found, len(part)))
        return [np.concatenate(parts) for parts in zip(*results, strict=True)]

    def _assemble(self, found, n_permutations):
        """Put the values of blocks of columns in their places, 0 elsewhere."""
        parts = []
        for i in range(max((len(values) for _, values in found), default=3)):
            whole = np.zeros((n_permutations, len(self.members)))
            for columns, values in found:
                whole[:, columns] = values[i]
            parts.append(whole)
        return parts


def join(first, second):
    """Return one code for each pair of codes."""
    codes = np.where(
        (first >= 0) & (second >= 0), first * (second.max() + 1) + second, -1
    )
    present = codes >= 0
    codes[present] = np.unique(codes[present], return_inverse=True)[1]
    return codes


def select(table, pairs, permutations, rule, on_step=None):
    """Select columns of codes that tell about the target.

    Parameters
    ----------
    table : Table
        Codes of all rows.
    pairs : Pairs
        Pairs that may be selected together.
    permutations : ndarray of shape (n_permutations + 1, n_rows)
        Row numbers; the first are those of the rows as they are.
    rule : Rule
        How to select.
    on_step : callable, default=None
        Called with each step; a true answer stops.

    Returns
    -------
    Selection
    """
    pairs = pairs.take(np.arange(min(len(pairs.first), MOST_CANDIDATE_PAIRS)))
    search = _Search(Candidates(table, pairs, permutations), rule)
    while search.advance():
        if on_step is not None and on_step(search.steps[-1]):
            break
    return search.result()


class _Search:
    """The greedy search."""

    def __init__(self, candidates, rule):
        self.candidates, self.rule = candidates, rule
        self.n_columns = candidates.n_columns
        everything = candidates.relevance()
        self.relevance = everything[0, : self.n_columns]
        self.pvalues = self._test(everything[:, : self.n_columns])
        auto = rule.n_columns is None
        drawn = max(STEP_PERMUTATIONS, int(2 / rule.level)) if auto else 0
        self.n_permutations = min(drawn, len(everything) - 1)
        self.base = everything[: self.n_permutations + 1]
        self.running = Running(rule.criterion, self.base)
        self.first_pvalues = np.append(self.pvalues, candidates.pairs.pvalue)
        self.open = np.ones(everything.shape[1], dtype=bool)
        self.determined = candidates.one_hot.sizes == 1
        self.steps, self.units, self.contexts = [], [], []
        self.shift = self._shift()

    def _shift(self):
        """Return the value that the best of as many empty candidates comes to."""
        if self.rule.criterion in RATIOS:
            return np.zeros(len(self.open))
        candidates, n_columns = self.candidates, self.n_columns
        n_tests = np.where(
            np.arange(len(self.open)) < n_columns,
            n_columns,
            n_columns * (n_columns - 1) / 2,
        )
        freedom = (candidates.one_hot.sizes - 1) * (candidates.n_classes - 1)
        return expected_maximum(np.maximum(freedom, 1), n_tests, len(candidates.codes))

    def _test(self, draws):
        """P-values of candidates from their values, observed ones first."""
        draws = draws.round(DECIMALS)
        if len(draws) < 2:
            return np.full(draws.shape[1], np.nan)
        adjust = {"fwer": max_statistic_pvalues, "fdr": false_discovery_pvalues}
        return adjust[self.rule.control](draws[0], draws[1:])

    @property
    def selected(self):
        """The columns selected so far."""
        return [step.column for step in self.steps]

    def advance(self):
        """Select another column or pair; tell whether there was one."""
        values = self.running.values
        auto = self.rule.n_columns is None
        wanted = self.rule.least if auto else self.rule.n_columns
        missing = wanted - len(self.steps)
        if not auto and missing <= 0:
            return False
        columns = np.arange(values.shape[1]) < self.n_columns
        pvalues = self._step_pvalues(values)
        level = self.rule.level if self.units else self.rule.entry_level
        significant = self.open & ~self.determined & (pvalues <= level)
        eligible = significant if auto else self.open & ~self.determined
        pool = significant if auto else eligible & (~columns <= (missing >= 2))
        single = best(values[0], pool & columns)
        pair = best(values[0], pool & ~columns)
        choice = self._better(values[0], single, pair)
        if choice is None and missing > 0:
            choice = self._fill(values[0], columns)
        if choice is None:
            return False
        self._take(choice, pvalues[choice])
        return True

    def _step_pvalues(self, values):
        """P-values of all candidates given what is selected; NaN where not tested.

        Candidates that passed the test of the whole family on their own need only
        show that they are not redundant.
        """
        if not self.units:
            return self.first_pvalues
        if not self.n_permutations:
            return np.full(values.shape[1], np.nan)
        pvalues = np.ones(values.shape[1])
        tested = np.flatnonzero(self.open & ~self.determined)
        if len(tested):
            values = values[:, tested].round(DECIMALS)
            first = self.first_pvalues[tested]
            alone = permutation_pvalue(values[0], values[1:])
            pvalues[tested] = np.where(
                first <= self.rule.entry_level,
                np.maximum(alone, first),
                self._test(values),
            )
        return pvalues

    def _better(self, values, single, pair):
        """Choose between the best column and the best pair, which counts by halves.

        Both are held against the best of as many that tell nothing.
        """
        if pair is None or single is None:
            return single if pair is None else pair
        values = values - self.shift
        return pair if values[pair] / 2 > values[single] else single

    def _fill(self, values, columns):
        """Return a column that adds nothing, where more are asked for."""
        choice = best(values, self.open & columns & ~self.determined)
        return best(values, self.open & columns) if choice is None else choice

    def _take(self, choice, pvalue):
        """Note a column or a pair as selected and measure the others beside it."""
        members = self.candidates.members[choice]
        gain = float(self.running.values[0, choice])
        for k in sorted(members, key=lambda k: -self.relevance[k]):
            before = [context[k] for context in self.contexts]
            mean = np.mean(before, axis=0) if before else (0.0, 0.0)
            self.steps.append(Step(k, self.relevance[k], *mean, gain, pvalue))
            self.determined |= self.candidates.determined_by(k)
        self.units.append(members)
        taken = set(members)
        self.open &= [not taken & set(unit) for unit in self.candidates.members]
        redundancy, conditional, entropy = self.candidates.beside(
            choice,
            self.n_permutations + 1,
            self.rule.criterion == "disr",
            self.open & ~self.determined,
        )
        self.contexts.append(np.column_stack([redundancy[0], conditional[0]]))
        self.running.add(
            Beside(redundancy, conditional, self.base, self.base[0, choice], entropy)
        )

    def result(self):
        """Return what was found."""
        order = self.selected
        values = np.where(self.determined[: self.n_columns], -np.inf, 0.0)
        values = values + self.running.values[0, : self.n_columns]
        rest = np.lexsort([-self.relevance, -values])
        ranking = np.empty(self.n_columns, dtype=int)
        ranked = [*order, *(k for k in rest if k not in set(order))]
        ranking[ranked] = np.arange(1, self.n_columns + 1)
        return Selection(
            self.relevance,
            self.pvalues,
            self.steps,
            ranking,
            self._redundant_with(order),
            self.units,
            [],
        )

    def _redundant_with(self, order):
        """For each column the selected one that has most of what it tells, or -1."""
        answer = np.full(self.n_columns, -1)
        largest = np.maximum(self.relevance, 1e-12) / 2
        known = ~(self.pvalues > self.rule.level)
        place = {k: i for i, k in enumerate(order)}
        for j in order:
            redundancy, conditional, _ = self.candidates.beside(j, 1, False)
            determined = self.candidates.determined_by(j)
            shared = (redundancy - conditional)[0, : self.n_columns]
            twin = (determined & (self.candidates.one_hot.sizes > 1))[: self.n_columns]
            shared = np.where(twin, np.inf, shared)
            later = np.array([place.get(k, len(order)) for k in range(self.n_columns)])
            better = (shared > largest) & (known | twin) & (later > place[j])
            answer[better] = j
            largest = np.where(better, shared, largest)
        return answer


def best(values, allowed):
    """Return the place of the largest allowed value, or None."""
    if not allowed.any():
        return None
    return int(np.argmax(np.where(allowed, values, -np.inf)))
