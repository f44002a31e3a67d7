"""Encoders that learn representations by their mutual information, as transformers."""

import copy
import functools

import numpy as np
import torch
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skmi._core.params import DeclaredParameters, estimator, parameter
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    HasMethods,
    Integral,
    Interval,
    Real,
    StrOptions,
    TransformerMixin,
    fit_context,
    make_random_state,
)
from skmi._core.torch_utils import make_generator, resolve_device, to_tensor
from skmi._data.dtypes import as_array, on_device_of, wanting_numbers
from skmi._data.scaling import Scaler
from skmi._data.splitting import train_stop_test
from skmi.critics import CRITICS
from skmi.critics._batched import copy_network
from skmi.critics._layers import ACTIVATIONS, MultiLayer
from skmi.encoders._networks import (
    OBJECTIVES,
    Discriminator,
    EncodedPairs,
    Settings,
    apply_encoder,
    blur,
    make_encoder,
    probe_encoder,
)
from skmi.exceptions import DiscreteTargetWarning, warn
from skmi.scores import SCORES, mige_loss, project_randomly
from skmi.training.loop import Training, run_epochs
from skmi.training.schedule import Schedule
from skmi.variational import InfoNCE

__all__ = ["InfoMaxEncoder"]


class Judge(InfoNCE):
    """The critic behind `score`: it is no estimate, so it does not warn of its own."""

    def _warn_of_saturation(self):
        pass

    def _warn_of_convergence(self, training):
        pass


@estimator
class InfoMaxEncoder(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    DeclaredParameters,
):
    r"""Representation that keeps as much information on its input as it can.

    .. math:: \max_g \; I(g(X); X) \quad \text{or} \quad
        \max_{g_1, g_2} \; I(g_1(X); g_2(X_2))

    by a variational bound and a critic, or by the estimated gradient of mutual
    information without either ("mige"). Deep InfoMax of [1]_ as a transformer: the
    outputs have zero mean and unit variance over the training rows.

    Parameters
    ----------
    n_components : int, default=8
        Columns of the representation.
    objective : str, default="infonce"
        What is maximised: "infonce", "jsd", "mine", "nwj" or "interpolated" (between
        the first and the last but one) train a critic to the bound of that name;
        "mige" follows the estimated gradient of [2]_.
    encoder : torch.nn.Module, callable or None, default=None
        Maps rows (n, n_features) to codes (n, n_components); None is a network of
        `hidden_layer_sizes`. A module is copied; a callable
        ``(n_features, n_components) -> Module`` makes one. A module for images begins
        with ``torch.nn.Unflatten``. Where it returns a pair of codes and a feature map
        (n, channels, ...), the codes are to tell about every place of the map: the
        local objective.
    critic : str or critic, default="separable"
        A critic of :mod:`skmi.critics` or its name; not used by "mige".
    two_views : {"auto"} or bool, default="auto"
        Whether the second argument of `fit` is a second view of the rows. "auto" says
        yes to a table of two or more columns and no to one column, which is the target
        of a pipeline; it warns of a table of whole numbers, which could be either.
    prior_matching : float, default=0.0
        Weight of an adversarial term that draws the codes towards a standard normal
        distribution; 0 is without.
    method : str, default="nu_method"
        Score estimator of "mige", a name in ``skmi.scores.SCORES``.
    noise : float, default=0.1
        Standard deviation of the noise added to the codes in training with "mige",
        without which a deterministic code has infinite information on its input.
    n_projections : int, default=32
        Columns to which "mige" and `score` randomly project a wider X.
    max_iter : int, default=100
        Largest number of epochs.
    n_negatives : int or None, default=None
        Independent pairs scored for each joint pair in training; None takes all of the
        batch.
    [shared]

    Attributes
    ----------
    encoder_ : torch.nn.Module
        The trained encoder, on the CPU.
    partner_ : torch.nn.Module or None
        The trained encoder of the second view; None where there was none.
    [shared]

    See Also
    --------
    MIGEGradient : Learns what tells about a target.

    Notes
    -----
    Information on the input says nothing of use for a task: any invertible map keeps
    all of it. What a representation is good for comes from the encoder's form, the
    critic's and the noise. With "mige" there is no value to stop early by: all of
    `max_iter` epochs are run.

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
    >>> InfoMaxEncoder(n_components=2, max_iter=5, random_state=0).fit_transform(
    ...     X).shape
    (150, 2)
    """

    _shared_attributes = (
        "n_iter_",
        "loss_curve_",
        "validation_scores_",
        "device_",
        "n_features_in_",
        "feature_names_in_",
    )

    n_components: int = parameter(
        default=8, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    objective: str = parameter(
        default="infonce", constraints=[StrOptions({"mige", *OBJECTIVES})]
    )
    encoder: object = parameter(default=None, constraints=[callable, None])
    critic: object = parameter(
        default="separable", constraints=[StrOptions(set(CRITICS)), HasMethods("build")]
    )
    two_views: object = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )
    prior_matching: float = parameter(
        default=0.0, constraints=[Interval(Real, 0, None, closed="left")]
    )
    method: str = parameter(default="nu_method", constraints=[StrOptions(set(SCORES))])
    noise: float = parameter(
        default=0.1, constraints=[Interval(Real, 0, None, closed="left")]
    )
    n_projections: int = parameter(
        default=32, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    max_iter: int = parameter(
        default=100, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    n_negatives: int | None = parameter(
        default=None, constraints=[Interval(Integral, 1, None, closed="left"), None]
    )
    hidden_layer_sizes: tuple = parameter(default=(64, 64), constraints=["array-like"])
    activation: str = parameter(
        default="silu", constraints=[StrOptions(set(ACTIVATIONS))]
    )
    batch_size: int = parameter(
        default=256, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    learning_rate_init: float = parameter(
        default=1e-3, constraints=[Interval(Real, 0, None, closed="neither")]
    )
    alpha: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    early_stopping: bool = parameter(default=True, constraints=["boolean"])
    validation_fraction: float = parameter(
        default=0.15, constraints=[Interval(Real, 0, 1, closed="neither")]
    )
    n_iter_no_change: int = parameter(
        default=10, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    tol: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    device: str = parameter(default="auto", constraints=[str])
    random_state: object = parameter(default=None, constraints=["random_state"])

    def __sklearn_is_fitted__(self):
        return hasattr(self, "encoder_")

    @property
    def _n_features_out(self):
        return self._n_codes

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the representation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples, n_features_2), default=None
            Second view of the rows, or what `two_views` says is none, and ignored.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        vars(self).pop("encoder_", None)
        self._given = X, y
        try:
            X = self._validate(X, reset=True)
            view = self._read_view(as_array(y), len(X))
            self._learn(X, view, encode_partner=view is not None)
        finally:
            del self._given
        return self

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
        return on_device_of(X, self._encode(self._validate(X, reset=False)))

    def score(self, X, y=None):
        r"""Lower bound of what the codes tell about X, or the second view, in nats.

        That of :class:`skmi.InfoNCE`, with a critic fitted to the codes of the
        training rows; at most log min(512, n).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that did not train the encoder.
        y : array-like of shape (n_samples, n_features_2), default=None
            Their second view, where there was one in fit.

        Returns
        -------
        float
            Higher is better.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        if self._has_partner and y is None:
            raise ValueError("The encoder was fitted to two views: score needs both.")
        other = check_view(y, len(X)) if self._has_partner else X
        return self._judge.score(self._encode(X), self._project(other))

    # -- shared with the encoders built on this one ------------------------------

    @wanting_numbers("X")
    def _validate(self, X, *, reset):
        return validate_data(
            self,
            as_array(X),
            reset=reset,
            dtype=np.float64,
            ensure_min_samples=2 if reset else 1,
            force_writeable=True,
        )

    def _read_view(self, y, n_samples):
        """Return the second view, or None where y is none."""
        if self.two_views != "auto":
            if self.two_views and y is None:
                raise ValueError("two_views=True needs the second view in fit.")
            return check_view(y, n_samples) if self.two_views else None
        if y is None or np.asarray(y).shape[1:] in {(), (1,)}:
            return None
        view = check_view(y, n_samples)
        if (view == np.round(view)).all():
            warn(
                f"y holds whole numbers in {view.shape[1]} columns and was taken for a "
                "second view of X. If it is one, pass two_views=True; if it holds "
                "targets, two_views=False.",
                DiscreteTargetWarning,
            )
        return view

    def _learn(
        self,
        X,
        other,
        *,
        encode_partner=False,
        settings=None,
        target=None,
        owner=None,
    ):
        """Train on validated blocks; without `other` X itself is the partner.

        `settings` stand for the objective where an owner, an estimator built on this
        one, has its own, and `target` for what `score` is to be about. Callbacks see
        the owner.
        """
        random_state = make_random_state(self.random_state)
        generator = make_generator(random_state)
        device = resolve_device(self.device)
        self._has_partner = encode_partner
        self._x_scaler = Scaler.fit(X)
        x = y = self._x_scaler.transform(X)
        if encode_partner:
            y = Scaler.fit(other).transform(other)
        elif other is not None:
            y = other
        if settings is None:
            settings = self._make_settings(encode_partner)
        network = self._build(x, y, encode_partner, settings, generator)
        training = self._make_training(network, x, y, generator, random_state, device)
        if target is None:
            target = self._project(other if encode_partner else X)
        describe = functools.partial(self._describe, training, x, target)

        def reconstruct():
            if owner is None:
                return describe()
            fitted = copy.copy(self)
            vars(fitted).update(describe())
            return owner._describe(fitted)

        run_epochs(self if owner is None else owner, training, reconstruct)
        self.device_ = str(device)
        vars(self).update(describe())

    def _describe(self, training, x, target):
        """Return the fitted attributes after the epochs run so far."""
        best = training.best[0]
        codes = apply_encoder(best.encoder, x)
        centre, scale = codes.mean(0), codes.std(0) + 1e-12
        return {
            "encoder_": best.encoder,
            "partner_": best.partner,
            "n_iter_": training.epoch,
            "loss_curve_": [values[0] for values in training.losses],
            "validation_scores_": [values[0] for values in training.scores] or None,
            "_centre": centre,
            "_scale": scale,
            "_n_codes": codes.shape[1],
            "_judge": self._make_judge((codes - centre) / scale, target),
        }

    def _make_settings(self, encode_partner):
        if self.objective != "mige":
            return Settings(OBJECTIVES[self.objective], None, self.prior_matching)
        circumstance = "II" if encode_partner else "I"

        def loss(z, other, rest):
            if not encode_partner:
                other = blur(project_randomly(other, self.n_projections), self.noise)
            return mige_loss(z, other, circumstance=circumstance, method=self.method)

        return Settings(None, loss, self.prior_matching, self.noise)

    def _build(self, x, y, encode_partner, settings, generator):
        encoder = self._make_encoder(x.shape[1], generator)
        partner = self._make_encoder(y.shape[1], generator) if encode_partner else None
        rest = probe_encoder(encoder, x, self.n_components)
        critic = None
        if settings.bound is not None:
            n_other = self.n_components if encode_partner else y.shape[1]
            if rest is not None and rest.ndim > 2:
                n_other = rest.shape[1]
            critic = self._make_critic()
            critic = critic.build(self.n_components, n_other, generator=generator)
        discriminator = None
        if settings.prior_weight:
            discriminator = Discriminator(self.n_components, generator)
        network = EncodedPairs(encoder, partner, critic, discriminator, settings)
        return network.to(torch.float32)

    def _make_encoder(self, n_inputs, generator):
        sizes = (n_inputs, *self.hidden_layer_sizes, self.n_components)
        default = functools.partial(MultiLayer, sizes, self.activation, ())
        return make_encoder(self.encoder, sizes, default, generator)

    def _make_critic(self):
        if not isinstance(self.critic, str):
            return self.critic
        critic = CRITICS[self.critic]()
        names = set(critic.get_params()) & {"hidden_layer_sizes", "activation"}
        return critic.set_params(**{name: getattr(self, name) for name in names})

    def _make_training(self, network, x, y, generator, random_state, device):
        stopping = self.early_stopping and network.settings.loss is None
        fold = train_stop_test(
            len(x),
            test_size=0,
            validation_fraction=self.validation_fraction if stopping else 0,
            random_state=random_state,
            name=type(self).__name__,
        )
        x_rows = to_tensor(x, device, torch.float32).unsqueeze(0)
        y_rows = x_rows
        if y is not x:
            y_rows = to_tensor(y, device, torch.float32).unsqueeze(0)
        return Training(
            network,
            network.objective,
            x_rows,
            y_rows,
            train_rows=torch.from_numpy(fold.train).unsqueeze(0),
            stop_rows=torch.from_numpy(fold.stop).unsqueeze(0),
            schedule=Schedule.of(self, early_stopping=stopping),
            generator=generator,
            extract=copy_network,
        )

    def _make_judge(self, codes, target):
        judge = Judge(max_iter=2 * self.max_iter, device=self.device, random_state=0)
        if len(codes) < 40:  # too few to hold rows out for early stopping
            judge.set_params(early_stopping=False)
        return judge.fit(codes, target)

    def _project(self, block):
        rows = torch.from_numpy(np.array(block, dtype=np.float64, order="C"))
        return project_randomly(rows, self.n_projections).numpy()

    def _encode(self, X):
        codes = apply_encoder(self.encoder_, self._x_scaler.transform(X))
        return (codes - self._centre) / self._scale


@wanting_numbers("The second view")
def check_view(view, n_samples):
    """Return a second view as an array, one row for each row of X."""
    view = check_array(
        as_array(view), dtype=np.float64, ensure_2d=False, force_writeable=True
    )
    view = view.reshape(len(view), -1)
    if len(view) != n_samples:
        raise ValueError(
            f"X and the second view have inconsistent numbers of samples: "
            f"[{n_samples}, {len(view)}]"
        )
    return view
