"""The information plane, and the fitted model that it measures."""

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import digamma
from sklearn.mixture import GaussianMixture

from skmi._data.checks import require_finite
from skmi._data.splitting import contrast_blocks
from skmi.bottleneck.information import contrast, log_density
from skmi.bottleneck.network import WIDEST_LOG_SCALE
from skmi.critics._networks import LOG_TWO_PI
from skmi.statistics import standard_error

__all__ = ["InformationPlane", "Measurement", "Model"]

MIXTURE_SIZES = (1, 3, 10)


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
