"""Conditional mutual information by nearest neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length

from skmi._core.sklearn_compat import make_random_state
from skmi._data.marginals import BlockView
from skmi._data.validation import numbers_and_codes
from skmi.neighbors._search import Block
from skmi.neighbors._terms import conditional_terms

__all__ = ["conditional_mutual_info", "make_block", "require_more_rows"]


def conditional_mutual_info(
    X: ArrayLike,
    Y: ArrayLike,
    Z: ArrayLike,
    *,
    n_neighbors: int = 3,
    marginals: str | None = "rank",
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    r"""Estimate the conditional mutual information by nearest neighbours.

    .. math::
        I(X; Y | Z) = \langle \psi(k) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1)
        + \psi(n_z + 1) \rangle

    with :math:`n_{xz}`, :math:`n_{yz}` and :math:`n_z` the samples closer than the k-th
    neighbour in the joint space of all columns [1]_. Columns of strings, categories and
    booleans are labels: samples of different labels are not neighbours [2]_. For few
    columns; biased towards 0 for more.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_x)
        First variable.
    Y : array-like of shape (n_samples,) or (n_samples, n_y)
        Second variable.
    Z : array-like of shape (n_samples,) or (n_samples, n_z)
        Conditioning variable.
    n_neighbors : int, default=3
        Number of neighbours in the joint space.
    marginals : {"rank", "standard"} or None, default="rank"
        Transform of each continuous column: normal scores of its ranks,
        standardisation, or none. Ties are broken at random.
    n_jobs : int or None, default=None
        Number of threads: None means 1 outside a joblib context, -1 all processors.
    random_state : int, RandomState instance or None, default=None
        Seed for breaking ties.

    Returns
    -------
    float
        Nats; may be negative.

    Notes
    -----
    Fails with many columns in Z, where no sample has close neighbours: the estimate
    tends to 0.

    References
    ----------
    .. [1] S. Frenzel, B. Pompe. Partial mutual information for coupling analysis of
       multivariate time series. Phys. Rev. Lett. 99, 204101, 2007.
    .. [2] O. C. Mesner, C. R. Shalizi. Conditional mutual information estimation for
       mixed, discrete and continuous data. IEEE Trans. Inf. Theory 67, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.neighbors import conditional_mutual_info
    >>> Z, a, b = np.random.RandomState(0).standard_normal((3, 2000))
    >>> abs(round(conditional_mutual_info(Z + a, Z + b, Z), 1))
    0.0
    """
    random_state = make_random_state(random_state)
    check_consistent_length(X, Y, Z)
    x, y, z = (
        make_block(data, name, marginals, random_state)
        for name, data in (("X", X), ("Y", Y), ("Z", Z))
    )
    require_more_rows(len(z.codes), n_neighbors)
    return float(conditional_terms(x, y, z, n_neighbors, n_jobs).mean())


def require_more_rows(n_samples: int, n_neighbors: int) -> None:
    """Raise where there are not more samples than neighbours."""
    if n_samples <= n_neighbors:
        raise ValueError(
            f"n_samples={n_samples} is too few for n_neighbors={n_neighbors}."
        )


def make_block(
    data: ArrayLike,
    name: str,
    marginals: str | None,
    random_state: np.random.RandomState,
) -> Block:
    """Turn one argument into a block: transformed numbers, and one code for labels."""
    numbers, codes = numbers_and_codes(data, name)
    view = BlockView(numbers, marginals)
    return Block(view.apply_without_ties(numbers, random_state), codes)
