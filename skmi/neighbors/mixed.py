"""Mutual information of mixed variables by nearest neighbours."""

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_X_y, validate_data

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import StrOptions
from skmi._data.dtypes import feature_kinds, is_missing, label_rows, target_kind
from skmi.neighbors._base import NeighborEstimator
from skmi.neighbors._search import JointRows
from skmi.neighbors._terms import mixed_ksg_terms

__all__ = ["MixedKSG", "numbers_and_codes"]


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

    def _constant(self, n_samples: int) -> float:
        return math.log(n_samples)

    def _terms(self, joint: JointRows) -> np.ndarray:
        return mixed_ksg_terms(joint, self.n_neighbors)

    def _validate_arrays(self, X, y="no_validation", *, reset, min_samples=1):
        kinds = feature_kinds(X)
        if reset:
            self._labelled = np.array(
                [kind == "discrete" for kind in kinds], dtype=bool
            )
        if not self._labelled.any():
            return super()._validate_arrays(X, y, reset=reset, min_samples=min_samples)
        validate_data(self, X, reset=reset, skip_check_array=True)
        options = {"dtype": np.float64, "ensure_min_samples": min_samples}
        X = self._encode_features(np.asarray(X, dtype=object), reset)
        if isinstance(y, str):
            return check_array(X, estimator=self, input_name="X", **options)
        return check_X_y(X, y, multi_output=True, estimator=self, **options)

    def _encode_features(self, X: np.ndarray, reset: bool) -> np.ndarray:
        """Replace labels by their numbers; by -1 those that were not in `fit`."""
        X = X.copy()
        if reset:
            self._feature_labels = {}
        for number in np.flatnonzero(self._labelled):
            values = X[:, number].tolist()
            if any(map(is_missing, values)):
                raise ValueError(
                    f"X contains missing labels in column {number}; drop those rows, "
                    'or give them a label of their own, such as "missing".'
                )
            if reset:
                labels = dict.fromkeys(values)
                self._feature_labels[number] = {v: i for i, v in enumerate(labels)}
            codes = self._feature_labels[number]
            X[:, number] = [codes.get(value, -1) for value in values]
        return X

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
        if len(self._labelled):
            mask |= self._labelled
        return mask

    def _split_labels(self, X):
        labels = label_rows(X[:, self._is_discrete])
        codes = np.array([self._x_codes.get(label, -1) for label in labels])
        return X[:, ~self._is_discrete], codes


def numbers_and_codes(data: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Split one argument into columns of numbers and one code for all labels.

    `name` is that of the argument, for the messages. The codes are 0 where no column
    contains labels.
    """
    if np.ndim(data) == 1:
        labelled = np.array([target_kind(data) == "discrete"])
        data = np.asarray(data, dtype=object).reshape(-1, 1)
    else:
        kinds = feature_kinds(data)
        data = np.asarray(data, dtype=object)
        labelled = np.array([kind == "discrete" for kind in kinds], dtype=bool)
        labelled = labelled if len(labelled) else np.zeros(data.shape[1], dtype=bool)
    numbers = np.empty((len(data), 0))
    if not labelled.all():
        numbers = check_array(data[:, ~labelled], dtype=np.float64, input_name=name)
    if any(map(is_missing, data[:, labelled].ravel())):
        raise ValueError(
            f"{name} contains missing labels; drop those rows, or give them a label of "
            'their own, such as "missing".'
        )
    rows = label_rows(data[:, labelled])
    codes = {row: code for code, row in enumerate(dict.fromkeys(rows))}
    return numbers, np.array([codes[row] for row in rows])
