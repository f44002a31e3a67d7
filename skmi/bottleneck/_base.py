"""What the classifier and the regressor of the bottleneck share."""

import functools
from typing import ClassVar

import numpy as np
import torch
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    HasMethods,
    Integral,
    Interval,
    Real,
    RealNotInt,
    StrOptions,
    fit_context,
    make_random_state,
)
from skmi._core.torch_utils import make_generator, resolve_device, to_tensor
from skmi._data.checks import warn_of_few_rows
from skmi._data.dtypes import as_array, target_kind, wanting_numbers
from skmi._data.scaling import Scaler
from skmi._data.splitting import train_stop_test
from skmi.bottleneck.information import INFORMATION, NOISES
from skmi.bottleneck.network import (
    SCHEDULES,
    Bottleneck,
    Channel,
    TwoHeads,
    make_decoder,
)
from skmi.bottleneck.plane import InformationPlane, Model
from skmi.critics import CRITICS
from skmi.critics._batched import copy_network
from skmi.critics._layers import ACTIVATIONS, MultiLayer
from skmi.encoders._networks import make_encoder, probe_encoder
from skmi.exceptions import CollapseWarning, ConvergenceWarning, warn
from skmi.training.loop import Training, run_epochs
from skmi.training.schedule import LEARNING_RATES, Schedule

N_SCHEDULED = 20  # epochs over which a schedule moves beta


N_PRIOR_ROWS = 5000  # whose codes the prior is fitted to


COLLAPSED = 0.1  # nats of rate below which codes hold next to nothing


TEXTS = {
    "n_components": """int
    Columns of the code.""",
    "information": """str
    What is taken for I(Z; X) and kept small. "variational": the rate, an upper bound
    [1]_. "club" and "leave_one_out": upper bounds by the known density of codes given
    a row. "mine", "infonce", "interpolated", "nwj" and "jsd": lower bounds by a critic
    that climbs while the encoder goes down [2]_; the exponential of "nwj" may become
    infinite.
    "mige": the estimated gradient, without bound or critic [3]_.""",
    "noise": """{"gaussian", "additive", "propagated"}
    Where the noise comes in. "gaussian": codes are drawn around the encoder's output
    with deviations that it chooses. "additive": to the row, with a learned deviation
    for each column. "propagated": as columns beside those of the row. With
    "variational" the codes are drawn around the output in any case.""",
    "noise_scale": """float
    Deviation at first of "additive" noise, on standardised columns.""",
    "beta": """float
    Weight of I(Z; X) beside the cross-entropy, both in nats.""",
    "beta_schedule": """{"constant", "warm_up", "annealing"}
    How the weight moves over the first 20 epochs, or half of `max_iter` where that is
    less: not at all, up from 0 evenly, or up from a thousandth of it by equal
    factors. The best epoch is chosen after that.""",
    "encoder": """torch.nn.Module, callable or None
    Maps rows (n, n_features) to codes (n, n_components), or to a pair of them and the
    log deviations of their noise; None is a network of `hidden_layer_sizes`. A module
    is copied; a callable ``(n_features, n_components) -> Module`` makes one. With
    "propagated" noise it takes `n_components` columns of it after those of the
    row.""",
    "critic": """{"hybrid", "separable", "joint", "bilinear"} or critic
    A critic of :mod:`skmi.critics` or its name, for the bounds that need one.""",
    "n_samples_predict": """int
    Codes of each row that predictions and reports are averaged over.""",
    "n_negatives": """int or None
    Independent pairs held against each joint pair by the bounds that need them; None
    takes all of the batch.""",
    "hidden_layer_sizes": """tuple of int
    Widths of the hidden layers of the encoder. The decoder is one linear layer.""",
    "activation": """{"silu", "relu", "gelu", "elu", "tanh"}
    Nonlinearity between layers of the encoder.""",
    "learning_rate": """{"constant", "cosine"}
    Whether `learning_rate_init` stays, or falls to 0 along half a wave over `max_iter`
    epochs; the latter goes well with ``early_stopping=False``.""",
    "early_stopping": """bool
    Whether to hold out rows that choose the best epoch, by the objective with the last
    weight; "mige" has no value and goes by the cross-entropy alone. If False all but
    the report rows train and the last weights stand.""",
    "validation_fraction": """float
    Share of the rows that is held out for early stopping.""",
    "test_size": """float or int
    Share or number of rows that train nothing and that `rate_`, `distortion_` and
    `mutual_info_` are reported on.""",
}


@estimator
class BottleneckEstimator(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    DeclaredParameters,
):
    """Base of the two estimators: all but what y is."""

    _shared_attributes = (
        "encoder_",
        "rate_",
        "rate_standard_error_",
        "distortion_standard_error_",
        "mutual_info_",
        "standard_error_",
        "ceiling_",
        "n_iter_",
        "loss_curve_",
        "validation_scores_",
        "device_",
        "n_features_in_",
        "feature_names_in_",
    )
    _parameter_texts: ClassVar = TEXTS

    n_components: int = parameter(
        default=8, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    information: str = parameter(
        default="variational", constraints=[StrOptions(set(INFORMATION))]
    )
    noise: str = parameter(default="gaussian", constraints=[StrOptions(set(NOISES))])
    noise_scale: float = parameter(
        default=0.3, constraints=[Interval(Real, 0, None, closed="neither")]
    )
    beta: float = parameter(
        default=1e-3, constraints=[Interval(Real, 0, None, closed="left")]
    )
    beta_schedule: str = parameter(
        default="constant", constraints=[StrOptions(set(SCHEDULES))]
    )
    encoder: object = parameter(default=None, constraints=[callable, None])
    critic: object = parameter(
        default="hybrid", constraints=[StrOptions(set(CRITICS)), HasMethods("build")]
    )
    n_samples_predict: int = parameter(
        default=12, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    max_iter: int = parameter(
        default=100, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    n_negatives: int | None = parameter(
        default=16, constraints=[Interval(Integral, 1, None, closed="left"), None]
    )
    hidden_layer_sizes: tuple = parameter(default=(64, 64), constraints=["array-like"])
    activation: str = parameter(
        default="silu", constraints=[StrOptions(set(ACTIVATIONS))]
    )
    batch_size: int = parameter(
        default=256, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    learning_rate: str = parameter(
        default="constant", constraints=[StrOptions(set(LEARNING_RATES))]
    )
    learning_rate_init: float = parameter(
        default=1e-3, constraints=[Interval(Real, 0, None, closed="neither")]
    )
    alpha: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    early_stopping: bool = parameter(default=True, constraints=["boolean"])
    validation_fraction: float = parameter(
        default=0.1, constraints=[Interval(Real, 0, 1, closed="neither")]
    )
    n_iter_no_change: int = parameter(
        default=10, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    tol: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    test_size: float = parameter(
        default=0.1,
        constraints=[
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 2, None, closed="left"),
        ],
    )
    device: str = parameter(default="auto", constraints=[str])
    random_state: object = parameter(default=None, constraints=["random_state"])

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_model")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    @property
    def _n_features_out(self):
        return self._model.n_components

    # -- hooks of the children ---------------------------------------------------

    def _encode_target(self, y, *, reset):
        """Return a validated y as columns of numbers."""
        raise NotImplementedError

    def _scale_target(self, target, train):
        """Return the target as training sees it, and the scaler of numbers."""
        raise NotImplementedError

    # -- public methods ----------------------------------------------------------

    def fit(self, X, y):
        """Learn the representation and the prediction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            What to predict: labels for the classifier, numbers for the regressor.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y does not hold numbers or labels without gaps, or too few rows, or
            if `information` and `noise` do not go together.
        FloatingPointError
            If the loss becomes infinite.
        """
        self._fit(X, y)
        self._warn_of_collapse()
        return self

    def transform(self, X, *, sample=False):
        """Encode rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        sample : bool, default=False
            Whether to draw a code for each row in place of its mean code; the draws are
            the same each time where `random_state` is an int.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The codes.
        """
        check_is_fitted(self)
        X = self._validate_rows(X)
        if not sample:
            return self._model.encode(X)
        generator = make_generator(make_random_state(self.random_state))
        return self._model.sample(X, generator)

    def score_samples(self, X):
        r"""Return minus the rate of each row, in nats; the lower, the stranger the row.

        .. math:: -KL(q(z|x) \,\|\, r(z))

        with r the mixture of normal distributions fitted to codes of training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats.
        """
        check_is_fitted(self)
        return -self._model.rates(self._validate_rows(X))

    def mutual_info(self, X, y):
        """Lower bound of what the codes tell about y on the given rows, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that did not train the model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.

        Returns
        -------
        float
            Nats; may be negative.
        """
        check_is_fitted(self)
        X, target = self._validate(X, y, reset=False)
        return self._model.measure(X, target).mutual_info

    def information_plane(self, X, y, betas):
        """Rate and information on y along a path of weights.

        Each fit after that of the smallest weight starts from the one before; all are
        reported on the same rows. This estimator itself stays as it is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        betas : array-like of shape (n_betas,)
            Weights of the rate; the path runs from the smallest to the largest.

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
    def _fit(self, X, y, start=None):
        """Fit, from the network of a fitted model where one is given."""
        vars(self).pop("_model", None)
        self._given = X, y
        try:
            X, target = self._validate(X, y, reset=True)
            self._learn(X, target, start)
        finally:
            del self._given

    def _learn(self, X, target, start):
        random_state = make_random_state(self.random_state)
        generator = make_generator(random_state)
        train, stop, report = self._split(len(X), random_state)
        x_scaler = Scaler.fit(X[train])
        rows, y_scaler = self._scale_target(target, train)
        x = x_scaler.transform(X)
        network = self._build(x, rows.shape[1], generator)
        noise = self._draw_noise(network.channel, generator)
        if start is not None:
            network.load_state_dict(start.network.state_dict())
        n_scheduled = min(N_SCHEDULED, self.max_iter // 2)
        training = self._make_training(
            network, x, rows, train, stop, n_scheduled, generator
        )
        warn_of_few_rows(report)

        def set_beta(epoch):
            progress = min(1.0, epoch / max(n_scheduled, 1))
            network.beta = self.beta * SCHEDULES[self.beta_schedule](progress)

        def evaluate():
            model = Model(training.best[0], noise, x_scaler, y_scaler)
            model.with_prior(X[train[:N_PRIOR_ROWS]])
            return self._describe(model, training, X[report], target[report])

        if not run_epochs(self, training, evaluate, set_beta):
            self._warn_of_convergence(training)
        vars(self).update(evaluate())

    def _describe(self, model, training, X, target):
        """Return the fitted attributes: the model, its history, its report."""
        found = model.measure(X, target)
        return {
            "encoder_": model.network.channel.encoder,
            "device_": str(training.x.device),
            "n_iter_": training.epoch,
            "loss_curve_": [values[0] for values in training.losses],
            "validation_scores_": [values[0] for values in training.scores] or None,
            **{f"{name}_": value for name, value in found._asdict().items()},
            "_model": model,
        }

    def _split(self, n_samples, random_state):
        """Return training, early-stopping and test samples."""
        return train_stop_test(
            n_samples,
            test_size=self.test_size,
            validation_fraction=self.validation_fraction if self.early_stopping else 0,
            random_state=random_state,
            name=type(self).__name__,
        )

    def _build(self, x, n_targets, generator):
        information = INFORMATION[self.information]
        if self.noise not in information.noises:
            raise ValueError(
                f"information={self.information!r} needs the density of codes given a "
                f"row, which noise={self.noise!r} leaves unknown; pass "
                'noise="gaussian", or another information.'
            )
        has_density = self.noise == "gaussian" or information.needs_density
        encoder, n_extra = self._make_encoder(x.shape[1], has_density, generator)
        probe = np.hstack([x[:2], np.zeros((len(x[:2]), n_extra))])
        probe_encoder(encoder, probe, self.n_components)
        channel = Channel(
            encoder,
            self.noise,
            x.shape[1],
            self.n_components,
            noise_scale=self.noise_scale,
            has_density=has_density,
        )
        critic = None
        if information.has_critic:
            critic = self._make_critic()
            critic = critic.build(x.shape[1], self.n_components, generator=generator)
        decoder = make_decoder(
            self.n_components,
            n_targets,
            labels=hasattr(self, "classes_"),
            generator=generator,
        )
        network = Bottleneck(channel, decoder, critic, information, float(self.beta))
        return network.to(torch.float32)

    def _make_encoder(self, n_features, has_density, generator):
        """Return the encoder and how many columns of noise it takes beside a row."""
        n_extra = self.n_components if self.noise == "propagated" else 0
        n_inputs = n_features + n_extra
        n_outputs = self.n_components * (2 if has_density else 1)
        default = functools.partial(
            TwoHeads if has_density else MultiLayer,
            (n_inputs, *self.hidden_layer_sizes, n_outputs),
            self.activation,
            (),
        )
        encoder = make_encoder(
            self.encoder,
            n_inputs,
            self.n_components,
            generator=generator,
            default=default,
        )
        return encoder, n_extra

    def _make_critic(self):
        if not isinstance(self.critic, str):
            return self.critic
        return CRITICS[self.critic]()

    def _draw_noise(self, channel, generator):
        """Draw the noise that predictions are averaged over, with exact moments."""
        shape = self.n_samples_predict, 1, sum(channel.sizes)
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        return (noise - noise.mean(0)) / noise.std(0, correction=0)

    def _make_training(self, network, x, y, train, stop, n_scheduled, generator):
        device = resolve_device(self.device)
        x, y = (
            to_tensor(block, device, torch.float32).unsqueeze(0) for block in (x, y)
        )
        constant = self.beta_schedule == "constant"
        return Training(
            network,
            network.objective,
            x,
            y,
            train_rows=torch.from_numpy(train).unsqueeze(0),
            stop_rows=torch.from_numpy(stop).unsqueeze(0),
            schedule=Schedule.of(self, n_iter_unchosen=0 if constant else n_scheduled),
            generator=generator,
            criterion=network.criterion,
            extract=copy_network,
        )

    # -- validation and warnings -------------------------------------------------

    @wanting_numbers("X or y")
    def _validate(self, X, y, *, reset):
        if y is None and not reset:
            raise ValueError(f"{type(self).__name__} requires y, but y is None.")
        X, y = as_array(X), as_array(y)
        if y is not None:
            target_kind(y)  # refuses dates, missing labels, and text among numbers
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
        return X, self._encode_target(y, reset=reset)

    @wanting_numbers("X")
    def _validate_rows(self, X):
        return validate_data(
            self, as_array(X), reset=False, dtype=np.float64, force_writeable=True
        )

    def _warn_of_convergence(self, training):
        if not training.converged:
            warn(
                f"max_iter={self.max_iter} epochs were run and the held-out objective "
                "still rose. Raise max_iter.",
                ConvergenceWarning,
            )

    def _warn_of_collapse(self):
        if self.rate_ < COLLAPSED:
            warn(
                f"The codes hold {self.rate_:.2g} nats of a row, next to nothing, and "
                f"tell {self.mutual_info_:.2g} nats about y: beta={self.beta} is too "
                "large, or X tells nothing about y. Lower beta, or try beta_schedule="
                '"warm_up".',
                CollapseWarning,
            )
