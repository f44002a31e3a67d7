"""Permutations and p-values of the selection."""

import numpy as np

__all__ = ["draw_permutations"]


def draw_permutations(
    n_permutations, n_rows, random_state, groups=None, block_length=None
):
    """Draw permutations of rows, those that leave all in place first.

    Parameters
    ----------
    n_permutations : int
        How many to draw.
    n_rows : int
        Number of rows.
    random_state : RandomState
        Source of randomness.
    groups : ndarray of shape (n_rows,), default=None
        Rows change places within their group only.
    block_length : int, default=None
        Blocks of at least so many rows, twice as many as a rule, are moved as a whole;
        where they begin is drawn anew each time.

    Returns
    -------
    ndarray of shape (n_permutations + 1, n_rows)
    """
    groups = np.zeros(n_rows, dtype=int) if groups is None else groups
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    drawn = np.tile(np.arange(n_rows), (n_permutations + 1, 1))
    for permutation in drawn[1:]:
        for rows in members:
            permutation[rows] = rows[shuffled(len(rows), random_state, block_length)]
    return drawn


def shuffled(n_rows, random_state, block_length):
    """Return shuffled row numbers, whole blocks of them where there is a length."""
    if block_length is None:
        return random_state.permutation(n_rows)
    rows = np.roll(np.arange(n_rows), random_state.randint(n_rows))
    blocks = np.array_split(rows, max(n_rows // (2 * block_length), 1))
    order = random_state.permutation(len(blocks))
    return np.concatenate([blocks[i] for i in order])
