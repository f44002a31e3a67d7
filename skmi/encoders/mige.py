"""Representations by the gradient of mutual information, without its value."""

import functools

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    Integral,
    Interval,
    Real,
    StrOptions,
    TransformerMixin,
    fit_context,
)
from skmi._data.checks import warn_of_integer_labels
from skmi._data.dtypes import (
    as_array,
    label_rows,
    on_device_of,
    target_kind,
    wanting_numbers,
)
from skmi._data.scaling import Scaler
from skmi.encoders._networks import Settings, blur
from skmi.encoders.infomax import InfoMaxEncoder
from skmi.encoders.score_estimator import draw_rows, require_representable
from skmi.scores import SCORES, mige_loss, mutual_info_gradient, project_randomly

__all__ = ["MIGEGradient"]


def make_linear(n_features, n_components):
    """Make the encoder that stands for None."""
    return nn.Linear(n_features, n_components)


def linear_directions(infomax):
    """Return the rows of a linear encoder's map, in the units of its input."""
    weight = infomax.encoder_.weight.numpy().astype(np.float64)
    scaler = infomax._x_scaler
    with np.errstate(over="ignore"):  # refused below
        weight = weight / (infomax._scale[:, np.newaxis] * scaler.scale * scaler.unit)
    return require_representable(weight)


@estimator
class MIGEGradient(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    DeclaredParameters,
):
    r"""Gradient of mutual information, and a representation that climbs it.

    .. math::
        \frac{d}{d\theta} I(g_\theta(X); Y) = E \left[ \left( s_{zy}(z, y)_z -
        s_z(z) \right) \cdot \frac{dz}{d\theta} \right], \quad z = g_\theta(x)

    with s the score functions of the densities, estimated from samples: no critic, no
    bound, and no value of I. `fit` ascends it by an encoder with outputs of unit
    variance; `transform` encodes rows. Read more in [1]_.

    Parameters
    ----------
    n_components : int, default=2
        Columns of the representation.
    encoder : torch.nn.Module, callable or None, default=None
        Maps rows (n, n_features) to codes (n, n_components); None is a linear map. A
        module is copied; a callable ``(n_features, n_components) -> Module`` makes
        one.
    circumstance : {"I", "II", "III"}, default="I"
        "I": a deterministic encoder, informative about y or, without y, about X. "II":
        the encoder returns codes and a hidden layer (n, n_hidden); the codes are to
        tell about that layer. "III": the encoder returns codes and the log standard
        deviations of a normal distribution that they are drawn around.
    method : str, default="nu_method"
        Estimator of :mod:`skmi.scores`: "nu_method", "spectral_stein", "stein",
        "tikhonov" or "sliced".
    reference : {"copula", "gaussian"} or None, default="copula"
        What is taken as known of the densities, see
        :func:`skmi.scores.mutual_info_gradient`. In training "copula" is "gaussian".
    whiten : bool, default=True
        Whether to decorrelate before scores are estimated. ``whiten=False,
        reference=None, method="spectral_stein"`` is the published estimator.
    noise : float, default=0.1
        Standard deviation of the noise added in training to codes and to what they
        are to tell about. Without noise a deterministic code has infinite information
        on X, and columns that depend on each other have no density.
    n_projections : int, default=32
        Columns to which a wider X is randomly projected for its scores.
    max_iter : int, default=50
        Number of epochs; there is no value to stop early by.
    learning_rate_init : float, default=0.01
        Step size of Adam.
    discrete_target : {"auto"} or bool, default="auto"
        Whether y holds labels, which have no density: the gradient is then that of
        :math:`H(Z) - \sum_c p(c) H(Z|c)`.
    [shared]

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Directions of a linear encoder, in the units of X.
    classes_ : ndarray
        The labels of a discrete target; not there for a continuous one.
    encoder_ : torch.nn.Module
        The trained encoder, on the CPU.
    [shared]

    See Also
    --------
    InfoMaxEncoder : By bounds as well, and for two views.
    ScoreEstimator : Score functions by themselves.

    Notes
    -----
    Outputs are scaled to unit variance, since mutual information with noise rises
    without bound with their scale. The estimates of scores shrink towards what is
    taken as known as columns approach rows in number.

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
        "device_",
        "n_features_in_",
        "feature_names_in_",
    )

    n_components: int = parameter(
        default=2, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    encoder: object = parameter(default=None, constraints=[callable, None])
    circumstance: str = parameter(
        default="I", constraints=[StrOptions({"I", "II", "III"})]
    )
    method: str = parameter(default="nu_method", constraints=[StrOptions(set(SCORES))])
    reference: str | None = parameter(
        default="copula", constraints=[StrOptions({"copula", "gaussian"}), None]
    )
    whiten: bool = parameter(default=True, constraints=["boolean"])
    noise: float = parameter(
        default=0.1, constraints=[Interval(Real, 0, None, closed="left")]
    )
    n_projections: int = parameter(
        default=32, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    max_iter: int = parameter(
        default=50, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    learning_rate_init: float = parameter(
        default=1e-2, constraints=[Interval(Real, 0, None, closed="neither")]
    )
    discrete_target: object = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )
    batch_size: int = parameter(
        default=256, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    alpha: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    device: str = parameter(default="auto", constraints=[str])
    random_state: object = parameter(default=None, constraints=["random_state"])

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_infomax")

    @property
    def _n_features_out(self):
        return self._infomax._n_codes

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the representation and keep rows to estimate scores from.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            What to be informative about, numbers or labels; None means X itself.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        for name in ("_infomax", "classes_", "components_"):
            vars(self).pop(name, None)
        self._given = X, y
        try:
            self._fit(*self._validate(X, y, reset=True))
        finally:
            del self._given
        return self

    def _fit(self, X, target):
        names = set(InfoMaxEncoder._parameter_constraints) & set(self.get_params())
        infomax = InfoMaxEncoder(
            **{name: getattr(self, name) for name in names - {"encoder"}},
            objective="mige",
            encoder=make_linear if self.encoder is None else self.encoder,
        )
        labelled = hasattr(self, "classes_")
        other = judged = None
        if labelled:
            other, judged = as_columns(target).astype(np.float64), target.astype(str)
        elif target is not None:
            self._y_scaler = Scaler.fit(as_columns(target))
            other = judged = self._y_scaler.transform(as_columns(target))
        rows = draw_rows(len(X), self.random_state)
        self._rows = X[rows].copy(), None if target is None else target[rows].copy()
        settings = self._make_settings(target is not None, labelled)
        infomax._learn(X, other, settings=settings, target=judged, owner=self)
        self.device_ = infomax.device_
        vars(self).update(self._describe(infomax))

    def _describe(self, infomax):
        """Return the fitted attributes that come with a trained encoder."""
        found = {"_infomax": infomax, "encoder_": infomax.encoder_}
        if self.encoder is None:
            found["components_"] = linear_directions(infomax)
        return found | {"n_iter_": infomax.n_iter_}

    def transform(self, X):
        """Encode rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The codes.
        """
        check_is_fitted(self)
        rows, _ = self._validate(X, None, reset=False)
        return on_device_of(X, self._infomax._encode(rows))

    def mutual_info_gradient(self, X, y):
        r"""Gradient of I(X; Y) with respect to each row of X and of y.

        Rows g satisfy :math:`dI/d\theta = \frac1n \sum_i g_i \cdot d(row_i)/d\theta`,
        so that they chain into anything that the rows depend on.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their partners.

        Returns
        -------
        gradient_X : ndarray of shape (n_samples, n_features)
            With respect to each row of X.
        gradient_y : ndarray of the shape of y, or None for labels
            With respect to each row of y.
        """
        check_is_fitted(self)
        if y is None or self._rows[1] is None:
            raise ValueError("The gradient of I(X; Y) requires y, here and in fit.")
        X, target = self._validate(X, y, reset=False)
        rows, partners = self._rows
        project = functools.partial(project_randomly, n_projections=self.n_projections)
        x, at = project(torch.tensor(rows)), project(torch.tensor(X))
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
        if x.shape[1] < rows.shape[1]:
            gradient = gradient @ project(torch.eye(rows.shape[1]).double()).mT
        return require_representable(gradient.numpy()), other

    def score(self, X, y=None):
        r"""Lower bound of what the codes tell about y, or without y about X, in nats.

        That of :class:`skmi.InfoNCE`, with a critic fitted to the codes of the
        training rows; at most log min(512, n).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that did not train the encoder.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Their partners, where there were some in fit.

        Returns
        -------
        float
            Higher is better.
        """
        check_is_fitted(self)
        X, target = self._validate(X, y, reset=False)
        if target is None:
            target = self._infomax._project(X)
        elif not hasattr(self, "classes_"):
            target = self._y_scaler.transform(as_columns(target))
        else:
            target = target.astype(str)
        return self._infomax._judge.score(self._infomax._encode(X), target)

    @wanting_numbers("X or y")
    def _validate(self, X, y, *, reset):
        """Return X and y as numbers (n,) or (n, d_y), label codes (n,) or None."""
        options = {
            "reset": reset,
            "dtype": np.float64,
            "ensure_min_samples": 2 if reset else 1,
            "force_writeable": True,
        }
        X, y = as_array(X), as_array(y)
        if y is None:
            return validate_data(self, X, **options), None
        kind = target_kind(y)
        if kind == "discrete" and hasattr(y, "columns"):
            y = np.asarray(y, dtype=object)
        X, y = validate_data(self, X, y, multi_output=True, **options)
        if reset and self._is_discrete(y, kind):
            if y[:1].size > 1:
                raise ValueError(
                    f"y holds labels in {y[:1].size} columns; {type(self).__name__} "
                    "takes one. Join them into one label for each row."
                )
            self.classes_ = np.array(sorted(set(label_rows(y)))).squeeze(-1)
        if not hasattr(self, "classes_"):
            return X, y.astype(np.float64)
        codes = np.searchsorted(self.classes_, y.reshape(-1))
        codes = codes.clip(max=len(self.classes_) - 1)
        if (self.classes_[codes] != y.reshape(-1)).any():
            raise ValueError("y holds a label that was not there in fit.")
        return X, codes

    def _is_discrete(self, y, kind):
        if self.discrete_target != "auto":
            return self.discrete_target
        if kind == "integer":
            warn_of_integer_labels(y)
        return kind == "discrete"

    def _make_settings(self, supervised, labelled):
        """Return what training follows, by the circumstance and the target."""
        options = {
            "method": self.method,
            "whiten": self.whiten,
            "reference": "gaussian" if self.reference else None,
        }
        stochastic = self.circumstance == "III"
        noise = self.noise

        def loss(z, other, rest):
            if labelled:
                return mige_loss(z, labels=other[:, 0], **options)
            if not supervised and stochastic:
                return mige_loss(z, circumstance="III", log_scale=rest, **options)
            if self.circumstance == "II":
                return mige_loss(z, rest, circumstance="II", **options)
            other = blur(project_randomly(other, self.n_projections), noise)
            return mige_loss(z, other, **options)

        return Settings(None, loss, noise=noise, stochastic=stochastic)

    def _gradient_of_labels(self, x, codes, at, at_codes):
        """Return s_c(x) - s(x), each class c by its own rows."""
        options = {
            "reference": "gaussian" if self.reference else None,
            "whiten": self.whiten,
        }
        score = functools.partial(SCORES[self.method], **options)
        gradient = -score(x, at)
        for code in np.unique(at_codes):
            chosen = torch.from_numpy(at_codes == code)
            gradient[chosen] += score(x[torch.from_numpy(codes == code)], at[chosen])
        return gradient


def as_columns(y):
    """Return y as a matrix of one row for each row."""
    return y.reshape(len(y), -1)
