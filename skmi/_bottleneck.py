"""The network of the information bottleneck: a noisy channel and a decoder."""

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import digamma
from sklearn.mixture import GaussianMixture
from torch import nn

from skmi import bounds
from skmi._contrast import contrast_blocks
from skmi._terms import reduce_rows
from skmi.base import require_finite
from skmi.critics._heads import (
    LOG_TWO_PI,
    CategoricalDensity,
    GaussianMixtureDensity,
    PairNetwork,
)
from skmi.critics._layers import Linear, MultiLayer
from skmi.critics._stack import score_pairs
from skmi.encoders import OBJECTIVES, blur, split_output
from skmi.scores import mige_loss, project_randomly
from skmi.statistics import standard_error

__all__ = [
    "INFORMATION",
    "NOISES",
    "SCHEDULES",
    "Bottleneck",
    "Channel",
    "InformationPlane",
    "Measurement",
    "Model",
    "TwoHeads",
    "make_decoder",
    "rate_of_rows",
]

NOISES = ("gaussian", "additive", "propagated")
FIRST_LOG_SCALE = -2.0  # little noise: codes are found before they are pressed
WIDEST_LOG_SCALE = 8.0
N_PROJECTIONS = 32
MIXTURE_SIZES = (1, 3, 10)


def constant(progress):
    """Return a weight that stays."""
    return 1.0


def warm_up(progress):
    """Return a weight that rises evenly from 0."""
    return progress


def annealing(progress):
    """Return a weight that rises by equal factors from a thousandth."""
    return 1000.0 ** (progress - 1)


SCHEDULES = {"constant": constant, "warm_up": warm_up, "annealing": annealing}


class Code(NamedTuple):
    """Drawn codes and, where it is known, the normal distribution they are from."""

    z: torch.Tensor
    mean: torch.Tensor
    log_scale: torch.Tensor | None


class TwoHeads(MultiLayer):
    """A network of means and log standard deviations."""

    def forward(self, x):
        """Return both."""
        mean, log_scale = super().forward(x).chunk(2, -1)
        return mean, log_scale + FIRST_LOG_SCALE


class Channel(nn.Module):
    """Rows to random codes: an encoder, and where its noise comes in.

    Noise is passed in, columns that enter with the row first, then those of the code.
    An encoder that returns means alone has log scales of its own, one a component.
    """

    def __init__(
        self, encoder, noise, n_features, n_components, *, noise_scale, has_density
    ):
        super().__init__()
        self.encoder, self.noise = encoder, noise
        self.n_components = n_components
        entering = {"gaussian": 0, "additive": n_features, "propagated": n_components}
        self.sizes = [entering[noise], n_components if has_density else 0]
        self.log_spread = nn.Parameter(
            torch.full(
                (n_features if noise == "additive" else 0,), math.log(noise_scale)
            )
        )
        self.log_scale = nn.Parameter(torch.full((self.sizes[1],), FIRST_LOG_SCALE))

    @property
    def has_density(self):
        """Whether codes are drawn around the encoder's output."""
        return self.sizes[1] > 0

    def forward(self, x, noise):
        """Draw a code for each row."""
        entering, outer = noise.split(self.sizes, -1)
        return self._draw(*self._conditional(x, entering), outer)

    def draws(self, x, noise):
        """Yield codes of the rows for each of several draws of noise.

        A draw has one row of noise for each row, or one for all of them.
        """
        conditional = None
        for draw in noise:
            entering, outer = draw.split(self.sizes, -1)
            if conditional is None or self.sizes[0]:
                conditional = self._conditional(x, entering.expand(len(x), -1))
            yield self._draw(*conditional, outer)

    def _conditional(self, x, entering):
        if self.noise == "additive":
            x = x + self.log_spread.exp() * entering
        elif self.noise == "propagated":
            x = torch.cat([x, entering], -1)
        mean, log_scale = split_output(self.encoder(x))
        if not self.has_density:
            return mean, None
        log_scale = self.log_scale.expand_as(mean) if log_scale is None else log_scale
        return mean, log_scale.clamp(-WIDEST_LOG_SCALE, WIDEST_LOG_SCALE)

    def _draw(self, mean, log_scale, outer):
        z = mean if log_scale is None else mean + log_scale.exp() * outer
        return Code(z, mean, log_scale)


class LinearMeans(nn.Module):
    """Means that are linear in the code and deviations that are the same for all."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear
        self.scale = nn.Parameter(torch.zeros_like(linear.bias))

    def forward(self, z):
        """Return a weight, means and log scales."""
        means = self.linear(z)
        return torch.cat([means[..., :1] * 0, means, self.scale.expand_as(means)], -1)


def make_decoder(n_components, n_outputs, *, labels, generator):
    """Return one linear layer and the density of y that it gives."""
    linear = Linear(n_components, n_outputs, (), generator)
    if labels:
        return PairNetwork(linear, nn.Identity(), CategoricalDensity())
    head = GaussianMixtureDensity(n_outputs, 1)
    return PairNetwork(LinearMeans(linear), nn.Identity(), head)


def rate_of_rows(mean, log_scale):
    r"""Return the divergence of each row's distribution from a standard normal one.

    .. math:: KL(N(\mu, \sigma^2) \,\|\, N(0, 1)) =
        \frac{\sigma^2 + \mu^2 - 1}{2} - \log \sigma

    summed over columns.
    """
    return ((mean**2 + torch.exp(2 * log_scale) - 1) / 2 - log_scale).sum(-1)


def log_density(z, mean, log_scale):
    """Return the log density of codes under normal distributions."""
    gap = (z - mean) * torch.exp(-log_scale)
    return -(gap**2 / 2 + log_scale + LOG_TWO_PI / 2).sum(-1)


# -- what is taken for I(Z; X) -----------------------------------------------------
# Each kind fills columns with what it needs of every row, (n, m), and reduces them to
# its value in nats and to what its critic gains besides.


class Rate:
    """The divergence of the codes of a row from a standard normal distribution."""

    noises = NOISES
    needs_density = True
    has_critic = False

    def columns(self, network, x, code, partners):
        """Return the rate of each row."""
        return rate_of_rows(code.mean, code.log_scale).unsqueeze(-1)

    def reduce(self, columns):
        """Return the mean rate."""
        return columns.mean((-2, -1)), 0.0


class KnownDensity:
    """A bound with the known density of codes given rows."""

    noises = ("gaussian",)
    needs_density = True
    has_critic = False

    def __init__(self, bound):
        self.bound = bound

    def columns(self, network, x, code, partners):
        """Return log densities given the own row, and given others."""
        given = code.mean[partners], code.log_scale[partners]
        return log_density(code.z.unsqueeze(-2), *given)

    def reduce(self, columns):
        """Return the bound."""
        return self.bound((columns[..., 0], columns[..., 1:])), 0.0


class Critic:
    """A lower bound by a critic, which climbs while the encoder goes down."""

    noises = NOISES
    needs_density = False
    has_critic = True

    def __init__(self, bound):
        self.bound = bound

    def columns(self, network, x, code, partners):
        """Return scores that move the critic alone, and that move the codes alone."""
        fixed = {name: p.detach() for name, p in network.critic.named_parameters()}
        seen = score_pairs(network.critic, x, code.z.detach(), partners)
        felt = torch.func.functional_call(network.critic, fixed, (x, code.z, partners))
        return torch.cat([seen, felt], -1)

    def reduce(self, columns):
        """Return the bound, and as the critic's gain its gradient without value."""
        seen, felt = (
            self.bound((half[..., 0], half[..., 1:])) for half in columns.chunk(2, -1)
        )
        return felt, seen - seen.detach()


class EstimatedGradient:
    """The gradient of mutual information by scores of densities; it has no value."""

    noises = NOISES
    needs_density = False
    has_critic = False

    def columns(self, network, x, code, partners):
        """Return the surrogate of the gradient as the column of every row."""
        if not network.training:
            return code.z.new_zeros(len(x), 1)
        if code.log_scale is not None:
            loss = mige_loss(code.z, circumstance="III", log_scale=code.log_scale)
        else:
            other = blur(project_randomly(x, N_PROJECTIONS), 0.1)
            loss = mige_loss(code.z, other)
        return -loss.expand(len(x), 1)

    def reduce(self, columns):
        """Return the surrogate."""
        return columns.mean((-2, -1)), 0.0


# A new bound plugs in here, beside those of a critic in skmi.encoders.OBJECTIVES.
INFORMATION = {
    "variational": Rate(),
    "club": KnownDensity(bounds.club),
    "leave_one_out": KnownDensity(bounds.leave_one_out_bound),
    "mige": EstimatedGradient(),
    **{name: Critic(bound) for name, bound in OBJECTIVES.items()},
}


class Bottleneck(nn.Module):
    """A channel and a decoder in the language of the training loop.

    Scores (1, n, 1 + m) hold the log likelihood of each row's target, then the columns
    of what is taken for I(Z; X).
    """

    draws_at_random = True
    largest_block = 1024

    def __init__(self, channel, decoder, critic, information, beta):
        super().__init__()
        self.channel, self.decoder, self.critic = channel, decoder, critic
        self.information = information
        self.beta = self.last_beta = beta

    def forward(self, x, y, partners):
        x, y = x[0], y[0]
        code = self.channel(x, self._draw_noise(x))
        own = torch.arange(len(x), device=x.device).unsqueeze(-1)
        likelihood = self.decoder(code.z, y, own)
        columns = self.information.columns(self, x, code, partners)
        return torch.cat([likelihood, columns], -1).unsqueeze(0)

    def _draw_noise(self, x):
        """Draw noise for each row; outside training always the same."""
        generator = None if self.training else torch.Generator().manual_seed(0)
        shape = len(x), sum(self.channel.sizes)
        return torch.randn(shape, generator=generator).to(x)

    def objective(self, scores):
        """Return what training maximises at the weight of the epoch."""
        likelihood, columns = scores
        information, gain = self.information.reduce(columns)
        return likelihood.mean(-1) - self.beta * information + gain

    def criterion(self, scores):
        """Return what the best epoch is chosen by: the last weight counts."""
        likelihood, columns = scores
        information, _ = self.information.reduce(columns)
        return likelihood.mean(-1) - self.last_beta * information


class InformationPlane(NamedTuple):
    """What codes keep of X and tell about y along a path of `betas`.

    All in nats, on rows that neither trained nor selected the model. `rate` is an
    upper bound of I(Z; X) where the noise of the codes is normal, `mutual_info` a
    lower bound of I(Z; Y).

    Parameters
    ----------
    betas : ndarray of shape (n_betas,)
        Weights of the rate, rising.
    rate : ndarray of shape (n_betas,)
        Mean divergence of the codes of a row from the prior.
    rate_standard_error : ndarray of shape (n_betas,)
        Its standard error.
    mutual_info : ndarray of shape (n_betas,)
        What the codes tell about the target.
    standard_error : ndarray of shape (n_betas,)
        Its standard error.
    distortion : ndarray of shape (n_betas,)
        Mean of minus the log probability or density of the target.
    distortion_standard_error : ndarray of shape (n_betas,)
        Its standard error.
    ceiling : ndarray of shape (n_betas,)
        The largest value that `mutual_info` could have taken.

    Notes
    -----
    Each fit starts from the one before, so that the path is smoother than fits from
    nothing would be, and a code that has collapsed stays so.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmi import IBEncoder
    >>> X, y = load_iris(return_X_y=True)
    >>> model = IBEncoder(
    ...     n_components=2, max_iter=5, early_stopping=False, random_state=0)
    >>> model.information_plane(X, y, [0.1, 0.01]).betas
    array([0.01, 0.1 ])
    """

    betas: np.ndarray
    rate: np.ndarray
    rate_standard_error: np.ndarray
    mutual_info: np.ndarray
    standard_error: np.ndarray
    distortion: np.ndarray
    distortion_standard_error: np.ndarray
    ceiling: np.ndarray


class Measurement(NamedTuple):
    """What a trained model does on some rows, in nats, with standard errors."""

    rate: float
    rate_standard_error: float
    distortion: float
    distortion_standard_error: float
    mutual_info: float
    standard_error: float
    ceiling: float

    @classmethod
    def of(cls, rates, distortions, values, influences, ceiling):
        """Return means over rows and their errors; nothing but finite numbers."""
        return cls(
            require_finite(rates.mean(), "rate"),
            require_finite(standard_error(rates), "standard error of the rate"),
            require_finite(distortions.mean(), "distortion"),
            standard_error(distortions),
            require_finite(values.mean(), "estimate"),
            require_finite(standard_error(influences), "standard error"),
            float(ceiling),
        )


class Prior(NamedTuple):
    """Mixture of normal distributions of standardised codes."""

    scale: np.ndarray
    mixture: GaussianMixture

    @classmethod
    def fit(cls, codes):
        """Fit mixtures of several sizes and keep that of the least BIC."""
        scale = codes.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        rows = codes / scale
        mixtures = [
            GaussianMixture(
                size,
                covariance_type="diag",
                init_params="random_from_data",
                max_iter=1000,
                random_state=0,
            ).fit(rows)
            for size in MIXTURE_SIZES
            if size == 1 or len(rows) >= 50 * size
        ]
        return cls(scale, min(mixtures, key=lambda mixture: mixture.bic(rows)))

    def log_density(self, z):
        """Return the log density of codes (..., n_components)."""
        rows = z.flatten(0, -2).numpy() / self.scale
        values = self.mixture.score_samples(rows) - np.log(self.scale).sum()
        return torch.from_numpy(values).reshape(z.shape[:-1])


class Model:
    """A trained bottleneck with all that new rows need; double precision, on the CPU.

    In predictions every row meets the same draws of noise, so that what is said of a
    row depends on no other; in reports each has its own, so that their errors do not.
    """

    def __init__(self, network, noise, x_scaler, y_scaler):
        self.network, self.noise = network, noise
        self.x_scaler, self.y_scaler = x_scaler, y_scaler

    @property
    def n_components(self):
        """Columns of the codes."""
        return self.network.channel.n_components

    @property
    def has_labels(self):
        """Whether targets are indicators of labels."""
        return self.y_scaler is None

    def with_prior(self, X):
        """Fit the prior to a code of each of some rows; return this model."""
        self.prior = Prior.fit(self.sample(X, torch.Generator().manual_seed(0)))
        return self

    @torch.no_grad()
    def codes(self, X, generator=None):
        """Yield for each block of rows a list of codes, one for each draw of noise.

        With a generator the noise is drawn anew, for each row its own.
        """
        channel = copy.deepcopy(self.network.channel).double()
        for block in torch.from_numpy(self.x_scaler.transform(X)).split(1024):
            noise = self.noise
            if generator is not None:
                shape = len(noise), len(block), noise.shape[-1]
                noise = torch.randn(shape, generator=generator, dtype=noise.dtype)
            yield list(channel.draws(block, noise))

    def encode(self, X):
        """Return the mean code of each row."""
        means = [
            torch.stack([code.mean for code in codes]).mean(0)
            for codes in self.codes(X)
        ]
        return torch.cat(means).numpy()

    def sample(self, X, generator):
        """Return one code of each row, drawn anew."""
        codes = [block[0].z for block in self.codes(X, generator)]
        return torch.cat(codes).numpy()

    @torch.no_grad()
    def outputs(self, X):
        """Return the mean prediction over the draws: probabilities, or means of y."""
        decoder = copy.deepcopy(self.network.decoder).double()
        outputs = []
        for codes in self.codes(X):
            given = torch.stack([decoder.x_tower(code.z) for code in codes])
            if self.has_labels:
                outputs.append(torch.softmax(given, -1).mean(0))
            else:
                outputs.append(decoder.head.mean(given).mean(0))
        outputs = torch.cat(outputs).numpy()
        return outputs if self.has_labels else self.y_scaler.inverse(outputs)

    def rates(self, X):
        """Return the rate of each row."""
        return torch.cat([self._rates(codes) for codes in self.codes(X)]).numpy()

    @torch.no_grad()
    def measure(self, X, target):
        """Return rate, distortion and information on y of rows with their targets."""
        rates, codes = [], []
        for block in self.codes(X, torch.Generator().manual_seed(0)):
            rates.append(self._rates(block))
            codes.append(torch.stack([code.z for code in block]))
        rates, codes = torch.cat(rates).numpy(), torch.cat(codes, 1)
        decoder = copy.deepcopy(self.network.decoder).double()
        y = target if self.has_labels else self.y_scaler.transform(target)
        y = torch.from_numpy(y)
        own = torch.arange(len(y)).unsqueeze(-1)
        likelihood = decoder(codes, y.expand(len(codes), *y.shape), own).mean((0, 2))
        likelihood = likelihood.numpy()
        if self.has_labels:
            surprise = -np.log(target @ target.mean(axis=0))
            values = surprise + likelihood
            return Measurement.of(rates, -likelihood, values, values, surprise.mean())
        likelihood = likelihood + self.y_scaler.log_slope(target)
        values, influences = contrast(decoder, codes, y)
        ceiling = math.log(len(next(contrast_blocks(len(y)))[1]))
        return Measurement.of(rates, -likelihood, values, influences, ceiling)

    def _rates(self, codes):
        """Return the divergence of each row's codes from the prior, by its draws."""
        z = torch.stack([code.z for code in codes])
        if codes[0].log_scale is None:
            own = -(unbiased_log_scale(z) + (1 + LOG_TWO_PI) / 2).sum(-1)
        else:
            own = torch.stack([log_density(*code) for code in codes])
        return (own - self.prior.log_density(z)).mean(0)


def unbiased_log_scale(draws):
    """Return the log deviation of normal draws (n_draws, ...)."""
    half = (len(draws) - 1) / 2
    excess = float(digamma(half) - math.log(half)) / 2
    return draws.std(0).clamp(min=math.exp(-WIDEST_LOG_SCALE)).log() - excess


def contrast(decoder, codes, y):
    """Return the terms and influences of the multi-sample bound, the mean over draws.

    Each y is held against the codes of other rows, so that the decoder's own offset
    cancels.
    """
    values, influences = np.empty(len(y)), np.empty(len(y))
    for rows, columns in contrast_blocks(len(y)):
        scores = decoder(codes[:, columns], y[rows].expand(len(codes), -1, -1)).mT
        terms = [reduce_rows(block, bounds.info_nce) for block in scores]
        values[rows] = torch.stack([term.value for term in terms]).mean(0)
        pulls = torch.stack([term.pull for term in terms]).mean(0)
        influences[rows] = values[rows] + pulls.numpy()
    return values, influences
