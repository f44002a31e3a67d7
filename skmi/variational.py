"""Estimators that train a critic to tighten a variational bound."""

import math

import torch

from skmi import bounds
from skmi._neural import CriticEstimator
from skmi._sklearn import Integral, Interval, parameter
from skmi.base import estimator

__all__ = ["NWJ", "DonskerVaradhan", "InfoNCE"]


@estimator
class DonskerVaradhan(CriticEstimator):
    r"""Donsker-Varadhan representation, with the exact gradient.

    .. math:: I_{DV} = \sup_f \; E_P[f] - \log E_Q[e^f]

    with P = p(x, y) and Q = p(x)p(y). Accurate where its variance, which grows as
    :math:`e^{2I}`, allows; on a finite number of rows it is neither a lower nor an
    upper bound. Read more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : A lower bound in expectation, with the same optimum.
    InfoNCE : A lower bound of low variance with a ceiling.

    Notes
    -----
    The critic estimates the log density ratio up to one constant. Values above about
    log n, n the report rows, cannot be trusted: that is `ceiling_`.

    References
    ----------
    .. [1] M. D. Donsker, S. R. S. Varadhan. Asymptotic evaluation of certain Markov
       process expectations for large time IV. Comm. Pure Appl. Math., 1983.

    Examples
    --------
    >>> from skmi import DonskerVaradhan
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(DonskerVaradhan(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _objective(self, scores):
        return bounds.donsker_varadhan(scores)

    def _estimate(self, terms):
        return bounds.donsker_varadhan((terms.joint, terms.row.unsqueeze(-1)))

    def _influence(self, terms):
        partition = bounds.log_mean_exp(terms.row)
        return (
            terms.joint
            - torch.exp(terms.row - partition)
            - torch.exp(terms.column - partition)
        )

    def _ceiling(self, n_samples):
        return math.log(n_samples)


@estimator
class NWJ(CriticEstimator):
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

    _bound = "lower"

    def _objective(self, scores):
        joint, marginal = scores
        return bounds.nwj((1 + joint, 1 + marginal))

    def _estimate(self, terms):
        return bounds.nwj((1 + terms.joint, 1 + terms.row.unsqueeze(-1)))

    def _influence(self, terms):
        return terms.joint - torch.exp(terms.row) - torch.exp(terms.column)


@estimator
class InfoNCE(CriticEstimator):
    r"""InfoNCE, the contrastive bound.

    .. math::
        I_{NCE} = \sup_f \; E \left[ \frac1K \sum_i \log
        \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}} \right] \le \log K

    A lower bound of low variance, the steadiest to train and to compare; it cannot
    exceed log K, K the rows that each report row is held against, at most 512. Read
    more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    NWJ : A lower bound without a ceiling, of high variance.

    Notes
    -----
    The critic estimates log p(y|x) up to a constant for each x. The number of
    negatives in training does not change what is reported: on the report rows K is
    min(512, n).

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

    _bound = "lower"

    n_negatives: int | None = parameter(
        64, Interval(Integral, 1, None, closed="left"), None
    )

    def _objective(self, scores):
        return bounds.info_nce(scores)

    def _estimate(self, terms):
        return self._row_values(terms).mean()

    def _influence(self, terms):
        return self._row_values(terms) - terms.usage

    def _row_values(self, terms):
        others = terms.gap + math.log(terms.n_columns - 1)
        whole = torch.logaddexp(torch.zeros_like(others), others)
        return math.log(terms.n_columns) - whole

    def _ceiling(self, n_samples):
        return math.log(min(512, n_samples))
