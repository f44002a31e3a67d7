"""Mutual information of mixed variables by nearest neighbours."""

import math
from typing import Any

import numpy as np

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import StrOptions
from skmi._data.dtypes import label_rows
from skmi.neighbors._base import NeighborEstimator
from skmi.neighbors._search import JointRows
from skmi.neighbors._terms import mixed_ksg_terms

__all__ = ["MixedKSG"]


@estimator
class MixedKSG(NeighborEstimator):
    r"""Nearest-neighbour estimator of Gao et al. for mixtures.

    .. math::
        I = \frac1N \sum_i \psi(\tilde k_i) + \log N - \psi(n_{x,i} + 1) -
        \psi(n_{y,i} + 1)

    where :math:`\tilde k_i` is k, or the number of samples equal to sample i where
    there are more than k of them [1]_. For columns that are continuous, discrete or
    both at once, such as an amount that is often 0. Text and categories in X are
    labels: samples of different labels are not neighbours.

    Parameters
    ----------
    [shared]
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Which columns of X are labels: all (True), none (False), a mask or the indices
        of the columns. "auto" takes those of strings, categories and booleans.
    device : str or None, default=None
        Where distances are computed, as in :class:`KSG`.

    Attributes
    ----------
    [shared]

    See Also
    --------
    KSG : For continuous columns.

    Notes
    -----
    The form of the authors' program is used; that of the paper, with logarithms for
    the outer two digamma functions, is lower by a few hundredths of a nat. New samples
    with labels that were not in `fit` get a log ratio of 0.

    References
    ----------
    .. [1] W. Gao, S. Kannan, S. Oh, P. Viswanath. Estimating mutual information for
       discrete-continuous mixtures. NeurIPS, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import MixedKSG
    >>> rng = np.random.RandomState(0)
    >>> y = rng.randint(3, size=1000)
    >>> X = (y + rng.randint(2, size=1000)).reshape(-1, 1)
    >>> round(MixedKSG(discrete_target=True).fit(X, y).mutual_info_, 1)
    0.6
    """

    discrete_features: Any = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean", "array-like"]
    )
    device: str | None = parameter(default=None, constraints=[str, None])

    _breaks_ties = False  # equal values are what the estimator counts
    _label_columns = "codes"

    def _constant(self, n_samples: int) -> float:
        return math.log(n_samples)

    def _terms(self, joint: JointRows) -> np.ndarray:
        return mixed_ksg_terms(joint, self.n_neighbors)

    def _fit_sides(self, X, y):
        self._is_discrete = self._discrete_mask(X.shape[1])
        labels = sorted(set(label_rows(X[:, self._is_discrete])))
        self._x_codes = {label: code for code, label in enumerate(labels)}
        return super()._fit_sides(X, y)

    def _discrete_mask(self, n_features: int) -> np.ndarray:
        """Return which columns are labels, by `discrete_features` and by dtype."""
        mask = np.zeros(n_features, dtype=bool)
        chosen = self.discrete_features
        if not isinstance(chosen, str):
            chosen = np.asarray(chosen)
            size = chosen.size
            inside = size == 0 or (
                chosen.dtype.kind in "iu"
                and -n_features <= chosen.min() <= chosen.max() < n_features
            )
            flags = chosen.dtype.kind == "b" and chosen.shape in {(), (n_features,)}
            if not (inside or flags):
                raise ValueError(
                    "discrete_features must be 'auto', True, False, one boolean for "
                    f"each of the {n_features} columns, or their numbers; got "
                    f"{self.discrete_features!r}."
                )
            mask[chosen if chosen.size else []] = True
        labels = self._layout.X_labels
        return mask if labels is None else mask | labels.mask

    def _split_labels(self, X):
        labels = label_rows(X[:, self._is_discrete])
        codes = np.array([self._x_codes.get(label, -1) for label in labels])
        return X[:, ~self._is_discrete], codes
