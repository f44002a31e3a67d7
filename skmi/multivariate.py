"""Information among several variables, with any estimator of mutual information."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import clone

from skmi._data.columns import column_names, column_of
from skmi._data.condition import labelled_table
from skmi._data.dtypes import column_types
from skmi._data.reading import read_block
from skmi.base import MutualInfoEstimator, combine
from skmi.statistics import InformationResult

__all__ = [
    "dual_total_correlation",
    "interaction_information",
    "o_information",
    "total_correlation",
]


def total_correlation(
    blocks: Sequence[ArrayLike] | Mapping[Any, ArrayLike] | ArrayLike,
    *,
    estimator: MutualInfoEstimator | None = None,
) -> InformationResult:
    r"""Estimate the total correlation of several variables.

    .. math:: TC = \sum_i H(X_i) - H(X_1, \dots, X_K)
        = \sum_{i=1}^{K-1} I(X_i; X_{i+1}, \dots, X_K)

    0 if and only if all are independent [1]_.

    Parameters
    ----------
    blocks : sequence of array-like, or array-like of shape (n_samples, n_variables)
        The variables: the items of a list, tuple or dict, each of shape (n_samples,) or
        (n_samples, n_columns), or the columns of an array or a table.
    estimator : estimator, default=None
        Any estimator of mutual information; None means :class:`skmi.AutoMI`.

    Returns
    -------
    InformationResult
        The named tuple (value, standard_error, low, high, pvalue), in nats; the p-value
        is None.

    Raises
    ------
    ValueError
        If there are fewer than two variables, or no more samples than variables.

    See Also
    --------
    o_information : Whether redundancy or synergy prevails.

    Notes
    -----
    Each of the K - 1 terms has the bias of the estimator; they add up.

    References
    ----------
    .. [1] S. Watanabe. Information theoretical analysis of multivariate correlation.
       IBM J. Res. Dev. 4, 1960.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import GaussianMI
    >>> from skmi.multivariate import total_correlation
    >>> z, *noise = np.random.RandomState(0).standard_normal((4, 3000))
    >>> blocks = [z + each for each in noise]
    >>> round(total_correlation(blocks, estimator=GaussianMI()).value, 1)
    0.3
    """
    terms = Terms(read_blocks(blocks), estimator)
    for i in range(terms.n_blocks - 1):
        terms.add(1, i, range(i + 1, terms.n_blocks))
    return terms.total


def dual_total_correlation(
    blocks: Sequence[ArrayLike] | Mapping[Any, ArrayLike] | ArrayLike,
    *,
    estimator: MutualInfoEstimator | None = None,
) -> InformationResult:
    r"""Estimate the dual total correlation of several variables.

    .. math:: DTC = H(X_1, \dots, X_K) - \sum_i H(X_i | X_{-i})
        = \sum_{i=2}^{K} I(X_i; X_1, \dots, X_{i-1} | X_{i+1}, \dots, X_K)

    The information that is shared by two variables or more [1]_.

    Parameters
    ----------
    blocks : sequence of array-like, or array-like of shape (n_samples, n_variables)
        The variables: the items of a list, tuple or dict, each of shape (n_samples,) or
        (n_samples, n_columns), or the columns of an array or a table.
    estimator : estimator, default=None
        Any estimator of mutual information; None means :class:`skmi.AutoMI`.

    Returns
    -------
    InformationResult
        The named tuple (value, standard_error, low, high, pvalue), in nats; the p-value
        is None.

    Raises
    ------
    ValueError
        If there are fewer than two variables, or no more samples than variables.

    See Also
    --------
    total_correlation : Equal to it for two variables.

    Notes
    -----
    Each of the K - 1 terms has the bias of the estimator; they add up.

    References
    ----------
    .. [1] T. S. Han. Nonnegative entropy measures of multivariate symmetric
       correlations. Inf. Control 36, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import GaussianMI
    >>> from skmi.multivariate import dual_total_correlation
    >>> z, *noise = np.random.RandomState(0).standard_normal((4, 3000))
    >>> blocks = [z + each for each in noise]
    >>> round(dual_total_correlation(blocks, estimator=GaussianMI()).value, 1)
    0.2
    """
    terms = Terms(read_blocks(blocks), estimator)
    terms.add_dual(1)
    return terms.total


def o_information(
    blocks: Sequence[ArrayLike] | Mapping[Any, ArrayLike] | ArrayLike,
    *,
    estimator: MutualInfoEstimator | None = None,
) -> InformationResult:
    r"""Estimate the O-information of several variables.

    .. math:: \Omega = TC - DTC

    Positive where redundancy prevails, negative where synergy does; 0 for two variables
    [1]_.

    Parameters
    ----------
    blocks : sequence of array-like, or array-like of shape (n_samples, n_variables)
        The variables: the items of a list, tuple or dict, each of shape (n_samples,) or
        (n_samples, n_columns), or the columns of an array or a table.
    estimator : estimator, default=None
        Any estimator of mutual information; None means :class:`skmi.AutoMI`.

    Returns
    -------
    InformationResult
        The named tuple (value, standard_error, low, high, pvalue), in nats; the p-value
        is None.

    Raises
    ------
    ValueError
        If there are fewer than two variables, or no more samples than variables.

    See Also
    --------
    total_correlation, dual_total_correlation : The two terms.

    Notes
    -----
    A difference: redundancy and synergy may both be present and cancel.

    References
    ----------
    .. [1] F. E. Rosas, P. A. M. Mediano, M. Gastpar, H. J. Jensen. Quantifying
       high-order interdependencies via multivariate extensions of the mutual
       information. Phys. Rev. E 100, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import GaussianMI
    >>> from skmi.multivariate import o_information
    >>> x, y, noise = np.random.RandomState(0).standard_normal((3, 3000))
    >>> blocks = [x, y, x + y + noise]
    >>> round(o_information(blocks, estimator=GaussianMI()).value, 1)
    -0.1
    """
    terms = Terms(read_blocks(blocks), estimator)
    for i in range(terms.n_blocks - 1):
        terms.add(1, i, range(i + 1, terms.n_blocks))
    terms.add_dual(-1)
    return terms.total


def interaction_information(
    X: ArrayLike,
    y: ArrayLike,
    Z: ArrayLike,
    *,
    estimator: MutualInfoEstimator | None = None,
) -> InformationResult:
    r"""Estimate the interaction information of three variables.

    .. math:: I(X; Y; Z) = I(X; Y | Z) - I(X; Y)

    Positive where Z adds to what X and y share (synergy), negative where it is part of
    it (redundancy) [1]_. Symmetric in the three.

    Parameters
    ----------
    X, y, Z : array-like of shape (n_samples,) or (n_samples, n_columns)
        The variables.
    estimator : estimator, default=None
        Any estimator of mutual information; None means :class:`skmi.AutoMI`.

    Returns
    -------
    InformationResult
        The named tuple (value, standard_error, low, high, pvalue), in nats; the p-value
        is None.

    Raises
    ------
    ValueError
        If the numbers of samples differ.

    See Also
    --------
    o_information : Minus this for three variables.

    Notes
    -----
    Some authors define it with the opposite sign.

    References
    ----------
    .. [1] W. J. McGill. Multivariate information transmission. Psychometrika 19, 1954.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import GaussianMI
    >>> from skmi.multivariate import interaction_information
    >>> x, y, noise = np.random.RandomState(0).standard_normal((3, 3000))
    >>> found = interaction_information(x, y, x + y + noise, estimator=GaussianMI())
    >>> round(found.value, 1)
    0.1
    """
    terms = Terms({"X": X, "y": y, "Z": Z}, estimator)
    terms.add(1, 1, [0], [2])
    terms.add(-1, 1, [0])
    return terms.total


class Terms:
    """A sum of mutual informations of blocks, estimated one by one."""

    def __init__(
        self, blocks: dict[str, ArrayLike], estimator: MutualInfoEstimator | None
    ) -> None:
        if len(blocks) < 2:
            raise ValueError("blocks must hold at least two variables.")
        self.blocks = list(blocks.values())
        self.tables = [labelled_table(data, name)[0] for name, data in blocks.items()]
        require_more_samples(list(blocks), [len(table) for table in self.tables])
        self.estimator = default_estimator() if estimator is None else estimator
        self.models: list[MutualInfoEstimator] = []
        self.weights: list[float] = []

    @property
    def n_blocks(self) -> int:
        """Number of variables."""
        return len(self.blocks)

    def add(self, weight: float, target: int, others: Any, given: Any = ()) -> None:
        """Add a weight times I(target; others | given)."""
        condition = self._join(given) if len(given) else None
        model = clone(self.estimator).fit(
            self._join(others), self.blocks[target], condition
        )
        self.models.append(model)
        self.weights.append(weight)

    def add_dual(self, weight: float) -> None:
        """Add a weight times the dual total correlation."""
        for i in range(1, self.n_blocks):
            self.add(weight, i, range(i), range(i + 1, self.n_blocks))

    def _join(self, numbers: Any) -> np.ndarray:
        return np.hstack([self.tables[number] for number in numbers])

    @property
    def total(self) -> InformationResult:
        """The sum; noise that the terms share cancels in its error."""
        found = combine(self.models, self.weights)
        return InformationResult.of(found.mutual_info, found.standard_error)


def default_estimator() -> MutualInfoEstimator:
    """Return the estimator that is taken where none is given."""
    from skmi.auto import AutoMI  # imports torch

    return AutoMI(random_state=0)


def require_more_samples(names: list[str], sizes: list[int]) -> None:
    """Raise where variables differ in length, or are more than their samples."""
    if len(set(sizes)) > 1:
        raise ValueError(
            f"{', '.join(names)} have inconsistent numbers of samples: {sizes}; pass "
            "as many rows of each."
        )
    if len(sizes) >= sizes[0]:
        raise ValueError(
            f"There are {len(sizes)} variables of {sizes[0]} samples each; there must "
            "be more samples than variables. The items of a sequence, and the columns "
            "of a table, are the variables: pass the transpose if rows are."
        )


def read_blocks(blocks: Any) -> dict[str, Any]:
    """Return variables by their names: items of a sequence, or columns of a table."""
    if isinstance(blocks, Mapping):
        return {f"blocks[{key!r}]": block for key, block in blocks.items()}
    if is_table(blocks):
        table = read_block(blocks, "blocks")
        if sparse.issparse(table):
            raise ValueError("blocks is sparse; pass a dense array: blocks.toarray().")
        names = column_names(table) or range(np.shape(table)[1])
        return {
            f"column {name!r} of blocks": column_of(table, k)
            if column_types(table)
            else np.asarray(table)[:, k]
            for k, name in enumerate(names)
        }
    if isinstance(blocks, (str, bytes)) or not isinstance(blocks, Iterable):
        raise TypeError(
            f"blocks is a {type(blocks).__name__}; pass a sequence with an array for "
            "each variable, or a table whose columns are the variables."
        )
    return {f"blocks[{number}]": block for number, block in enumerate(blocks)}


def is_table(blocks: Any) -> bool:
    """Whether variables came as one array or table of two dimensions."""
    if isinstance(blocks, (list, tuple)):
        return False
    return sparse.issparse(blocks) or len(getattr(blocks, "shape", ())) == 2
