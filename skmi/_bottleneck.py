"""The network of the information bottleneck: a noisy channel and a decoder."""

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import digamma
from torch import nn

from skmi import bounds
from skmi._neural import reduce_rows
from skmi.base import contrast_blocks
from skmi.critics import (
    LOG_TWO_PI,
    CategoricalDensity,
    GaussianMixtureDensity,
    Linear,
    MultiLayer,
    PairNetwork,
    score_pairs,
)
from skmi.encoders import OBJECTIVES, blur, split_output
from skmi.scores import mige_loss, project_randomly
from skmi.statistics import standard_error

__all__ = [
    "INFORMATION",
    "NOISES",
    "SCHEDULES",
    "Bottleneck",
    "Channel",
    "Measurement",
    "Model",
    "TwoHeads",
    "make_decoder",
    "rate_of_rows",
]

NOISES = ("gaussian", "additive", "propagated")
FIRST_LOG_SCALE = -2.0  # little noise: codes are found before they are pressed
FIRST_LOG_SPREAD = -1.2  # of the noise on standardised columns: 0.3
WIDEST_LOG_SCALE = 8.0
N_PROJECTIONS = 32


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

    def __init__(self, encoder, noise, n_features, n_components, *, has_density):
        super().__init__()
        self.encoder, self.noise = encoder, noise
        self.n_components = n_components
        entering = {"gaussian": 0, "additive": n_features, "propagated": n_components}
        self.sizes = [entering[noise], n_components if has_density else 0]
        self.log_spread = nn.Parameter(
            torch.full((n_features if noise == "additive" else 0,), FIRST_LOG_SPREAD)
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


def make_decoder(n_components, n_outputs, *, labels, generator):
    """Return one linear layer and the density of y that it gives."""
    head = CategoricalDensity() if labels else GaussianMixtureDensity(n_outputs, 1)
    width = n_outputs if labels else head.n_inputs
    return PairNetwork(Linear(n_components, width, (), generator), nn.Identity(), head)


def rate_of_rows(mean, log_scale, prior=(0.0, 0.0)):
    r"""Return the divergence of each row's normal distribution from a normal prior.

    .. math:: KL(N(\mu, \sigma^2) \,\|\, N(a, b^2)) =
        \log \frac b\sigma + \frac{\sigma^2 + (\mu - a)^2}{2 b^2} - \frac12

    summed over columns. `prior` is a and log b.
    """
    centre, log_width = (torch.as_tensor(value).to(mean) for value in prior)
    gap = ((mean - centre) * torch.exp(-log_width)) ** 2
    narrowness = log_scale - log_width
    return ((gap + torch.exp(2 * narrowness) - 1) / 2 - narrowness).sum(-1)


def log_density_of_pairs(code, partners):
    """Return the log density of each row's code given each of its partner rows."""
    mean, log_scale = code.mean[partners], code.log_scale[partners]
    gap = (code.z.unsqueeze(-2) - mean) * torch.exp(-log_scale)
    return -(gap**2 / 2 + log_scale + LOG_TWO_PI / 2).sum(-1)


# -- what is taken for I(Z; X) -----------------------------------------------------
# Each kind fills columns with what it needs of every row, (n, m), and reduces them to
# its value in nats and to what its critic gains besides.


class Rate:
    """The divergence of the codes of a row from a standard normal distribution."""

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

    needs_density = True
    has_critic = False

    def __init__(self, bound):
        self.bound = bound

    def columns(self, network, x, code, partners):
        """Return log densities given the own row, and given others."""
        return log_density_of_pairs(code, partners)

    def reduce(self, columns):
        """Return the bound."""
        return self.bound((columns[..., 0], columns[..., 1:])), 0.0


class Critic:
    """A lower bound by a critic, which climbs while the encoder goes down."""

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
        """Return means over rows and their errors."""
        return cls(
            float(rates.mean()),
            standard_error(rates),
            float(distortions.mean()),
            standard_error(distortions),
            float(values.mean()),
            standard_error(influences),
            float(ceiling),
        )


class Model:
    """A trained bottleneck with all that new rows need; double precision, on the CPU.

    In predictions every row meets the same draws of noise, so that what is said of a
    row depends on no other; in reports each has its own, so that their errors do not.
    """

    def __init__(self, network, noise, x_scaler, y_scaler):
        self.network, self.noise = network, noise
        self.x_scaler, self.y_scaler = x_scaler, y_scaler
        self.prior = 0.0, 0.0

    @property
    def n_components(self):
        """Columns of the codes."""
        return self.network.channel.n_components

    @property
    def has_labels(self):
        """Whether targets are indicators of labels."""
        return self.y_scaler is None

    def with_prior(self, X):
        """Take for the prior the normal distribution of the codes of rows."""
        blocks = [self._conditionals(codes) for codes in self.codes(X)]
        means, log_scales = (
            torch.cat([torch.cat([pair[i] for pair in block]) for block in blocks])
            for i in (0, 1)
        )
        variance = means.var(0, correction=0) + torch.exp(2 * log_scales).mean(0)
        self.prior = means.mean(0), torch.log(variance) / 2
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
        pairs = self._conditionals(codes)
        return sum(rate_of_rows(*pair, self.prior) for pair in pairs) / len(pairs)

    def _conditionals(self, codes):
        """Return the normal distributions that the codes of each row are from.

        Where they are not known, one with the mean and the variance of the draws.
        """
        if codes[0].log_scale is None:
            z = torch.stack([code.z for code in codes])
            half = (len(z) - 1) / 2
            excess = float(digamma(half) - math.log(half)) / 2  # of the log deviation
            log_scale = z.std(0).clamp(min=math.exp(-WIDEST_LOG_SCALE)).log() - excess
            return [(z.mean(0), log_scale)]
        if self.network.channel.sizes[0] == 0:
            codes = codes[:1]
        return [(code.mean, code.log_scale) for code in codes]


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
