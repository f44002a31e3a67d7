"""Bounds with regularisation of the critic's level, its log-partition.

Where a bound does not determine the level of the critic, the level drifts; where a
bound drives the scores of rare pairs to minus infinity, the critic diverges. The
penalty, the squared distance of the log-partition to a target, is zero at an optimum of
the original bound, so that the optimum stays the same. The estimate is that of the
original bound, without the penalty.
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
    """Weight and target of the regularisation of the critic's level."""

    drift_weight: float = parameter(default=0.1, constraints=NON_NEGATIVE)
    drift_target: float = parameter(
        default=0.0, constraints=[Interval(Real, None, None, closed="neither")]
    )

    def _drift(self, level: Callable[[Scores], torch.Tensor]) -> Bound:
        """Return the penalty: the weighted squared distance of a level to C."""

        def penalty(scores):
            distance = bounds.drift_penalty(level(scores), self.drift_target)
            return self.drift_weight * distance

        return penalty


def clipped(bound: Bound, limit: float) -> Bound:
    """Return a bound of scores that are clipped to at most `limit` in size."""
    return lambda scores: bound(tuple(part.clamp(-limit, limit) for part in scores))


def contrastive_level(scores: Scores) -> torch.Tensor:
    """Compute the mean log normaliser of InfoNCE."""
    joint, _ = scores
    return joint.mean(-1) - bounds.info_nce(scores)


def softplus_level(scores: Scores) -> torch.Tensor:
    """Compute the mean softplus of the scores of independent pairs."""
    _, marginal = scores
    return softplus(marginal).mean((-2, -1))


@estimator
class ReMINE(DriftParameters, GradientParameters, RatioEstimator):
    r"""Donsker-Varadhan representation with regularisation of the critic's level.

    .. math:: \max_f \; E_P[f] - \log E_Q[e^f] - \lambda (\log E_Q[e^f] - C)^2

    Every target C gives the same mutual information [1]_; with C = 0 the critic
    estimates the log density ratio itself. Neither a lower nor an upper bound.

    Parameters
    ----------
    [shared]
    gradient : str, default="exact"
        The gradient of training, one of those of :class:`DonskerVaradhan`.
    decay : float, default=0.9
        Weight of past batches in the moving average.

    Attributes
    ----------
    [shared]

    See Also
    --------
    DonskerVaradhan : The same without regularisation.
    MINE : The same with the moving average.

    Notes
    -----
    As unreliable as :class:`skmi.DonskerVaradhan` for strong dependence and few
    samples: the penalty limits the drift, not the variance.

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
    r"""NWJ's lower bound with regularisation of the critic's level.

    .. math:: \max_f \; 1 + E_P[f] - E_Q[e^f] - \lambda (\log E_Q[e^f] - C)^2

    f estimates the log density ratio and is clipped to :math:`\pm\tau` in the bound
    [1]_. With C = 0 the penalty is zero at the optimum; the authors' code has C = -1 in
    this form, which makes training more stable at the cost of some bias. A lower bound
    in expectation for any critic.

    Parameters
    ----------
    [shared]
    clip : float, default=10.0
        The limit :math:`\tau` of scores in the bound, in nats; the penalty has none.

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : The same without regularisation.

    Notes
    -----
    Above about 5 nats as unreliable as :class:`skmi.NWJ`, due to its variance. Batches
    of ten pairs or so need a `drift_weight` of 3: trained on such batches of one-hot
    codes of 2.8 nats, estimates of single batches went beyond 100 in nine of ten runs
    with a weight of 0.1, in none with 3. With the default batches so large a weight
    makes strong dependence too low (4 nats: 3.2 for 3.7).

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
    r"""TUBA with regularisation of the critic's level.

    .. math:: \max_{f, a} \; 1 + E_P[f - \log a(y)] - E_Q\left[\frac{e^f}{a(y)}\right]
        - \lambda \left(\log E_Q\left[\frac{e^f}{a(y)}\right] - C\right)^2

    :math:`f - \log a` estimates the log density ratio and is clipped to
    :math:`\pm\tau` in the bound [1]_. A lower bound in expectation for any critic.

    Parameters
    ----------
    [shared]
    clip : float, default=10.0
        The limit :math:`\tau` of scores in the bound, in nats; the penalty has none.

    Attributes
    ----------
    [shared]

    See Also
    --------
    TUBA : The same without regularisation.

    Notes
    -----
    Above about 5 nats as unreliable as :class:`skmi.TUBA`, due to its variance. Small
    batches need a larger `drift_weight`, as those of :class:`ReNWJ` do.

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
    r"""InfoNCE with regularisation of the critic's level.

    .. math:: \max_f \; E_P[f] - N - \lambda (N - C)^2, \quad
        N = \frac1K \sum_i \log \frac1K \sum_j e^{f(x_i, y_j)}

    A lower bound of low variance that cannot exceed log K, as InfoNCE is [1]_. With the
    mean level N close to C, critic scores are comparable between fits.

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
    InfoNCE : The same without regularisation.

    Notes
    -----
    As :class:`skmi.InfoNCE`, biased downwards near the ceiling log K.

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

    # As for InfoNCE: log K limits training, too.
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
    r"""NWJ's bound of a critic trained on a regularised Jensen-Shannon divergence.

    .. math:: \max_f \; -E_P[\operatorname{softplus}(-f)]
        - E_Q[\operatorname{softplus}(f)]
        - \lambda (E_Q[\operatorname{softplus}(f)] - C)^2

    The estimate is NWJ's lower bound, for any critic. At the optimum without penalty
    the mean softplus of the scores of independent pairs is between 0 and log 2, and
    falls with the mutual information, so that any fixed target adds some bias; the
    published targets are 0 and 1 [1]_.

    Parameters
    ----------
    [shared]
    drift_target : float, default=0.0
        Target of the mean softplus of the scores of independent pairs.

    Attributes
    ----------
    [shared]

    See Also
    --------
    JensenShannon : The same without regularisation.

    Notes
    -----
    Above about 5 nats as unreliable as :class:`skmi.JensenShannon`, due to the variance
    of NWJ's bound.

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
    r"""SMILE trained on its own value, with regularisation of the critic's level.

    .. math:: \max_f \; E_P[f] - \log E_Q[\operatorname{clip}(e^f, e^{-\tau}, e^\tau)]
        - \lambda (\log E_Q[e^f] - C)^2

    Clipped scores have no gradient in the value; the penalty uses the scores without
    clipping, so that all of them have one [1]_. Neither a lower nor an upper bound.

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
    Biased, in either direction, where scores beyond the clip contribute to the
    partition function.

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

    def _smile(self, scores: Scores) -> torch.Tensor:
        return bounds.smile(scores, self.clip)
