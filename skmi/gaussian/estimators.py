"""Estimators that fit a normal or Student distribution, to columns or their ranks."""

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.covariance import ledoit_wolf

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Interval, Real, StrOptions, make_random_state
from skmi._data.marginals import BlockView
from skmi.base import Estimate, MutualInfoEstimator
from skmi.gaussian.closed_form import (
    EllipticalRatio,
    covariance_bias,
    student_log_density,
    student_scatter,
)
from skmi.gaussian.cross_fitted import CopulaReference, student_quantiles
from skmi.statistics import standard_error

__all__ = [
    "EllipticalCopulaMI",
    "GaussianCopulaMI",
    "GaussianMI",
    "StudentCopulaMI",
    "without_rank_bias",
]

N_DRAWS = 10  # of normal samples, for the bias of ranks


class _EllipticalEstimator(MutualInfoEstimator):
    """Base of the estimators that fit an elliptical distribution."""

    _takes_labels = False
    _is_normalized = True

    def _fit(self, X, y):
        x, y = self._learn_views(X, y)
        if not x.shape[1] or not y.shape[1]:
            d = x.shape[1] + y.shape[1]
            self._ratio = EllipticalRatio(np.zeros(d), np.eye(d), x.shape[1])
            return Estimate(0.0, 0.0)
        self._ratio, bias = self._fit_ratio(x, y)
        pointwise = self._ratio.pairs(*self._coordinates(x, y))
        # Where nothing is shared the first order vanishes, and squares of correlations
        # vary: without them an interval of two columns held 0 in 83 of 100 draws.
        by_chance = math.sqrt(x.shape[1] * y.shape[1] / 2) / len(x)
        error = math.hypot(standard_error(pointwise), by_chance)
        return Estimate(self._ratio.mutual_info - bias, error, influence=pointwise)

    def _learn_views(self, X, y):
        self._views = [BlockView(block, self._marginals) for block in (X, y)]
        return self._transform(X, y)

    def _transform(self, X, y):
        x_view, y_view = self._views
        return x_view.apply(X), y_view.apply(y)

    def _coordinates(self, x, y):
        """Map transformed columns to those of the distribution."""
        return x, y

    def _mutual_info(self, X, y):
        return self._log_ratio_of_pairs(X, y).mean()

    def _log_ratio(self, X, y):
        return self._ratio.matrix(*self._coordinates(*self._transform(X, y)))

    def _log_ratio_of_pairs(self, X, y):
        return self._ratio.pairs(*self._coordinates(*self._transform(X, y)))


def without_rank_bias(
    estimate: Estimate, X: np.ndarray, y: np.ndarray, Z: np.ndarray
) -> Estimate:
    """Remove the bias of ranks from a conditional closed form.

    Ranks are a noise of order 1 / n in every column, which is large beside what little
    of y is left by X and Z: at 3000 samples and 2 nats, .07 were missing. The bias is
    that of as many normal samples of the same correlations, on which the closed form of
    the columns themselves has none.
    """
    blocks = [BlockView(block, "rank").apply(block) for block in (X, y, Z)]
    if not (blocks[0].shape[1] and blocks[1].shape[1]):
        return estimate
    sizes = np.cumsum([block.shape[1] for block in blocks])
    correlations = np.atleast_2d(np.corrcoef(np.hstack(blocks), rowvar=False))
    if len(X) <= 2 * sizes[-1] or np.linalg.eigvalsh(correlations)[0] < 1e-9:
        return estimate
    root, random_state = np.linalg.cholesky(correlations), np.random.RandomState(0)
    gaps = []
    for _ in range(N_DRAWS):
        rows = random_state.standard_normal((len(X), sizes[-1])) @ root.T
        plain, scores = (
            partial_information(np.corrcoef(columns, rowvar=False), sizes)
            for columns in (rows, BlockView(rows, "rank").apply(rows))
        )
        gaps.append(scores - plain)
    bias = float(np.mean(gaps))
    return estimate._replace(
        mutual_info=estimate.mutual_info - bias,
        standard_error=math.hypot(estimate.standard_error, bias / 4),
    )


def partial_information(correlations: np.ndarray, sizes: np.ndarray) -> float:
    """Return I(X; y | Z) of normal columns, of which `sizes` are the ends."""
    x, y, z = np.split(np.arange(sizes[-1]), sizes[:-1])
    parts = np.append(x, z), np.append(y, z), z, np.arange(sizes[-1])
    logs = [np.linalg.slogdet(correlations[np.ix_(part, part)])[1] for part in parts]
    return 0.5 * (logs[0] + logs[1] - logs[2] - logs[3])


def refuse_exact_relation(ratio: EllipticalRatio) -> None:
    """Raise where a canonical correlation is 1 to within rounding."""
    if (1 - ratio.correlations**2 < 1e-12).any():
        raise ValueError(
            "A column of y is an exact linear function of X on these samples, so that "
            "the mutual information is infinite. Drop that column, or pass more "
            "samples than columns."
        )


@estimator
class GaussianMI(_EllipticalEstimator):
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
        and 0 use the sample covariance and subtract its bias; "auto" does so with
        more than twice as many samples as columns, and shrinks by the rule of Ledoit
        and Wolf with fewer. With shrinkage no bias is subtracted.

    Attributes
    ----------
    [shared]

    See Also
    --------
    GaussianCopulaMI : The same for the normal scores of the ranks.

    Notes
    -----
    On new samples, `mutual_info` and `score` are means of the fitted log density ratio.
    The standard error is that of this mean.

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
        n_samples, d = len(x), x.shape[1] + y.shape[1]
        block = np.hstack([x, y])
        shrinkage = self.shrinkage
        if shrinkage == "auto":
            shrinkage = 0.0 if n_samples > 2 * d else ledoit_wolf(block)[1]
        covariance = np.atleast_2d(np.cov(block, rowvar=False))
        covariance = (1 - (shrinkage or 0.0)) * covariance
        covariance += (shrinkage or 0.0) * np.eye(d)
        if not shrinkage and n_samples <= d + 1:
            raise ValueError(
                f"n_samples={n_samples} is too few for {d} columns without shrinkage; "
                'pass more samples, or shrinkage="auto".'
            )
        ratio = EllipticalRatio(block.mean(axis=0), covariance, x.shape[1])
        refuse_exact_relation(ratio)
        sizes = ratio.x_map.shape[1], ratio.y_map.shape[1]
        return ratio, 0.0 if shrinkage else covariance_bias(n_samples, *sizes)


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

    def _fit_conditional(self, X, y, Z, **settings):
        found = super()._fit_conditional(X, y, Z, **settings)
        return without_rank_bias(found, X, y, Z)


@estimator
class StudentCopulaMI(_EllipticalEstimator):
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
        n_samples, d = len(x), x.shape[1] + y.shape[1]
        if n_samples <= 2 * d:
            raise ValueError(
                f"n_samples={n_samples} is too few for {d} columns; pass more than "
                "two samples for each column, or use skmi.GaussianCopulaMI."
            )
        block = np.hstack([x, y])
        refuse_exact_relation(
            EllipticalRatio(block.mean(axis=0), np.cov(block.T), x.shape[1])
        )
        self._location = np.zeros(d) if self._marginals else np.median(block, axis=0)
        nu, scatter = self._maximise_likelihood(block)
        self.degrees_of_freedom_ = nu
        ratio = EllipticalRatio(self._location, scatter, x.shape[1], nu)
        return ratio, covariance_bias(n_samples, *ratio.sizes)

    def _maximise_likelihood(self, block):
        """Return the degrees of freedom and the scatter matrix."""
        scatter_of = {}

        def loss(log_nu):
            nu = math.exp(log_nu)
            start = next(reversed(scatter_of.values()), None)
            scatter_of[nu], value = self._fit_scatter(block, nu, start)
            return -value

        found = minimize_scalar(
            loss,
            bounds=(math.log(0.7), math.log(200)),
            method="bounded",
            options={"xatol": 0.02},
        )
        nu = math.exp(found.x)
        normal, value = self._fit_scatter(block, math.inf, None)
        # Twice the gain by a parameter is chi-squared: 3.84 is its 95 % quantile.
        if 2 * len(block) * (-found.fun - value) < 3.84:
            return math.inf, normal
        return nu, scatter_of[nu]

    def _fit_scatter(self, block, nu, start):
        """Return the scatter matrix and the mean log density, of a copula if asked."""
        block = self._quantiles(block, nu) - self._location
        scatter = student_scatter(block, nu, start)
        if not self._marginals:
            return scatter, student_log_density(block, scatter, nu).mean()
        scale = np.sqrt(np.diag(scatter))
        scatter = scatter / np.outer(scale, scale)
        margins = student_log_density(block.reshape(-1, 1), np.eye(1), nu)
        joint = student_log_density(block, scatter, nu).mean()
        return scatter, joint - block.shape[1] * margins.mean()

    def _coordinates(self, x, y):
        nu = self.degrees_of_freedom_
        return self._quantiles(x, nu), self._quantiles(y, nu)

    def _quantiles(self, block, nu):
        """Map normal scores to the quantiles of a Student distribution."""
        return student_quantiles(block, nu) if self._marginals else block


@estimator
class EllipticalCopulaMI(MutualInfoEstimator):
    r"""Mutual information of an elliptical copula, estimated out of fold.

    .. math:: I = -\tfrac12 \sum_c \log(1 - \rho_c^2) + c_\nu

    of the normal scores of the ranks, mapped to the quantiles of a Student
    distribution. Canonical directions are fitted on four fifths of the samples and the
    correlations :math:`\rho_c` along them are estimated on the last fifth, in turn, so
    that independent columns add nothing; correlations below :math:`2.5 / \sqrt n` are
    set to 0. The degrees of freedom :math:`\nu` are those with the largest lower bound
    out of fold. If that bound is above 0 by three standard errors, the loss by fitting
    the directions to a sample is added back, from the known bias of a sample covariance
    [2]_. The copula is that of [1]_.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]
    degrees_of_freedom_ : float
        The chosen degrees of freedom; inf for a normal copula.
    lower_bound_ : float
        The multi-sample bound with directions of the other folds, in nats; see `score`.
        The correlations and degrees of freedom are those of all samples, so that it is
        slightly biased upwards: by up to 0.03 for 300 independent samples.

    See Also
    --------
    AutoMI : This closed form plus a critic.
    StudentCopulaMI : The same by maximum likelihood.
    GaussianCopulaMI : The copula without tail dependence.

    Notes
    -----
    0 for most independent blocks, of any number of columns. It does not detect
    dependence that no elliptical copula has, such as a parabola.

    References
    ----------
    .. [1] S. Demarta, A. J. McNeil. The t copula and related copulas. Int. Stat. Rev.
       73, 2005.
    .. [2] N. Misra, H. Singh, E. Demchuk. Estimation of the entropy of a multivariate
       normal distribution. J. Multivar. Anal. 92, 2005.

    Examples
    --------
    Fifty columns on each side:

    >>> from skmi import EllipticalCopulaMI
    >>> from skmi.datasets import make_dense_normal
    >>> X, Y, truth = make_dense_normal(3000, 50, random_state=0)
    >>> model = EllipticalCopulaMI(random_state=0).fit(X, Y)
    >>> round(truth, 1), round(model.mutual_info_, 1)
    (1.6, 1.6)
    """

    _takes_labels = False
    _is_normalized = True

    random_state: Any = parameter(default=None, constraints=["random_state"])

    def _fit(self, X, y):
        order = make_random_state(self.random_state).permutation(len(X))
        self._reference = CopulaReference(X[order], y[order])
        self.degrees_of_freedom_: float = float(self._reference.degrees_of_freedom)
        self.lower_bound_: float = self._reference.bound
        pointwise = self._log_ratio_of_pairs(X, y)
        error = standard_error(pointwise)
        return Estimate(self._reference.estimate, error, influence=pointwise)

    def _mutual_info(self, X, y):
        return self._log_ratio_of_pairs(X, y).mean()

    def _log_ratio(self, X, y):
        return self._reference.matrix(X, y)

    def _log_ratio_of_pairs(self, X, y):
        return self._reference.pairs(X, y)
