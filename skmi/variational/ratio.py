"""Bounds of expectations of a critic that estimates the log density ratio."""

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


def shifted_nwj(scores: Scores):
    """Return the bound of NWJ with f for the log density ratio itself."""
    joint, marginal = scores
    return bounds.nwj((1 + joint, 1 + marginal))


@parameters
class GradientParameters:
    """The gradient by which the representation of Donsker and Varadhan is trained."""

    gradient: str = parameter(default="exact", constraints=GRADIENT)
    decay: float = parameter(
        default=0.9, constraints=[Interval(Real, 0, 1, closed="neither")]
    )


@estimator
class DonskerVaradhan(GradientParameters, RatioEstimator):
    r"""Donsker-Varadhan representation.

    .. math:: I_{DV} = \sup_f \; E_P[f] - \log E_Q[e^f]

    with P = p(x, y) and Q = p(x)p(y). Accurate where its variance, which grows as
    :math:`e^{2I}`, allows; on a finite number of rows it is neither a lower nor an
    upper bound. Read more in [1]_.

    Parameters
    ----------
    [shared]
    gradient : {"exact", "moving_average", "softplus", "penalized"}, default="exact"
        What training follows. "moving_average" divides by an average over batches
        [2]_; "softplus" puts :math:`\operatorname{softplus}(E_Q[e^f])`, which is never
        smaller and does not fall below 0, for the logarithm; "penalized" subtracts
        :math:`10^{-3} E_Q[e^{2f}]`. The estimate is the same function for all.
    decay : float, default=0.9
        Weight of the past in the moving average.

    Attributes
    ----------
    [shared]

    See Also
    --------
    MINE : The same with the moving average.
    ReMINE : The same with the critic's level held in place.
    NWJ : A lower bound in expectation, with the same optimum.
    InfoNCE : A lower bound of low variance with a ceiling.

    Notes
    -----
    The critic estimates the log density ratio up to one constant. Values above about
    log n, n the report rows, cannot be trusted: that is `ceiling_`.

    Of other variants in use, the logarithm of a sum of exponentials with the largest
    score taken out is "exact" itself, noise added to the critic's output has no
    gradient, and a clipped gradient is `max_grad_norm`. Noise in the critic's inputs or
    layers is a critic with dropout.

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
    r"""Mutual information neural estimation.

    .. math:: I_{MINE} = E_P[f] - \log E_Q[e^f], \quad
        \nabla = E_P[\nabla f] - \frac{E_Q[e^f \nabla f]}{m}

    the Donsker-Varadhan representation, trained with a moving average m of
    :math:`E_Q[e^f]` over the batches in place of the batch's own mean, whose ratio is a
    biased gradient on small batches. Neither a lower nor an upper bound. Read more in
    [1]_.

    Parameters
    ----------
    [shared]
    gradient : str, default="moving_average"
        What training follows, of the choices of :class:`DonskerVaradhan`.
    decay : float, default=0.9
        Weight of the past in the moving average.

    Attributes
    ----------
    [shared]

    See Also
    --------
    ReMINE : The same with the critic's level held in place.
    NWJ : A lower bound, also named MINE-f.

    Notes
    -----
    The published values of 20 nats and more came of evaluating the critic on the rows
    that trained it, or of a level drifting without end; here the report rows are others
    and the best epoch on held-out rows is kept.

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
    r"""Bound of Nguyen, Wainwright and Jordan (MINE-f, f-GAN KL).

    .. math:: I_{NWJ} = \sup_f \; 1 + E_P[f] - E_Q[e^f]

    with P = p(x, y) and Q = p(x)p(y). A lower bound in expectation on any number of
    rows; its variance grows as :math:`e^{2I}`. Read more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    DonskerVaradhan : Free of the constraint on the critic's level.
    TUBA : The same with a learned baseline.
    InfoNCE : A lower bound of low variance with a ceiling.

    Notes
    -----
    The published form has the critic 1 + f. Written with f as here, the critic is an
    estimate of the log density ratio itself.

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
    r"""Tractable unnormalised bound of Barber and Agakov, with a learned baseline.

    .. math:: I_{TUBA} = \sup_{f, a} \; 1 + E_P[f - \log a(y)]
        - E_Q\left[\frac{e^f}{a(y)}\right]

    with a positive function a of y. A lower bound in expectation on any number of rows;
    its variance grows as :math:`e^{2I}`. Read more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : The same with a constant baseline.
    InterpolatedBound : A step from here towards less variance.

    Notes
    -----
    `critic_` scores :math:`f - \log a`, an estimate of the log density ratio. The
    baseline is a network of `hidden_layer_sizes`; a critic that can add a function of y
    to itself gains little by it.

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
    r"""Critic trained on the Jensen-Shannon divergence, NWJ's bound reported.

    .. math:: \max_f \; -E_P[\operatorname{softplus}(-f)]
        - E_Q[\operatorname{softplus}(f)], \qquad
        I_{JS} = 1 + E_P[f] - E_Q[e^f]

    The objective has bounded gradients, and its optimum is the log density ratio. What
    is reported is a lower bound with the variance of NWJ. Read more in [1]_ and [2]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : The same bound, trained on itself.
    SMILE : The same training, a value of less variance reported.

    Notes
    -----
    NWJ's bound with the published critic 1 + f wants the trained critic shifted by one.
    Published figures without that shift are too low by up to 1/e, 0.37 nats. To get
    them, evaluate :func:`skmi.bounds.nwj` on the scores of `critic_`.

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
    r"""Smoothed mutual information lower-bound estimator.

    .. math::
        I_{SMILE} = E_P[f] - \log E_Q[\operatorname{clip}(e^f, e^{-\tau}, e^\tau)]

    of a critic trained on the Jensen-Shannon divergence. The clipped partition function
    has a bounded variance. Despite its name neither a lower nor an upper bound. Read
    more in [1]_.

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
    JensenShannon : The same training, a lower bound reported.
    ReSMILE : The same with the critic's level held in place.

    Notes
    -----
    Above log n the estimate often lies closer to the truth than those of its kin, on
    either side of it; that it is close does not make it a bound.

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
