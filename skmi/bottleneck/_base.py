"""The part of the information bottleneck that does not depend on the kind of target."""

from __future__ import annotations

import copy
import functools
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from skmi._core.params import (
    DeclaredParameters,
    estimator,
    not_defined,
    parameter,
)
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    HasMethods,
    Integral,
    Interval,
    StrOptions,
    TransformerMixin,
    fit_context,
    make_random_state,
    named_arguments,
)
from skmi._core.torch_utils import make_generator, resolve_device, threads_of, to_tensor
from skmi._data.batches import collect_batches
from skmi._data.checks import warn_of_few_rows
from skmi._data.dtypes import target_kind, wanting_numbers
from skmi._data.reading import read_block, read_numbers
from skmi._data.scaling import Scaler
from skmi._data.splitting import Fold, train_stop_test
from skmi.bottleneck.information import INFORMATION, EstimatedGradient, score_options
from skmi.bottleneck.network import BetaSchedule, Bottleneck, Channel, TwoHeads
from skmi.bottleneck.parameters import BottleneckParameters
from skmi.bottleneck.plane import COLLAPSED, InformationPlane, Model, draw_noise
from skmi.bottleneck.targets import Labels, Numbers
from skmi.critics import CRITICS
from skmi.critics._batched import copy_network
from skmi.critics._layers import MultiLayer
from skmi.encoders._networks import make_encoder, probe_encoder
from skmi.exceptions import (
    CollapseWarning,
    ConvergenceWarning,
    SaturationWarning,
    SkmiWarning,
    warn,
)
from skmi.training.loop import Training, run_epochs
from skmi.training.parameters import (
    NON_NEGATIVE,
    POSITIVE,
    SHARE,
    CriticParameters,
    LoopParameters,
    StoppingParameters,
)
from skmi.training.schedule import Schedule

# Of the running mean of the weights over steps, which early stopping chooses from:
# without it the log loss of wine is up to 2.3 standard errors above MLPClassifier's.
AVERAGING_RATE = 0.8

N_PRIOR_SAMPLES = 5000  # training samples whose codes the prior is fitted to


class FitData(NamedTuple):
    """The samples of a fit, with their targets, their split and their scaling."""

    X: np.ndarray
    y: np.ndarray  # encoded
    fold: Fold
    scaler: Scaler  # of X, learned from the training samples
    target: Labels | Numbers  # fitted to the training samples


@estimator
class BottleneckEstimator(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    StoppingParameters,
    LoopParameters,
    CriticParameters,
    BottleneckParameters,
    DeclaredParameters,
):
    """Base of the classifier and the regressor, which differ in their target."""

    _shared_attributes = (
        "encoder_",
        "rate_",
        "rate_standard_error_",
        "distortion_standard_error_",
        "mutual_info_",
        "standard_error_",
        "ceiling_",
        "n_iter_",
        "best_iter_",
        "loss_curve_",
        "validation_scores_",
        "device_",
        "n_features_in_",
        "feature_names_in_",
    )
    _target_options: ClassVar[dict] = {}  # of scikit-learn's validation of y

    # Negatives are passed to the critic by number, which a bare module cannot take.
    critic: Any = parameter(
        default="hybrid", constraints=[StrOptions(set(CRITICS)), HasMethods("build")]
    )
    # Chosen together with the width and patience of IBEncoder. With larger steps "club"
    # diverges on digits.
    batch_size: int = parameter(
        default=128, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    learning_rate_init: float | tuple[float, float] = parameter(
        default=6e-3, constraints=[*POSITIVE, "array-like"]
    )
    tol: float = parameter(default=1e-2, constraints=NON_NEGATIVE)
    validation_fraction: float = parameter(default=0.2, constraints=SHARE)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return self._model.n_components

    def _make_target(self, y: np.ndarray) -> Labels | Numbers:
        """Return the kind of target that a validated y is."""
        raise not_defined(self, "_make_target")

    @named_arguments
    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn the representation and the prediction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or iterable
            Training samples. An iterable of batches (X, y), such as a ``DataLoader`` of
            torch, takes the place of both X and y: it is read once, into memory; an
            image becomes one row. A sample that an iterator repeats is kept once.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets: labels for the classifier, numbers for the regressor; None only
            where X is an iterable of batches.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is not numeric or has missing values, if there are too few
            samples, or if `information` and `noise` are incompatible.
        FloatingPointError
            If the loss becomes NaN or infinite.
        """
        self._fit(*collect_batches(X, y))
        self._warn_of_collapse()
        self._warn_of_saturation()
        return self

    def transform(self, X: ArrayLike, *, sample: bool = False) -> np.ndarray:
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        sample : bool, default=False
            Whether to draw a code for each sample instead of returning its mean code;
            the draws are the same each time if `random_state` is an int.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The codes.
        """
        check_is_fitted(self)
        X = self._validate_samples(X)
        if not sample:
            return self._model.encode(X)
        generator = make_generator(make_random_state(self.random_state))
        return self._model.sample(X, generator)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        r"""Anomaly score of each sample, minus its rate: lower is more anomalous.

        .. math:: -KL(q(z|x) \,\|\, r(z))

        with r the mixture of normal distributions fitted to codes of training samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats.
        """
        check_is_fitted(self)
        return -self._model.rates(self._validate_samples(X))

    def mutual_info(self, X: ArrayLike, y: ArrayLike) -> float:
        """Lower bound of the information of the codes on y, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples, which did not train the model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        Returns
        -------
        float
            Nats; may be negative.
        """
        check_is_fitted(self)
        X, encoded, _ = self._validate(X, y, self._model.target)
        return self._model.measure(X, encoded).mutual_info

    def information_plane(
        self, X: ArrayLike, y: ArrayLike, betas: ArrayLike
    ) -> InformationPlane:
        """Compression and relevance of the codes along a path of weights.

        The first fit is that of the smallest weight; each other one starts from the
        weights of the one before. All are evaluated on the same test samples. This
        estimator itself is not fitted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        betas : array-like of shape (n_betas,)
            Weights of the compression; the path runs from the smallest to the largest.

        Returns
        -------
        InformationPlane
            One entry for each weight, in rising order.
        """
        betas = np.sort(np.asarray(betas, dtype=float).reshape(-1))
        if not len(betas) or not np.isfinite(betas).all() or betas[0] < 0:
            raise ValueError(f"betas must be numbers of at least 0; got {betas}.")
        seed = make_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        names = InformationPlane._fields[1:]
        points, model = [], clone(self).set_params(random_state=seed)
        for beta in betas:
            start = vars(model).get("_model")
            model = clone(model).set_params(beta=float(beta))
            if start is not None:
                model.set_params(beta_schedule="constant")
            model._fit(X, y, start)
            points.append([getattr(model, f"{name}_") for name in names])
        return InformationPlane(betas, *np.array(points).T)

    # -- fit ---------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def _fit(self, X, y, start: Model | None = None):
        """Fit, from the weights of a fitted model if one is given."""
        vars(self).pop("_model", None)
        self._given = X, y
        try:
            self._train(*self._validate(X, y), start)
        finally:
            del self._given

    def _warn_of_unused(self):
        """Warn of parameters that the information does not use."""
        unused = []
        if self.method is not None and self.information != "mige":
            unused.append("method")
        is_pair = np.ndim(self.learning_rate_init) > 0
        self._learning_rates  # noqa: B018 (refuses those that cannot be)
        if is_pair and not INFORMATION[self.information].has_critic:
            unused.append("the second learning_rate_init, that of the critic,")
        for name in unused:
            warn(
                f"{name} has no effect with information={self.information!r}.",
                SkmiWarning,
            )

    def _train(self, X, encoded, target, start):
        self._warn_of_unused()
        random_state = make_random_state(self.random_state)
        generator = make_generator(random_state)
        data = self._prepare(X, encoded, target, random_state)
        x = data.scaler.transform(X)
        network = self._make_network(x, data.target, generator)
        noise = draw_noise(network.channel, self.n_samples_predict, generator)
        if start is not None:
            network.load_state_dict(start.network.state_dict())
        training = self._make_training(network, x, data, generator)
        warn_of_few_rows(data.fold.report)
        fitted = functools.partial(self._fitted_attributes, training, noise, data)
        stopped = run_epochs(self, training, fitted, network.set_epoch)
        if not stopped and not training.converged:
            self._warn_of_convergence()
        with threads_of(training.n_products):
            self._publish(training, noise, data)

    def _prepare(self, X, encoded, target, random_state) -> FitData:
        """Split the samples, and learn scalings and weights from those that train."""
        fold = train_stop_test(
            len(X),
            test_size=self.test_size,
            validation_fraction=self.validation_fraction if self.early_stopping else 0,
            random_state=random_state,
            name=type(self).__name__,
            labels=target.labels_of(encoded),
        )
        scaler = Scaler.fit(X[fold.train])
        target = target.fit(encoded, fold)
        return FitData(X, encoded, fold, scaler, target)

    def _fitted_attributes(self, training, noise, data) -> dict:
        """Return the attributes after the epochs run so far, for callbacks."""
        return vars(copy.copy(self)._publish(training, noise, data))

    def _publish(self, training: Training, noise: torch.Tensor, data: FitData) -> Self:
        """Set the fitted attributes, those of the report from the test samples."""
        fold = data.fold
        model = Model(training.best[0], noise, data.scaler, data.target)
        model.with_prior(data.X[fold.train[:N_PRIOR_SAMPLES]])
        chosen = fold.stop if len(fold.stop) else fold.train
        model.require_information(data.X[chosen], data.y[chosen])
        shares = data.target.shares
        measured = model.measure(data.X[fold.report], data.y[fold.report], shares)
        self._model = model
        self.encoder_: nn.Module = model.network.channel.encoder
        self.rate_: float = measured.rate
        self.rate_standard_error_: float = measured.rate_standard_error
        self.distortion_: float = measured.distortion
        self.distortion_standard_error_: float = measured.distortion_standard_error
        self.mutual_info_: float = measured.mutual_info
        self.standard_error_: float = measured.standard_error
        self.ceiling_: float = measured.ceiling
        self.n_iter_: int = training.epoch
        self.best_iter_: int = training.stopping.best_epoch[0]
        self.loss_curve_: list[float] = [values[0] for values in training.losses]
        scores = [values[0] for values in training.scores]
        self.validation_scores_: list[float] | None = scores or None
        self.device_: str = str(training.x.device)
        return self

    # -- the network and its training ----------------------------------------------

    def _make_network(self, x, target, generator) -> Bottleneck:
        information = INFORMATION[self.information]
        if self.noise not in information.noises:
            raise ValueError(
                f"information={self.information!r} needs the density of codes given a "
                f"sample, which is unknown with noise={self.noise!r}; pass "
                'noise="gaussian", or another information.'
            )
        has_density = self.noise == "gaussian" or information.needs_density
        channel = self._make_channel(x, has_density, generator)
        critic = None
        if information.has_critic:
            critic = self.critic
            critic = CRITICS[critic]() if isinstance(critic, str) else critic
            critic = critic.build(x.shape[1], self.n_components, generator=generator)
        decoder = target.make_decoder(self.n_components, generator)
        if self.method is not None and self.information == "mige":
            information = EstimatedGradient(**score_options(self.method))
        schedule = BetaSchedule.over(self.max_iter, self.beta, self.beta_schedule)
        of_encoder, of_critic = self._learning_rates
        critic_rate = of_critic / of_encoder
        parts = channel, decoder, critic, information, schedule, critic_rate
        network = Bottleneck(*parts)
        return network.to(torch.float32)

    @property
    def _learning_rates(self) -> tuple[float, float]:
        """The learning rates of the encoder and of the critic."""
        if np.ndim(self.learning_rate_init) == 0:
            return self.learning_rate_init, self.learning_rate_init
        try:
            of_encoder, of_critic = map(float, self.learning_rate_init)
        except (TypeError, ValueError):
            of_encoder = of_critic = 0.0
        if not all(0 < rate < np.inf for rate in (of_encoder, of_critic)):
            raise ValueError(
                "learning_rate_init must be a number above 0, or a pair of them, for "
                f"the encoder and the critic; got {self.learning_rate_init}."
            )
        return of_encoder, of_critic

    def _make_channel(self, x, has_density, generator) -> Channel:
        n_features = x.shape[1]
        n_extra = self.n_components if self.noise == "propagated" else 0
        n_outputs = self.n_components * (2 if has_density else 1)
        sizes = (n_features + n_extra, *self.hidden_layer_sizes, n_outputs)
        encoder = make_encoder(
            self.encoder,
            n_features + n_extra,
            self.n_components,
            generator=generator,
            default=functools.partial(
                TwoHeads if has_density else MultiLayer, sizes, self.activation, ()
            ),
        )
        probe = np.hstack([x[:2], np.zeros((len(x[:2]), n_extra))])
        probe_encoder(encoder, probe, self.n_components)
        return Channel(
            encoder,
            self.noise,
            n_features,
            self.n_components,
            noise_scale=self.noise_scale,
            has_density=has_density,
        )

    def _make_training(self, network, x, data, generator) -> Training:
        device = resolve_device(self.device, torch.float32)
        x, y = (
            to_tensor(block, device, torch.float32).unsqueeze(0)
            for block in (x, data.target.for_training(data.y))
        )
        return Training(
            network,
            network.objective,
            x,
            y,
            train_rows=torch.from_numpy(data.fold.train).unsqueeze(0),
            stop_rows=torch.from_numpy(data.fold.stop).unsqueeze(0),
            schedule=Schedule.of(
                self,
                learning_rate_init=self._learning_rates[0],
                n_iter_unchosen=network.schedule.n_epochs,
                averaging_rate=AVERAGING_RATE if self.early_stopping else None,
            ),
            generator=generator,
            criterion=network.criterion,
            extract=copy_network,
        )

    # -- validation and warnings -------------------------------------------------

    @wanting_numbers("X or y")
    def _validate(self, X, y, target: Labels | Numbers | None = None):
        """Return X, the encoded y, and its target: the one given, or that of a fit."""
        reset = target is None
        if y is None and not reset:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None; pass it second, after X."
            )
        X = read_numbers(X, "X", type(self).__name__)
        if y is not None:
            y = read_block(y, "y")
            kind = target_kind(y)  # raises for dates and missing labels
            wants_numbers = self._target_options.get("y_numeric", False)
            if kind == "discrete" and wants_numbers and np.asarray(y).dtype != bool:
                raise ValueError(
                    f"y holds labels; {type(self).__name__} takes numbers. Use "
                    "skmi.IBEncoder, which predicts labels."
                )
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            dtype=np.float64,
            ensure_min_samples=2,
            force_writeable=True,
            **self._target_options,
        )
        if target is None:
            target = self._make_target(y)
        return X, target.encode(y), target

    @wanting_numbers("X")
    def _validate_samples(self, X):
        return validate_data(
            self,
            read_numbers(X, "X", type(self).__name__),
            reset=False,
            dtype=np.float64,
            force_writeable=True,
        )

    def _warn_of_convergence(self):
        warn(
            f"max_iter={self.max_iter} epochs were run and the held-out objective "
            "still improved. Raise max_iter.",
            ConvergenceWarning,
        )

    @property
    def _least_information(self) -> float:
        """The estimate below which predictions are worse than without X.

        Weights of classes are meant to change the shares, and lower it by a little.
        """
        error = self.standard_error_
        return 0.0 if self._model.target.may_forget else -max(3 * error, 0.05)

    def _warn_of_saturation(self):
        """Warn of information near its bound by the number of test samples."""
        depends_on_samples = not hasattr(self, "classes_")
        if depends_on_samples and self.mutual_info_ > 0.9 * self.ceiling_:
            warn(
                f"The information on y of {self.mutual_info_:.2f} nats is close to "
                f"{self.ceiling_:.2f}, the largest value that the bound can take on "
                "the test samples; it may be larger. Raise test_size or pass more "
                "samples.",
                SaturationWarning,
            )

    def _warn_of_collapse(self):
        cure = (
            f"beta={self.beta} is too large, or X is not informative about y. Lower "
            'beta, or try beta_schedule="warm_up".'
        )
        if not self._model.target.may_forget:
            cure = f"{cure} Or the weights in class_weight are too unequal."
        if self.rate_ < COLLAPSED:
            warn(
                f"The codes have collapsed: their information on X is {self.rate_:.2g} "
                f"nats, on y {self.mutual_info_:.2g} nats. {cure}",
                CollapseWarning,
            )
        elif self._model.ignores_codes:
            warn(
                "The codes were not informative about y on the samples that chose the "
                f"epoch: every prediction is that without X. {cure}",
                CollapseWarning,
            )
        elif self.mutual_info_ < self._least_information:
            warn(
                "Test samples are predicted worse than without X: the information on y "
                f"is {self.mutual_info_:.2g} nats. {cure}",
                CollapseWarning,
            )
