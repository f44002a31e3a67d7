"""Permutations of the target relative to the features, weights included."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "BATCH_SIZE",
    "MOST_ROWS",
    "Contexts",
    "Exchange",
    "Permutations",
    "draw_permutations",
    "make_exchange",
]

MOST_COMPARED = 16  # codes up to which comparing with each is faster than indexing

MOST_ROWS = 2**13  # samples whose indicators are made at once

BATCH_SIZE = 2**22  # indicators of permuted samples held at once

MOST_DRAWN = 2**24  # codes of permuted samples held at once

KEPT = 2**22  # sample numbers of permutations that are kept


def draw_permutations(
    n_permutations: int,
    n_rows: int,
    random_state: np.random.RandomState,
    groups: np.ndarray | None = None,
    block_length: int | None = None,
) -> np.ndarray:
    """Draw permutations of samples, the identity first.

    Parameters
    ----------
    n_permutations : int
        Number of random permutations.
    n_rows : int
        Number of samples.
    random_state : RandomState
        Source of randomness.
    groups : ndarray of shape (n_rows,), default=None
        Samples are exchanged within their group only.
    block_length : int, default=None
        Contiguous blocks of at least so many samples, as a rule twice as many, are
        moved as a whole; their boundaries are drawn anew each time.

    Returns
    -------
    Permutations
        Of the shape (n_permutations + 1, n_rows).
    """
    seeds = random_state.randint(np.iinfo(np.int32).max, size=n_permutations)
    groups = np.zeros(n_rows, dtype=int) if groups is None else groups
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    return Permutations([None, *seeds.tolist()], members, block_length)


class Permutations:
    """Permutations of samples, made when they are asked for; the first ones are kept.

    Parameters
    ----------
    seeds : list of int or None
        One for each permutation; None stands for the identity.
    members : list of ndarray
        Sample numbers of each group.
    block_length : int or None
        See `draw_permutations`.
    """

    def __init__(
        self,
        seeds: list[int | None],
        members: list[np.ndarray],
        block_length: int | None,
    ):
        self.seeds, self.members, self.block_length = seeds, members, block_length
        self.n_rows = sum(map(len, members))
        self.kept: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.seeds)

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self._make, range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.stack(list(self)).astype(dtype or np.int32)

    def __getitem__(self, key: Any) -> Any:
        """Sample numbers for a number or an array of numbers; a part for a slice."""
        if isinstance(key, slice):
            return Permutations(self.seeds[key], self.members, self.block_length)
        if np.ndim(key):
            return np.stack([self._make(i) for i in np.asarray(key).tolist()])
        return self._make(int(key))

    def _make(self, i: int) -> np.ndarray:
        """Make a permutation, or return the one that was kept."""
        if i in self.kept:
            return self.kept[i]
        permutation = np.arange(self.n_rows, dtype=np.int32)
        if self.seeds[i] is not None:
            random_state = np.random.RandomState(self.seeds[i])
            for rows in self.members:
                order = shuffled(len(rows), random_state, self.block_length)
                permutation[rows] = rows[order]
        if (i + 1) * self.n_rows <= KEPT:
            self.kept[i] = permutation
        return permutation


def shuffled(
    n_rows: int, random_state: np.random.RandomState, block_length: int | None
) -> np.ndarray:
    """Shuffled sample numbers; with a block length, shuffled whole blocks."""
    if block_length is None:
        return random_state.permutation(n_rows)
    rows = np.roll(np.arange(n_rows), random_state.randint(n_rows))
    blocks = np.array_split(rows, max(n_rows // (2 * block_length), 1))
    order = random_state.permutation(len(blocks))
    return np.concatenate([blocks[i] for i in order])


class Exchange(NamedTuple):
    """Permutations of the target relative to the features, the identity first.

    With weights each permutation comes twice: once the weights stay with the features,
    once they move with the target. The first null distribution is exact where the
    weights depend on the features, the second where they depend on the target, as
    weights that balance classes do; p-values are the larger of both.
    """

    permutations: Any  # ndarray of shape (n_permutations + 1, n_rows), or Permutations
    turns: np.ndarray  # number of the permutation of each turn
    weights: np.ndarray | None  # of shape (n_rows,)
    carried: np.ndarray  # whether the weights move with the target, (n_turns,)

    @property
    def rows(self) -> np.ndarray:
        """Sample numbers, of shape (n_turns, n_rows)."""
        return self.permutations[self.turns]

    @property
    def n_schemes(self) -> int:
        """Turns of each permutation."""
        return 1 if self.weights is None else 2

    @property
    def n_permutations(self) -> int:
        """Number of permutations besides the identity."""
        return (len(self.turns) - 1) // self.n_schemes

    def take(self, n_permutations: int) -> "Exchange":
        """Keep the identity and the first permutations."""
        n_turns = 1 + n_permutations * self.n_schemes
        return self._replace(turns=self.turns[:n_turns], carried=self.carried[:n_turns])

    def batches(self, n_contexts: int) -> list["Exchange"]:
        """Split the turns into batches whose codes and indicators fit into memory."""
        n_rows, n_turns = len(self.permutations[0]), len(self.turns)
        n_indicators = min(n_rows, MOST_ROWS) * n_contexts
        most = max(1, min(BATCH_SIZE // n_indicators, MOST_DRAWN // n_rows))
        parts = np.array_split(np.arange(n_turns), -(-n_turns // most))
        return [
            self._replace(turns=self.turns[part], carried=self.carried[part])
            for part in parts
        ]


def make_exchange(
    permutations: np.ndarray, weights: np.ndarray | None = None
) -> Exchange:
    """Make the turns of permutations, of shape (n_permutations + 1, n_rows)."""
    turns = np.arange(len(permutations))
    if weights is None:
        return Exchange(permutations, turns, None, np.zeros(len(turns), dtype=bool))
    turns = np.repeat(turns, 2)[1:]
    carried = np.arange(len(turns)) % 2 == 0
    return Exchange(permutations, turns, weights, carried)


class Contexts:
    """Codes of a context whose samples are permuted, one row for each turn.

    Parameters
    ----------
    context : ndarray of shape (n_rows,)
        Codes; negative ones count nowhere.
    n_codes : int
        Number of codes.
    exchange : Exchange
        Permutations and weights.
    """

    def __init__(self, context: np.ndarray, n_codes: int, exchange: Exchange):
        self.n_codes, self.exchange = n_codes, exchange
        # Signed, of the fewest bytes.
        context = context.astype(np.min_scalar_type(-n_codes))
        orders = exchange.permutations
        self.drawn = np.stack([context[orders[t]] for t in exchange.turns])
        self.complete = bool((context >= 0).all())
        self.sizes = np.bincount(context[context >= 0], minlength=n_codes)

    @property
    def n_turns(self) -> int:
        """Number of turns."""
        return len(self.drawn)

    @property
    def n_rows(self) -> int:
        """Number of samples."""
        return self.drawn.shape[1]

    @property
    def totals(self) -> np.ndarray:
        """Samples of each code in each turn where all weigh the same, float32."""
        shape = self.n_codes, self.n_turns
        return np.broadcast_to(self.sizes.astype(np.float32)[:, np.newaxis], shape)

    def indicators(self, rows: slice, turns: slice = slice(None)) -> np.ndarray:
        """Make indicators of the codes for some samples and turns.

        Returns
        -------
        ndarray of float32, shape (n_codes, n_turns, n_rows)
            1, or the weights, where a sample has a code, else 0.
        """
        drawn = self.drawn[turns, rows]
        if self.exchange.weights is None and self.n_codes <= MOST_COMPARED:
            codes = np.arange(self.n_codes, dtype=np.int8)[:, np.newaxis, np.newaxis]
            return (drawn == codes).astype(np.float32)
        indicator = np.zeros((self.n_codes, *drawn.shape), dtype=np.float32)
        turn, row = np.nonzero(drawn >= 0)
        mass = 1.0
        if self.exchange.weights is not None:
            mass = self._weights(rows, turns)[turn, row]
        indicator[drawn[turn, row], turn, row] = mass
        return indicator

    def _weights(self, rows: slice, turns: slice) -> np.ndarray:
        """Weights of some samples in some turns, (n_turns, n_rows)."""
        exchange = self.exchange
        own = np.arange(self.drawn.shape[1])[rows]
        sources = [
            exchange.permutations[turn][rows] if carried else own
            for turn, carried in zip(
                exchange.turns[turns], exchange.carried[turns], strict=True
            )
        ]
        return exchange.weights[np.stack(sources)]
