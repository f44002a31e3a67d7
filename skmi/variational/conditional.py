"""Bounds whose critic is a log density of y given x, known or learned."""

import math
from typing import ClassVar

import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from skmi import bounds
from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import HasMethods, Integral, Interval, Real, StrOptions
from skmi._data.checks import is_constant
from skmi._data.splitting import N_CONTRASTS
from skmi.base import Report
from skmi.critics import (
    CONDITIONALS,
    CRITICS,
    CategoricalConditional,
    MixtureConditional,
)
from skmi.entropy import gaussian_surprise, neighbor_surprise
from skmi.exceptions import DiscreteTargetWarning, warn
from skmi.statistics import standard_error
from skmi.variational.contrastive import RowwiseEstimator
from skmi.variational.report import RowTerms

__all__ = [
    "CLUB",
    "TNCE",
    "BarberAgakov",
    "DifferenceOfEntropies",
    "LeaveOneOutBound",
]

N_NEIGHBORS = 3


@estimator
class ConditionalEstimator(RowwiseEstimator):
    """Learns a density of y given x by its likelihood.

    Its scores are log densities in the units of y; labels have probabilities.
    """

    _contrast = "x"
    _parameter_texts: ClassVar = {
        "critic": """{"gaussian", "mixture"}, critic or Module
    The density to learn: one of the conditionals of :mod:`skmi.critics`, a critic with
    ``build``, a callable ``(n_x, n_y) -> Module`` or a ``torch.nn.Module`` that maps x
    (n, n_x) and y (m, n_y) to log densities (n, m). By name it turns into a classifier
    for labels, which are one column of indicators each."""
    }

    critic: object = parameter(
        default="gaussian",
        constraints=[StrOptions(set(CONDITIONALS)), HasMethods("build"), callable],
    )

    def _set_target(self, y, kind):
        super()._set_target(y, kind)
        columns = y.reshape(len(y), -1)
        self._varies = (columns != columns[:1]).any(axis=0)
        self._varies |= not self._varies.any()

    def _as_columns(self, y):
        """Return indicators of labels, or the columns that have a density."""
        if hasattr(self, "classes_"):
            return super()._as_columns(y)
        return y[:, self._varies]

    def _named_critic(self):
        if hasattr(self, "classes_"):
            return CategoricalConditional()
        return CONDITIONALS[self.critic]()

    def _make_critic(self):
        critic = super()._make_critic()
        densities = tuple(CONDITIONALS.values())
        if isinstance(critic, densities) and hasattr(self, "classes_"):
            return CategoricalConditional(
                hidden_layer_sizes=critic.hidden_layer_sizes,
                activation=critic.activation,
            )
        wanted = CategoricalConditional if hasattr(self, "classes_") else densities
        ours = isinstance(critic, (*CRITICS.values(), CategoricalConditional))
        if ours and not isinstance(critic, wanted):
            raise ValueError(
                f"{type(self).__name__} needs a log density of y given x, but critic="
                f"{critic} is none for this target. Pass one of the conditionals of "
                "skmi.critics."
            )
        return critic

    def _objective(self, scores):
        joint, _ = scores
        return joint.mean(-1)

    def _member_scores(self, critic, scalers, X, y, partners):
        scores = super()._member_scores(critic, scalers, X, y, partners)
        if hasattr(self, "classes_"):
            return scores
        slope = torch.from_numpy(scalers[1].log_slope(y)).to(scores.device)
        return scores + (slope if partners is None else slope[partners])


@estimator
class KnownConditionalEstimator(ConditionalEstimator):
    """May be given the density instead."""

    conditional: object = parameter(default=None, constraints=[callable, None])

    def _as_columns(self, y):
        if self.conditional is None or hasattr(self, "classes_"):
            return super()._as_columns(y)
        return y

    def _fit(self, X, y):
        if self.conditional is None:
            return super()._fit(X, y)
        self._forget_training()
        self._critics, self._scalers = [], []
        y = self._as_columns(y)
        self._density = KnownDensity(self.conditional, X, self._as_given(y))
        value, influence = self._report([], X, y)
        return Report(value, standard_error(influence), self._ceiling(len(X)))

    def _as_given(self, y):
        """Return labels, or numbers in an array of as many dimensions as in fit."""
        if hasattr(self, "classes_"):
            return self.classes_[y.argmax(axis=1)]
        return y[:, 0] if self._target_ndim == 1 else y

    def _scores(self, members, X, y, partners=None):
        if self.conditional is None:
            return super()._scores(members, X, y, partners)
        y = self._as_given(y)
        if partners is None:
            return torch.from_numpy(self._density.pairs(X, y))
        rows = self._density.rows(X, y[partners.squeeze(-1).numpy()])
        return torch.from_numpy(rows).unsqueeze(-1)


class CrossEntropyEstimator(ConditionalEstimator):
    """Reports the mean log density of joint pairs beside an entropy."""

    _has_density = True

    def _fit(self, X, y):
        self._has_density = hasattr(self, "classes_") or not repeats_rows(y)
        if not self._has_density and not is_constant(y):
            warn(
                "y repeats values, so it has no density: normal distributions are put "
                "in its place, and the estimate means little. If the values are "
                "labels, pass discrete_target=True.",
                DiscreteTargetWarning,
            )
        return super()._fit(X, y)

    def _make_critic(self):
        critic = super()._make_critic()
        if self._has_density or not isinstance(critic, MixtureConditional):
            return critic
        return critic.set_params(n_mixtures=1)  # more would shrink to the repeats

    def _reduce(self, scores):
        value = scores.diagonal()
        return RowTerms(value, torch.zeros_like(value))


@estimator
class BarberAgakov(CrossEntropyEstimator):
    r"""Bound of Barber and Agakov: entropy less the cross-entropy of a decoder.

    .. math:: I_{BA} = H(Y) + \sup_q E_P[\log q(y|x)]

    For labels the decoder is a classifier and the estimate a lower bound: their entropy
    less the classifier's cross-entropy. For numbers the decoder is a density, and the
    differential entropy has to be given, or is estimated, which makes it no bound.
    Read more in [1]_.

    Parameters
    ----------
    [shared]
    entropy : float, "knn" or "gaussian", default="knn"
        The entropy of a continuous y in nats, if it is known. "knn" estimates it by
        nearest neighbours, "gaussian" takes y for normal, both on the report rows.

    Attributes
    ----------
    [shared]

    See Also
    --------
    DifferenceOfEntropies : A learned density in place of the entropy.
    TNCE : A lower bound with a decoder that needs no entropy.

    Notes
    -----
    Of low variance, without a ceiling and the same for any batch size; as good as the
    decoder can follow p(y|x). Negatives play no part in training. `bound_` is "lower"
    for labels and where the entropy is a number.

    References
    ----------
    .. [1] D. Barber, F. Agakov. The IM algorithm: a variational approach to
       information maximization. NIPS, 2003.

    Examples
    --------
    >>> from skmi import BarberAgakov
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     5000, 1, mutual_info=0.5, random_state=0)
    >>> round(BarberAgakov(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    entropy: object = parameter(
        default="knn", constraints=[Real, StrOptions({"knn", "gaussian"})]
    )

    @property
    def _bound(self):
        known = hasattr(self, "classes_") or not isinstance(self.entropy, str)
        return "lower" if known else "none"

    def _terms(self, members, X, y, contrast):
        terms, blocks = super()._terms(members, X, y, contrast)
        surprise = torch.from_numpy(self._surprise(y)).to(terms.value.device)
        return terms._replace(value=terms.value + surprise), blocks

    def _surprise(self, y):
        """Return minus the log marginal density of each row."""
        if hasattr(self, "classes_"):
            return -np.log(y @ y.mean(axis=0))
        if not isinstance(self.entropy, str):
            return np.full(len(y), float(self.entropy))
        if is_constant(y):
            return np.zeros(len(y))
        if self.entropy == "gaussian" or not self._has_density or repeats_rows(y):
            return gaussian_surprise(y)
        return neighbor_surprise(y, min(N_NEIGHBORS, len(y) - 1))


@estimator
class DifferenceOfEntropies(CrossEntropyEstimator):
    r"""Difference of two learned entropies.

    .. math:: I_{DoE} = \sup_q E_P[\log q(y|x)] - \sup_q E[\log q(y)]

    both densities of the same kind, fitted by their likelihood. Neither a lower nor an
    upper bound, and free of the limit of log n that all distribution-free lower bounds
    have: where the density is of the right kind, tens of nats are told from a thousand
    rows. Read more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    BarberAgakov : The entropy known, or estimated by nearest neighbours.

    Notes
    -----
    The density of y alone has as many normal components as the other, one for a critic
    of the user's. Both take the columns of y for independent within a component. The
    error is the difference of two errors of fit, of either sign: rotate strongly
    correlated columns first, with :class:`sklearn.decomposition.PCA` for example.

    References
    ----------
    .. [1] D. McAllester, K. Stratos. Formal limitations on the measurement of mutual
       information. AISTATS, 2020.

    Examples
    --------
    >>> from skmi import DifferenceOfEntropies
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     5000, 1, mutual_info=0.5, random_state=0)
    >>> round(DifferenceOfEntropies(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _make_scalers(self, X, y, fold):
        scalers = super()._make_scalers(X, y, fold)
        rows = y[np.concatenate([fold.train, fold.stop])]
        return (*scalers, self._fit_marginal(scalers[1].transform(rows)))

    def _fit_marginal(self, rows):
        """Return the log density of rows of y, standardised, or of indicators."""
        if hasattr(self, "classes_"):
            shares = (rows.sum(axis=0) + 0.5) / (len(rows) + 0.5 * rows.shape[1])
            return LogShares(np.log(shares))
        n_mixtures = getattr(self._make_critic(), "n_mixtures", 1)
        model = GaussianMixture(
            min(n_mixtures, len(rows)),
            covariance_type="diag",
            init_params="random_from_data",
            max_iter=1000,
            random_state=0,
        )
        return model.fit(rows)

    def _member_scores(self, critic, scalers, X, y, partners):
        *scalers, marginal = scalers
        scores = super()._member_scores(critic, scalers, X, y, partners)
        level = marginal.score_samples(scalers[1].transform(y))
        if not hasattr(self, "classes_"):
            level = level + scalers[1].log_slope(y)
        level = torch.from_numpy(level).to(scores.device)
        return scores - (level if partners is None else level[partners])


@estimator
class TNCE(KnownConditionalEstimator):
    r"""Contrastive bound with a tractable conditional.

    .. math::
        I_{TNCE} = \sup_e E\left[\frac1K \sum_j \log
        \frac{e(y_j|x_j)}{\frac1K \sum_i e(y_j|x_i)}\right] \le \log K

    InfoNCE with a log density of y given x as the critic, each y held against K values
    of x. A lower bound of low variance for any density. Read more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    LeaveOneOutBound : The upper bound beside it.
    InfoNCE : The same with a free critic.

    Notes
    -----
    On the report rows K is min(512, n).

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019.

    Examples
    --------
    >>> from skmi import TNCE
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.5, random_state=0)
    >>> round(TNCE(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    _bound = "lower"

    n_negatives: int | None = parameter(
        default=None, constraints=[Interval(Integral, 1, None, closed="left"), None]
    )

    def _objective(self, scores):
        return bounds.tnce(scores)

    def _ceiling(self, n_samples):
        return math.log(min(N_CONTRASTS, n_samples))


class UpperBoundEstimator(KnownConditionalEstimator):
    """An upper bound where the conditional is known, nothing where it is learned."""

    @property
    def _bound(self):
        return "none" if self.conditional is None else "upper"


@estimator
class CLUB(UpperBoundEstimator):
    r"""Contrastive log-ratio upper bound.

    .. math::
        I_{CLUB} = E_P[\log p(y|x)] - E_Q[\log p(y|x)]

    An upper bound where the conditional is known, and not a tight one: for normal pairs
    it is :math:`d \rho^2 / (1 - \rho^2)`, 34 for 10 nats. With a learned conditional it
    is no bound. Meant to be minimised; to measure, choose another. Read more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    LeaveOneOutBound : A tighter upper bound.

    Notes
    -----
    `score` is that of the learned density, not this bound: an upper bound says nothing
    of how good a model is. Negatives play no part in training.

    References
    ----------
    .. [1] P. Cheng, W. Hao, S. Dai, J. Liu, Z. Gan, L. Carin. CLUB: a contrastive
       log-ratio upper bound of mutual information. ICML, 2020.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> from skmi import CLUB
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.2231, random_state=0)
    >>> def conditional(X, y):
    ...     return norm.logpdf(y, 0.6 * X, 0.8).sum(axis=1)
    >>> club = CLUB(conditional=conditional).fit(X, Y)
    >>> round(truth, 2), round(club.mutual_info_, 2), club.bound_
    (0.22, 0.53, 'upper')
    """

    def _reduce(self, scores):
        n_rows = len(scores)
        value = scores.diagonal() - scores.mean(1)
        return RowTerms(value, -scores[:, :n_rows].mean(0))


@estimator
class LeaveOneOutBound(UpperBoundEstimator):
    r"""Leave-one-out upper bound.

    .. math::
        I_{L1O} = E\left[\frac1K \sum_j \log
        \frac{p(y_j|x_j)}{\frac1{K-1} \sum_{i \ne j} p(y_j|x_i)}\right]

    An upper bound where the conditional is known, tight while K is well above
    :math:`e^I`. With a learned conditional it is no bound. Read more in [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    TNCE : The lower bound beside it.
    CLUB : An upper bound that is linear in the log densities.

    Notes
    -----
    On the report rows K is min(512, n). `score` is that of the density, not this bound.
    Negatives play no part in training.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> from skmi import LeaveOneOutBound
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 1, mutual_info=0.2231, random_state=0)
    >>> def conditional(X, y):
    ...     return norm.logpdf(y, 0.6 * X, 0.8).sum(axis=1)
    >>> upper = LeaveOneOutBound(conditional=conditional).fit(X, Y)
    >>> round(truth, 2), round(upper.mutual_info_, 2), upper.bound_
    (0.22, 0.22, 'upper')
    """

    def _row_bound(self, scores):
        return bounds.leave_one_out_bound(scores)


def repeats_rows(y):
    """Whether rows are repeated so often that neighbours give no density."""
    counts = np.unique(y.reshape(len(y), -1), axis=0, return_counts=True)[1]
    return counts.max() > min(N_NEIGHBORS, len(y) - 1)


class LogShares:
    """Log probabilities of labels, in the manner of a density."""

    def __init__(self, log_shares):
        self.log_shares = log_shares

    def score_samples(self, indicators):
        """Return the log probability of each row's label."""
        return indicators @ self.log_shares


class KnownDensity:
    """A known log density, of rows or of all pairs: an example tells which."""

    def __init__(self, conditional, X, y):
        self.conditional = conditional
        n_tried = 2 + X.shape[1] + (1 if y.ndim == 1 else y.shape[1])
        x_rows, y_rows = (np.arange(n_tried + k) for k in (0, 1))
        try:
            shape = np.shape(conditional(X[x_rows % len(X)], y[y_rows % len(y)]))
        except Exception:  # what takes rows need not take unequal numbers of them
            shape = None
        if shape == (n_tried + 1, n_tried):
            raise ValueError(
                "conditional returned pairs with rows y and columns x; return them the "
                "other way round, or one log density for each row."
            )
        self.takes_pairs = shape == (n_tried, n_tried + 1)

    def rows(self, X, y):
        """Return the log density of each row of y given its row of X."""
        if self.takes_pairs:
            return self._call(X, y, (len(X), len(X))).diagonal().copy()
        return self._call(X, y, (len(X),))

    def pairs(self, X, y):
        """Return the log density of all pairs of rows, shape (n, m)."""
        if self.takes_pairs:
            return self._call(X, y, (len(X), len(y)))
        values = self.rows(np.repeat(X, len(y), axis=0), np.concatenate([y] * len(X)))
        return values.reshape(len(X), len(y))

    def _call(self, X, y, shape):
        values = np.asarray(self.conditional(X, y), dtype=float)
        if values.shape == (len(X), 1) and len(shape) == 1:
            values = values[:, 0]
        if values.shape != shape:
            raise ValueError(
                f"conditional must return log densities of shape {shape}, but returned "
                f"an array of the shape {values.shape}. Sum over the columns of y, "
                "perhaps."
            )
        if np.isnan(values).any():
            raise ValueError("conditional returned NaN.")
        return values
