"""One side of a pair: its labels, its atoms and its continuous columns."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from skmi._data.marginals import ColumnView
from skmi.neighbors._search import Block

__all__ = ["Atoms", "Places", "Side", "atom_limits"]

# Copies of a value, for each column of its side, from which it is an atom. Of 20, 30,
# 40 and 100 on 40 families of tied data, 30 had the smallest largest error (.03 nats).
# The square root of groups that are too small would bias other columns towards 0.
COPIES_OF_AN_ATOM = 30

# Samples of an atom expected with each atom of the other side. With fewer, the order
# of the values carries more than their identity does.
SAMPLES_IN_A_CELL = 4


class Step(NamedTuple):
    """How the values of one column refine the codes."""

    column: int
    values: np.ndarray  # all distinct values, sorted
    atoms: np.ndarray  # code * len(values) + value index of each atom, sorted
    known: np.ndarray  # refined codes of the samples of a fit, sorted


class Atoms:
    """Values that are repeated so often in a column that they count as labels.

    A column of two distinct values has only such. The others of a column remain
    continuous. The column with the most frequent value comes first; each is divided
    within the groups of those before it.
    """

    def __init__(self, columns: np.ndarray, codes: np.ndarray, limit: float):
        self.steps: list[Step] = []
        distinct = [np.unique(column, return_counts=True) for column in columns.T]
        for number in np.argsort([-c.max() for _, c in distinct], kind="stable"):
            values = distinct[number][0]
            least = 1 if len(values) <= 2 else limit
            if len(values) < 2 or len(columns) < least:
                continue
            key = codes * len(values) + np.searchsorted(values, columns[:, number])
            keys, counts = np.unique(key, return_counts=True)
            if not (counts >= least).any():
                continue
            step = Step(number, values, keys[counts >= least], np.empty(0, int))
            refined, _ = refine(step, columns, codes)
            step = step._replace(known=np.unique(refined))
            self.steps.append(step)
            codes = np.searchsorted(step.known, refined)
        self.n_codes = int(codes.max()) + 1

    def split(
        self, columns: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the refined codes, and where an entry of the columns is an atom.

        A new value that cannot be continuous counts as the nearest atom; a negative
        code, of an unknown label, remains.
        """
        is_atom = np.zeros(columns.shape, dtype=bool)
        for step in self.steps:
            refined, inside = refine(step, columns, codes)
            place = np.searchsorted(step.known, refined).clip(max=len(step.known) - 1)
            for row in np.flatnonzero((step.known[place] != refined) & (codes >= 0)):
                atoms = step.atoms[step.atoms // len(step.values) == codes[row]]
                gaps = step.values[atoms % len(step.values)] - columns[row, step.column]
                refined[row] = np.searchsorted(step.atoms, atoms[np.abs(gaps).argmin()])
                place[row] = np.searchsorted(step.known, refined[row])
                inside[row] = True
            is_atom[:, step.column] = inside
            codes = np.where(codes < 0, -1, place)
        return codes, is_atom


def refine(
    step: Step, columns: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each row's atom, or beyond these its code; and which."""
    column = columns[:, step.column]
    index = np.searchsorted(step.values, column).clip(max=len(step.values) - 1)
    key = codes * len(step.values) + index
    place = np.searchsorted(step.atoms, key).clip(max=len(step.atoms) - 1)
    inside = (step.atoms[place] == key) & (step.values[index] == column)
    return np.where(inside, place, len(step.atoms) + codes), inside


def atom_limits(x: Block, y: Block, *others: Block) -> list[float]:
    """Return for each side the number of copies that makes a value an atom."""
    sides = (x, y, *others)
    limits = [COPIES_OF_AN_ATOM * max(side.columns.shape[1], 1) for side in sides]
    n_codes = []
    for side, limit in zip(sides, limits, strict=True):
        codes, _ = Atoms(side.columns, side.codes, limit).split(*side)
        shares = np.bincount(codes) / len(codes)
        n_codes.append(1 / (shares**2).sum())
    cells = math.prod(n_codes)
    return [
        max(limit, SAMPLES_IN_A_CELL * cells / own)
        for limit, own in zip(limits, n_codes, strict=True)
    ]


class Side:
    """One variable of a fit: how its samples, and new ones, become a `Block`."""

    def __init__(self, block: Block, marginals: str | None, limit: float = math.inf):
        self.atoms = Atoms(block.columns, block.codes, limit)
        self.codes, self.is_atom = self.atoms.split(*block)
        self.columns = block.columns
        self.views: dict[int, ColumnView] = {}
        for number, column in enumerate(block.columns.T):
            rest = column[~self.is_atom[:, number]]
            if len(rest) and not (rest == rest[0]).all():
                self.views[number] = ColumnView(rest, marginals)

    @property
    def has_ties(self) -> bool:
        """Whether continuous values are equal, so that chance orders them."""
        return any(view.has_ties for view in self.views.values())

    def draw(self, random_state: np.random.RandomState) -> Block:
        """Return the samples of the fit, equal numbers set apart at random."""
        return self._see(
            self.columns,
            self.codes,
            self.is_atom,
            lambda view, column: view.apply_without_ties(column, random_state),
        )

    def block(self, block: Block) -> Block:
        """Return new samples, each amid the values of the fit that equal its own."""
        codes, is_atom = self.atoms.split(*block)
        return self._see(block.columns, codes, is_atom, ColumnView.apply)

    def _see(self, columns, codes, is_atom, see) -> Block:
        seen = np.zeros((len(columns), len(self.views)))
        for place, (number, view) in enumerate(self.views.items()):
            rest = ~is_atom[:, number]
            if rest.any():
                seen[rest, place] = see(view, columns[rest, number])
        return Block(seen, codes)


class Places:
    """Numbers of samples of a fit with exactly the same values as new ones."""

    def __init__(self, x: Block, y: Block):
        (self.x, i), (self.y, j) = number_rows(x), number_rows(y)
        shape = len(self.x), len(self.y)
        self.joint = csr_matrix((np.ones(len(i), int), (i, j)), shape)
        self.n_x, self.n_y = np.bincount(i), np.bincount(j)

    def counts(self, x: Block, y: Block, each: bool) -> list[np.ndarray]:
        """Count the samples at each pair, at its x and at its y; all pairs if `each`.

        The count at a pair is 0 where its x or its y is new.
        """
        i, j = (
            np.array([known.get(row, -1) for row in row_keys(side)])
            for known, side in ((self.x, x), (self.y, y))
        )
        if each:
            joint = self.joint[i][:, j].toarray()
            i, j = np.broadcast_arrays(i[:, np.newaxis], j)
        else:
            joint = np.asarray(self.joint[i, j]).ravel()
        joint = np.where((i < 0) | (j < 0), 0, joint)
        return [joint, self.n_x[i], self.n_y[j]]


def row_keys(block: Block) -> list[bytes]:
    """Return each row as a key: adding 0 makes the two zeros equal."""
    rows = np.column_stack([block.codes, block.columns + 0.0])
    return [row.tobytes() for row in rows]


def number_rows(block: Block) -> tuple[dict[bytes, int], np.ndarray]:
    """Return a number for each distinct row, and the number of every row."""
    keys = row_keys(block)
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return numbers, np.array([numbers[key] for key in keys])
