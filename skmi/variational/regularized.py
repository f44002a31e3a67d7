"""The bounds with a penalty on the critic's level, its log-partition.

Where the original bound leaves the level of the critic free, it drifts; where it drives
the scores of rare pairs to minus infinity, it diverges. The penalty, a squared distance
of the log-partition to a target, is zero at an optimum of the original, so that the
optimum stays the same. The estimate is that of the original, without the penalty.
"""

from collections.abc import Callable

import torch
from torch.nn.functional import softplus

from skmi import bounds
from skmi._core.params import estimator, parameter, parameters
from skmi._core.sklearn_compat import Interval, Real, StrOptions
from skmi.training.parameters import NON_NEGATIVE, OPTIONAL_COUNT, POSITIVE
from skmi.variational.base import RatioEstimator
from skmi.variational.contrastive import contrastive_report
from skmi.variational.objective import (
    Bound,
    Objective,
    Scores,
    donsker_varadhan_objective,
)
from skmi.variational.ratio import GradientParameters, shifted_nwj
from skmi.variational.report import Report, log_partition_report, partition_report

__all__ = ["ReInfoNCE", "ReJensenShannon", "ReMINE", "ReNWJ", "ReSMILE", "ReTUBA"]


@parameters
class DriftParameters:
    """Weight and target of the penalty on the critic's level."""

    drift_weight: float = parameter(default=0.1, constraints=NON_NEGATIVE)
    drift_target: float = parameter(
        default=0.0, constraints=[Interval(Real, None, None, closed="neither")]
    )

    def _drift(self, level: Callable[[Scores], torch.Tensor]) -> Bound:
        """Return the penalty: the distance of a level of the scores to its target."""

        def penalty(scores):
            distance = bounds.drift_penalty(level(scores), self.drift_target)
            return self.drift_weight * distance

        return penalty


def clipped(bound: Bound, limit: float) -> Bound:
    """Return a bound of scores that are clipped to `limit` from 0."""
    return lambda scores: bound(tuple(part.clamp(-limit, limit) for part in scores))


def contrastive_level(scores: Scores) -> torch.Tensor:
    """Return the mean of the log normalisers of InfoNCE."""
    joint, _ = scores
    return joint.mean(-1) - bounds.info_nce(scores)


def softplus_level(scores: Scores) -> torch.Tensor:
    """Return the mean softplus of the scores of independent pairs."""
    _, marginal = scores
    return softplus(marginal).mean((-2, -1))


@estimator
class ReMINE(DriftParameters, GradientParameters, RatioEstimator):
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

    def _make_objective(self) -> Objective:
        penalty = self._drift(bounds.log_partition)
        return donsker_varadhan_objective(self.gradient, self.decay, penalty)

    def _make_report(self) -> Report:
        return log_partition_report()


@estimator
class ReNWJ(DriftParameters, RatioEstimator):
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

    clip: float = parameter(default=10.0, constraints=POSITIVE)

    def _make_objective(self) -> Objective:
        penalty = self._drift(bounds.log_partition)
        return Objective(clipped(shifted_nwj, self.clip), penalty=penalty)

    def _make_report(self) -> Report:
        return partition_report(self.clip)


@estimator
class ReTUBA(DriftParameters, RatioEstimator):
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

    clip: float = parameter(default=10.0, constraints=POSITIVE)

    def _make_objective(self) -> Objective:
        penalty = self._drift(bounds.log_partition)
        bound = clipped(bounds.tuba, self.clip)
        return Objective(bound, penalty=penalty, learns_baseline=True)

    def _make_report(self) -> Report:
        return partition_report(self.clip)


@estimator
class ReInfoNCE(DriftParameters, RatioEstimator):
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

    # As for InfoNCE: the ceiling of training is log K too.
    n_negatives: int | None = parameter(default=64, constraints=OPTIONAL_COUNT)
    normalize: str = parameter(
        default="y", constraints=[StrOptions({"x", "y", "both"})]
    )

    def _make_objective(self) -> Objective:
        return Objective(bounds.info_nce, penalty=self._drift(contrastive_level))

    def _make_report(self) -> Report:
        return contrastive_report(self.normalize)


@estimator
class ReJensenShannon(DriftParameters, RatioEstimator):
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

    def _make_objective(self) -> Objective:
        return Objective(bounds.jensen_shannon, penalty=self._drift(softplus_level))

    def _make_report(self) -> Report:
        return partition_report()


@estimator
class ReSMILE(DriftParameters, RatioEstimator):
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

    clip: float = parameter(default=10.0, constraints=POSITIVE)

    def _make_objective(self) -> Objective:
        penalty = self._drift(bounds.log_partition)
        return Objective(self._smile, penalty=penalty)

    def _make_report(self) -> Report:
        return log_partition_report(self.clip)

    def _smile(self, scores):
        return bounds.smile(scores, self.clip)
