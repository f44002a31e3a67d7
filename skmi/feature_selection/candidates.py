"""Counts of candidate columns and pairs, with the permuted target."""

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
    Unit,
)
from skmi.feature_selection.table import Table

__all__ = ["Candidates"]

# Groups of the labels of a selected column: with more of them the cells of
# (label, target) have too few rows to count a candidate in.
MOST_CONTEXTS = 8

# Cells of a table beyond which samples are counted one by one, not by a product of
# indicators: there the former is faster.
MOST_CELLS = 512


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
        self.best_parts = None
        if table.parts is not None and len(table.parts.unit):
            self.best_parts = BestParts(table, permutations)

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
        counted = self.measure(
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
        if self.best_parts:
            self.best_parts.choose(values, n_permutations)
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
        code = self.best_parts.code_of(k) if self.best_parts else None
        code = self.codes[:, k] if code is None else code
        if len(self.members[k]) == 1 and code.max(initial=0) >= MOST_CONTEXTS:
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
        sides = context, shape, measure, n_permutations, wanted
        found = self.measure(*sides)
        return self.best_parts.replace(found, *sides) if self.best_parts else found

    def determined_by(self, k: int) -> np.ndarray:
        """Whether each candidate is a function of a column or of its codes."""
        flags = is_function_of(self.codes, self.codes[:, k])
        if self.best_parts:  # the cells of a group leave out some of its columns
            flags[self.best_parts.more_than(self.codes[:, k])] = False
        within = flags.copy()
        for i, unit in enumerate(self.members[self.n_columns :], self.n_columns):
            within[i] |= flags[list(unit)].any()
        return within

    def measure(
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


class BestParts:
    """The part of each group of columns that is most informative about the target.

    A group counts by its joint cells, or by the member or pair of members of more
    mutual information, which is chosen anew in every permutation.

    Parameters
    ----------
    table : Table
        Codes of all samples, with parts.
    permutations
        As for `Candidates`.
    """

    def __init__(self, table: Table, permutations: np.ndarray):
        parts = table.parts
        assert parts is not None
        inner = table._replace(codes=parts.codes, parts=None)
        self.counted = Candidates(inner, permutations)
        self.unit = parts.unit
        self.places = {k: np.flatnonzero(self.unit == k) for k in np.unique(self.unit)}
        self.chosen: dict[int, np.ndarray] = {}  # part of each turn, -1 for the cells

    def choose(self, values: np.ndarray, n_permutations: int | None) -> None:
        """Raise the relevance of groups to that of their best parts, in place."""
        own = self.counted.relevance(n_permutations)
        for k, places in self.places.items():
            best = places[np.argmax(own[:, places], axis=1)]
            found = own[np.arange(len(own)), best]
            self.chosen[k] = np.where(found > values[:, k], best, -1)
            values[:, k] = np.maximum(values[:, k], found)

    def code_of(self, k: int) -> np.ndarray | None:
        """Codes of the best part of a group; None for its cells and other columns."""
        part = self.chosen[k][0] if k in self.chosen else -1
        return None if part < 0 else self.counted.codes[:, part]

    def replace(
        self,
        values: list[np.ndarray],
        context: np.ndarray,
        shape: tuple[int, ...],
        measure: Callable[[np.ndarray, np.ndarray | None], list[np.ndarray]],
        n_permutations: int,
        wanted: np.ndarray | None,
    ) -> list[np.ndarray]:
        """Replace what is measured of groups by that of their best parts."""
        wanted = None if wanted is None else wanted[self.unit]
        sides = context, shape, measure, n_permutations, wanted
        own = self.counted.measure(*sides)
        for k in self.places:
            parts = self.chosen[k][: len(own[0])]
            turns = np.flatnonzero(parts >= 0)
            for whole, found in zip(values, own, strict=True):
                whole[turns, k] = found[turns, parts[turns]]
        return values

    def more_than(self, code: np.ndarray) -> list[int]:
        """Return the groups that are no functions of a code."""
        is_function = is_function_of(self.counted.codes, code)
        return [k for k, places in self.places.items() if not is_function[places].all()]
