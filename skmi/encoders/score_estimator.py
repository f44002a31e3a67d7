"""Score functions as a transformer."""

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted, validate_data

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    OneToOneFeatureMixin,
    StrOptions,
    TransformerMixin,
    fit_context,
    make_random_state,
)
from skmi._data.dtypes import as_array, on_device_of, wanting_numbers
from skmi.scores import SCORES

__all__ = ["ScoreEstimator"]

N_ROWS = 1000  # kept to estimate scores from: the cost grows with their square


BLOCK_SIZE = 2048  # of rows that scores are evaluated at


def draw_rows(n_samples, random_state):
    """Return the numbers of the rows that scores are estimated from."""
    if n_samples <= N_ROWS:
        return np.arange(n_samples)
    return np.sort(make_random_state(random_state).permutation(n_samples)[:N_ROWS])


@estimator
class ScoreEstimator(OneToOneFeatureMixin, TransformerMixin, DeclaredParameters):
    r"""Score function of the distribution of the rows.

    .. math:: X \mapsto \nabla_x \log q(X)

    estimated from samples without a density: which way, and how steeply, it gets
    likelier. Read more in [1]_ and [2]_.

    Parameters
    ----------
    method : str, default="nu_method"
        Estimator of :mod:`skmi.scores`: "nu_method", "spectral_stein", "stein",
        "tikhonov" or "sliced".
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known and only
        the rest estimated.
    whiten : bool, default=True
        Whether to decorrelate first, so that the result follows any invertible linear
        map of the rows.
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    MIGEGradient : The gradient of mutual information, made of scores.

    Notes
    -----
    At most 1000 rows, drawn at random, are used by `fit`. The error grows with the
    number of columns; with fewer rows than columns little more than the mean and the
    variances is left of it.

    References
    ----------
    .. [1] J. Shi, S. Sun, J. Zhu. A spectral approach to gradient estimation for
       implicit distributions. ICML, 2018.
    .. [2] Y. Zhou, J. Shi, J. Zhu. Nonparametric score estimators. ICML, 2020.

    Examples
    --------
    The score of a standard normal distribution is minus the row.

    >>> import numpy as np
    >>> from skmi import ScoreEstimator
    >>> X = np.random.RandomState(0).standard_normal((500, 2))
    >>> score = ScoreEstimator().fit(X).transform(X)
    >>> bool(np.sqrt(((score + X) ** 2).sum() / (X**2).sum()) < 0.15)
    True
    """

    _shared_attributes = ("n_features_in_", "feature_names_in_")

    method: str = parameter(default="nu_method", constraints=[StrOptions(set(SCORES))])
    reference: str | None = parameter(
        default="gaussian", constraints=[StrOptions({"gaussian"}), None]
    )
    whiten: bool = parameter(default=True, constraints=["boolean"])
    random_state: object = parameter(default=None, constraints=["random_state"])

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the score function.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        vars(self).pop("_score", None)
        X = self._validate(X, reset=True)
        rows = torch.tensor(X[draw_rows(len(X), self.random_state)])
        fit_score = SCORES[self.method].fit
        try:
            score = fit_score(rows, whiten=self.whiten, reference=self.reference)
            first = score(rows[:1])
        except torch.linalg.LinAlgError:
            first = torch.tensor(torch.nan)
        require_representable(first.numpy())
        self._score = score
        return self

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_score")

    def transform(self, X):
        """Return the score at rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The scores.
        """
        check_is_fitted(self)
        blocks = torch.tensor(self._validate(X, reset=False)).split(BLOCK_SIZE)
        scores = torch.cat([self._score(block) for block in blocks]).numpy()
        return on_device_of(X, require_representable(scores))

    @wanting_numbers("X")
    def _validate(self, X, *, reset):
        return validate_data(
            self,
            as_array(X),
            reset=reset,
            dtype=np.float64,
            order="C",
            ensure_min_samples=2 if reset else 1,
        )


def require_representable(slopes):
    """Return slopes by the columns, or raise where these vary too little for any."""
    if not np.isfinite(slopes).all():
        raise FloatingPointError(
            "The gradient is not finite: some columns are too small or too large. "
            "Rescale them, for example with sklearn.preprocessing.StandardScaler."
        )
    return slopes
