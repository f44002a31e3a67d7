"""Representation learned by the estimated gradient of mutual information."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    StrOptions,
    TransformerMixin,
    fit_context,
)
from skmi._data.checks import warn_of_few_rows, warn_of_integer_labels
from skmi._data.dtypes import (
    is_two_valued,
    label_rows,
    on_device_of,
    target_kind,
    wanting_numbers,
)
from skmi._data.reading import read_block, read_numbers
from skmi._data.scaling import Scaler
from skmi.encoders._networks import (
    EncodedPairs,
    EncoderObjective,
    StochasticLinear,
    blur,
    is_density,
    make_encoder,
    probe_encoder,
)
from skmi.encoders._training import TrainedEncoder, project_samples, train_encoder
from skmi.encoders.score_estimator import draw_rows, require_representable
from skmi.exceptions import DependentColumnsWarning, SkmiWarning, warn
from skmi.scores import SCORES, mige_loss, mutual_info_gradient, project_randomly
from skmi.training.parameters import COUNT, NON_NEGATIVE, POSITIVE, LoopParameters

__all__ = ["MIGEGradient"]


@torch.no_grad()
def start_at_components(linear: nn.Linear, x: np.ndarray) -> None:
    """Set the weights of a linear map to the principal components, of unit variance.

    Weights beyond the rank of x stay as they are.
    """
    _, lengths, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    kept = np.flatnonzero(lengths[: len(linear.weight)] > 1e-6 * lengths[0])
    scales = lengths[kept, np.newaxis] / np.sqrt(len(x))
    linear.weight[: len(kept)] = torch.from_numpy(directions[kept] / scales)
    linear.bias.zero_()


def linear_directions(trained: TrainedEncoder) -> np.ndarray:
    """Return the weights of a linear encoder, in the units of its input."""
    linear = getattr(trained.encoder, "mean", trained.encoder)
    weight = linear.weight.numpy().astype(np.float64)
    scaler = trained.scaler
    with np.errstate(over="ignore"):  # an overflow raises below
        weight = weight / (trained.scale[:, np.newaxis] * scaler.scale * scaler.unit)
    return require_representable(weight)


@estimator
class MIGEGradient(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    LoopParameters,
    DeclaredParameters,
):
    r"""Gradient of mutual information, and a representation trained by it.

    .. math::
        \frac{d}{d\theta} I(g_\theta(X); Y) = E \left[ \left( s_{zy}(z, y)_z -
        s_z(z) \right) \cdot \frac{dz}{d\theta} \right], \quad z = g_\theta(x)

    with s the score functions (gradients of the log densities), estimated from
    samples: no critic, no bound, and no value of I. `fit` trains an encoder with
    outputs of unit variance by gradient ascent; `transform` encodes samples. The method
    is that of [1]_.

    Parameters
    ----------
    n_components : int, default=2
        Number of columns of the representation.
    encoder : torch.nn.Module, callable or None, default=None
        Maps samples (n, n_features) to codes (n, n_components); None is a linear map,
        which begins at the principal components of X. A module is copied; a callable
        ``(n_features, n_components) -> Module`` makes one.
    circumstance : {"I", "II", "III"}, default="I"
        "I": a deterministic encoder, informative about y or, without y, about X. "II":
        the encoder returns codes and a hidden layer (n, n_hidden); the information
        between the two is maximised, and y is not used. "III": a stochastic encoder,
        which returns the mean and the log standard deviation of normally distributed
        codes, both (n, n_components), or codes drawn from any distribution, by a
        differentiable map of noise, and their log density (n,). None is a linear map
        with a learned standard deviation of each component.
    method : str, default="nu_method"
        Score-function estimator of :mod:`skmi.scores`: "nu_method", "spectral_stein",
        "stein", "tikhonov" or "sliced".
    reference : {"copula", "gaussian"} or None, default="copula"
        The part of the densities that is modelled in closed form, see
        :func:`skmi.scores.mutual_info_gradient`. In training "copula" is "gaussian".
    whiten : bool, default=True
        Whether to decorrelate before scores are estimated. ``whiten=False,
        reference=None, method="spectral_stein"`` is the published estimator.
    noise : float, default=0.7
        Standard deviation of the noise added in training to the codes and to the block
        that they are to be informative about. Without noise a deterministic code has
        infinite information on X, and columns that determine each other have no
        density.
    n_projections : int, default=32
        Number of columns to which a wider X is randomly projected for its scores.
    max_iter : int, default=30
        Number of epochs; there is no value to stop early by.
    learning_rate_init : float, default=0.03
        Step size of Adam, for a linear encoder; a deep one needs smaller steps.
    discrete_target : {"auto"} or bool, default="auto"
        Whether y contains class labels, which have no density: the gradient is then
        that of :math:`H(Z) - \sum_c p(c) H(Z|c)`.
    [shared]

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights of a linear encoder, in the units of X.
    classes_ : ndarray
        The labels of a discrete target; not set for a continuous one.
    encoder_ : torch.nn.Module
        The trained encoder, on the CPU.
    best_iter_ : int
        The epoch, counted from 1, whose weights were kept: the last one.
    [shared]

    See Also
    --------
    InfoMaxEncoder : Training by variational bounds as well, and with two views.
    ScoreEstimator : The score functions alone.

    Notes
    -----
    Outputs are scaled to unit variance, since mutual information in the presence of
    noise grows with their scale without bound. Fails where the number of columns
    approaches that of samples: the estimated scores then shrink towards the reference.

    References
    ----------
    .. [1] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import MIGEGradient
    >>> rng = np.random.RandomState(0)
    >>> X = rng.standard_normal((500, 3))
    >>> y = X[:, 1] + 0.5 * rng.standard_normal(500)
    >>> model = MIGEGradient(n_components=1, random_state=0).fit(X, y)
    >>> bool(abs(np.corrcoef(model.transform(X)[:, 0], X[:, 1])[0, 1]) > 0.98)
    True
    """

    _shared_attributes = (
        "n_iter_",
        "best_iter_",
        "device_",
        "n_features_in_",
        "feature_names_in_",
    )

    # By the accuracy of five nearest neighbours of the codes of wine, breast cancer and
    # digits, at two and eight components: that of principal components is exceeded, by
    # .002 to .16. With less noise the components that are not needed to separate the
    # two classes of breast cancer overfit (.956 for the .967 of PCA, at eight).
    max_iter: int = parameter(default=30, constraints=COUNT)
    learning_rate_init: float = parameter(default=0.03, constraints=POSITIVE)
    n_components: int = parameter(default=2, constraints=COUNT)
    encoder: nn.Module | Callable | None = parameter(
        default=None, constraints=[callable, None]
    )
    circumstance: str = parameter(
        default="I", constraints=[StrOptions({"I", "II", "III"})]
    )
    method: str = parameter(default="nu_method", constraints=[StrOptions(set(SCORES))])
    reference: str | None = parameter(
        default="copula", constraints=[StrOptions({"copula", "gaussian"}), None]
    )
    whiten: bool = parameter(default=True, constraints=["boolean"])
    noise: float = parameter(default=0.7, constraints=NON_NEGATIVE)
    n_projections: int = parameter(default=32, constraints=COUNT)
    discrete_target: bool | str = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_trained")

    @property
    def _n_features_out(self) -> int:
        return self._trained.n_components

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the representation and keep samples to estimate scores from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The target to be informative about, numbers or labels; None means X itself.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        for name in ("_trained", "classes_", "components_"):
            vars(self).pop(name, None)
        self._given = X, y
        try:
            X, target = self._validate(X, y, reset=True)
            few = len(X) <= self.n_components + 1
            with warnings.catch_warnings():
                if few:  # said once below, and not in each step
                    warnings.simplefilter("ignore", DependentColumnsWarning)
                self._publish(self._train(X, target))
            if few:
                warn_of_few_rows(X)
        finally:
            del self._given
        return self

    def _train(self, X: np.ndarray, target: np.ndarray | None) -> TrainedEncoder:
        kept = draw_rows(len(X), self.random_state)
        self._samples = X[kept].copy(), None if target is None else target[kept].copy()
        scaler = Scaler.fit(X)
        x = other = scaler.transform(X)
        if hasattr(self, "classes_"):
            other = as_columns(target).astype(np.float64)
        elif target is not None:
            self._y_scaler = Scaler.fit(as_columns(target))
            other = self._y_scaler.transform(as_columns(target))
        return train_encoder(
            self,
            functools.partial(self._make_network, x, supervised=target is not None),
            scaler,
            x,
            other,
            target=self._evaluation_target(X, target),
            describe=lambda trained: vars(copy.copy(self)._publish(trained)),
        )

    def _evaluation_target(self, X, target):
        """Return the block that `score` measures the information of the codes on."""
        if target is None:
            return project_samples(X, self.n_projections)
        if hasattr(self, "classes_"):
            return target.astype(str)
        return self._y_scaler.transform(as_columns(target))

    def _publish(self, trained: TrainedEncoder) -> Self:
        """Set the fitted attributes."""
        if self.encoder is None:
            self.components_: np.ndarray = linear_directions(trained)
        self._trained = trained
        self.encoder_: nn.Module = trained.encoder
        self.n_iter_: int = trained.n_iter
        self.best_iter_: int = trained.best_iter
        self.device_: str = trained.device
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The codes.
        """
        check_is_fitted(self)
        rows, _ = self._validate(X, None, reset=False)
        return on_device_of(X, self._trained.encode(rows))

    def mutual_info_gradient(
        self, X: ArrayLike, y: ArrayLike
    ) -> tuple[np.ndarray, np.ndarray | None]:
        r"""Gradient of I(X; Y) with respect to each sample of X and of y.

        The rows g of the result satisfy
        :math:`dI/d\theta = \frac1n \sum_i g_i \cdot d(row_i)/d\theta` for any
        parameter that the samples depend on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        Returns
        -------
        gradient_X : ndarray of shape (n_samples, n_features)
            With respect to each sample of X, in nats per unit of X.
        gradient_y : ndarray of the shape of y, or None for labels
            With respect to each sample of y, in nats per unit of y.
        """
        check_is_fitted(self)
        if y is None or self._samples[1] is None:
            raise ValueError("The gradient of I(X; Y) requires y, here and in fit.")
        X, target = self._validate(X, y, reset=False)
        samples, partners = self._samples
        project = functools.partial(project_randomly, n_projections=self.n_projections)
        x, at = project(torch.tensor(samples)), project(torch.tensor(X))
        if hasattr(self, "classes_"):
            gradient, other = self._gradient_of_labels(x, partners, at, target), None
        else:
            gradient, other = mutual_info_gradient(
                x,
                torch.tensor(as_columns(partners)),
                queries=(at, torch.tensor(as_columns(target))),
                method=self.method,
                reference=self.reference,
                whiten=self.whiten,
            )
            other = require_representable(other.numpy().reshape(target.shape))
        if x.shape[1] < X.shape[1]:  # back from the random projection
            gradient = gradient @ project(torch.eye(X.shape[1]).double()).mT
        return require_representable(gradient.numpy()), other

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        r"""Lower bound of the information of the codes on y, or on X, in nats.

        It is that of :class:`skmi.InfoNCE`, with a critic fitted to the codes of the
        training samples the first time; at most log min(512, n).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples, which did not train the encoder.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Their targets, if there were some in fit; without y, information on X.

        Returns
        -------
        float
            Nats; higher is better.
        """
        check_is_fitted(self)
        X, target = self._validate(X, y, reset=False)
        return self._trained.score(X, self._evaluation_target(X, target))

    @wanting_numbers("X or y")
    def _validate(self, X, y, *, reset):
        """Return X, and y as numbers (n,) or (n, d_y), label codes (n,) or None."""
        options = {
            "reset": reset,
            "dtype": np.float64,
            "ensure_min_samples": 2 if reset else 1,
            "force_writeable": True,
        }
        X = read_numbers(X, "X", type(self).__name__)
        if y is None:
            return validate_data(self, X, **options), None
        y = read_block(y, "y")
        kind = target_kind(y)
        if kind == "discrete" and hasattr(y, "columns"):
            y = np.asarray(y, dtype=object)
        X, y = validate_data(self, X, y, multi_output=True, **options)
        if reset and self._is_discrete(y, kind):
            if y[:1].size > 1:
                raise ValueError(
                    f"y contains labels in {y[:1].size} columns; {type(self).__name__} "
                    "takes one. Join them into one label for each sample."
                )
            self.classes_: np.ndarray = np.array(sorted(set(label_rows(y)))).squeeze(-1)
        if not hasattr(self, "classes_"):
            return X, y.astype(np.float64)
        codes = np.searchsorted(self.classes_, y.reshape(-1))
        codes = codes.clip(max=len(self.classes_) - 1)
        unknown = y.reshape(-1)[self.classes_[codes] != y.reshape(-1)]
        if len(unknown):
            raise ValueError(
                f"y contains the label {unknown[0]} that was not there in fit. In a "
                "search, pass cv=StratifiedKFold(...): without it the folds are not "
                "stratified."
            )
        return X, codes

    def _is_discrete(self, y, kind):
        if self.discrete_target != "auto":
            return self.discrete_target
        if kind == "discrete" or is_two_valued(y):
            return True
        if kind == "integer":
            warn_of_integer_labels(y)
        return False

    def _make_network(self, x, generator, *, supervised):
        # A callable, not a default: torch's own initial weights, in isolation.
        linear = StochasticLinear if self.circumstance == "III" else nn.Linear
        encoder = make_encoder(
            linear if self.encoder is None else self.encoder,
            x.shape[1],
            self.n_components,
            generator=generator,
        )
        if self.encoder is None:
            start_at_components(getattr(encoder, "mean", encoder), x)
        self._require_second_output(probe_encoder(encoder, x, self.n_components))
        objective = EncoderObjective(
            loss=self._choose_loss(supervised),
            noise=self.noise,
            stochastic=self.circumstance == "III",
        )
        return EncodedPairs(encoder, objective).to(torch.float32)

    def _require_second_output(self, extra: torch.Tensor | None) -> None:
        """Raise where the encoder returns no second output, or a wrong one."""
        if self.circumstance == "II" and (extra is None or extra.ndim != 2):
            raise ValueError(
                'circumstance="II" needs an encoder that returns a pair: codes '
                "(n, n_components) and a hidden layer (n, n_hidden)."
            )
        shapes = {(2, self.n_components), (2,)}  # of two samples
        if self.circumstance == "III" and (extra is None or extra.shape not in shapes):
            raise ValueError(
                'circumstance="III" needs an encoder that returns a pair: means and '
                "log standard deviations, both (n, n_components), or codes and their "
                "log density (n,)."
            )

    def _choose_loss(self, supervised: bool) -> Callable:
        """Return the loss of (codes, other, extra) by the target and circumstance."""
        if self.circumstance == "II":
            if supervised:
                warn(
                    'circumstance="II" maximises the information between the codes and '
                    "the hidden layer: y is used by score and mutual_info_gradient, "
                    "not to learn the codes.",
                    SkmiWarning,
                )
            return self._loss_of_layers
        if hasattr(self, "classes_"):
            return self._loss_of_labels
        if not supervised and self.circumstance == "III":
            return self._loss_of_stochastic_codes
        return self._loss_of_pairs

    def _loss_of_labels(self, z, labels, extra):
        return mige_loss(z, labels=labels[:, 0], **self._score_options())

    def _loss_of_stochastic_codes(self, z, x, extra):
        name = "log_density" if is_density(extra) else "log_scale"
        options = self._score_options() | {name: extra}
        return mige_loss(z, circumstance="III", **options)

    def _loss_of_layers(self, z, other, hidden):
        return mige_loss(z, hidden, circumstance="II", **self._score_options())

    def _loss_of_pairs(self, z, other, extra):
        other = blur(project_randomly(other, self.n_projections), self.noise)
        return mige_loss(z, other, **self._score_options())

    def _score_options(self) -> dict:
        return {
            "method": self.method,
            "whiten": self.whiten,
            "reference": "gaussian" if self.reference else None,
        }

    def _gradient_of_labels(self, x, codes, at, at_codes):
        """Return s_c(x) - s(x), with the score of each class c by its own samples."""
        options = self._score_options()
        score = functools.partial(SCORES[options.pop("method")], **options)
        gradient = -score(x, at)
        for code in np.unique(at_codes):
            chosen = torch.from_numpy(at_codes == code)
            gradient[chosen] += score(x[torch.from_numpy(codes == code)], at[chosen])
        return gradient


def as_columns(y: np.ndarray) -> np.ndarray:
    """Return y as a matrix with one row for each sample."""
    return y.reshape(len(y), -1)
