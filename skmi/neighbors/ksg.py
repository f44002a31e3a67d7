"""Mutual information of continuous variables by nearest neighbours."""

import math

import numpy as np
from scipy.special import digamma

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Integral, Options, StrOptions
from skmi.neighbors._base import NeighborEstimator
from skmi.neighbors._drift import Drift, drift_of_neighbors
from skmi.neighbors._search import JointRows
from skmi.neighbors._terms import (
    entropy_terms,
    ksg_box_terms,
    ksg_terms,
    local_ksg_terms,
)

__all__ = ["KSG"]


@estimator
class KSG(NeighborEstimator):
    r"""Nearest-neighbour estimator of Kraskov, Stögbauer and Grassberger.

    .. math:: I = \psi(k) + \psi(N) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle

    with :math:`n_x` the samples whose x is closer than the k-th neighbour in the joint
    space, whose distance is the larger of those in x and in y [1]_. A discrete y is
    handled by the estimator of Ross [2]_. All samples are used; there is no training.
    Accurate in one to three dimensions; biased towards 0 in more, and for strong
    dependence.

    Parameters
    ----------
    [shared]
    variant : {1, 2, "lnc", "weighted"}, default=1
        The first estimator of [1]_, or the second, of less bias and more variance. For
        strong dependence: "lnc", the first with the local correction of [3]_, which
        needs more neighbours than columns; "weighted", a difference of weighted
        entropies of whitened columns [4]_, best with ten neighbours or more. Both need
        `marginals` "standard" or None, and columns in which no value occurs more than
        `n_neighbors` times.
    device : str or None, default=None
        None or "cpu" searches on the CPU, with trees or, for many columns, with blocks
        of distances. The name of another device, such as "cuda", computes blocks of
        distances there with torch; "auto" uses CUDA where it is available.

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
    MixedKSG : For columns of few values, often repeated, and for mixtures.

    Notes
    -----
    Equal values in a column, as after rounding, are ordered at random, which does not
    change the mutual information of rounded values. The estimate is the mean over eight
    such orders, which takes eight times as long as distinct values do, and the spread
    that remains is part of the standard error. Where few values are each repeated many
    times, :class:`MixedKSG` is less biased: with five values of x, each with an
    interval of y, the estimate is .05 nats of 1.06 too low at 1000 samples. Text,
    categories, booleans and columns of two distinct values are labels: samples of
    different labels are not neighbours. A constant column carries 0.

    Without labels no estimate of the variants 1 and 2 can exceed
    :math:`\psi(N) - \psi(k)`; the others have no ceiling. On new samples every variant
    uses the log ratio of the first, and with labels they are the first; those of the
    training samples, which are then their own neighbours, are too large. The
    standard error is that of independent terms, times 4/3 where both sides are
    continuous and 5/4 where one has labels only: neighbouring samples share neighbours,
    and on normal columns the standard deviation was 1.2 to 1.5 times as large. The bias
    that four times as many neighbours indicate, beyond chance, is added: it is about
    the true one in two columns, and too small on curves in five columns or more. Of the
    variants "lnc" and "weighted" it is unknown.
    :func:`skmi.inference.confidence_interval` subtracts the bias on a Student copula.

    References
    ----------
    .. [1] A. Kraskov, H. Stögbauer, P. Grassberger. Estimating mutual information.
       Phys. Rev. E 69, 066138, 2004.
    .. [2] B. C. Ross. Mutual information between discrete and continuous data sets.
       PLoS ONE 9(2), e87357, 2014.
    .. [3] S. Gao, G. Ver Steeg, A. Galstyan. Efficient estimation of mutual information
       for strongly dependent variables. AISTATS, 2015.
    .. [4] T. B. Berrett, R. J. Samworth, M. Yuan. Efficient multivariate entropy
       estimation via k-nearest neighbour distances. Ann. Statist. 47, 2019.

    Examples
    --------
    >>> from skmi import KSG
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(KSG().fit(X, Y).mutual_info_, 1)
    0.5
    """

    variant: int | str = parameter(
        default=1,
        constraints=[Options(Integral, {1, 2}), StrOptions({"lnc", "weighted"})],
    )

    @property
    def _needs_densities(self) -> bool:
        return isinstance(self._options.variant, str)

    def _constant(self, n_samples: int) -> float:
        gap = 1 / self._options.n_neighbors if self._options.variant == 2 else 0.0
        return digamma(n_samples) - gap

    def _ceiling(self, n_samples: int) -> float:
        return math.inf if self._needs_densities else super()._ceiling(n_samples)

    def _terms(self, joint: JointRows) -> np.ndarray:
        both_continuous = joint.x.columns.shape[1] and joint.y.columns.shape[1]
        no_labels = both_continuous and len(joint.groups) == 1
        variant = self._options.variant if no_labels else 1
        return VARIANTS[variant](joint, self._options.n_neighbors)

    def _drift_of_terms(self, terms):
        variant, k = self._options.variant, self._options.n_neighbors
        if self._needs_densities:  # other biases than those of counts
            return Drift(0.0, 0.0)
        return drift_of_neighbors(self._joint, k, terms if variant == 1 else None)

    def _check_samples(self, X, y):
        if self._needs_densities and not hasattr(self, "classes_"):
            self._check_densities(X[:, ~self._is_label], y)
        super()._check_samples(X, y)

    def _check_densities(self, X, y) -> None:
        """Raise where a variant needs densities and the columns have none."""
        variant, k = self._options.variant, self._options.n_neighbors
        if self._options.marginals == "rank":
            raise ValueError(
                f'variant="{variant}" needs marginals="standard" or None: ranks '
                "hide how close to a curve the rows are."
            )
        n_columns = X.shape[1] + y.shape[1]
        if variant == "lnc" and k <= n_columns:
            raise ValueError(
                f'variant="lnc" needs more neighbours than columns; n_neighbors='
                f"{k} is too few for {n_columns} columns."
            )
        for name, block in (("X", X), ("y", y)):
            for number, column in enumerate(block.T):
                most = np.unique(column, return_counts=True)[1].max()
                if k < most < len(column):
                    raise ValueError(
                        f"Column {number} of {name} repeats a value {most} times and "
                        f'has no density, which variant="{variant}" needs. Use '
                        "variant=1, or skmi.MixedKSG."
                    )


VARIANTS = {
    1: ksg_terms,
    2: ksg_box_terms,
    "lnc": local_ksg_terms,
    "weighted": entropy_terms,
}
