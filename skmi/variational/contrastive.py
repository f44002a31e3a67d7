"""Contrastive bounds, which compare each joint pair with independent pairs."""

import functools
import math

from torch import Tensor

from skmi import bounds
from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Interval, Real, StrOptions
from skmi.training.parameters import OPTIONAL_COUNT
from skmi.variational.base import RatioEstimator
from skmi.variational.objective import Objective, Scores
from skmi.variational.report import Report, n_contrasts, reduce_rows, row_report

__all__ = ["InfoNCE", "InterpolatedBound", "contrastive_report", "log_contrasts"]


def log_contrasts(n_samples: int) -> float:
    """Return the ceiling of a contrastive bound: the log of the samples compared."""
    return math.log(n_contrasts(n_samples))


def contrastive_report(contrast: str) -> Report:
    """Make the report of InfoNCE, with negative samples of y, of x or of both."""
    return row_report(
        functools.partial(reduce_rows, bound=bounds.info_nce),
        bound="lower",
        ceiling=log_contrasts,
        reach=math.log,
        contrast=contrast,
    )


@estimator
class InfoNCE(RatioEstimator):
    r"""Contrastive lower bound InfoNCE.

    .. math::
        I_{NCE} = \sup_f \; E \left[ \frac1K \sum_i \log
        \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}} \right] \le \log K

    A lower bound of low variance, stable to train and well suited to comparisons [1]_.
    It cannot exceed log K, where K, at most 512, is the number of test samples that
    each test sample is compared with, itself included.

    Parameters
    ----------
    [shared]
    normalize : {"y", "x", "both"}, default="y"
        Whether each x is compared with several y, each y with several x, or both are
        done and averaged.

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : A lower bound without a ceiling, of high variance.
    TNCE : The same with a density of y given x as the critic.

    Notes
    -----
    The critic estimates the log density ratio up to an additive function of x (of y
    where `normalize` is "x"). On the test samples K is min(512, n), whatever the number
    of negative samples in training.

    References
    ----------
    .. [1] A. van den Oord, Y. Li, O. Vinyals. Representation learning with
       contrastive predictive coding. arXiv:1807.03748, 2018.

    Examples
    --------
    >>> from skmi import InfoNCE
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(InfoNCE(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    # More than for bounds of two expectations: log K limits training, too.
    n_negatives: int | None = parameter(default=64, constraints=OPTIONAL_COUNT)
    normalize: str = parameter(
        default="y", constraints=[StrOptions({"x", "y", "both"})]
    )

    def _make_objective(self) -> Objective:
        return Objective(bounds.info_nce)

    def _make_report(self) -> Report:
        return contrastive_report(self.normalize)


@estimator
class InterpolatedBound(RatioEstimator):
    r"""Interpolation between the lower bounds TUBA and InfoNCE.

    .. math::
        I_\alpha = 1 + E\left[\log \frac{e^{f(x_1, y)}}{A(y; x_{1:K})}\right]
        - E\left[\frac{e^{f(x_1, y')}}{A(y'; x_{1:K})}\right], \quad
        A = \alpha m(y; x_{1:K}) + (1 - \alpha) q(y)

    with m the mean of :math:`e^{f(x_k, y)}` over K values of x and q a learned positive
    function [1]_. A lower bound for any :math:`\alpha`: small values have little bias
    and the variance of TUBA, values near 1 little variance and the bias of InfoNCE. It
    cannot exceed :math:`1 + \log(K / \alpha)`.

    Parameters
    ----------
    [shared]
    interpolation : float, default=0.01
        :math:`\alpha`, from 0 to 1. At 1 it is not quite InfoNCE: one mean leaves the
        joint pair out.

    Attributes
    ----------
    [shared]

    See Also
    --------
    TUBA : The bound at 0.
    InfoNCE : Close to the bound at 1.

    Notes
    -----
    `critic_` scores :math:`f - \log q`. On the test samples K is min(511, n - 1). For
    strong dependence small :math:`\alpha` have a high variance, large ones a bias.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019. Equation 11.

    Examples
    --------
    >>> from skmi import InterpolatedBound
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(InterpolatedBound(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    # More than for bounds of two expectations: log K limits training, too.
    n_negatives: int | None = parameter(default=64, constraints=OPTIONAL_COUNT)
    interpolation: float = parameter(
        default=0.01, constraints=[Interval(Real, 0, 1, closed="both")]
    )

    def _make_objective(self) -> Objective:
        return Objective(self._interpolated, learns_baseline=True)

    def _make_report(self) -> Report:
        return row_report(
            functools.partial(reduce_rows, bound=self._interpolated),
            bound="lower",
            ceiling=self._ceiling,
            reach=math.log,
            contrast="x",
        )

    def _interpolated(self, scores: Scores) -> Tensor:
        return bounds.interpolated_bound(scores, self.interpolation)

    def _ceiling(self, n_samples: int) -> float:
        n_others = n_contrasts(n_samples) - 1
        if self.interpolation == 0:
            return math.inf
        if self.interpolation == 1:  # both terms then have the same normaliser
            return math.log(n_others)
        return 1 + math.log(n_others / self.interpolation)
