"""The information plane, and the fitted model that it measures."""

import copy
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy.special import digamma
from sklearn.mixture import GaussianMixture

from skmi._data.checks import require_finite
from skmi._data.scaling import Scaler
from skmi.bottleneck.information import Code, log_density
from skmi.bottleneck.network import WIDEST_LOG_SCALE, Bottleneck, Channel
from skmi.critics._networks import LOG_TWO_PI
from skmi.statistics import standard_error

__all__ = ["COLLAPSED", "InformationPlane", "Measurement", "Model", "draw_noise"]

MIXTURE_SIZES = (1, 3, 10)  # components of the prior, chosen by BIC

SAMPLES_PER_COMPONENT = 50  # of the prior, at least

BLOCK_SIZE = 1024  # samples encoded at a time

COLLAPSED = 0.1  # nats of rate below which a code is called collapsed


class InformationPlane(NamedTuple):
    """Compression and relevance of codes along a path of `betas`.

    All in nats, on test samples. `rate` is an upper bound of I(Z; X) if the noise of
    the codes is normal, `mutual_info` a lower bound of I(Z; Y).

    Parameters
    ----------
    betas : ndarray of shape (n_betas,)
        Weights of the rate, rising.
    rate : ndarray of shape (n_betas,)
        Mean divergence of the distribution of a sample's codes from the prior.
    rate_standard_error : ndarray of shape (n_betas,)
        Its standard error.
    mutual_info : ndarray of shape (n_betas,)
        Lower bound of the information of the codes on the target.
    standard_error : ndarray of shape (n_betas,)
        Its standard error.
    distortion : ndarray of shape (n_betas,)
        Mean negative log probability or density of the target.
    distortion_standard_error : ndarray of shape (n_betas,)
        Its standard error.
    ceiling : ndarray of shape (n_betas,)
        The largest value that `mutual_info` could have taken.

    Notes
    -----
    Each fit starts from the weights of the one before, so that the path is smoother
    than that of independent fits, and a code that has collapsed remains so.

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
    """Compression and relevance of a trained model on samples, in nats."""

    rate: float
    rate_standard_error: float
    distortion: float
    distortion_standard_error: float
    mutual_info: float
    standard_error: float
    ceiling: float

    @classmethod
    def of(cls, rates: np.ndarray, terms: Any) -> Self:
        """Average pointwise terms; NaN and infinite values raise."""
        return cls(
            require_finite(rates.mean(), "rate"),
            require_finite(standard_error(rates), "standard error of the rate"),
            require_finite(-terms.likelihood.mean(), "distortion"),
            standard_error(terms.likelihood),
            require_finite(terms.values.mean(), "estimate"),
            require_finite(standard_error(terms.influences), "standard error"),
            float(terms.ceiling),
        )


class Prior(NamedTuple):
    """Mixture of normal distributions of standardised codes."""

    scale: np.ndarray
    mixture: GaussianMixture

    @classmethod
    def fit(cls, codes: np.ndarray) -> Self:
        """Fit mixtures of several sizes and keep the one with the lowest BIC."""
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
            if size == 1 or len(rows) >= SAMPLES_PER_COMPONENT * size
        ]
        return cls(scale, min(mixtures, key=lambda mixture: mixture.bic(rows)))

    def log_density(self, z: torch.Tensor) -> torch.Tensor:
        """Return the log density of codes (..., n_components)."""
        rows = z.flatten(0, -2).numpy() / self.scale
        values = self.mixture.score_samples(rows) - np.log(self.scale).sum()
        return torch.from_numpy(values).reshape(z.shape[:-1])


class Model:
    """A trained bottleneck with all that new samples need, on the CPU.

    It computes in double precision. In predictions all samples share the same draws of
    noise, so that a sample's result does not depend on the others; in reports each has
    its own, so that their errors are independent.
    """

    def __init__(
        self, network: Bottleneck, noise: torch.Tensor, scaler: Scaler, target: Any
    ) -> None:
        self.network, self.noise = network, noise
        self.scaler, self.target = scaler, target
        self.ignores_codes = False  # in its predictions

    @property
    def n_components(self) -> int:
        """Number of columns of the codes."""
        return self.network.channel.n_components

    def with_prior(self, X: np.ndarray) -> Self:
        """Fit the prior to one code of each sample; return this model."""
        self.prior = Prior.fit(self.sample(X, torch.Generator().manual_seed(0)))
        return self

    def require_information(self, X: np.ndarray, encoded: np.ndarray) -> Self:
        """Let the decoder ignore codes that are not informative about y.

        On the given samples, which chose the epoch, their information on y must be
        above 0; where they have collapsed, by its standard error. Otherwise the
        prediction would be worse than the shares of the classes or the mean of y.
        """
        if not self.target.may_forget:
            return self
        found = self.measure(X, encoded, self.target.shares)
        least = found.standard_error if found.rate < COLLAPSED else 0.0
        if found.mutual_info <= least:
            self.target.forget_codes(self.network.decoder)
            self.ignores_codes = True
        return self

    @torch.no_grad()
    def codes(
        self, X: np.ndarray, generator: torch.Generator | None = None
    ) -> Iterator[list[Code]]:
        """Yield for each block of samples a list of codes, one for each draw of noise.

        With a generator the noise is drawn anew, independently for each sample.
        """
        channel = copy.deepcopy(self.network.channel).double()
        for block in torch.from_numpy(self.scaler.transform(X)).split(BLOCK_SIZE):
            noise = self.noise
            if generator is not None:
                shape = len(noise), len(block), noise.shape[-1]
                noise = torch.randn(shape, generator=generator, dtype=noise.dtype)
            yield list(channel.draws(block, noise))

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the mean code of each sample."""
        means = [
            torch.stack([code.mean for code in codes]).mean(0)
            for codes in self.codes(X)
        ]
        return torch.cat(means).numpy()

    def sample(self, X: np.ndarray, generator: torch.Generator) -> np.ndarray:
        """Draw one code of each sample."""
        codes = [block[0].z for block in self.codes(X, generator)]
        return torch.cat(codes).numpy()

    @torch.no_grad()
    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the mean prediction over the draws: probabilities, or means of y."""
        decoder = copy.deepcopy(self.network.decoder).double()
        outputs = [
            self.target.predict(decoder, torch.stack([code.z for code in codes]))
            for codes in self.codes(X)
        ]
        return self.target.in_units(torch.cat(outputs).numpy())

    def rates(self, X: np.ndarray) -> np.ndarray:
        """Return the rate of each sample, in nats."""
        return torch.cat([self._rates(codes) for codes in self.codes(X)]).numpy()

    @torch.no_grad()
    def measure(
        self, X: np.ndarray, encoded: np.ndarray, shares: np.ndarray | None = None
    ) -> Measurement:
        """Compute rate, distortion and information on y from encoded targets.

        Of the given samples, or, with the `shares` of classes that are known from more
        samples, weighted to have these.
        """
        rates, codes = [], []
        for block in self.codes(X, torch.Generator().manual_seed(0)):
            rates.append(self._rates(block))
            codes.append(torch.stack([code.z for code in block]))
        decoder = copy.deepcopy(self.network.decoder).double()
        codes = torch.cat(codes, 1)
        terms = self.target.information(decoder, codes, encoded, shares)
        return Measurement.of(torch.cat(rates).numpy(), terms)

    def _rates(self, codes):
        """Return the divergence of each sample's codes from the prior, by its draws.

        Codes of an unknown density are taken as normal, for their negative entropy.
        """
        z = torch.stack([code.z for code in codes])
        if codes[0].log_scale is None:
            own = -(unbiased_log_scale(z) + (1 + LOG_TWO_PI) / 2).sum(-1)
        else:
            own = torch.stack([log_density(*code) for code in codes])
        return (own - self.prior.log_density(z)).mean(0)


def draw_noise(
    channel: Channel, n_draws: int, generator: torch.Generator
) -> torch.Tensor:
    """Draw the noise that predictions are averaged over, with exact moments.

    Mean 0 and variance 1 over the draws make the mean code that of the encoder.
    """
    shape = n_draws, 1, sum(channel.sizes)
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (noise - noise.mean(0)) / noise.std(0, correction=0)


def unbiased_log_scale(draws: torch.Tensor) -> torch.Tensor:
    """Estimate the log standard deviation of normal draws (n_draws, ...).

    The log of a sample variance of m draws is biased by digamma(h) - log(h), with
    h = (m - 1) / 2: at the default 12 draws a rate would be off by .047 nats for each
    component.
    """
    half = (len(draws) - 1) / 2
    excess = float(digamma(half) - math.log(half)) / 2
    return draws.std(0).clamp(min=math.exp(-WIDEST_LOG_SCALE)).log() - excess
