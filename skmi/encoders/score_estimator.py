"""Score functions, the gradients of log densities, as a transformer."""

from __future__ import annotations

import io
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    OneToOneFeatureMixin,
    StrOptions,
    TransformerMixin,
    fit_context,
    make_random_state,
)
from skmi._core.torch_utils import resolve_device
from skmi._data.dtypes import on_device_of, wanting_numbers
from skmi._data.reading import read_numbers
from skmi.scores import SCORES

__all__ = ["ScoreEstimator"]

N_SAMPLES = 1000  # kept to estimate scores from: the cost grows with their square

BLOCK_SIZE = 2048  # samples that scores are evaluated at together


def draw_rows(n_samples: int, random_state: Any) -> np.ndarray:
    """Draw the numbers of the samples that scores are estimated from."""
    if n_samples <= N_SAMPLES:
        return np.arange(n_samples)
    order = make_random_state(random_state).permutation(n_samples)
    return np.sort(order[:N_SAMPLES])


@estimator
class ScoreEstimator(OneToOneFeatureMixin, TransformerMixin, DeclaredParameters):
    r"""Score function of the distribution of X, the gradient of its log density.

    .. math:: X \mapsto \nabla_x \log q(X)

    estimated from samples without a density estimate: the direction in which the
    density grows fastest, and its relative slope. The methods are those of [1]_ and
    [2]_.

    Parameters
    ----------
    method : str, default="nu_method"
        Estimator of :mod:`skmi.scores`: "nu_method", "spectral_stein", "stein",
        "tikhonov" or "sliced".
    reference : {"gaussian"} or None, default="gaussian"
        "gaussian" takes the score of a fitted normal distribution and estimates only
        the deviation from it; needs ``whiten=True``.
    whiten : bool, default=True
        Whether to decorrelate first, so that the result is equivariant under
        invertible linear maps of the samples.
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    MIGEGradient : The gradient of mutual information, a difference of scores.

    Notes
    -----
    At most 1000 samples, drawn at random, are used by `fit`. The error grows with the
    number of columns. Fails with fewer samples than columns: little more than the
    score of a normal distribution with the sample mean and variances is estimated.

    References
    ----------
    .. [1] J. Shi, S. Sun, J. Zhu. A spectral approach to gradient estimation for
       implicit distributions. ICML, 2018.
    .. [2] Y. Zhou, J. Shi, J. Zhu. Nonparametric score estimators. ICML, 2020.

    Examples
    --------
    The score of a standard normal distribution at x is -x.

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
    device: str = parameter(default="auto", constraints=[str])
    random_state: Any = parameter(default=None, constraints=["random_state"])

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Estimate the score function.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        vars(self).pop("_score", None)
        X = self._validate(X, reset=True)
        kept = X[draw_rows(len(X), self.random_state)]
        samples = torch.tensor(kept, device=resolve_device(self.device))
        fit_score = SCORES[self.method].fit
        try:
            score = moved_to_cpu(
                fit_score(samples, whiten=self.whiten, reference=self.reference)
            )
            first = score(samples[:1])
        except torch.linalg.LinAlgError:
            first = torch.tensor(torch.nan)
        require_representable(first.numpy())
        self._score = score
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_score")

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Evaluate the score function.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to evaluate it at.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The gradient of the log density at each sample, per unit of X.
        """
        check_is_fitted(self)
        blocks = torch.tensor(self._validate(X, reset=False)).split(BLOCK_SIZE)
        scores = torch.cat([self._score(block) for block in blocks]).numpy()
        return on_device_of(X, require_representable(scores))

    @wanting_numbers("X")
    def _validate(self, X, *, reset):
        return validate_data(
            self,
            read_numbers(X, "X", type(self).__name__),
            reset=reset,
            dtype=np.float64,
            order="C",
            ensure_min_samples=2 if reset else 1,
        )


def moved_to_cpu(score: Any) -> Any:
    """Return a fitted score function whose tensors are all on the CPU."""
    buffer = io.BytesIO()
    torch.save(score, buffer)
    buffer.seek(0)
    return torch.load(buffer, map_location="cpu", weights_only=False)


def require_representable(gradient: np.ndarray) -> np.ndarray:
    """Return a gradient by the columns, or raise if it overflows in their units."""
    if not np.isfinite(gradient).all():
        raise FloatingPointError(
            "The gradient is not finite: some columns are too small or too large. "
            "Rescale them, for example with sklearn.preprocessing.StandardScaler."
        )
    return gradient
