"""Mutual information of mixed variables by nearest neighbours."""

from typing import Any

import numpy as np

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import StrOptions
from skmi._data.validation import chosen_columns
from skmi.neighbors._base import NeighborEstimator
from skmi.neighbors._search import Block, JointRows
from skmi.neighbors._sides import atom_limits
from skmi.neighbors._terms import ksg_terms

__all__ = ["MixedKSG"]


@estimator
class MixedKSG(NeighborEstimator):
    r"""Nearest-neighbour estimator for mixtures of discrete and continuous values.

    .. math::
        I = \psi(N) + \frac1N \sum_i \psi(\tilde k_i) - \psi(n_{x,i} + 1) -
        \psi(n_{y,i} + 1)

    where :math:`\tilde k_i` is k, or the number of samples equal to sample i where it
    consists of labels [1]_. Text, categories, booleans and columns of two distinct
    values are labels: samples of different labels are not neighbours. So are atoms,
    the values that a column repeats often, such as the 0 of an amount that is mostly 0.
    All other numbers are compared as in :class:`KSG`. For columns that are continuous,
    discrete or both at once.

    Parameters
    ----------
    [shared]
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Columns of X that are labels: all (True), none (False), a mask, their numbers or
        names. "auto" takes strings, categories, booleans and columns of two distinct
        values; all other whole numbers are numbers.
    device : str or None, default=None
        Where distances are computed, as in :class:`KSG`.

    Attributes
    ----------
    [shared]
    status_ : {"ok", "zero", "saturated", "not converged"}
        "zero": not significantly above 0. "saturated": close to the ceiling. "not
        converged": four times as many neighbours change the estimate by more than
        chance and its error of sampling, or neighbours are more than .4 standard
        deviations of a column apart, which may hide any dependence.

    See Also
    --------
    KSG : For continuous columns.

    Notes
    -----
    A value is an atom from 30 copies on, times the number of columns on its side, if
    four samples or more are to be expected with each atom of the other side. Rarer
    values that are equal, as after rounding, are ordered at random: the formula of [1]_
    counts them as well and is then too high, by up to .2 nats for independent columns.
    The estimate is the mean over eight such orders, which takes eight times as long,
    and their spread is part of the standard error. The bias of counting where both
    sides are labels is removed by its expectation when the labels are paired at random,
    so that independent labels have 0, and labels that determine each other their
    entropy. New samples with labels that were not in `fit` get a log ratio of 0.

    Fails where a label or an atom has few samples and the dependence within it is
    strong, and in many columns: the estimate is then too low. The standard error
    contains the bias that more neighbours indicate, as that of :class:`KSG` does.

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

    def _terms(self, joint: JointRows) -> np.ndarray:
        return ksg_terms(joint, self._options.n_neighbors)

    def _atom_limits(self, x: Block, y: Block) -> list[float]:
        return atom_limits(x, y)

    def _label_mask(self, n_features: int) -> np.ndarray:
        """Return which columns are labels, by `discrete_features` and by dtype."""
        names = getattr(self, "feature_names_in_", None)
        chosen = chosen_columns(self.discrete_features, n_features, names)
        return chosen | super()._label_mask(n_features)
