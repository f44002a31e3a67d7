"""Every feature that is informative alone, where features outnumber samples."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skmi._data.splitting import even_folds
from skmi.feature_selection.conditional import AdditiveSet
from skmi.feature_selection.cumulative import CLEAR, is_lower
from skmi.feature_selection.search import Rule
from skmi.feature_selection.significance import (
    adjust,
    overall_pvalue,
    pooled_pvalues,
    smallest_pvalue,
)
from skmi.feature_selection.table import Table
from skmi.feature_selection.terms import Terms

__all__ = ["keep_many", "keep_relevant", "relevant_pvalues", "share_level"]

# Parts of the level; columns by their codes have the other half. Any of the three is
# enough for something to be selected. That of pairs hardly counts in their threshold.
PAIRS_PART, SCORES_PART = 0.1, 0.4

# Samples: of 400, proxies of eight columns out of 500 predicted better than the seven
# that were found, and would have been selected.
MOST_ROWS = 200

# Values under permutation that are pooled, of so many blocks of units. With one block
# and 200 permutations, five seeds found 50 to 71 of 2000 columns.
MOST_DRAWN, N_BLOCKS = 2**21, 64

MOST_TURNS = 100  # of all units at once

N_FOLDS = 5

RIDGES = (0.01, 0.1, 1.0, 10.0)  # shares of the mean variance; the best one counts

MOST_TRIED = 1500  # samples by which the number of units is chosen

SURE = 10  # share of the level at which the rest is clearly informative

MOST_COMPARED = 32  # columns of the smaller set, each of which takes a search


def is_wide(table: Table, rule: Rule, ordered: bool) -> bool:
    """Whether every column that is informative alone may be kept.

    Few samples cannot show which of many correlated columns is redundant, and the mean
    of all predicts better than the few that are left.
    """
    n_rows, n_columns = table.codes.shape
    plain = table.weights is None and not ordered and table.codes.min() >= 0
    enough = smallest_pvalue(rule.n_permutations) <= rule.level * SCORES_PART
    return rule.adds and plain and enough and n_rows < min(n_columns, MOST_ROWS)


def share_level(table: Table, rule: Rule, ordered: bool) -> tuple[Rule, float, bool]:
    """Rule with the level of the first step, the level of pairs, and `is_wide`."""
    if not is_wide(table, rule, ordered):
        return rule, rule.entry_level, False
    return rule._replace(entry_level=rule.level / 2), rule.level * PAIRS_PART, True


def relevant_pvalues(
    additive: AdditiveSet, permutations: Any, rule: Rule, is_significant: bool
) -> np.ndarray | None:
    """P-values of all units alone, adjusted for the false discovery rate.

    By the share of their terms, normal scores of numbers, that the target explains,
    which has more power than counts in bins where samples are few.

    Parameters
    ----------
    additive : AdditiveSet
        Terms of the units and the target.
    permutations : Permutations, or ndarray of shape (n_permutations + 1, n_rows)
        Sample numbers, the identity first.
    rule : Rule
        Level of the selection.
    is_significant : bool
        Whether some column is significant by its codes; if not, all together have
        to be by their terms.

    Returns
    -------
    ndarray of shape (n_units,) or None
    """
    if not (len(additive.terms.unit) and additive.terms.response.shape[1]):
        return None  # no terms, or a constant target
    draws = ShareDraws(additive, permutations, rule.n_permutations)
    n_tested, n_units = len(draws.units), additive.n_units
    # Where the most relevant ones are tested only, they are no test of all.
    is_test = len(additive.terms.units) == n_units and not is_significant
    overall = overall_pvalue(draws.together()) if is_test else 1.0
    if not (is_significant or overall <= rule.level * SCORES_PART):
        return None
    found = pooled_pvalues(draws.observed, draws.apart())
    pvalues = np.ones(n_units)
    pvalues[draws.units] = np.minimum(found * n_units / n_tested, 1.0)
    return pvalues


class ShareDraws:
    """Largest share of the terms of each unit that the target explains.

    Parameters
    ----------
    additive : AdditiveSet
        Terms of the units and the target.
    permutations : Permutations, or ndarray of shape (n_permutations + 1, n_rows)
        Sample numbers, the identity first.
    n_permutations : int
        Permutations, at least; more where the units are few.
    """

    def __init__(self, additive: AdditiveSet, permutations: Any, n_permutations: int):
        rows = canonical_order(additive.terms)
        order = np.argsort(additive.terms.unit, kind="stable")
        self.values = additive.values[:, order][rows]
        self.response = additive.left_of_response(additive.base[:, :1])[rows]
        unit = additive.terms.unit[order]
        self.units, self.unit = np.unique(unit, return_inverse=True)
        n_drawn = max(n_permutations, MOST_DRAWN // len(order))
        self.turns = np.asarray(permutations[1 : 1 + n_drawn])
        self.observed = self._shares(np.arange(len(rows))[np.newaxis])[0]

    def together(self) -> np.ndarray:
        """Observed values, then all units permuted alike, (n_turns, n_units)."""
        parts = np.array_split(self.turns, len(self.turns) // MOST_TURNS + 1)
        return np.vstack([self.observed, *map(self._shares, parts)])

    def apart(self) -> np.ndarray:
        """Values of each unit under permutations of its block, (n_turns, n_units).

        Correlated units that are permuted alike reach large values together, and their
        shares in the tail vary several times as much.
        """
        found = np.empty((len(self.turns), len(self.observed)))
        for i in range(min(N_BLOCKS, len(self.observed))):
            order = np.random.RandomState(i).permutation(len(self.values))
            terms = self.unit % N_BLOCKS == i
            found[:, i::N_BLOCKS] = self._shares(self.turns[:, order], terms)
        return found

    def _shares(self, turns: np.ndarray, terms: Any = slice(None)) -> np.ndarray:
        """Shares of the units of some terms, shape (n_turns, n_units)."""
        values, drawn = self.values[:, terms], self.response[turns]
        shares = sum((side @ values) ** 2 for side in np.moveaxis(drawn, 2, 0))
        _, starts = np.unique(self.unit[terms], return_index=True)
        return np.maximum.reduceat(shares, starts, axis=1)


def canonical_order(terms: Terms) -> np.ndarray:
    """Order of the samples that depends on no given one, nor on names of classes."""
    mixture = terms.values @ np.cos(np.arange(terms.values.shape[1]))
    return np.lexsort([*terms.response.T, mixture.round(6)])


def keep_relevant(
    additive: AdditiveSet, pvalues: np.ndarray, chosen: list[int]
) -> list[int]:
    """Choose all units that are informative alone, if they predict no worse.

    Parameters
    ----------
    additive : AdditiveSet
        Terms of the units and the target.
    pvalues : ndarray of shape (n_units,)
        As by `relevant_pvalues`.
    chosen : list of int
        Units that are informative beside each other.

    Returns
    -------
    list of int
        The most significant first; none where the few predict better, or are all.
    """
    order = np.argsort(pvalues, kind="stable")
    order = order[: n_informative(additive, chosen, pvalues, order)]
    if np.isin(order, chosen).all():
        return []
    few, all_of_them = losses(additive.terms, len(chosen), len(order))
    return [] if is_lower(few, all_of_them, CLEAR) else order.tolist()


def n_informative(
    additive: AdditiveSet, selected: list[int], pvalues: np.ndarray, order: np.ndarray
) -> int:
    """Return how many of the units are informative, in their order.

    Those with p-values up to the level, then as many more as are needed until the rest
    is not clearly informative given them.
    """
    n_found = int((pvalues <= additive.level).sum())
    most = min(additive.most, len(order))
    while n_found < most:
        given = np.union1d(selected, order[:n_found]).astype(int).tolist()
        if additive.rest_pvalue(given) > additive.level / SURE:
            break
        n_found += 1
    return n_found


def losses(terms: Terms, n_few: int, n_all: int) -> list[np.ndarray]:
    """Held-out squared errors of two sets that each fold chooses on its own.

    So many units that are informative beside each other, and so many that are
    informative alone.
    """
    return fold_losses(
        some_rows(terms, canonical_order(terms)),
        lambda model: [beside_each_other(model, n_few), most_relevant(model)[:n_all]],
    )


def keep_many(additive: AdditiveSet, chosen: list[int]) -> tuple[list[int], np.ndarray]:
    """Find many units that are informative alone, where they predict better.

    For a target on which more units bear than the search selects one by one. As many as
    are significant (false discovery rate), or twice, four times as many and so on: the
    fewest with a held-out loss within a standard error of the lowest, if it is clearly
    lower than that of the selected ones.

    Parameters
    ----------
    additive : AdditiveSet
        Terms of the units and the target.
    chosen : list of int
        Selected units.

    Returns
    -------
    units : list of int
        The most significant first; none where the selected ones predict as well.
    pvalues : ndarray of shape (n_units,)
        Of all units alone, adjusted for the false discovery rate.
    """
    pvalues = additive.unit_pvalues([])
    adjusted = adjust(pvalues, "fdr")
    sizes = [max(int((adjusted <= additive.level).sum()), len(chosen))]
    most = len(additive.terms.units)
    while sizes[-1] < most:
        sizes.append(min(2 * sizes[-1], most))
    few, *many = many_losses(additive.terms, chosen, sizes)
    lowest = min(many, key=np.mean)
    best = next(i for i, own in enumerate(many) if not is_lower(lowest, own, 1.0))
    if not is_lower(many[best], few, CLEAR):
        return [], adjusted
    return np.argsort(pvalues, kind="stable")[: sizes[best]].tolist(), adjusted


def many_losses(terms: Terms, few: list[int], sizes: list[int]) -> list[np.ndarray]:
    """Held-out squared errors of some units, and of so many that each fold chooses.

    The former were selected on all samples, which is in their favour.
    """
    order = canonical_order(terms)

    def choose(model: AdditiveSet) -> list[Any]:
        units = most_relevant(model)
        return [few, *(units[:size] for size in sizes)]

    some = some_rows(terms, order[:: -(-len(order) // MOST_TRIED)])
    return fold_losses(some, choose)


def fold_losses(
    terms: Terms, choose: Callable[[AdditiveSet], list[Any]]
) -> list[np.ndarray]:
    """Held-out squared errors of the sets of units that each fold chooses."""
    labels = np.unique(terms.response, axis=0, return_inverse=True)[1].ravel()
    folds, found = even_folds(labels, N_FOLDS), []
    for i in range(N_FOLDS):
        trains = folds != i
        model = AdditiveSet(
            some_rows(terms, trains), terms.units.max() + 1, 1.0, "fwer", common=False
        )
        sets = choose(model)
        found = found or [np.zeros((len(RIDGES), len(folds))) for _ in sets]
        for own, units in zip(found, sets, strict=True):
            places = np.flatnonzero(np.isin(terms.unit, units))
            own[:, ~trains] = ridge_errors(
                terms.values[:, places], terms.response, trains
            )
    return [own[np.argmin(own.mean(axis=1))] for own in found]


def most_relevant(additive: AdditiveSet) -> np.ndarray:
    """Units, the most informative alone first."""
    return np.argsort(additive.unit_pvalues([]), kind="stable")


def some_rows(terms: Terms, rows: np.ndarray) -> Terms:
    """Terms of some samples, or in another order."""
    sides = ("values", "response", "root_weights")
    return terms._replace(**{name: getattr(terms, name)[rows] for name in sides})


def beside_each_other(additive: AdditiveSet, n_units: int) -> list[int]:
    """Choose so many units, each the most informative given those before it."""
    chosen: list[int] = []
    while len(chosen) < min(n_units, additive.most, MOST_COMPARED):
        pvalues = additive.unit_pvalues(chosen)
        pvalues[chosen] = 2
        chosen.append(int(pvalues.argmin()))
    return chosen


def ridge_errors(
    values: np.ndarray, response: np.ndarray, trains: np.ndarray
) -> np.ndarray:
    """Squared errors of the samples that do not train, by penalty.

    By the Gram matrix of the samples, which are fewer than the columns.
    """
    inside, outside = values[trains].astype(float), values[~trains].astype(float)
    mean, spread = inside.mean(axis=0), inside.std(axis=0)
    scale = np.where(spread > 0, spread, np.inf)
    inside, outside = (inside - mean) / scale, (outside - mean) / scale
    gram, across = inside @ inside.T, outside @ inside.T
    middle = response[trains].mean(axis=0)
    sizes, vectors = np.linalg.eigh(gram)
    loads = vectors.T @ (response[trains] - middle)
    found = []
    for ridge in RIDGES:
        penalty = max(ridge * np.trace(gram) / len(gram), 1e-12)
        weights = vectors @ (loads / (np.maximum(sizes, 0) + penalty)[:, np.newaxis])
        left = response[~trains] - middle - across @ weights
        found.append((left**2).sum(axis=1))
    return np.array(found)
