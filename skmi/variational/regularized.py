"""The bounds with a penalty that holds the critic's level in place.

Where the original bound leaves the level of the critic free, it drifts; where it pushes
the scores of rare pairs to minus infinity, it explodes. The penalty, a squared distance
of the log-partition to a target, is zero at an optimum of the original, so what is
estimated stays the same. The estimate is that of the original, without the penalty.
"""

from torch.nn.functional import softplus

from skmi import bounds
from skmi._core.params import estimator, parameter, parameters
from skmi._core.sklearn_compat import Interval, Real
from skmi.variational.contrastive import InfoNCE
from skmi.variational.ratio import NWJ, SMILE, TUBA, DonskerVaradhan, JensenShannon
from skmi.variational.report import reduce_scores

__all__ = ["ReInfoNCE", "ReJensenShannon", "ReMINE", "ReNWJ", "ReSMILE", "ReTUBA"]


@parameters
class DriftPenalty:
    """Subtract from the objective what the level of the critic is off its target."""

    drift_weight: float = parameter(
        default=0.1, constraints=[Interval(Real, 0, None, closed="left")]
    )
    drift_target: float = parameter(
        default=0.0, constraints=[Interval(Real, None, None, closed="neither")]
    )

    def _penalty(self, scores):
        distance = bounds.drift_penalty(self._level_of(scores), self.drift_target)
        return super()._penalty(scores) + self.drift_weight * distance

    def _level_of(self, scores):
        return bounds.log_partition(scores)


@parameters
class Clipped:
    """Clip all scores in the bound, in training and in the report."""

    clip: float = parameter(
        default=10.0, constraints=[Interval(Real, 0, None, closed="neither")]
    )

    def _objective(self, scores):
        return super()._objective(
            tuple(part.clamp(-self.clip, self.clip) for part in scores)
        )

    def _reduce(self, scores):
        return reduce_scores(scores, joint_limit=self.clip, limit=self.clip)


@estimator
class ReMINE(DriftPenalty, DonskerVaradhan):
    r"""Donsker-Varadhan representation with the critic's level held in place.

    .. math:: \max_f \; E_P[f] - \log E_Q[e^f] - \lambda (\log E_Q[e^f] - C)^2

    Any target C gives the same mutual information; with C = 0 the critic estimates the
    log density ratio itself. Neither a lower nor an upper bound. Read more in [1]_.

    Parameters
    ----------
    [shared]
    gradient : str, default="exact"
        What training follows, of the choices of :class:`DonskerVaradhan`.
    decay : float, default=0.9
        Weight of the past in the moving average.

    Attributes
    ----------
    [shared]

    See Also
    --------
    DonskerVaradhan : The same with a free level.
    MINE : The same with the moving average.

    Notes
    -----
    Fails as :class:`skmi.DonskerVaradhan` does with strong dependence and few rows: the
    level is held, the variance is not.

    References
    ----------
    .. [1] K. Choi, S. Lee. Combating the instability of mutual information-based losses
       via regularization. UAI, 2022.

    Examples
    --------
    >>> from skmi import ReMINE
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(ReMINE(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """


@estimator
class ReNWJ(DriftPenalty, Clipped, NWJ):
    r"""Bound of Nguyen, Wainwright and Jordan with the critic's level held in place.

    .. math:: \max_f \; 1 + E_P[f] - E_Q[e^f] - \lambda (\log E_Q[e^f] - C)^2

    f estimates the log density ratio, clipped to :math:`\pm\tau` in the bound. With
    C = 0 the penalty vanishes at the optimum; the authors' code has C = -1 in this
    form, which steadies training more and costs some bias. A lower bound in
    expectation, for any critic. Read more in [1]_.

    Parameters
    ----------
    [shared]
    clip : float, default=10.0
        Largest size of a score in the bound, in nats; the penalty sees all of it.

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : The same without the penalty.

    Notes
    -----
    Fails as :class:`skmi.NWJ` does above some 5 nats, by its variance.

    References
    ----------
    .. [1] K. Choi, S. Lee. Combating the instability of mutual information-based losses
       via regularization. UAI, 2022.

    Examples
    --------
    >>> from skmi import ReNWJ
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(ReNWJ(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """


@estimator
class ReTUBA(DriftPenalty, Clipped, TUBA):
    r"""TUBA with the critic's level held in place.

    .. math:: \max_{f, a} \; 1 + E_P[f - \log a(y)] - E_Q\left[\frac{e^f}{a(y)}\right]
        - \lambda \left(\log E_Q\left[\frac{e^f}{a(y)}\right] - C\right)^2

    :math:`f - \log a` estimates the log density ratio, clipped to :math:`\pm\tau` in
    the bound. A lower bound in expectation, for any critic. Read more in [1]_.

    Parameters
    ----------
    [shared]
    clip : float, default=10.0
        Largest size of a score in the bound, in nats; the penalty sees all of it.

    Attributes
    ----------
    [shared]

    See Also
    --------
    TUBA : The same without the penalty.

    Notes
    -----
    Fails as :class:`skmi.TUBA` does above some 5 nats, by its variance.

    References
    ----------
    .. [1] K. Choi, S. Lee. Combating the instability of mutual information-based losses
       via regularization. UAI, 2022.

    Examples
    --------
    >>> from skmi import ReTUBA
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(ReTUBA(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """


@estimator
class ReInfoNCE(DriftPenalty, InfoNCE):
    r"""InfoNCE with the critic's level held in place.

    .. math:: \max_f \; E_P[f] - N - \lambda (N - C)^2, \quad
        N = \frac1K \sum_i \log \frac1K \sum_j e^{f(x_i, y_j)}

    A lower bound of low variance that cannot exceed log K, as the original. The mean
    level of the rows is held, so the critic's scores mean the same from one fit to the
    next. Read more in [1]_.

    Parameters
    ----------
    [shared]
    normalize : {"y", "x", "both"}, default="y"
        Whether each x is held against several y, each y against several x, or both in
        turn.

    Attributes
    ----------
    [shared]

    See Also
    --------
    InfoNCE : The same with a free level.

    Notes
    -----
    Fails as :class:`skmi.InfoNCE` does, at its ceiling.

    References
    ----------
    .. [1] K. Choi, S. Lee. Combating the instability of mutual information-based losses
       via regularization. UAI, 2022.

    Examples
    --------
    >>> from skmi import ReInfoNCE
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(ReInfoNCE(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _level_of(self, scores):
        joint, _ = scores
        return joint.mean(-1) - bounds.info_nce(scores)


@estimator
class ReJensenShannon(DriftPenalty, JensenShannon):
    r"""Jensen-Shannon objective with the level of the negatives held in place.

    .. math:: \max_f \; -E_P[\operatorname{softplus}(-f)]
        - E_Q[\operatorname{softplus}(f)]
        - \lambda (E_Q[\operatorname{softplus}(f)] - C)^2

    NWJ's bound is reported, a lower bound for any critic. At the optimum of the
    original the mean softplus lies between 0 and log 2, below it the more the higher
    the mutual information, so that every target pulls a little off it; the published
    ones are 0 and 1. Read more in [1]_.

    Parameters
    ----------
    [shared]
    drift_target : float, default=0.0
        Where the mean softplus of the negatives is drawn to.

    Attributes
    ----------
    [shared]

    See Also
    --------
    JensenShannon : The same without the penalty.

    Notes
    -----
    Fails as :class:`skmi.JensenShannon` does above some 5 nats, by the variance of what
    is reported.

    References
    ----------
    .. [1] K. Choi, S. Lee. Combating the instability of mutual information-based losses
       via regularization. UAI, 2022.

    Examples
    --------
    >>> from skmi import ReJensenShannon
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(ReJensenShannon(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _level_of(self, scores):
        _, marginal = scores
        return softplus(marginal).mean((-2, -1))


@estimator
class ReSMILE(DriftPenalty, SMILE):
    r"""SMILE trained on its own value, with the critic's level held in place.

    .. math:: \max_f \; E_P[f] - \log E_Q[\operatorname{clip}(e^f, e^{-\tau}, e^\tau)]
        - \lambda (\log E_Q[e^f] - C)^2

    What is clipped has no gradient in the value; the penalty sees the scores as they
    are, so that no score is lost for good. Neither a lower nor an upper bound. Read
    more in [1]_.

    Parameters
    ----------
    [shared]
    clip : float, default=10.0
        :math:`\tau`, in nats.

    Attributes
    ----------
    [shared]

    See Also
    --------
    SMILE : Trained on the Jensen-Shannon divergence.

    Notes
    -----
    Fails where scores beyond the clip matter: the estimate then lies on either side of
    the truth.

    References
    ----------
    .. [1] K. Choi, S. Lee. Combating the instability of mutual information-based losses
       via regularization. UAI, 2022.

    Examples
    --------
    >>> from skmi import ReSMILE
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(ReSMILE(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    clip: float = parameter(
        default=10.0, constraints=[Interval(Real, 0, None, closed="neither")]
    )

    def _objective(self, scores):
        return bounds.smile(scores, self.clip)
