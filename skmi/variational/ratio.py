"""Estimators whose critic is a log density ratio, by bounds of two expectations."""

from torch import Tensor

from skmi import bounds
from skmi._core.params import estimator, parameter, parameters
from skmi._core.sklearn_compat import Interval, Real, StrOptions
from skmi.training.parameters import POSITIVE
from skmi.variational.base import RatioEstimator
from skmi.variational.objective import Objective, Scores, donsker_varadhan_objective
from skmi.variational.report import Report, log_partition_report, partition_report

__all__ = [
    "MINE",
    "NWJ",
    "SMILE",
    "TUBA",
    "DonskerVaradhan",
    "GradientParameters",
    "JensenShannon",
    "shifted_nwj",
]

GRADIENT = [StrOptions({"exact", "moving_average", "softplus", "penalized"})]


def shifted_nwj(scores: Scores) -> Tensor:
    """Compute NWJ's bound of a critic whose optimum is the log density ratio."""
    joint, marginal = scores
    return bounds.nwj((1 + joint, 1 + marginal))


@parameters
class GradientParameters:
    """The training gradient of the Donsker-Varadhan representation."""

    gradient: str = parameter(default="exact", constraints=GRADIENT)
    decay: float = parameter(
        default=0.9, constraints=[Interval(Real, 0, 1, closed="neither")]
    )


@estimator
class DonskerVaradhan(GradientParameters, RatioEstimator):
    r"""Mutual information by the Donsker-Varadhan representation.

    .. math:: I_{DV} = \sup_f \; E_P[f] - \log E_Q[e^f]

    with P = p(x, y) and Q = p(x)p(y) [1]_. Of low bias; its variance grows as
    :math:`e^{2I}`. For a finite number of samples it is neither a lower nor an upper
    bound.

    Parameters
    ----------
    [shared]
    gradient : {"exact", "moving_average", "softplus", "penalized"}, default="exact"
        The gradient of training. "moving_average" divides by an average over batches
        [2]_; "softplus" replaces the logarithm by
        :math:`\operatorname{softplus}(E_Q[e^f])`, which is never smaller and does not
        fall below 0; "penalized" subtracts :math:`10^{-3} E_Q[e^{2f}]`. The estimate is
        the same function for all.
    decay : float, default=0.9
        Weight of past batches in the moving average.

    Attributes
    ----------
    [shared]

    See Also
    --------
    MINE : The same with the moving average.
    ReMINE : The same with regularisation of the critic's level.
    NWJ : A lower bound in expectation, with the same optimum.
    InfoNCE : A lower bound of low variance with a ceiling.

    Notes
    -----
    The critic estimates the log density ratio up to an additive constant. Estimates
    above about log n, with n test samples, are unreliable, and warned of. `ceiling_` is
    inf: nothing keeps the estimate below it.

    Of other variants in use, the log-sum-exp trick is part of "exact", noise added to
    the critic's output has no gradient, and gradient clipping is `max_grad_norm`. For
    noise in the critic's inputs or layers pass a critic with dropout.

    References
    ----------
    .. [1] M. D. Donsker, S. R. S. Varadhan. Asymptotic evaluation of certain Markov
       process expectations for large time IV. Comm. Pure Appl. Math., 1983.
    .. [2] M. I. Belghazi et al. Mutual information neural estimation. ICML, 2018.

    Examples
    --------
    >>> from skmi import DonskerVaradhan
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(DonskerVaradhan(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _make_objective(self) -> Objective:
        return donsker_varadhan_objective(self.gradient, self.decay)

    def _make_report(self) -> Report:
        return log_partition_report()


@estimator
class MINE(GradientParameters, RatioEstimator):
    r"""Mutual information neural estimation (MINE).

    .. math:: I_{MINE} = E_P[f] - \log E_Q[e^f], \quad
        \nabla = E_P[\nabla f] - \frac{E_Q[e^f \nabla f]}{m}

    the Donsker-Varadhan representation [1]_, trained with a moving average m of
    :math:`E_Q[e^f]` over batches: the batch's own mean gives a biased gradient on small
    batches. Neither a lower nor an upper bound.

    Parameters
    ----------
    [shared]
    gradient : str, default="moving_average"
        The gradient of training, one of those of :class:`DonskerVaradhan`.
    decay : float, default=0.9
        Weight of past batches in the moving average.

    Attributes
    ----------
    [shared]

    See Also
    --------
    ReMINE : The same with regularisation of the critic's level.
    NWJ : A lower bound, also named MINE-f.

    Notes
    -----
    Published values of 20 nats and more are due to overfitting, as the critic was
    evaluated on its training samples, or to a level that drifts without limit. Here the
    estimate is computed on test samples, and the best epoch on early-stopping samples
    is kept. The variance is that of :class:`DonskerVaradhan`.

    References
    ----------
    .. [1] M. I. Belghazi et al. Mutual information neural estimation. ICML, 2018.

    Examples
    --------
    >>> from skmi import MINE
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(MINE(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    gradient: str = parameter(default="moving_average", constraints=GRADIENT)

    def _make_objective(self) -> Objective:
        return donsker_varadhan_objective(self.gradient, self.decay)

    def _make_report(self) -> Report:
        return log_partition_report()


@estimator
class NWJ(RatioEstimator):
    r"""Lower bound of Nguyen, Wainwright and Jordan (MINE-f, f-GAN KL).

    .. math:: I_{NWJ} = \sup_f \; 1 + E_P[f] - E_Q[e^f]

    with P = p(x, y) and Q = p(x)p(y) [1]_. A lower bound in expectation for any number
    of samples; its variance grows as :math:`e^{2I}`.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    DonskerVaradhan : Invariant to the critic's level.
    TUBA : The same with a learned baseline.
    InfoNCE : A lower bound of low variance with a ceiling.

    Notes
    -----
    The published form has the critic 1 + f. Written with f as here, the critic is an
    estimate of the log density ratio itself. Above about 5 nats the variance makes the
    estimate unreliable.

    References
    ----------
    .. [1] X. Nguyen, M. J. Wainwright, M. I. Jordan. Estimating divergence
       functionals and the likelihood ratio by convex risk minimization. IEEE Trans.
       Inf. Theory, 2010.

    Examples
    --------
    >>> from skmi import NWJ
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(NWJ(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _make_objective(self) -> Objective:
        return Objective(shifted_nwj)

    def _make_report(self) -> Report:
        return partition_report()


@estimator
class TUBA(RatioEstimator):
    r"""Unnormalised bound of Barber and Agakov with a learned baseline (TUBA).

    .. math:: I_{TUBA} = \sup_{f, a} \; 1 + E_P[f - \log a(y)]
        - E_Q\left[\frac{e^f}{a(y)}\right]

    with a positive function a of y [1]_. A lower bound in expectation for any number of
    samples; its variance grows as :math:`e^{2I}`.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : The same with a constant baseline.
    InterpolatedBound : An interpolation with InfoNCE, of less variance.

    Notes
    -----
    `critic_` scores :math:`f - \log a`, an estimate of the log density ratio. The
    baseline is a network with `hidden_layer_sizes`; it improves little on a critic that
    can represent functions of y itself. Above about 5 nats the variance makes the
    estimate unreliable.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019.

    Examples
    --------
    >>> from skmi import TUBA
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(TUBA(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _make_objective(self) -> Objective:
        return Objective(bounds.tuba, learns_baseline=True)

    def _make_report(self) -> Report:
        return partition_report()


@estimator
class JensenShannon(RatioEstimator):
    r"""NWJ's bound of a critic that is trained on the Jensen-Shannon divergence.

    .. math:: \max_f \; -E_P[\operatorname{softplus}(-f)]
        - E_Q[\operatorname{softplus}(f)], \qquad
        I_{JS} = 1 + E_P[f] - E_Q[e^f]

    The objective has bounded gradients, and its optimum is the log density ratio [1]_,
    [2]_. The estimate is a lower bound with the variance of NWJ.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : The same bound, trained on itself.
    SMILE : The same training, an estimate of less variance.

    Notes
    -----
    The published form of NWJ's bound has the critic 1 + f, so that the trained critic
    must be shifted by one. Published results without that shift are too low by up to
    1/e = 0.37 nats. To reproduce them, evaluate :func:`skmi.bounds.nwj` on the scores
    of `critic_`. Above about 5 nats the variance makes the estimate unreliable.

    References
    ----------
    .. [1] S. Nowozin, B. Cseke, R. Tomioka. f-GAN: training generative neural samplers
       using variational divergence minimization. NIPS, 2016.
    .. [2] R. D. Hjelm et al. Learning deep representations by mutual information
       estimation and maximization. ICLR, 2019.

    Examples
    --------
    >>> from skmi import JensenShannon
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(JensenShannon(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _make_objective(self) -> Objective:
        return Objective(bounds.jensen_shannon)

    def _make_report(self) -> Report:
        return partition_report()


@estimator
class SMILE(RatioEstimator):
    r"""Smoothed mutual information lower-bound estimator (SMILE).

    .. math::
        I_{SMILE} = E_P[f] - \log E_Q[\operatorname{clip}(e^f, e^{-\tau}, e^\tau)]

    of a critic trained on the Jensen-Shannon divergence [1]_. The clipped partition
    function has a bounded variance. Despite the name neither a lower nor an upper
    bound.

    Parameters
    ----------
    [shared]
    clip : float, default=5.0
        :math:`\tau`, in nats. Smaller values mean less variance and more bias, in
        either direction.

    Attributes
    ----------
    [shared]

    See Also
    --------
    JensenShannon : The same training, a lower bound.
    ReSMILE : The same with regularisation of the critic's level.

    Notes
    -----
    Above log n the estimate often has a smaller error than other estimates of two
    expectations, but of either sign, so that it is no bound there either.

    References
    ----------
    .. [1] J. Song, S. Ermon. Understanding the limitations of variational mutual
       information estimators. ICLR, 2020.

    Examples
    --------
    >>> from skmi import SMILE
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(SMILE(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    clip: float = parameter(default=5.0, constraints=POSITIVE)

    def _make_objective(self) -> Objective:
        return Objective(bounds.jensen_shannon)

    def _make_report(self) -> Report:
        return log_partition_report(self.clip)
