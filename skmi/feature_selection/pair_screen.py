"""Screen of all pairs of features: joint mutual information and synergy."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from skmi.feature_selection.chance import column_information
from skmi.feature_selection.counts import indicators, weighted_log
from skmi.feature_selection.encoding import join_codes
from skmi.feature_selection.significance import (
    SCREEN_PERMUTATIONS,
    chi_squared_pvalues,
    chi_squared_threshold,
    largest_pvalues,
    williams_factor,
)
from skmi.feature_selection.table import Table

__all__ = [
    "NO_PAIRS",
    "Pairs",
    "confirm_pairs",
    "may_screen",
    "product_on",
    "screen_is_quick",
    "screen_pairs",
    "screen_triples",
]

TILE = 256  # features on each side of a matrix product

PART_SIZE = 2**21  # indicators of one side that are made at once

MOST_PAIRS = 1000

SMALLEST = 1e-9  # nats by which a pair has to exceed its better member

SCREEN_WORK = 3e11  # multiplications: some seconds on one core


class Pairs(NamedTuple):
    """Pairs of features, the largest synergy first; amounts in nats."""

    first: np.ndarray
    second: np.ndarray
    mutual_info: np.ndarray  # of both with y, less its bias
    synergy: np.ndarray  # mutual_info less the sum of both features' own
    pvalue: np.ndarray  # family-wise, of the synergy

    def take(self, rows: Any) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(*(values[rows] for values in self))


NO_PAIRS = Pairs(*np.empty((2, 0), dtype=int), *np.empty((3, 0)))


def screen_is_quick(table: Table, repeated: bool) -> bool:
    """Whether the screen of pairs, repeated for permutations or not, takes seconds."""
    n_rows, n_columns = table.pair_codes.shape
    n_times, n_codes = 1, table.n_pair_codes
    if repeated:
        n_times = SCREEN_PERMUTATIONS * (1 if table.weights is None else 2)
    return screen_work(n_rows, n_columns, n_codes) * n_times <= SCREEN_WORK


def may_screen(interactions: bool | int | str, n_rows: int, n_columns: int) -> bool:
    """Whether a screen of pairs of two codes each is quick, or asked for."""
    if interactions != "auto":
        return interactions is not False
    return screen_work(n_rows, n_columns, 2) <= SCREEN_WORK


def screen_work(n_rows: int, n_columns: int, n_codes: int) -> float:
    """Multiplications of a screen of pairs."""
    return n_rows * float(n_columns * n_codes) ** 2


def product_on(
    device: str | None,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """Return the matrix product on a device, or None for that of numpy."""
    if device is None:  # torch is not needed then
        return None
    from skmi._core.torch_utils import matrix_product

    return matrix_product(device)


def screen_pairs(
    codes: np.ndarray,
    target: np.ndarray,
    n_codes: int,
    weights: np.ndarray | None = None,
    level: float = 0.05,
    matrix_product: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    permutations: np.ndarray | None = None,
) -> Pairs:
    r"""Screen all pairs of features for synergy.

    .. math:: I(X_j, X_k; y) - I(X_j; y) - I(X_k; y)

    The counts of all pairs in tiles of columns are products of indicator matrices.
    Under independence 2n times the plug-in synergy of a pair, divided by Williams'
    factor [1]_, is about :math:`\chi^2` with :math:`(m - 1)^2 (K - 1)` degrees of
    freedom, for n samples, m codes and K classes; p-values are adjusted by Bonferroni.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
        Codes from 0 to `n_codes` - 1; negative ones count nowhere.
    target : ndarray of shape (n_rows,)
        Codes of the target.
    n_codes : int
        Largest number of codes of a feature.
    weights : ndarray of shape (n_rows,), default=None
        Weights of the samples.
    level : float, default=0.05
        Pairs with larger p-values are left out.
    matrix_product : callable, default=None
        ``matrix_product(a, b)`` in place of ``a.T @ b``.
    permutations : ndarray of shape (n_permutations + 1, n_rows), default=None
        Permutations of the target, the identity first. The largest synergy under each
        then gives the p-values, as for series.

    Returns
    -------
    Pairs
        At most a thousand.

    References
    ----------
    .. [1] D. A. Williams. Improved likelihood ratio tests for complete contingency
       tables. Biometrika 63, 1976.
    """
    screen = _Screen(codes, target, n_codes, weights, matrix_product)
    n_pairs = codes.shape[1] * (codes.shape[1] - 1) // 2
    null = screen.freedom, n_pairs, screen.factor
    found = screen.search(chi_squared_threshold(level, *null))
    synergy, joint = found.synergy, found.mutual_info
    if permutations is None:
        pvalue = chi_squared_pvalues(synergy, *null)
    else:
        # Weights stay with the features, or move with the target: see `Exchange`.
        schemes = [lambda rows: weights]
        if weights is not None:
            schemes.append(lambda rows: weights[rows])
        pvalue = np.max(
            [
                largest_pvalues(
                    synergy,
                    [
                        _Screen(
                            codes, target[rows], n_codes, moved(rows), matrix_product
                        ).largest()
                        for rows in permutations[1:]
                    ],
                )
                for moved in schemes
            ],
            axis=0,
        )
    joint_freedom = screen.freedom * (n_codes + 1) / (n_codes - 1)
    found = found._replace(
        mutual_info=(joint - joint_freedom) / (2 * screen.n_rows),
        synergy=(synergy - screen.freedom) / (2 * screen.n_rows),
        pvalue=pvalue,
    )
    return found.take(np.flatnonzero(pvalue <= level))


def confirm_pairs(pairs: Pairs, table: Table) -> Pairs:
    """Measure pairs with all levels; drop those that exceed no sum of their members.

    The screen merges the levels of labels, so that a label and its renamed copy seem
    to be more informative together. Here the joint value and both single ones are
    measured on the same samples by the same estimate: bins of numbers as in the
    screen, and all levels of labels. A pair is kept if its synergy is positive and its
    joint value exceeds the larger single one, in the finer bins of the scores as well.

    Parameters
    ----------
    pairs : Pairs
        Result of the screen.
    table : Table
        Codes of all samples.

    Returns
    -------
    Pairs
        With new amounts, the largest synergy first.
    """
    found = []
    for j, k in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        fine = table.codes[:, [j, k]]
        sides = np.where(table.merged[[j, k]], fine, table.pair_codes[:, [j, k]])
        rows = (fine >= 0).all(axis=1)
        target = table.target[rows]
        weights = None if table.weights is None else table.weights[rows]
        joint = join_codes(sides[rows, 0], sides[rows, 1])
        together, *alone, finer, finest = (
            column_information(code, target, weights)
            for code in (joint, *sides[rows].T, *fine[rows].T)
        )
        synergy = together - sum(alone)
        larger = max(*alone, finer, finest)
        found.append((together, synergy, synergy > 0 and together > larger + SMALLEST))
    if not found:
        return pairs
    together, synergy, kept = map(np.array, zip(*found, strict=True))
    pairs = pairs._replace(mutual_info=together, synergy=synergy)
    rows = np.flatnonzero(kept)
    return pairs.take(rows[np.argsort(-synergy[rows], kind="stable")])


class _Screen:
    """Class-wise indicators of all features, and all that depends on margins alone."""

    def __init__(
        self,
        codes: np.ndarray,
        target: np.ndarray,
        n_codes: int,
        weights: np.ndarray | None,
        matrix_product: Callable[[np.ndarray, np.ndarray], np.ndarray] | None,
    ):
        kept = target >= 0
        codes, target = codes[kept], target[kept]
        weights = None if weights is None else weights[kept].astype(np.float32)
        self.codes, self.target, self.weights = codes, target, weights
        self.n_codes = n_codes
        self.n_classes = int(target.max()) + 1
        self.whole = weights is None
        self.product = matrix_product or (lambda a, b: a.T @ b)
        mass = np.ones(len(codes)) if weights is None else weights
        self.n_rows = float(mass.sum())
        sizes = np.bincount(target, mass)
        self.class_term = weighted_log(sizes, False).sum() - weighted_log(
            self.n_rows, False
        )
        self.freedom = (n_codes - 1) ** 2 * max(self.n_classes - 1, 1)
        self.factor = williams_factor(n_codes, sizes, self.n_rows)
        self.singles = self._singles()

    def _parts(self) -> list[slice]:
        """Return the samples whose indicators are made at once."""
        n_rows = len(self.codes)
        width = min(self.codes.shape[1], TILE) * self.n_codes
        size = max(PART_SIZE // width, 1)
        return [slice(start, start + size) for start in range(0, n_rows, size)]

    def _indicators(self, columns: np.ndarray, part: slice) -> list[np.ndarray]:
        """Return the indicators of some features, code by code, for each class."""
        target = self.target[part]
        full = indicators(self.codes[part, columns], self.n_codes)
        return [full[target == label] for label in range(self.n_classes)]

    def _weigh(self, blocks: list[np.ndarray], part: slice) -> list[np.ndarray]:
        if self.weights is None:
            return blocks
        weights, target = self.weights[part], self.target[part]
        return [
            block * weights[target == label, np.newaxis]
            for label, block in enumerate(blocks)
        ]

    def _count(self, rows: np.ndarray, columns: np.ndarray) -> list[np.ndarray]:
        """Count the codes of all pairs of two tiles of features, for each class."""
        total: list[Any] = [0] * self.n_classes
        for part in self._parts():
            left = self._weigh(self._indicators(rows, part), part)
            same = rows is columns and self.weights is None
            right = left if same else self._indicators(columns, part)
            for label, sides in enumerate(zip(left, right, strict=True)):
                total[label] = total[label] + self.product(*sides)
        return total

    def _singles(self) -> np.ndarray:
        """Return 2n times the plug-in mutual information of each feature."""
        values = np.empty(self.codes.shape[1])
        for columns in np.array_split(
            np.arange(len(values)), -(-len(values) // TILE) or 1
        ):
            counts: list[Any] = [0] * self.n_classes
            for part in self._parts():
                blocks = self._weigh(self._indicators(columns, part), part)
                counts = [
                    c + b.sum(axis=0) for c, b in zip(counts, blocks, strict=True)
                ]
            terms = sum(weighted_log(c, self.whole) for c in counts)
            terms = terms - weighted_log(sum(counts), self.whole)
            total = terms.reshape(self.n_codes, -1).sum(axis=0)
            values[columns] = 2 * (total - self.class_term)
        return values

    def tiles(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield features on both sides, joint information and synergy, times 2n."""
        n_columns = self.codes.shape[1]
        tiles = np.array_split(np.arange(n_columns), -(-n_columns // TILE))
        for i, rows in enumerate(tiles):
            for columns in tiles[i:]:
                counts = self._count(rows, columns)
                terms = sum(map(self._sum, counts)) - self._sum(sum(counts))
                joint = 2 * (terms - self.class_term)
                synergy = joint - self.singles[rows, np.newaxis] - self.singles[columns]
                synergy[rows[:, np.newaxis] >= columns] = -np.inf
                yield rows, columns, joint, synergy

    def search(self, threshold: float) -> Pairs:
        """Return the pairs above a threshold, with 2n times their values."""
        found = NO_PAIRS
        for rows, columns, joint, synergy in self.tiles():
            i, j = np.nonzero(synergy > threshold)
            new = rows[i], columns[j], joint[i, j], synergy[i, j], np.zeros(len(i))
            found = Pairs(*map(np.concatenate, zip(found, new, strict=True)))
            order = np.argsort(-found.synergy, kind="stable")
            found = found.take(order[:MOST_PAIRS])
        return found

    def largest(self) -> float:
        """Return 2n times the largest synergy."""
        return max(synergy.max() for _, _, _, synergy in self.tiles())

    def _sum(self, counts: np.ndarray) -> np.ndarray:
        """Sum c log c over the codes of both features, for each pair."""
        logs = weighted_log(counts, self.whole)
        shape = (self.n_codes, -1, self.n_codes, counts.shape[1] // self.n_codes)
        return logs.reshape(shape).sum(axis=(0, 2))


def screen_triples(
    codes: np.ndarray, target: np.ndarray, level: float
) -> dict[tuple[int, int, int], float]:
    r"""Screen all triples of features for dependence by their parity.

    .. math:: 2 n I(s_j s_k s_l; y) \sim \chi^2_{K - 1}

    under independence, with s the sign of a feature of two codes. The triples of one
    feature with all others are one matrix product.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
        Codes 0 and 1.
    target : ndarray of shape (n_rows,)
        Codes of the target.
    level : float
        Triples with larger adjusted p-values are left out.

    Returns
    -------
    dict
        Adjusted p-value of each triple, the smallest first.
    """
    sides = np.where(codes > 0, 1, -1).astype(np.float32)
    n_rows, n_columns = sides.shape
    n_triples = math.comb(n_columns, 3)
    sizes = np.bincount(target)
    classes = [sides[target == label] for label in range(len(sizes))]
    null = weighted_log(sizes, False).sum() - n_rows * np.log(n_rows)
    freedom = max(len(sizes) - 1, 1)
    threshold = chi_squared_threshold(level, freedom, n_triples)
    found = {}
    for j in range(n_columns - 2):
        even = np.array(
            [
                (size + (part[:, j + 1 :] * part[:, [j]]).T @ part[:, j + 1 :]) / 2
                for size, part in zip(sizes, classes, strict=True)
            ]
        )
        both = np.stack([even, sizes[:, np.newaxis, np.newaxis] - even])
        terms = weighted_log(both, False).sum(axis=(0, 1))
        terms -= weighted_log(both.sum(axis=1), False).sum(axis=0)
        statistic = np.triu(2 * (terms - null), 1)
        k, m = np.nonzero(statistic > threshold)
        pvalues = chi_squared_pvalues(statistic[k, m], freedom, n_triples)
        triples = zip((k + j + 1).tolist(), (m + j + 1).tolist(), strict=True)
        found |= {
            (j, *pair): pvalue
            for pair, pvalue in zip(triples, pvalues.tolist(), strict=True)
        }
    return dict(sorted(found.items(), key=lambda item: item[1]))
