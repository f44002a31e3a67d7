"""Which features are informative given all others: an additive set and its tests."""

import copy
from itertools import combinations
from typing import Any, Self

import numpy as np
from scipy.linalg import eigh
from scipy.special import ndtr

from skmi.feature_selection.encoding import (
    column_blocks,
)
from skmi.feature_selection.search import Rule
from skmi.feature_selection.selector_input import SelectorInput
from skmi.feature_selection.significance import (
    adjust,
    quadratic_pvalue,
    share_pvalues,
    skewed_block_pvalue,
    skewed_pvalues,
)
from skmi.feature_selection.terms import BLOCK, ROWS_OF_SHAPE, Terms, make_terms

__all__ = ["AdditiveSet", "additive_set"]

ROWS_OF_TERM = 4  # samples for each coefficient of the model, at least

MOST_UNITS = 100  # of the set

# Principal components that hold such a share of the variance and load on so many terms
# are common to all: many weak effects would be taken for them, and the other way round.
COMMON_SHARE, COMMON_TERMS = 0.1, 50

NEAR, RELATED = 0.3, 0.5  # correlations of a unit with its alternatives

COPY = 1e-3  # variance of a unit that is left given a copy of it

MOST_ALTERNATIVES = 10  # units that are tested in place of one

MOST_ROUNDS = 6  # of growing and exchanging

SMALL = 1e-2  # share of the length of a term below which it is a function of the set

LARGEST = 3.0  # standard deviations at which residuals are cut before they are squared


def additive_set(
    data: SelectorInput, rule: Rule, n_bins: int, relevance: np.ndarray
) -> "AdditiveSet":
    """Make the terms of all units and a set of the fixed ones, to be searched."""
    terms = make_terms(data, relevance, n_bins)
    n_units = len(relevance)
    return AdditiveSet(terms, n_units, rule.level, rule.control, rule.fixed)


def orthonormal(columns: np.ndarray, smallest: float = 1e-4) -> np.ndarray:
    """Orthonormal basis of the span of some columns but small ones."""
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, sizes > smallest * np.sqrt(len(columns))]


def of_unit_length(columns: np.ndarray) -> np.ndarray:
    """Columns divided by their length, or 0 where it is small."""
    length = np.linalg.norm(columns, axis=0)
    return columns / np.where(length > SMALL, length, np.inf)


def principal_loads(values: np.ndarray, share: float) -> np.ndarray:
    """Find loads of the principal components of so large a share, the largest last.

    From the smaller of both Gram matrices; of shape (n_columns, n_components).
    """
    wide = values.shape[1] > values.shape[0]
    gram = values @ values.T if wide else values.T @ values
    size, most = len(gram), int(1 / share)
    last = max(size - most, 0), size - 1
    sizes, vectors = eigh(gram, subset_by_index=last, check_finite=False)
    vectors = vectors[:, sizes >= share * np.trace(gram)]
    loads = values.T @ vectors if wide else vectors
    return loads / np.maximum(np.linalg.norm(loads, axis=0), 1e-12)


class AdditiveSet:
    r"""Smallest set of units given which no other one is informative, additively.

    The target and the term of a candidate are regressed on functions of the units in
    the set, and the residuals are tested. Units are added while the best one is
    significant among all, exchanged for others that explain more, and left out where
    they are no longer significant. If X has normal scores that are jointly normal and
    y is a sum of functions of some columns and noise, the test is that of y and X_j
    given all others, once the set contains those columns.

    Parameters
    ----------
    terms : Terms
        Terms of the units and the responses.
    n_units : int
        Number of all units, for which p-values are adjusted.
    level : float
        Level at which units enter.
    control : {"fwer", "fdr"}
        Whether the level is divided by the number of units, or the number of selected
        units by it (Benjamini and Hochberg).
    fixed : tuple of int, default=()
        Units that belong to the set in any case.
    common : bool, default=True
        Whether principal components of all terms are given as well.
    """

    def __init__(
        self,
        terms: Terms,
        n_units: int,
        level: float,
        control: str,
        fixed: tuple[int, ...] = (),
        common: bool = True,
    ):
        self.terms, self.n_units = terms, n_units
        self.level, self.control = level, control
        self.roots = terms.root_weights
        self.n_rows = len(self.roots)
        weights = self.roots**2
        self.n_effective = float(weights.sum() ** 2 / (weights**2).sum())
        self.curved = self.n_rows >= ROWS_OF_SHAPE
        self.places = {k: np.flatnonzero(terms.unit == k) for k in terms.units}
        start = self.roots.astype(np.float32)
        base = start / np.linalg.norm(start)
        values = terms.values * start
        values -= base @ (base.T @ values)
        length = np.linalg.norm(values, axis=0)
        self.values = values / np.where(length > 0, length, np.inf)
        self.base = np.column_stack([base, self._common(base)]) if common else base
        self.fixed = [k for k in fixed if k in self.places]
        self.chosen = list(self.fixed)
        self.n_functions = 3 if self.curved else 1
        self.shapes: dict[tuple[int, ...], np.ndarray] = {}
        self.pair_basis: tuple[list[int], Any] = [-1], None
        self.representative: AdditiveSet | None = None  # of units chosen at random

    def _common(self, base: np.ndarray) -> np.ndarray:
        """Principal components that all terms share."""
        values, n_terms = self.values, self.values.shape[1]
        if n_terms < COMMON_TERMS:
            return values[:, :0]
        values = values[:, :: max(n_terms // 2000, 1)]
        loads = principal_loads(values[:: max(self.n_rows // 1000, 1)], COMMON_SHARE)
        spread = 1 / (loads**4).sum(axis=0)
        found = values @ loads[:, spread >= COMMON_TERMS]
        return found / np.maximum(np.linalg.norm(found, axis=0), 1e-12)

    def without_common(self) -> Self:
        """Return the same set, given which common components are not given as well.

        No column of X stands for them, so that they explain none.
        """
        found = copy.copy(self)
        found.base = self.base[:, :1]
        found.pair_basis = [-1], None
        return found

    def _functions_of(self, k: int) -> np.ndarray:
        """Terms of a unit, and the square and cube of the ranks of numbers."""
        places = self.places[k]
        scores = places[self.terms.is_score[places]]
        if not (self.curved and len(scores)):
            return self.values[:, places]
        return np.column_stack([self.values[:, places], self._shapes(scores)])

    def _products(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Products of each of some functions with each of others."""
        pairs = some[:, :, np.newaxis] * others[:, np.newaxis] / self.roots[:, None]
        return pairs.reshape(len(some), -1)

    def basis(self, units: list[int], with_products: bool = False) -> np.ndarray:
        """Orthonormal basis of the functions of some units, (n_rows, n_functions).

        With products of the terms of two of them as well, while they are few.
        """
        parts = [self.base, *map(self._functions_of, units)]
        n_parts = sum(part.shape[1] for part in parts)
        for pair in combinations(units, 2) if with_products else ():
            terms = (self.values[:, self.places[k]] for k in pair)
            product = self._products(*terms)
            n_parts += product.shape[1]
            if n_parts > self.n_effective / ROWS_OF_TERM:
                break
            parts.append(product)
        matrix = np.column_stack(parts).astype(float)
        matrix /= np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
        # Of the Gram matrix, which is a tenth of the work of the matrix itself.
        sizes, loads = np.linalg.eigh(matrix.T @ matrix)
        kept = sizes > 1e-6 * sizes[-1]
        return (matrix @ (loads[:, kept] / np.sqrt(sizes[kept]))).astype(np.float32)

    def _shapes(self, scores: np.ndarray) -> np.ndarray:
        """Square and cube of the ranks of some scores, which are kept."""
        key = tuple(scores.tolist())
        if key not in self.shapes:
            u = 2 * ndtr(self.terms.values[:, scores]) - 1
            self.shapes[key] = self.roots * np.column_stack([u * u, u * u * u])
        return self.shapes[key]

    def residuals(
        self, units: list[int], places: np.ndarray | slice = slice(None)
    ) -> np.ndarray:
        """Residuals of some terms given some units."""
        return self._left(self.basis(units), places)

    def _left(self, basis: np.ndarray, places: np.ndarray | slice) -> np.ndarray:
        """Residuals of some terms."""
        values = self.values[:, places]
        return values - basis @ (basis.T @ values)

    def left_of_response(self, basis: np.ndarray) -> np.ndarray:
        """Return an orthonormal basis of the residuals of the responses."""
        response = self.terms.response * self.roots
        return orthonormal(response - basis @ (basis.T @ response))

    def _largest_shares(
        self, basis: np.ndarray, response: np.ndarray, places: np.ndarray
    ) -> np.ndarray:
        """Largest share of the functions of each term that the responses explain."""
        found = np.empty(len(places))
        for part in column_blocks((self.n_rows, len(places)), BLOCK):
            values = self._left(basis, places[part])
            shares = [
                ((response.T @ f) ** 2).sum(axis=0)
                for f in self.functions(values, places[part])
            ]
            found[part] = np.max(shares, axis=0)
        return found

    def functions(self, residuals: np.ndarray, places: np.ndarray | slice) -> list:
        """Functions of residuals, of unit length, 0 for functions of the set."""
        found = [of_unit_length(residuals)]
        if self.curved:
            found += self._curves(found[0], self.terms.is_score[places])
        return found

    def _curves(self, residuals: np.ndarray, scores: np.ndarray) -> list[np.ndarray]:
        """Square and cube of residuals of unit length, 0 where they are no scores."""
        roots, base = self.roots.astype(np.float32), self.base[:, :1]
        plain = residuals * np.where(scores, np.float32(np.sqrt(self.n_rows)), 0)
        plain /= roots
        np.clip(plain, -LARGEST, LARGEST, out=plain)
        square, found = plain * plain, []
        for curve in (square, plain * (square - 2.5)):  # a power is slow
            curve *= roots
            curve -= base @ (base.T @ curve)
            found.append(of_unit_length(curve))
        return found

    def unit_pvalues(self, units: list[int], tested: np.ndarray | None = None) -> Any:
        """P-values of some units, or of all, given other units; 1 for the others."""
        places = np.arange(len(self.terms.unit))
        if tested is not None:
            places = places[np.isin(self.terms.unit, tested)]
        basis = self.basis(units)
        response = self.left_of_response(basis)
        freedom = self.n_effective - basis.shape[1]
        unit, is_block = self.terms.unit[places], self.terms.is_block[places]
        plain = np.flatnonzero(~is_block)
        shares = self._largest_shares(basis, response, places[plain])
        found = share_pvalues(shares, response.shape[1], freedom) * self.n_functions
        decides = self.level if tested is not None else self.threshold(len(units))
        small = np.flatnonzero(found <= decides)
        if len(small):
            values = self._left(basis, places[plain[small]])
            parts = self.functions(values, places[plain[small]])
            found[small] = self.n_functions * np.min(
                [skewed_pvalues(part, response, freedom) for part in parts], axis=0
            )
        pvalues, count = np.ones(self.n_units), np.zeros(self.n_units)
        np.minimum.at(pvalues, unit[plain], found)
        np.add.at(count, unit[plain], 1)
        pvalues = np.minimum(pvalues * np.maximum(count, 1), 1.0)
        for k in np.unique(unit[is_block]):
            own = places[unit == k]
            pvalues[k] = self._block_pvalue(basis, response, own, freedom)
        return pvalues

    def _block_pvalue(
        self,
        basis: np.ndarray,
        response: np.ndarray,
        places: np.ndarray,
        freedom: float,
    ) -> float:
        """P-value of terms that are tested together, and of their curves."""
        left = self._left(basis, places)
        has_scores = self.terms.is_score[places].any()
        blocks = [left, *self.functions(left, places)[1:]] if has_scores else [left]
        found = [
            skewed_block_pvalue(
                orthonormal(block * np.sqrt(self.n_rows), SMALL), response, freedom
            )
            for block in blocks
        ]
        return min(min(found) * len(found), 1.0)

    def pair_pvalues(self, pairs: list[tuple], units: list[int]) -> np.ndarray:
        """P-values of pairs given some units, the set, and products of two of those.

        Of the functions of both members and of their products, adjusted for the number
        of pairs.
        """
        given = sorted({*units, *self.chosen} & self.places.keys())
        if self.pair_basis[0] != given:  # the pairs of a step are given the same
            self.pair_basis = given, self.basis(given, with_products=True)
        basis = self.pair_basis[1]
        response = self.left_of_response(basis)
        freedom = self.n_effective - basis.shape[1]
        found = np.ones(len(pairs))
        for i, (j, k) in enumerate(pairs):
            sides = [self._functions_of(unit) for unit in (j, k)]
            block = np.column_stack([*sides, self._products(*sides)])
            block = block / np.maximum(np.linalg.norm(block, axis=0), 1e-12)
            block = orthonormal(
                (block - basis @ (basis.T @ block)) * np.sqrt(len(block)), SMALL
            )
            found[i] = skewed_block_pvalue(block, response, freedom)
        return np.minimum(found * len(pairs), 1.0)

    def threshold(self, n_chosen: int) -> float:
        """P-value up to which a unit enters beside so many."""
        n_best = n_chosen + 1 if self.control == "fdr" else 1
        return self.level * n_best / self.n_units

    @property
    def most(self) -> int:
        """Largest number of units in the set."""
        n_terms = round(self.n_effective) // ROWS_OF_TERM
        return min(n_terms // self.n_functions, MOST_UNITS)

    def search(self) -> None:
        """Find the set."""
        seen = set()
        for _ in range(MOST_ROUNDS):
            self._grow()
            self._exchange()
            if frozenset(self.chosen) in seen:
                break
            seen.add(frozenset(self.chosen))

    def _grow(self) -> None:
        """Add the best unit while it is significant."""
        while len(self.chosen) < self.most:
            pvalues = self.unit_pvalues(self.chosen)
            pvalues[self.chosen] = 1
            best = int(pvalues.argmin())
            if pvalues[best] > self.threshold(len(self.chosen)):
                break
            self.chosen.append(best)

    def _exchange(self) -> None:
        """Leave out units that are not significant, exchange others for better ones."""
        for k in [k for k in self.chosen if k not in self.fixed]:
            others = [j for j in self.chosen if j != k]
            pvalues = self.unit_pvalues(others, self._near(k))
            if pvalues[k] > self.threshold(len(others)):
                self.chosen = others
                continue
            pvalues[others] = 1
            best = int(pvalues.argmin())
            if pvalues[best] < pvalues[k] / 2:
                self.chosen = [*others, best]

    def _near(self, k: int) -> np.ndarray:
        """Units with a term that is correlated with one of a unit, the closest first.

        The unit itself is one of them.
        """
        related = np.abs(self.values[:, self.places[k]].T @ self.values).max(axis=0)
        closest = np.zeros(self.n_units)
        np.maximum.at(closest, self.terms.unit, related)
        closest[k] = 2
        order = np.argsort(-closest, kind="stable")
        return order[closest[order] >= NEAR]

    def pvalues(self) -> np.ndarray:
        """Return adjusted p-values of all units given all others.

        1 for units outside of the set but copies, NaN for those without terms.
        """
        own, given = np.ones(self.n_units), np.ones(len(self.chosen))
        for i, k in enumerate(self.chosen):
            others = [j for j in self.chosen if j != k]
            own[k] = self.unit_pvalues(others, np.array([k]))[k]
            given[i] = self._alternative_pvalue(k, others)
        found = adjust(own, self.control)
        found[self.chosen] = np.maximum(found[self.chosen], adjust(given, self.control))
        for k in self.chosen:
            copies = self._copies(k, self._near(k)[: MOST_ALTERNATIVES + 1])
            found[copies] = np.minimum(found[copies], found[k])
        has_terms = np.isin(np.arange(self.n_units), self.terms.units)
        return np.where(has_terms, found, np.nan)

    def _variance_left(self, k: int, other: int) -> float:
        """Return the share of the variance of a unit that is left given another."""
        left = self.residuals([other], self.places[k])
        return float((left**2).sum() / len(self.places[k]))

    def _copies(self, k: int, units: np.ndarray) -> np.ndarray:
        """Those of some units that are functions of a unit, and it one of them."""
        left = [
            max(self._variance_left(k, j), self._variance_left(j, k))
            for j in units.tolist()
        ]
        return units[np.array(left) < COPY]

    def _alternative_pvalue(self, k: int, others: list[int]) -> float:
        """Largest p-value of a unit of the set given the others and one unit more.

        Those are the units closest to it, copies excepted, and the p-value is adjusted
        for their number: a unit that stands for another one outside of the set is not
        significant given that one.
        """
        near = np.setdiff1d(self._near(k), self.chosen)
        places = np.flatnonzero(np.isin(self.terms.unit, [k, *near]))
        values = of_unit_length(self.residuals(others, places))
        unit = self.terms.unit[places]
        closeness = np.abs(values[:, unit == k].T @ values).max(axis=0)
        closest = np.zeros(self.n_units)
        np.maximum.at(closest, unit, closeness)
        near = near[np.argsort(-closest[near], kind="stable")][:MOST_ALTERNATIVES]
        near = np.setdiff1d(near, self._copies(k, near))
        tested = np.array([k])
        found = [self.unit_pvalues([*others, j], tested)[k] for j in near.tolist()]
        n_related = (closest[near] >= RELATED).sum()
        return min(max(found, default=0.0) * max(n_related, 1), 1.0)

    def is_related(self) -> np.ndarray:
        """Whether each unit depends on the set, linearly, at the level."""
        basis = self.basis(self.chosen)  # of which the constant has no share
        shares = ((basis.T @ self.values) ** 2).sum(axis=0)
        pvalues = share_pvalues(shares, basis.shape[1] - 1, self.n_effective - 1)
        related = np.zeros(self.n_units, dtype=bool)
        np.logical_or.at(related, self.terms.unit, pvalues <= self.level)
        return related

    def rest_pvalue(self, units: list[int]) -> float:
        """P-value of all units outside of some together, given these.

        By `representative` ones; those without terms are taken for noise otherwise.
        """
        tested = self.representative or self
        outside = np.flatnonzero(~np.isin(tested.terms.unit, units))
        basis = self.basis(units)
        values, response = tested._left(basis, outside), self.left_of_response(basis)
        freedom = self.n_effective - basis.shape[1]
        if not (len(outside) and response.shape[1] and freedom > response.shape[1]):
            return 1.0
        values = of_unit_length(values)
        count = np.bincount(tested.terms.unit, minlength=self.n_units)
        values = values / np.sqrt(count[tested.terms.unit[outside]])
        side = values if values.shape[1] <= len(values) else values.T
        gram = side.T @ side
        n_tested = np.isin(tested.terms.units, units, invert=True).sum()
        n_all = n_tested if self.representative else self.n_units - len(units)
        scale = n_all / max(n_tested, 1)
        traces = float(np.trace(gram)) * scale, float((gram**2).sum()) * scale**2
        statistic = float(((response.T @ values) ** 2).sum())
        return quadratic_pvalue(statistic, *traces, response.shape[1], freedom)
