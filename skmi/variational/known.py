"""Bounds whose critic is a known or learned log density of y given x."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from skmi import bounds
from skmi._core.params import estimator, parameter
from skmi.base import Estimate
from skmi.exceptions import ReliabilityWarning, warn
from skmi.statistics import standard_error
from skmi.training.parameters import OPTIONAL_COUNT
from skmi.variational.base import warn_of_negative, warn_of_strong
from skmi.variational.conditional import ConditionalEstimator
from skmi.variational.contrastive import log_contrasts
from skmi.variational.fitted import forget_training
from skmi.variational.objective import Objective
from skmi.variational.report import Report, RowTerms, reduce_rows, row_report

__all__ = ["CLUB", "TNCE", "LeaveOneOutBound"]


class KnownDensity:
    """A user's known log density, which returns values of samples or of all pairs.

    Which of the two is determined by calling it on unequal numbers of samples.
    """

    def __init__(self, conditional: Callable, X: np.ndarray, y: np.ndarray) -> None:
        self.conditional = conditional
        n_tried = 2 + X.shape[1] + (1 if y.ndim == 1 else y.shape[1])
        x_rows, y_rows = (np.arange(n_tried + k) for k in (0, 1))
        try:
            shape = np.shape(conditional(X[x_rows % len(X)], y[y_rows % len(y)]))
        except Exception:  # allowed if it takes samples, as many of X as of y
            shape = None
        if shape == (n_tried + 1, n_tried):
            raise ValueError(
                "conditional returned pairs with rows y and columns x; return them the "
                "other way round, or one log density for each row."
            )
        self.takes_pairs = shape == (n_tried, n_tried + 1)

    def rows(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the log density of each row of y given its row of X."""
        if self.takes_pairs:
            return self._call(X, y, (len(X), len(X))).diagonal().copy()
        return self._call(X, y, (len(X),))

    def all_pairs(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the log densities of all rows of y given all rows of X, (n, m)."""
        if self.takes_pairs:
            return self._call(X, y, (len(X), len(y)))
        values = self.rows(np.repeat(X, len(y), axis=0), np.concatenate([y] * len(X)))
        return values.reshape(len(X), len(y))

    def _call(self, X, y, shape):
        try:
            values = np.asarray(self.conditional(X, y), dtype=float)
        except TypeError as error:
            raise TypeError(
                f"conditional was called with X of shape {X.shape} and y of shape "
                f"{y.shape}, and failed: {error}. Pass a callable of both that returns "
                "log densities."
            ) from error
        if values.shape == (len(X), 1) and len(shape) == 1:
            values = values[:, 0]
        if values.shape != shape:
            raise ValueError(
                f"conditional must return log densities of shape {shape}, but returned "
                f"an array of the shape {values.shape}. Sum over the columns of y "
                "if it has several."
            )
        if np.isnan(values).any():
            raise ValueError("conditional returned NaN.")
        return values


class KnownScores(NamedTuple):
    """Scores of pairs by a known log density, called like `CriticScores`."""

    density: KnownDensity
    classes: np.ndarray | None  # labels, if y consists of indicators of them
    flat: bool  # whether the user's y had one dimension

    @classmethod
    def of(
        cls,
        conditional: Callable,
        classes: np.ndarray | None,
        flat: bool,
        X: np.ndarray,
        y: np.ndarray,
    ) -> "KnownScores":
        """Make the scores; the density is called on some samples."""
        scores = cls(None, classes, flat)
        return scores._replace(density=KnownDensity(conditional, X, scores.as_given(y)))

    def as_given(self, y: np.ndarray) -> np.ndarray:
        """Return y in the user's form: labels, or as many dimensions as in fit."""
        if self.classes is not None:
            return self.classes[y.argmax(axis=1)]
        return y[:, 0] if self.flat else y

    def __call__(
        self, X: np.ndarray, y: np.ndarray, partners: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the log densities of all pairs (n, m), or of partners (n, 1)."""
        y = self.as_given(y)
        if partners is None:
            return torch.from_numpy(self.density.all_pairs(X, y))
        rows = self.density.rows(X, y[partners.squeeze(-1).numpy()])
        return torch.from_numpy(rows).unsqueeze(-1)


@estimator
class KnownConditionalEstimator(ConditionalEstimator):
    """Base of the estimators that take a known density; then nothing is trained."""

    conditional: Any = parameter(default=None, constraints=[callable, None])

    def _fit(self, X, y):
        if self.conditional is None:
            return super()._fit(X, y)
        forget_training(self)
        y = self._as_columns(y)
        classes = getattr(self, "classes_", None)
        flat = self._layout.target.ndim == 1
        self._scores = KnownScores.of(self.conditional, classes, flat, X, y)
        report = self._make_report()
        value, influence = report.evaluate(
            self._scores, X, y, self.averaging, self._weights
        )
        error = standard_error(influence)
        ceiling, reach = report.limits(len(X), self._weights)
        return Estimate(value, error, ceiling, report.bound, reach, influence)

    def _fit_conditional(self, X, y, Z, **settings):
        if self.conditional is not None:
            raise ValueError(
                "conditional= is the density of y given X alone, and does not say what "
                "Z adds. Pass conditional=None, or no Z."
            )
        return super()._fit_conditional(X, y, Z, **settings)

    def _as_columns(self, y):
        if self.conditional is None or hasattr(self, "classes_"):
            return super()._as_columns(y)
        return y

    @property
    def _upper(self) -> str:
        """The kind of an upper bound: "none" where the density is learned."""
        return "none" if self.conditional is None else "upper"


@estimator
class TNCE(KnownConditionalEstimator):
    r"""Contrastive lower bound with a tractable conditional density (TNCE).

    .. math::
        I_{TNCE} = \sup_e E\left[\frac1K \sum_j \log
        \frac{e(y_j|x_j)}{\frac1K \sum_i e(y_j|x_i)}\right] \le \log K

    InfoNCE with a log density of y given x as the critic, each y compared with K values
    of x [1]_. A lower bound of low variance for any density.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    LeaveOneOutBound : The corresponding upper bound.
    InfoNCE : The same with an unconstrained critic.

    Notes
    -----
    On the test samples K is min(512, n), and the estimate cannot exceed log K.

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

    n_negatives: int | None = parameter(default=None, constraints=OPTIONAL_COUNT)

    def _make_objective(self) -> Objective:
        return Objective(bounds.tnce)

    def _make_report(self) -> Report:
        return row_report(
            functools.partial(reduce_rows, bound=bounds.tnce),
            bound="lower",
            ceiling=log_contrasts,
            reach=math.log,
            contrast="x",
        )

    def _warn_of_reach(self, reach):
        super()._warn_of_reach(reach)
        if self.conditional is None:
            warn_of_strong(self, reach, "skmi.DifferenceOfEntropies")


@estimator
class CLUB(KnownConditionalEstimator):
    r"""Contrastive log-ratio upper bound (CLUB).

    .. math::
        I_{CLUB} = E_P[\log p(y|x)] - E_Q[\log p(y|x)]

    An upper bound if the conditional density is known [1]_, and a loose one: for normal
    pairs it is :math:`d \rho^2 / (1 - \rho^2)`, that is :math:`(e^{2 I} - 1) / 2` for I
    nats in one pair of columns: 1270 for 3.92 nats. With a learned density it is no
    bound. Meant to be minimised; use other estimators to measure.

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
    `score` is a lower bound of the density, since an upper bound does not measure how
    well a model fits: where it is below 0 the learned density is wrong, as that of
    outliers far beyond the other samples is, and the estimate of either sign. Training
    uses no negative samples.

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

    def _make_report(self) -> Report:
        return row_report(reduce_club, bound=self._upper, reach=math.log, contrast="x")

    def _warn_of_reach(self, reach):
        if self.mutual_info_ > reach:
            warn(
                f"The estimate of {self.mutual_info_:.2f} nats is far too high, as "
                "CLUB is for strong dependence: for normal pairs it is "
                "(exp(2 I) - 1) / 2 for I nats in each pair of columns. Use it to "
                "minimise dependence, and another estimator to measure it.",
                ReliabilityWarning,
            )
        warn_of_negative(self.mutual_info_, self.standard_error_)


def reduce_club(scores: torch.Tensor, weights: torch.Tensor | None = None) -> RowTerms:
    """Reduce a block of log densities to the terms of a difference of two means."""
    weights = scores.new_ones(scores.shape[1]) if weights is None else weights
    weights = weights / weights.mean()
    value = scores.diagonal() - (scores * weights).mean(1)
    n_rows = len(scores)
    of_rows = weights[:n_rows, None]
    return RowTerms(value, -(scores[:, :n_rows] * of_rows).mean(0) / of_rows.mean())


@estimator
class LeaveOneOutBound(KnownConditionalEstimator):
    r"""Leave-one-out upper bound.

    .. math::
        I_{L1O} = E\left[\frac1K \sum_j \log
        \frac{p(y_j|x_j)}{\frac1{K-1} \sum_{i \ne j} p(y_j|x_i)}\right]

    An upper bound if the conditional density is known [1]_, tight for K well above
    :math:`e^I`. With a learned density it is no bound.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    TNCE : The corresponding lower bound.
    CLUB : An upper bound that is linear in the log densities.

    Notes
    -----
    On the test samples K is min(512, n). `score` is a lower bound of the density, not
    this bound. Training uses no negative samples.

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

    def _make_report(self) -> Report:
        return row_report(
            functools.partial(reduce_rows, bound=bounds.leave_one_out_bound),
            bound=self._upper,
            reach=math.log,
            contrast="x",
        )
