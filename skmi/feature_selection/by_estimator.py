"""Greedy selection by any estimator: fits in place of counts, critics in one stack."""

import warnings

import numpy as np
from scipy.stats import norm
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skmi.exceptions import SkmiWarning
from skmi.feature_selection.by_counts import DECIMALS, Candidates, Selection, Step, best
from skmi.feature_selection.criteria import Beside, Running
from skmi.feature_selection.encoding import few_codes
from skmi.feature_selection.pair_screen import Pairs, positive, screen_triples
from skmi.statistics import false_discovery_pvalues, max_statistic_pvalues

__all__ = ["fitted_mutual_info", "make_measure", "select_by_fits"]

GAIN_PERMUTATIONS = 29


MOST_SEEDS = 8


SHORTLIST = 16


def fitted_mutual_info(estimator, x, y, seed=None):
    """Return the estimate of a clone fitted on two blocks."""
    estimator = clone(estimator)
    if seed is not None and "random_state" in estimator.get_params():
        estimator.set_params(random_state=seed)
    with warnings.catch_warnings():
        # Blocks of a table repeat rows and take integers as they are.
        warnings.simplefilter("ignore", SkmiWarning)
        return estimator.fit(x, y).mutual_info_


def make_measure(estimator, n_jobs, seed):
    """Return what measures many blocks by an estimator, critics in one stack."""
    stacks = hasattr(estimator, "_objective")
    stacks &= getattr(estimator, "reference", None) is None  # one for each block
    return Stack(estimator, seed) if stacks else Fits(estimator, n_jobs, seed)


class Fits:
    """One fit for each block."""

    def __init__(self, estimator, n_jobs, seed):
        self.estimator, self.n_jobs, self.seed = estimator, n_jobs, seed

    def values(self, blocks, y):
        """Return the mutual information of each block and y, in nats."""
        values = Parallel(n_jobs=self.n_jobs)(
            delayed(fitted_mutual_info)(self.estimator, block, y, self.seed)
            for block in blocks
        )
        return np.array(values)

    def pvalues(self, blocks, y, values, permutations, control):
        """Return adjusted p-values of the values, by permutations of y."""
        null = [self.values(blocks, y[rows]) for rows in permutations[1:]]
        adjust = {"fwer": max_statistic_pvalues, "fdr": false_discovery_pvalues}
        return adjust[control](values, null) if null else np.full(len(values), np.nan)


class Stack:
    """Critics of all blocks side by side, compared on the same rows held out."""

    def __init__(self, estimator, seed):
        self.estimator, self.seed = estimator, seed

    def terms(self, blocks, y):
        """Return the pointwise values on the rows held out, a row for each block."""
        from skmi.variational.many import report_terms  # torch is for critics alone

        return report_terms(self.estimator, blocks, y, self.seed)

    def values(self, blocks, y):
        """Return the mutual information of each block and y, in nats."""
        self.last = self.terms(blocks, y)
        return self.last.mean(axis=1)

    def pvalues(self, blocks, y, values, permutations, control):
        """Return adjusted p-values from the spread of the pointwise values."""
        return np.minimum(normal_pvalues(self.last) * len(values), 1.0)


def normal_pvalues(terms):
    """P-values of means above zero."""
    errors = terms.std(axis=-1, ddof=1) / np.sqrt(terms.shape[-1])
    means = terms.mean(axis=-1)
    return positive(norm.sf(means / np.where(errors > 0, errors, np.inf)))


def select_by_fits(blocks, y, table, pairs, measure, permutations, rule, on_step=None):
    """Select blocks of columns by fits of an estimator.

    Parameters
    ----------
    blocks : list of ndarray of shape (n_rows, n_columns)
        The candidates.
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        The target.
    table : Table
        Codes of the same candidates and rows.
    pairs : Pairs
        Candidates that may be selected together.
    measure : Fits or Stack
        What measures.
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
    kind = JointSearch if rule.criterion == "joint" else PairwiseSearch
    search = kind(blocks, y, table, pairs, measure, permutations, rule)
    while search.advance():
        if on_step is not None and on_step(search.steps[-1]):
            break
    return search.result()


class FittedSearch:
    """What both searches share: units, significance, the result."""

    def __init__(self, blocks, y, table, pairs, measure, permutations, rule):
        self.blocks, self.y, self.measure, self.rule = blocks, y, measure, rule
        self.table = table
        self.permutations = permutations[: GAIN_PERMUTATIONS + 1]
        self.seeds = {
            (int(j), int(k)): float(pvalue)
            for j, k, pvalue in zip(
                pairs.first[:MOST_SEEDS],
                pairs.second[:MOST_SEEDS],
                pairs.pvalue[:MOST_SEEDS],
                strict=True,
            )
        }
        self.order, self.steps, self.units, self.reached = [], [], [], []
        self.relevance, self.pvalues = self.measure_alone(permutations)

    @property
    def missing(self):
        """How many columns are still wanted, significant or not."""
        auto = self.rule.n_columns is None
        wanted = self.rule.least if auto else self.rule.n_columns
        return wanted - len(self.order)

    @property
    def full(self):
        """Whether as many columns as asked for are selected."""
        return len(self.order) == len(self.blocks) or (
            self.rule.n_columns is not None and self.missing <= 0
        )

    def fits_in(self, unit):
        """Whether there is room for a unit."""
        return self.rule.n_columns is None or len(unit) <= self.missing

    def together(self, columns):
        """Return the block of several columns."""
        return np.column_stack([self.blocks[k] for k in columns])

    def accepts(self, pvalue):
        """Whether a candidate may be taken."""
        level = self.rule.level if self.units else self.rule.entry_level
        return self.missing > 0 or (self.rule.n_columns is None and pvalue <= level)

    def take(self, unit, gain, pvalue):
        """Note the columns of a unit as selected."""
        for k in sorted(unit, key=lambda k: -self.relevance[k]):
            relevance = float(self.relevance[k])
            self.steps.append(Step(k, relevance, np.nan, np.nan, gain, pvalue))
            self.order.append(k)
        self.units.append(tuple(unit))

    def result(self):
        """Return what was found."""
        rest = np.argsort(-self.relevance, kind="stable")
        ranked = [*self.order, *(k for k in rest if k not in self.order)]
        ranking = np.empty(len(ranked), dtype=int)
        ranking[ranked] = np.arange(1, len(ranked) + 1)
        nobody = np.full(len(ranked), -1)
        return Selection(
            self.relevance,
            self.pvalues,
            self.steps,
            ranking,
            nobody,
            self.units,
            self.reached,
        )


class JointSearch(FittedSearch):
    """Take the candidate that raises I(selected, candidate; y) the most.

    Counts tell what single columns are worth, which pairs and triples may begin, and
    which candidates come into question.
    """

    def measure_alone(self, permutations):
        """Return what each column tells alone by counts, and p-values."""
        nothing = Pairs(*np.empty((2, 0), dtype=int), *np.empty((3, 0)))
        self.counts = Candidates(self.table, nothing, permutations)
        values = self.counts.relevance().round(DECIMALS)
        self.running = Running("jmi", values[0])
        adjust = {"fwer": max_statistic_pvalues, "fdr": false_discovery_pvalues}
        return values[0], adjust[self.rule.control](values[0], values[1:])

    def take(self, unit, gain, pvalue):
        """Note the columns of a unit as selected, also for the shortlist."""
        super().take(unit, gain, pvalue)
        for k in unit:
            redundancy, conditional, _ = self.counts.beside(k, 1, False)
            self.running.add(
                Beside(redundancy[0], conditional[0], self.relevance, 0.0, None)
            )

    def advance(self):
        """Select another column, or at first a pair or triple."""
        if self.full:
            return False
        return self._go_on() if self.order else self._begin()

    def _begin(self):
        """Begin with what tells the most together: a column, a pair or a triple."""
        order = np.argsort(-self.relevance, kind="stable")[:SHORTLIST]
        starts = {(int(k),): float(self.pvalues[k]) for k in order}
        starts |= self.seeds
        if min(starts.values()) > self.rule.entry_level:
            starts |= self._triples()
        starts = {
            unit: pvalue
            for unit, pvalue in starts.items()
            if self.accepts(pvalue) and self.fits_in(unit)
        }
        if not starts:
            return False
        units = sorted(starts, key=starts.get)[:SHORTLIST]
        values = self.measure.values([self.together(unit) for unit in units], self.y)
        i = int(np.argmax(values))
        self._keep(i, values[i])
        self.take(units[i], float(values[i]), starts[units[i]])
        return True

    def _keep(self, i, value):
        """Remember the value of the selected columns, which another fit may miss."""
        self.reached.append(float(value))
        if isinstance(self.measure, Stack):
            self.kept_terms = self.measure.last[i]

    def _triples(self):
        """Return triples of columns whose halves tell about y by their parity."""
        table = self.table
        if table.n_pair_codes == 0 or len(self.blocks) < 3:
            return {}
        halves = few_codes(table.pair_codes, 2)
        found = screen_triples(halves, table.pair_target, self.rule.entry_level)
        return dict(list(found.items())[:MOST_SEEDS])

    def _go_on(self):
        worth = self.running.values.copy()
        worth[self.order] = -np.inf
        candidates = np.argsort(-worth, kind="stable")[:SHORTLIST]
        candidates = [int(k) for k in candidates if worth[k] > -np.inf]
        blocks = [self.together([*self.order, k]) for k in candidates]
        values = self.measure.values(blocks, self.y)
        i = int(np.argmax(values))
        pvalue = self._gain_pvalue(i, candidates[i], values[i])
        if not self.pvalues[candidates[i]] <= self.rule.entry_level:
            pvalue = min(pvalue * (len(self.blocks) - len(self.order)), 1.0)
        if not self.accepts(pvalue):
            return False
        gain = float(values[i]) - self.reached[-1]
        self._keep(i, values[i])
        self.take((candidates[i],), gain, pvalue)
        return True

    def _gain_pvalue(self, i, k, value):
        """P-value of what one candidate adds."""
        if isinstance(self.measure, Stack):
            return float(normal_pvalues(self.measure.last[i] - self.kept_terms))
        selected = self.together(self.order)
        blocks = [
            np.column_stack([selected, self.blocks[k][rows]])
            for rows in self.permutations[1:]
        ]
        return tail(value, self.measure.values(blocks, self.y))


class PairwiseSearch(FittedSearch):
    """Take the candidate of the largest criterion, from pairwise fits."""

    def __init__(self, *given):
        super().__init__(*given)
        pairs = list(self.seeds)
        self.members = [(k,) for k in range(len(self.blocks))] + pairs
        self.unit_blocks = [self.together(unit) for unit in self.members]
        joint = self.unit_blocks[len(self.blocks) :]
        joint = self.measure.values(joint, self.y) if joint else []
        self.unit_relevance = np.append(self.relevance, joint)
        self.certified = np.append(self.pvalues, list(self.seeds.values()))
        self.running = Running(self.rule.criterion, self.unit_relevance)
        self.chosen = []

    def measure_alone(self, permutations):
        """Return what each column tells alone, and p-values."""
        values = self.measure.values(self.blocks, self.y)
        return values, self.measure.pvalues(
            self.blocks, self.y, values, permutations, self.rule.control
        )

    def advance(self):
        """Select another column or pair."""
        if self.full:
            return False
        sizes = np.array([len(unit) for unit in self.members])
        free = np.array([not set(self.order) & set(unit) for unit in self.members])
        free &= [self.fits_in(unit) for unit in self.members]
        auto = self.rule.n_columns is None
        known = self.certified <= self.rule.entry_level
        values = self.running.values / sizes
        i = best(values, free & known if auto else free)
        pvalue = np.nan if i is None else self._pvalue(i)
        if auto and not pvalue <= self.rule.level:
            i = best(values, free & (sizes == 1)) if self.missing > 0 else None
        if i is None:
            return False
        self.take(self.members[i], float(self.running.values[i]), pvalue)
        self.chosen.append(i)
        if not self.full:
            self.running.add(self._beside(self.unit_blocks, self.unit_relevance, i))
        return True

    def _beside(self, blocks, relevance, i):
        """Measure blocks beside a selected one."""
        selected = self.unit_blocks[i]
        redundancy = self.measure.values(blocks, selected)
        joint = self.measure.values(
            [np.column_stack([block, selected]) for block in blocks], self.y
        )
        conditional = joint - relevance - self.unit_relevance[i] + redundancy
        return Beside(redundancy, conditional, relevance, self.unit_relevance[i], None)

    def _pvalue(self, i):
        """P-value of the criterion of one candidate under permutations of its rows."""
        if not self.chosen:
            return float(self.certified[i])
        if self.rule.n_columns is not None:
            return np.nan
        blocks = [self.unit_blocks[i][rows] for rows in self.permutations[1:]]
        relevance = self.measure.values(blocks, self.y)
        running = Running(self.rule.criterion, relevance)
        for j in self.chosen:
            running.add(self._beside(blocks, relevance, j))
        return max(tail(self.running.values[i], running.values), self.certified[i])


def tail(value, null):
    """P-value by the normal distribution of permuted values, themselves few."""
    spread = np.std(null, ddof=1) * np.sqrt(1 + 1 / len(null))
    return float(norm.sf((value - np.mean(null)) / max(spread, 1e-12)))
