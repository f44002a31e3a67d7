"""Encoder that learns a representation by maximising mutual information."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    HasMethods,
    StrOptions,
    TransformerMixin,
    fit_context,
)
from skmi._data.dtypes import on_device_of, wanting_numbers
from skmi._data.reading import read_block, read_numbers
from skmi._data.scaling import Scaler
from skmi.critics import CRITICS
from skmi.critics._layers import MultiLayer
from skmi.encoders._networks import (
    OBJECTIVES,
    Discriminator,
    EncodedPairs,
    EncoderObjective,
    blur,
    make_encoder,
    probe_encoder,
)
from skmi.encoders._training import TrainedEncoder, project_samples, train_encoder
from skmi.exceptions import DiscreteTargetWarning, warn
from skmi.scores import SCORES, mige_loss, project_randomly
from skmi.training.parameters import (
    COUNT,
    NON_NEGATIVE,
    OPTIONAL_COUNT,
    CriticParameters,
    LoopParameters,
    StoppingParameters,
)

__all__ = ["InfoMaxEncoder"]


@estimator
class InfoMaxEncoder(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    StoppingParameters,
    LoopParameters,
    CriticParameters,
    DeclaredParameters,
):
    r"""Representation learned by maximising mutual information, as a transformer.

    .. math:: \max_g \; I(g(X); X) \quad \text{or} \quad
        \max_{g_1, g_2} \; I(g_1(X); g_2(X_2))

    by a variational bound and a critic, or by the estimated gradient of mutual
    information without either ("mige"). Deep InfoMax of [1]_; the codes have zero mean
    and unit variance on the training samples.

    Parameters
    ----------
    n_components : int, default=8
        Number of columns of the representation.
    objective : str, default="infonce"
        What is maximised: "infonce", "jsd", "mine", "nwj" or "interpolated" (between
        the first and the last but one) train a critic by the bound of that name;
        "mige" follows the estimated gradient of [2]_.
    encoder : torch.nn.Module, callable or None, default=None
        Maps samples (n, n_features) to codes (n, n_components); None is a network of
        `hidden_layer_sizes`. A module is copied; a callable
        ``(n_features, n_components) -> Module`` makes one. A module for images begins
        with ``torch.nn.Unflatten``. If it returns a pair of codes and a feature map
        (n, channels, ...), the mean information between the codes and each position of
        the map is maximised: the local objective.
    critic : str or critic, default="separable"
        A critic of :mod:`skmi.critics` or its name; not used by "mige".
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers of the default encoder, and of a critic given by
        name.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Nonlinearity between those layers.
    two_views : {"auto"} or bool, default="auto"
        Whether the second argument of `fit` is a second view of the samples. "auto"
        takes a table of two or more columns as one, and ignores a single column, which
        is the target in a pipeline; it warns of a table of whole numbers, which could
        be either.
    prior_matching : float, default=0.0
        Weight of an adversarial regularisation of the codes towards a standard normal
        distribution; 0 is without.
    method : str, default="nu_method"
        Score-function estimator of "mige", a name in ``skmi.scores.SCORES``.
    noise : float, default=0.1
        Standard deviation of the noise added to the codes in training with "mige":
        the information of a deterministic code on its input is infinite.
    n_projections : int, default=32
        Number of columns to which "mige" and `score` randomly project a wider X.
    max_iter : int, default=100
        Largest number of epochs.
    n_negatives : int or None, default=None
        Negative samples for each sample in training; None takes all of the batch.
    early_stopping : bool, default=True
        Whether to hold out samples that choose the best epoch. If False, or with
        "mige", all samples train and the last weights are kept.
    validation_fraction : float, default=0.15
        Fraction of the samples held out for early stopping.
    [shared]

    Attributes
    ----------
    encoder_ : torch.nn.Module
        The trained encoder, on the CPU.
    partner_ : torch.nn.Module or None
        The trained encoder of the second view; None if there was none.
    best_iter_ : int
        The epoch, counted from 1, whose weights were kept.
    [shared]

    See Also
    --------
    MIGEGradient : Representation informative about a target.

    Notes
    -----
    Maximal information on the input does not make a representation useful for a task:
    any invertible map keeps all of it. Which features are learned is decided by the
    form of the encoder, the critic and the noise. On small tables of numbers use
    :class:`sklearn.decomposition.PCA` instead: on wine, breast cancer and digits five
    nearest neighbours of eight codes are right for .92, .93 and .74 of the samples, and
    for .97, .96 and .92 with PCA. "mige" has no value to stop early by: all `max_iter`
    epochs are run.

    References
    ----------
    .. [1] R. D. Hjelm et al. Learning deep representations by mutual information
       estimation and maximization. ICLR, 2019.
    .. [2] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmi import InfoMaxEncoder
    >>> X = load_iris().data
    >>> InfoMaxEncoder(
    ...     n_components=2, early_stopping=False, max_iter=40, random_state=0
    ... ).fit_transform(X).shape
    (150, 2)
    """

    _shared_attributes = (
        "n_iter_",
        "best_iter_",
        "loss_curve_",
        "validation_scores_",
        "device_",
        "n_features_in_",
        "feature_names_in_",
    )

    # The default objective is bounded by the log of the negatives of a sample, so all
    # of the batch are used; the separable critic scores them by one matrix product.
    critic: Any = parameter(
        default="separable", constraints=[StrOptions(set(CRITICS)), HasMethods("build")]
    )
    n_negatives: int | None = parameter(default=None, constraints=OPTIONAL_COUNT)
    # Half of what an estimator is given; not chosen by an experiment.
    max_iter: int = parameter(default=100, constraints=COUNT)
    n_components: int = parameter(default=8, constraints=COUNT)
    objective: str = parameter(
        default="infonce", constraints=[StrOptions({"mige", *OBJECTIVES})]
    )
    encoder: nn.Module | Callable | None = parameter(
        default=None, constraints=[callable, None]
    )
    two_views: bool | str = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )
    prior_matching: float = parameter(default=0.0, constraints=NON_NEGATIVE)
    method: str = parameter(default="nu_method", constraints=[StrOptions(set(SCORES))])
    noise: float = parameter(default=0.1, constraints=NON_NEGATIVE)
    n_projections: int = parameter(default=32, constraints=COUNT)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_trained")

    @property
    def _n_features_out(self) -> int:
        return self._trained.n_components

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the representation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples, n_features_2), default=None
            Second view of the samples. Ignored where `two_views` says that it is none.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        vars(self).pop("_trained", None)
        self._given = X, y
        try:
            X = self._validate(X, reset=True)
            self._publish(self._train(X, self._read_view(y, len(X))))
        finally:
            del self._given
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
        return on_device_of(X, self._trained.encode(self._validate(X, reset=False)))

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        r"""Lower bound of the information of the codes on X, or the second view.

        It is that of :class:`skmi.InfoNCE`, with a critic fitted to the codes of the
        training samples the first time; at most log min(512, n).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples, which did not train the encoder.
        y : array-like of shape (n_samples, n_features_2), default=None
            Their second view, if the encoder was fitted to two.

        Returns
        -------
        float
            Nats; higher is better.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        two_views = self._trained.partner is not None
        if two_views and y is None:
            raise ValueError("The encoder was fitted to two views: score needs both.")
        other = check_view(y, len(X)) if two_views else X
        return self._trained.score(X, project_samples(other, self.n_projections))

    @wanting_numbers("X")
    def _validate(self, X, *, reset):
        return validate_data(
            self,
            read_numbers(X, "X", type(self).__name__),
            reset=reset,
            dtype=np.float64,
            ensure_min_samples=2 if reset else 1,
            force_writeable=True,
        )

    def _read_view(self, y, n_samples):
        """Return the second view, or None where y is none."""
        if y is not None:
            check_consistent_length(np.empty(n_samples), read_block(y, "y"))
        if self.two_views != "auto":
            if self.two_views and y is None:
                raise ValueError("two_views=True needs the second view in fit.")
            return check_view(y, n_samples) if self.two_views else None
        if y is None or np.shape(read_block(y, "y"))[1:] in {(), (1,)}:
            return None
        view = check_view(y, n_samples)
        if (view == np.round(view)).all():
            warn(
                f"y contains whole numbers in {view.shape[1]} columns and was taken as "
                "a second view of X. If it is one, pass two_views=True; if it contains "
                "targets, two_views=False.",
                DiscreteTargetWarning,
            )
        return view

    def _train(self, X: np.ndarray, view: np.ndarray | None) -> TrainedEncoder:
        scaler = Scaler.fit(X)
        x = y = scaler.transform(X)
        if view is not None:
            y = Scaler.fit(view).transform(view)
        return train_encoder(
            self,
            functools.partial(self._make_network, x, y, two_views=view is not None),
            scaler,
            x,
            y,
            target=project_samples(X if view is None else view, self.n_projections),
            describe=lambda trained: vars(copy.copy(self)._publish(trained)),
        )

    def _publish(self, trained: TrainedEncoder) -> Self:
        """Set the fitted attributes."""
        self._trained = trained
        self.encoder_: nn.Module = trained.encoder
        self.partner_: nn.Module | None = trained.partner
        self.n_iter_: int = trained.n_iter
        self.best_iter_: int = trained.best_iter
        self.loss_curve_: list[float] = trained.loss_curve
        self.validation_scores_: list[float] | None = trained.validation_scores
        self.device_: str = trained.device
        return self

    def _make_network(self, x, y, generator, *, two_views):
        encoder = self._make_encoder(x.shape[1], generator)
        partner = self._make_encoder(y.shape[1], generator) if two_views else None
        extra = probe_encoder(encoder, x, self.n_components)
        if partner is not None:
            probe_encoder(partner, y, self.n_components)
        objective = self._make_objective(two_views)
        critic = discriminator = None
        if objective.bound is not None:
            n_other = self.n_components if two_views else y.shape[1]
            if extra is not None and extra.ndim > 2:  # channels of a feature map
                n_other = extra.shape[1]
            critic = self._make_critic()
            critic = critic.build(self.n_components, n_other, generator=generator)
        if objective.prior_weight:
            discriminator = Discriminator(self.n_components, generator)
        network = EncodedPairs(
            encoder,
            objective,
            partner=partner,
            critic=critic,
            discriminator=discriminator,
        )
        return network.to(torch.float32)

    def _make_objective(self, two_views: bool) -> EncoderObjective:
        if self.objective != "mige":
            bound = OBJECTIVES[self.objective]
            return EncoderObjective(bound=bound, prior_weight=self.prior_matching)
        return EncoderObjective(
            loss=self._loss_of_views if two_views else self._loss_of_input,
            prior_weight=self.prior_matching,
            noise=self.noise,
        )

    def _loss_of_views(self, z, other, extra):
        return mige_loss(z, other, circumstance="II", method=self.method)

    def _loss_of_input(self, z, x, extra):
        other = blur(project_randomly(x, self.n_projections), self.noise)
        return mige_loss(z, other, method=self.method)

    def _make_encoder(self, n_inputs, generator):
        sizes = (n_inputs, *self.hidden_layer_sizes, self.n_components)
        return make_encoder(
            self.encoder,
            n_inputs,
            self.n_components,
            generator=generator,
            default=functools.partial(MultiLayer, sizes, self.activation, ()),
        )

    def _make_critic(self):
        if not isinstance(self.critic, str):
            return self.critic
        critic = CRITICS[self.critic]()
        names = set(critic.get_params()) & {"hidden_layer_sizes", "activation"}
        return critic.set_params(**{name: getattr(self, name) for name in names})


@wanting_numbers("y, the second view,")
def check_view(view: ArrayLike, n_samples: int) -> np.ndarray:
    """Return a second view as an array with one row for each sample of X."""
    view = check_array(
        read_numbers(view, "y", "InfoMaxEncoder"),
        dtype=np.float64,
        ensure_2d=False,
        force_writeable=True,
        input_name="y",
    )
    view = view.reshape(len(view), -1)
    if len(view) != n_samples:
        raise ValueError(
            f"X and the second view have inconsistent numbers of samples: "
            f"[{n_samples}, {len(view)}]"
        )
    return view
