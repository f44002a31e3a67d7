"""Estimators that fit a normal or Student distribution, to columns or their ranks."""

import functools
import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.covariance import ledoit_wolf

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Interval, Real, StrOptions
from skmi._data.marginals import ColumnView
from skmi._data.weights import (
    draw_in_proportion,
    effective_size,
    thin,
    weigh_influence,
)
from skmi.exceptions import ReliabilityWarning, warn
from skmi.gaussian._base import EllipticalEstimator, refuse_exact_relation
from skmi.gaussian.closed_form import (
    EllipticalRatio,
    covariance_bias,
    student_log_density,
    student_offset,
    student_scatter,
)
from skmi.gaussian.errors import (
    covariance_error,
    offset_bias,
    offset_error,
    tail_error,
)
from skmi.gaussian.ranks import rank_bias, student_quantiles
from skmi.statistics import standard_error

# Factor of the error by heavy tails from which samples are shuffled and left out, and
# what is warned of, in nats.
HEAVY, LARGE_TAILS = 1.1, 0.1

__all__ = ["GaussianCopulaMI", "GaussianMI", "StudentCopulaMI"]


@estimator
class GaussianMI(EllipticalEstimator):
    r"""Mutual information of a normal distribution fitted to the columns.

    .. math:: I = \tfrac12 \log \frac{|\Sigma_X| |\Sigma_Y|}{|\Sigma|} - b
        = -\tfrac12 \sum_c \log(1 - \rho_c^2) - b

    with :math:`\rho_c` the canonical correlations and b the bias of a sample
    covariance, which is known exactly for normal data and is about
    :math:`d_x d_y / 2n` [1]_. Unbiased on normal columns of any number; it detects
    linear dependence alone.

    Parameters
    ----------
    [shared]
    shrinkage : {"auto"}, float or None, default="auto"
        Weight of a diagonal matrix in the covariance of the standardised columns. None
        and 0 use the sample covariance and subtract its bias; "auto" does so with at
        least a tenth more samples than columns, and goes over to the rule of Ledoit
        and Wolf with as many samples as columns or fewer, with a warning. With
        shrinkage no bias is subtracted.

    Attributes
    ----------
    [shared]

    See Also
    --------
    GaussianCopulaMI : The same for the normal scores of the ranks.

    Notes
    -----
    On new samples, `mutual_info` and `score` are means of the fitted log density ratio,
    whose covariance is shrunk with "auto" and fewer than twice as many samples as
    columns. The standard error is that of the mean on the samples of the fit, or that
    of a sample covariance of normal data where it is larger. With as many samples as
    columns or fewer the estimate may be far too low; the error, which allows for as
    many columns as could just be fitted, is then of the order of 1 nat or more.

    References
    ----------
    .. [1] N. Misra, H. Singh, E. Demchuk. Estimation of the entropy of a multivariate
       normal distribution. J. Multivar. Anal. 92, 2005.

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 20, mutual_info=0.5, random_state=0)
    >>> round(GaussianMI().fit(X, Y).mutual_info_, 1)
    0.5
    """

    shrinkage: Any = parameter(
        default="auto",
        constraints=[StrOptions({"auto"}), Interval(Real, 0, 1, closed="both"), None],
    )

    _marginals = "standard"

    def _fit_ratio(self, x, y):
        block, n_x = np.hstack([x, y]), x.shape[1]
        ratio, value, error = self._fit_block(block, n_x, self._weights)
        sizes = self._size(block), block.shape[1]
        if self.shrinkage == "auto" and weight_of_sample(*sizes) < 1:
            warn_of_few_samples(*sizes)
        if self._weights is not None:  # heavy tails are those of so many equal samples
            block = block[thin(self._weights, np.random.RandomState(0))]
        if self._marginals == "rank" or not error:
            return ratio, value, error
        factor = tail_factor(block)
        plain, error = error, error * factor
        if factor > HEAVY:
            tails = tail_error(block, n_x, value, lambda rows: self._value(rows, n_x))
            warn_of_tails(value, tails, plain)
            error = math.hypot(error, tails)
        return ratio, value, error

    def _value(self, block, n_x):
        return self._fit_block(block, n_x)[1]

    def _fit_block(self, block, n_x, weights=None):
        """Return the ratio, its mutual information without bias, and its error."""
        n_samples, d = block.shape
        if weights is not None:
            n_samples = effective_size(weights)
        mean = np.average(block, axis=0, weights=weights)
        covariance = np.atleast_2d(np.cov(block, rowvar=False, aweights=weights))
        shrinkage, weight = self.shrinkage or 0.0, 1.0
        if shrinkage == "auto":
            shrinkage = automatic_shrinkage(block)
            weight = weight_of_sample(n_samples, d)
        elif not shrinkage and n_samples <= d + 1:
            raise ValueError(
                f"n_samples={n_samples} is too few for {d} columns without shrinkage; "
                'pass more samples, or shrinkage="auto".'
            )
        sample = ratio = EllipticalRatio(mean, covariance, n_x)
        if shrinkage:
            covariance = (1 - shrinkage) * covariance + shrinkage * np.eye(d)
            ratio = EllipticalRatio(mean, covariance, n_x)
        refuse_exact_relation(ratio)
        value = ratio.mutual_info
        if self.shrinkage != "auto" and shrinkage:
            return ratio, value, 0.0
        if not weight:
            return ratio, value, wide_error(ratio, n_samples)
        refuse_exact_relation(sample)
        unbiased, error = unbiased_estimate(sample, n_samples)
        return ratio, weight * unbiased + (1 - weight) * value, error


def unbiased_estimate(ratio: EllipticalRatio, n_samples: int) -> tuple[float, float]:
    """Return the mutual information of a sample covariance without bias, and its error.

    The bias is taken equally off the canonical correlations for the error.
    """
    bias, k = covariance_bias(n_samples, *ratio.sizes), len(ratio.correlations)
    gaps = (1 - ratio.correlations**2) * math.exp(2 * bias / max(k, 1))
    correlations = np.sqrt(np.maximum(1 - gaps, 0.0))
    error = covariance_error(n_samples, *ratio.sizes, correlations)
    return ratio.mutual_info - bias, error


def tail_factor(block: np.ndarray) -> float:
    """Return the factor by which heavy tails raise the error with few samples.

    Of elliptical data the variance is raised by the mean excess kurtosis over 3. With
    many samples for each column the mean of the log ratio shows it.
    """
    n_samples, d = block.shape
    kurtosis = ((block * block) ** 2).mean() / 3 - 1  # of standardised columns
    return math.sqrt(1 + max(kurtosis, 0.0) * min(2 * d / n_samples, 1.0))


def warn_of_tails(value: float, tails: float, error: float) -> None:
    """Warn that the estimate hangs on few samples far away."""
    if tails > max(LARGE_TAILS, 1.5 * error):
        warn(
            f"Heavy tails: the covariance hangs on few samples, and the estimate of "
            f"{value:.2f} nats may be off by {tails:.2f} or more, which the standard "
            "error contains. Use skmi.GaussianCopulaMI, which sees ranks.",
            ReliabilityWarning,
        )


def wide_error(ratio: EllipticalRatio, n_samples: int) -> float:
    """Return the standard error where there are no more samples than columns.

    That of as many columns as could just be fitted, times the ratio of all columns to
    those.
    """
    n_x, n_y = sorted(ratio.sizes)
    factor = max((n_x + n_y) / (n_samples - 1), 1.0)
    n_x = max(int(n_x / factor), 1)
    n_y = max(min(n_y, n_samples - 1 - n_x), 1)
    return factor * covariance_error(max(n_samples, n_x + n_y + 1), n_x, n_y)


def automatic_shrinkage(block: np.ndarray) -> float:
    """Return the weight of the identity in the covariance for new samples.

    The rule of Ledoit and Wolf up to as many samples as columns, and then less and
    less, down to 0 for twice as many.
    """
    n_samples, d = block.shape
    share = min(max(2 - n_samples / d, 0.0), 1.0)
    return share and share * ledoit_wolf(block)[1]


def weight_of_sample(n_samples: int, d: int) -> float:
    """Return the weight of the sample covariance in the estimate.

    0 for as many samples as columns, where its determinant vanishes; 1 from a tenth
    more.
    """
    return min(max((n_samples - d) / math.ceil(d / 10 + 1), 0.0), 1.0)


def warn_of_few_samples(n_samples: int, d: int) -> None:
    """Warn that the estimate is shrunk, with an error that allows for that."""
    warn(
        f"{n_samples:.0f} samples are too few for {d} columns: the covariance is "
        "shrunk, and the estimate may be far too low. Pass more samples than columns, "
        "or fewer columns.",
        ReliabilityWarning,
    )


@estimator
class GaussianCopulaMI(GaussianMI):
    r"""Mutual information of a Gaussian copula.

    The columns are replaced by the normal scores of their ranks, then

    .. math:: I = -\tfrac12 \sum_c \log(1 - \rho_c^2) - b

    as for normal columns [1]_. Invariant under increasing maps of a column; it detects
    monotone dependence alone.

    Parameters
    ----------
    [shared]
    shrinkage : {"auto"}, float or None, default="auto"
        Weight of a diagonal matrix in the covariance of the scores, as for
        :class:`GaussianMI`.

    Attributes
    ----------
    [shared]

    See Also
    --------
    GaussianMI : The same for the columns themselves.
    StudentCopulaMI : Also models tail dependence.

    Notes
    -----
    Equal values share the mean of their ranks, which underestimates the dependence if
    there are many of them.

    References
    ----------
    .. [1] R. A. A. Ince et al. A statistical framework for neuroimaging data analysis
       based on mutual information estimated via a Gaussian copula. Hum. Brain Mapp.
       38, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import GaussianCopulaMI
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     2000, 5, mutual_info=0.5, random_state=0)
    >>> round(GaussianCopulaMI().fit(np.exp(3 * X), Y).mutual_info_, 1)
    0.5
    """

    _marginals = "rank"

    def _fit_ratio(self, x, y):
        ratio, value, error = super()._fit_ratio(x, y)
        n_x = x.shape[1]
        if self.shrinkage not in ("auto", None) or value <= 2 * error:
            return ratio, value, error
        n_samples = int(self._size(x))
        if n_samples <= 1.5 * (n_x + y.shape[1]):
            return ratio, value, error
        bias = rank_bias(ratio, n_samples, lambda scores: covariance_ratio(scores, n_x))
        return ratio, value - bias.mean, bias.error(error)


def covariance_ratio(block: np.ndarray, n_x: int) -> EllipticalRatio:
    """Return the normal log ratio of the sample covariance."""
    covariance = np.cov(block, rowvar=False)
    return EllipticalRatio(block.mean(axis=0), covariance, n_x)


def has_density(view: ColumnView, n_samples: int) -> bool:
    """Whether few values of a column are repeated."""
    return len(view.values) > 0.9 * n_samples


@estimator
class StudentCopulaMI(EllipticalEstimator):
    r"""Mutual information of a Student distribution or copula.

    .. math:: I = -\tfrac12 \sum_c \log(1 - \rho_c^2) + c_\nu - b

    where :math:`c_\nu` is the information in the common scale of both blocks, and the
    scatter matrix and the degrees of freedom :math:`\nu` are fitted by maximum
    likelihood [1]_. For heavy tails with tail dependence; equal to the Gaussian forms
    unless the Student distribution is significantly more likely.

    Parameters
    ----------
    [shared]
    marginals : {"rank"} or None, default="rank"
        "rank" fits a copula: the columns may have any continuous distribution. None
        fits the multivariate distribution to the columns themselves.

    Attributes
    ----------
    [shared]
    degrees_of_freedom_ : float
        The fitted degrees of freedom; inf for a normal distribution.

    See Also
    --------
    GaussianCopulaMI : The copula without tail dependence.

    Notes
    -----
    b is the bias of the sample covariance of as many normal columns and samples, which
    is only approximately that of the scatter matrix.

    References
    ----------
    .. [1] S. Demarta, A. J. McNeil. The t copula and related copulas. Int. Stat. Rev.
       73, 2005.

    Examples
    --------
    >>> from skmi import StudentCopulaMI
    >>> from skmi.datasets import make_student_t
    >>> X, Y, truth = make_student_t(2000, 2, degrees_of_freedom=1, random_state=0)
    >>> round(truth, 2), round(StudentCopulaMI().fit(X, Y).mutual_info_, 1)
    (0.43, 0.4)
    """

    marginals: str | None = parameter(
        default="rank", constraints=[StrOptions({"rank"}), None]
    )

    def _fit(self, X, y):
        self.degrees_of_freedom_: float = math.inf
        return super()._fit(X, y)

    @property
    def _marginals(self):
        return self.marginals

    def _fit_ratio(self, x, y):
        n_samples, d = int(self._size(x)), x.shape[1] + y.shape[1]
        if len(x) <= 2 * d:
            warn(
                f"{len(x)} samples are too few for the degrees of freedom of {d} "
                "columns: a normal distribution is fitted. Pass more than two samples "
                "for each column.",
                ReliabilityWarning,
            )
            normal = GaussianMI()
            normal._weights = self._weights
            return normal._fit_ratio(x, y)
        block = np.hstack([x, y])
        refuse_exact_relation(
            EllipticalRatio(
                block.mean(axis=0), np.cov(block.T, aweights=self._weights), x.shape[1]
            )
        )
        self._location = np.zeros(d)
        if not self._marginals:
            drawn = self._draw_rows(block)
            self._location = np.median(drawn, axis=0)
        # Ranks show no correlation closer to 1 than their distance, 1 / n.
        self._ridge = 1 / n_samples**2 if self._marginals else 0.0
        nu, scatter = self._maximise_likelihood(block, x.shape[1])
        self.degrees_of_freedom_ = nu
        ratio = EllipticalRatio(self._location, scatter, x.shape[1], nu)
        value, error = unbiased_estimate(ratio, n_samples)
        error = math.hypot(
            error, offset_error(*ratio.sizes, nu, self._curvature, n_samples)
        )
        if not self._marginals:
            return ratio, value, error
        by_correlation = value - student_offset(*ratio.sizes, nu)
        value -= offset_bias(ratio, n_samples)
        if by_correlation <= 2 * error:
            return ratio, value, error
        pointwise = ratio.pairs(*self._coordinates(x, y))
        influence = weigh_influence(pointwise, self._weights)
        error = max(error, standard_error(influence))

        def fit(block):
            scatter = student_scatter(block, nu, scatter_0, 1e-3, 20, self._ridge)
            return EllipticalRatio(self._location, scatter, x.shape[1], nu)

        scatter_0 = scatter
        bias = rank_bias(ratio, n_samples, fit)
        value -= bias.mean
        # Close to log n the fitted degrees of freedom depend on the distance of ranks;
        # in trials the estimate was then off by about this much.
        near = 0.7 * min(math.exp(value) / n_samples, 1.0)
        return ratio, value, math.hypot(bias.error(error), near)

    def _maximise_likelihood(self, block, n_x):
        """Return the degrees of freedom and the scatter matrix.

        Infinitely many degrees for ties, on which the likelihood has no maximum, and
        where the log ratio of the blocks is smaller on the samples than that of a
        normal distribution: then the tails depend within the blocks alone.
        """
        scatter_of, self._curvature = {}, 0.0

        def loss(log_nu):
            nu = math.exp(log_nu)
            start = next(reversed(scatter_of.values()), None)
            scatter_of[nu], value = self._fit_scatter(block, nu, start)
            return -value

        normal, value = self._fit_scatter(block, math.inf, None)
        views = [view for side in self._views for view in side.columns]
        if not all(has_density(view, len(block)) for view in views):
            return math.inf, normal
        found = minimize_scalar(
            loss,
            bounds=(math.log(0.7), math.log(200)),
            method="bounded",
            options={"xatol": 0.02},
        )
        nu = math.exp(found.x)
        # Twice the gain by a parameter is chi-squared: 3.84 is its 95 % quantile.
        if 2 * self._size(block) * (-found.fun - value) < 3.84:
            return math.inf, normal
        gain = self._mean_ratio(block, n_x, scatter_of[nu], nu)
        if gain < self._mean_ratio(block, n_x, normal, math.inf):
            return math.inf, normal
        step = 0.4  # of the log degrees of freedom, for a second difference
        sides = (loss(found.x + sign * step) for sign in (-1, 1))
        self._curvature = (2 * found.fun - sum(sides)) / step**2
        return nu, scatter_of[nu]

    def _mean_ratio(self, block, n_x, scatter, nu):
        """Return the mean log ratio on the samples."""
        block = self._quantiles(block, nu)
        ratio = EllipticalRatio(self._location, scatter, n_x, nu)
        pointwise = ratio.pairs(block[:, :n_x], block[:, n_x:])
        return np.average(pointwise, weights=self._weights)

    def _draw_rows(self, block):
        """Return the samples, drawn in proportion to their weights."""
        if self._weights is None:
            return block
        random_state = np.random.RandomState(0)
        return block[draw_in_proportion(self._weights, len(block), random_state)]

    def _fit_scatter(self, block, nu, start):
        """Return the scatter matrix and the mean log density, of a copula if asked."""
        block = self._quantiles(block, nu) - self._location
        scatter = student_scatter(
            block, nu, start, ridge=self._ridge, sample_weight=self._weights
        )
        mean = functools.partial(np.average, weights=self._weights)
        if not self._marginals:
            return scatter, mean(student_log_density(block, scatter, nu))
        scale = np.sqrt(np.diag(scatter))
        scatter = scatter / np.outer(scale, scale)
        margins = student_log_density(block.reshape(-1, 1), np.eye(1), nu)
        joint = mean(student_log_density(block, scatter, nu))
        margin = margins.reshape(block.shape).sum(axis=1)
        return scatter, joint - mean(margin)

    def _coordinates(self, x, y):
        nu = self.degrees_of_freedom_
        return self._quantiles(x, nu), self._quantiles(y, nu)

    def _quantiles(self, block, nu):
        """Map normal scores to the quantiles of a Student distribution."""
        return student_quantiles(block, nu) if self._marginals else block
