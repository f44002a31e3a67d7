"""Conditional mutual information by nearest neighbours."""

from scipy.special import digamma
from sklearn.utils.validation import check_consistent_length

from skmi._core.sklearn_compat import make_random_state
from skmi._data.marginals import BlockView
from skmi.neighbors._search import Block, JointRows, join_blocks
from skmi.neighbors.mixed import numbers_and_codes

__all__ = ["conditional_mutual_info"]


def conditional_mutual_info(
    X, Y, Z, *, n_neighbors=3, marginals="rank", n_jobs=None, random_state=None
):
    r"""Conditional mutual information by nearest neighbours.

    .. math::
        I(X; Y | Z) = \langle \psi(k) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1)
        + \psi(n_z + 1) \rangle

    with the rows counted that are nearer than the k-th neighbour in all columns
    together [1]_. Columns of strings, categories and booleans are labels, between which
    there is no distance [2]_. For few columns; too low for more.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_x)
        One side.
    Y : array-like of shape (n_samples,) or (n_samples, n_y)
        The other side.
    Z : array-like of shape (n_samples,) or (n_samples, n_z)
        What is known.
    n_neighbors : int, default=3
        Neighbours of each row in the joint space.
    marginals : {"rank", "standard"} or None, default="rank"
        How a column of numbers is seen: by the normal scores of its ranks,
        standardised, or as it is. Equal numbers are set apart at random.
    n_jobs : int or None, default=None
        Threads at work: None means 1 outside a joblib context, -1 all processors.
    random_state : int, RandomState instance or None, default=None
        Seed of what sets equal numbers apart.

    Returns
    -------
    float
        Nats; may be negative.

    Notes
    -----
    Fails with many columns in Z, where rows have no near neighbours: the estimate falls
    towards 0.

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


def require_more_rows(n_samples, n_neighbors):
    """Raise where there are not more rows than neighbours."""
    if n_samples <= n_neighbors:
        raise ValueError(
            f"n_samples={n_samples} is too few for n_neighbors={n_neighbors}."
        )


def conditional_terms(x, y, z, n_neighbors, n_jobs=None):
    r"""Terms of Frenzel and Pompe, of blocks.

    .. math:: \psi(k) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1) + \psi(n_z + 1)
    """
    xz, yz = join_blocks(x, z), join_blocks(y, z)
    radius, found = JointRows(xz, y, n_jobs).radius(n_neighbors)
    counts = (side.count(side, radius) for side in (xz, yz, z))
    n_xz, n_yz, n_z = map(digamma, counts)
    return digamma(found) - n_xz - n_yz + n_z


def make_block(data, name, marginals, random_state):
    """Turn one argument into a block: numbers as seen, labels as one code."""
    numbers, codes = numbers_and_codes(data, name)
    view = BlockView(numbers, marginals)
    return Block(view.apply_without_ties(numbers, random_state), codes)
