"""Where a selection stops: held-out information beside the significant features."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from skmi.feature_selection.by_counts import CountedSearch
from skmi.feature_selection.candidates import Candidates
from skmi.feature_selection.conditional import AdditiveSet
from skmi.feature_selection.cumulative import (
    CLEAR,
    MOST_CLASSES,
    N_FOLDS,
    HeldOut,
    is_lower,
)
from skmi.feature_selection.pair_screen import Pairs
from skmi.feature_selection.relevant import (
    keep_many,
    keep_relevant,
    relevant_pvalues,
    share_level,
)
from skmi.feature_selection.search import Rule, Selection, Step, Unit, ranks
from skmi.feature_selection.table import Table

__all__ = ["n_further_columns", "select_by_counts"]

# Each pair is counted against every selected column: more of them take long.
MOST_CANDIDATE_PAIRS = 64

MOST_ROWS = 2000  # samples by which is decided, evenly spaced

MOST_FURTHER = 40  # columns that are tried beyond the significant ones

# At this share of the level others that are informative together are added whether or
# not their rise is clear: a test more at the whole level would double the type I error.
SURE = 10

MOST_TESTED = 100  # columns of a given number whose steps get p-values

MOST_AT_RANDOM = 1000  # columns that stand for the rest, where not all have terms

PATIENCE = 8  # columns without a rise after which no more are tried

SHORTLIST = 64  # columns of the largest mutual information that are tried in a fold


# Forests of so many trees, for tables of at most so many columns, with so many samples.
N_TREES, FOREST_COLUMNS, FOREST_ROWS = 100, 32, 1000

# Standard errors by which it has to predict better than with noise in place of the
# columns that are added: at 1.5, 3 of 40 tables of three informative columns got noise.
CLEAR_OF_NOISE = 2.0

SMALL_CHANCE = 0.02  # smallest probability of a class by a forest


def select_by_counts(
    table: Table,
    pairs: Pairs,
    permutations: np.ndarray,
    rule: Rule,
    ordered: bool = False,
    on_step: Callable[[Step], Any] | None = None,
    make_set: Callable[[np.ndarray], AdditiveSet] | None = None,
    wide: bool = False,
) -> Selection:
    """Select columns of codes that are informative about the target.

    Parameters
    ----------
    table : Table
        Codes of all samples.
    pairs : Pairs
        Pairs that may be selected together.
    permutations : Permutations, or ndarray of shape (n_permutations + 1, n_rows)
        Sample numbers, the identity first.
    rule : Rule
        How to select.
    ordered : bool, default=False
        Whether the order of the samples matters.
    on_step : callable, default=None
        Called with each step; a true answer stops.
    make_set : callable, default=None
        Makes the set of columns for tests given all others from the relevance.
    wide : bool, default=False
        Whether every column that is informative alone may be kept.

    Returns
    -------
    Selection
    """
    first = None
    if rule.begins_significant:
        alone, _, every = share_level(table, rule.without_number, ordered)
        search = table, pairs, permutations, alone, ordered, None, make_set, every
        first = select_by_counts(*search)
    pairs = pairs.take(np.arange(min(len(pairs.first), MOST_CANDIDATE_PAIRS)))
    search = CountedSearch(Candidates(table, permutations, pairs), pairs.pvalue, rule)
    additive = relevant = None
    found = bool((search.pvalues <= rule.entry_level).any())
    if make_set and rule.automatic and (found or wide):
        additive = make_set(search.relevance)
        if wide:
            alone = additive.without_common()
            relevant = relevant_pvalues(alone, permutations, rule, found)
    if additive and found:
        additive.search()
        if rule.control == "fwer" and not additive.chosen:
            additive = additive.without_common()  # they explained all that there is
            additive.search()
        given = additive.pvalues()
        if rule.control == "fwer":  # what is not related to the set is not explained
            additive = additive.without_common()
            given[~additive.is_related() & (given > rule.level)] = np.nan
        search.given_others, search.exchangeable = given, not ordered
        search.pairs_given = additive.pair_pvalues
    if not found:
        additive = None
    kept: list[int] = []
    if relevant is not None:
        kept = keep_relevant(alone, relevant, additive.chosen if additive else [])
    if kept:  # the few that are informative beside each other come first
        search.close_others()
    stopped = bool(first) and take_first(search, first, on_step)
    stopped = stopped or search.go_on(on_step)
    if kept and not stopped:
        stopped = take_relevant(search, kept, relevant, on_step)
    if rule.adds and search.has_significant and not (stopped or kept):
        if table.codes.min() < 0:  # missing values count nowhere, but are terms
            additive = None
        if additive and len(additive.terms.units) < search.n_columns:
            additive.representative = make_set(at_random(search.n_columns))
        has_more = add_informative(search, table, additive, ordered, on_step)
        if has_more and table.weights is None:
            alone = additive.without_common()
            take_relevant(search, *keep_many(alone, search.selected), on_step)
    if make_set and not rule.automatic:
        add_pvalues(search, make_set)
    return search.result()


def at_random(n_columns: int) -> np.ndarray:
    """Relevance by which columns are chosen without regard to the target.

    The most relevant ones are informative together by their choice alone.
    """
    order = np.random.RandomState(0).permutation(n_columns)
    return np.where(order < MOST_AT_RANDOM, order, -np.inf)


def add_pvalues(
    search: CountedSearch, make_set: Callable[[np.ndarray], AdditiveSet]
) -> None:
    """Give p-values to steps of a search for a number of columns, which tests none.

    A column given those before it, adjusted for the number of all columns; a pair as in
    the screen. Steps after the first `MOST_TESTED` get none.
    """
    selected, n_before = search.selected, 0
    relevance = np.full(search.n_columns, -np.inf)
    relevance[selected] = search.relevance[selected]
    additive = make_set(relevance)
    for choice, unit in zip(search.chosen, search.units, strict=True):
        if n_before >= MOST_TESTED:
            break
        pvalue = search.marginal_pvalues[choice]
        if len(unit) == 1 and n_before:
            before = [k for k in selected[:n_before] if k in additive.places]
            given = additive.unit_pvalues(before, np.array(unit))[unit[0]]
            known = unit[0] in additive.places
            pvalue = min(given * additive.n_units, 1.0) if known else np.nan
        for i in range(n_before, n_before + len(unit)):
            step = search.steps[i]
            if step.column not in search.rule.fixed and np.isnan(step.pvalue):
                search.steps[i] = step._replace(pvalue=float(pvalue))
        n_before += len(unit)


def take_first(
    search: CountedSearch,
    found: Selection,
    on_step: Callable[[Step], Any] | None,
) -> bool:
    """Select the units of a selection while they fit.

    Those that it selected as they are informative alone come by the criterion: many may
    be copies of each other. Return whether `on_step` stopped it.
    """
    search.take_fixed()
    n_few = len(found.units) - found.n_alone
    for unit in found.units[:n_few]:
        is_new = not set(unit) & set(search.selected)
        if is_new and len(unit) <= search.missing and search.take_unit(unit, on_step):
            return True
    is_alone = np.isin(np.arange(len(search.pool.members)), found.units[n_few:])
    while search.missing > 0:
        choice = search.best_among(is_alone)
        if choice is None:
            break
        if search.take_unit(search.pool.members[choice], on_step):
            return True
    return False


def take_relevant(
    search: CountedSearch,
    units: list[int],
    pvalues: np.ndarray,
    on_step: Callable[[Step], Any] | None,
) -> bool:
    """Select units that are informative alone; return whether `on_step` stopped it."""
    n_before = len(search.steps)
    search.take_alone([k for k in units if k not in search.selected], pvalues)
    return on_step is not None and any(map(on_step, search.steps[n_before:]))


def add_informative(
    search: CountedSearch,
    table: Table,
    additive: AdditiveSet | None,
    ordered: bool,
    on_step: Callable[[Step], Any] | None,
) -> bool:
    """Add columns while those that are left are informative together.

    First the ones that are significant given the selected ones, then as many as
    predict held-out samples, then the best by the criterion, one by one. Return whether
    those that are left are informative still.
    """
    rule, stopped, pvalue = search.rule, False, 1.0
    sure = 0.0 if ordered else rule.level / SURE
    if additive is not None:
        stopped = add_significant(search, additive, on_step)
        pvalue = additive.rest_pvalue(search.selected)
    n_more, n_selected = 0, len(search.steps)
    if additive is None or pvalue <= rule.level:
        tests = ordered, pvalue <= sure
        n_more = n_further_columns(table, search.units, rule, *tests)
    order = np.argsort(ranks(search.selected, search.remaining_order()))
    # A tree knows the neighbours of samples out of its bag, in time or in a group.
    if not (stopped or n_more or ordered) and n_selected < len(order) <= FOREST_COLUMNS:
        stopped = search.take_columns(for_forest(table, order, n_selected), on_step)
    most = min(n_selected + MOST_FURTHER, len(order))
    while not stopped and (n_more or pvalue <= sure):
        search.rule = rule._replace(least=len(search.steps) + max(n_more, 1))
        stopped, n_more = search.go_on(on_step), 0
        if len(search.steps) >= most or pvalue > sure:
            break
        pvalue = additive.rest_pvalue(search.selected)
    return pvalue <= sure and not stopped


def add_significant(
    search: CountedSearch,
    additive: AdditiveSet,
    on_step: Callable[[Step], Any] | None,
) -> bool:
    """Add columns that are significant given the selected ones, the best one first.

    A column of the set is not selected where one close to it may stand for it. If
    neither is selected, one of them has to be. Return whether `on_step` stopped it.
    """
    n_selected, stopped = -1, False
    while len(search.steps) > n_selected and not stopped:
        n_selected = len(search.steps)
        pvalues = additive.unit_pvalues(search.selected)
        pvalues[search.selected] = 1
        best = int(pvalues.argmin())
        if pvalues[best] > additive.threshold(n_selected):
            break
        search.given_others[best] = pvalues[best] * additive.n_units
        stopped = search.go_on(on_step)
    return stopped


def n_further_columns(
    table: Table, units: list[Unit], rule: Rule, ordered: bool, is_sure: bool
) -> int:
    """Return the number of columns to add for their held-out information.

    In each of five folds the search goes on from the significant columns by the
    training samples alone, and an additive model is fitted to them. The number is that
    of the lowest mean loss on the held-out samples, if it is lower by 1.5 standard
    errors. If the columns that are left are known to be informative, it is the
    smallest one with a loss within a standard error of the lowest. Where columns
    outnumber samples, those that are significant on all samples predict the held-out
    ones too well, and each fold begins with as many columns of its own.

    Parameters
    ----------
    table : Table
        Codes of all samples.
    units : list of tuple of int
        Significant columns, in their order.
    rule : Rule
        How to select.
    ordered : bool
        Whether the order of the samples matters.
    is_sure : bool
        Whether the columns that are left are known to be informative together.

    Returns
    -------
    int
    """
    table = table.thin(MOST_ROWS)
    held_out = HeldOut(table, ordered)
    searches = [
        FurtherColumns(table.take(held_out.train(i)), units, rule)
        for i in range(N_FOLDS)
    ]
    held_out.start([search.begin() for search in searches])
    for n_added in range(1, MOST_FURTHER + 1):
        added = [search.next() for search in searches]
        if None in added:
            break
        held_out.add(added)
        if n_added - held_out.lowest >= PATIENCE:
            break
    return held_out.fewest if is_sure else held_out.lowest


def for_forest(table: Table, order: np.ndarray, n_selected: int) -> list[int]:
    """Return the columns to add, with which a forest of trees predicts best.

    It finds what no sum of terms and no pair shows, such as rules of many columns. More
    columns than the selected ones have to lower the loss on the samples that a tree did
    not train by more than 1.5 standard errors, and by two below that with the same
    columns in another order of the samples: noise can make trees less alike. Of those,
    the ones stay that in another order raise the loss by 1.5.

    Parameters
    ----------
    table : Table
        Codes of all samples.
    order : ndarray of shape (n_columns,)
        All columns, the selected ones first.
    n_selected : int
        Number of selected columns.

    Returns
    -------
    list of int
    """
    table = table.thin(FOREST_ROWS)
    steps = 2 ** np.arange(4)
    sizes = [n_selected, *(n_selected + steps).tolist(), len(order)]
    sizes = sorted({min(size, len(order)) for size in sizes})
    losses = np.array([forest_losses(table, order[:size]) for size in sizes])
    best = int(np.argmin(losses.mean(axis=1)))
    others = order[n_selected : sizes[best]]
    if not is_lower(losses[best], losses[0], CLEAR):
        return []
    rows = np.random.RandomState(0).permutation(len(table.codes))
    noise = forest_losses(mixed(table, others, rows), order[: sizes[best]])
    if not is_lower(losses[best], noise, CLEAR_OF_NOISE):
        return []
    without = [
        forest_losses(mixed(table, [k], rows), order[: sizes[best]])
        for k in others.tolist()
    ]
    return [
        k
        for k, found in zip(others.tolist(), without, strict=True)
        if is_lower(losses[best], found, CLEAR)
    ]


def mixed(table: Table, columns: Any, rows: np.ndarray) -> Table:
    """Table with some of the columns in another order of the samples."""
    codes = table.codes.copy()
    codes[:, columns] = codes[np.ix_(rows, columns)]
    return table._replace(codes=codes)


def forest_losses(table: Table, columns: np.ndarray) -> np.ndarray:
    """Out-of-bag losses of a forest, in nats, for each sample."""
    from sklearn.ensemble import RandomForestClassifier

    target = table.few_classes(MOST_CLASSES)
    forest = RandomForestClassifier(
        N_TREES, max_features=None, min_samples_leaf=3, oob_score=True, random_state=0
    )
    codes = table.codes[:, columns]
    # Missing values that count nowhere must not be a value of their own.
    middle = [np.median(c[c >= 0]) if (c >= 0).any() else 0 for c in codes.T]
    codes = np.where(codes < 0, middle, codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # samples in the bag of all trees
        forest.fit(codes, target, sample_weight=table.weights)
    chances = np.nan_to_num(forest.oob_decision_function_, nan=SMALL_CHANCE)
    place = np.searchsorted(forest.classes_, target)
    return -np.log(np.maximum(chances[np.arange(len(place)), place], SMALL_CHANCE))


class FurtherColumns:
    """Search that goes on from selected columns, on some of the samples.

    Parameters
    ----------
    table : Table
        Codes of these samples.
    units, rule
        As for `n_further_columns`.
    """

    def __init__(self, table: Table, units: list[Unit], rule: Rule):
        identity = np.arange(len(table.target))[np.newaxis]
        chosen = [k for unit in units for k in unit]
        relevance = Candidates(table, identity).relevance()[0]
        relevance[chosen] = np.inf
        order = np.argsort(-relevance, kind="stable")
        self.columns = np.sort(order[: len(chosen) + SHORTLIST])
        self.given = [tuple(np.searchsorted(self.columns, unit)) for unit in units]
        both = np.array([unit for unit in self.given if len(unit) == 2], int)
        pairs = Pairs(*both.reshape(-1, 2).T, *np.zeros((3, len(both))))
        counted = Candidates(table.select(self.columns), identity, pairs)
        rule = rule._replace(n_columns=len(self.columns))
        self.search = CountedSearch(counted, pairs.pvalue, rule)
        self.anew = table.codes.shape[1] > len(table.target)

    def begin(self) -> list[Unit]:
        """Select the given units, or as many columns anew; return them."""
        if not self.anew:
            for unit in self.given:
                self.search.take(self.search.candidates.members.index(unit))
        while len(self.search.steps) < sum(map(len, self.given)):
            self.search.advance()
        return [tuple(self.columns[list(unit)].tolist()) for unit in self.search.units]

    def next(self) -> Unit | None:
        """Next column that is no function of those before it, or None."""
        pool = self.search.pool
        if not (pool.free & pool.single).any():
            return None
        self.search.advance()
        return (int(self.columns[self.search.selected[-1]]),)
