"""The exact log density ratio of normal pairs: a critic that needs no training."""

import math

import numpy as np
import torch
from sklearn.base import BaseEstimator


class Oracle(torch.nn.Module):
    """Log density ratio of columns correlated in pairs, for all pairs of rows."""

    def __init__(self, correlation):
        super().__init__()
        self.correlation = correlation
        self.idle = torch.nn.Parameter(torch.zeros(1))  # something to optimise

    def forward(self, x, y):
        rho = self.correlation
        gap = 1 - rho**2
        quadratic = (x**2).sum(-1)[:, None] + (y**2).sum(-1)[None, :]
        inner = (2 * rho * x @ y.mT - rho**2 * quadratic) / (2 * gap)
        return inner - x.shape[-1] / 2 * math.log(gap) + 0 * self.idle


class OracleCritic(BaseEstimator):
    """The oracle as a critic of the user's own."""

    def __init__(self, correlation=0.5):
        self.correlation = correlation

    def build(self, n_x, n_y):
        return Oracle(self.correlation)


def draw_normal(n_samples, n_features, mutual_info, seed):
    """Draw normal pairs; return them with their correlation."""
    rng = np.random.RandomState(seed)
    rho = math.sqrt(1 - math.exp(-2 * mutual_info / n_features))
    X = rng.standard_normal((n_samples, n_features))
    noise = rng.standard_normal((n_samples, n_features))
    return X, rho * X + math.sqrt(1 - rho**2) * noise, rho


class OracleConditional(Oracle):
    """Log density of y given x, for all pairs of rows."""

    def forward(self, x, y):
        squares = (y**2).sum(-1)[None, :]
        log_marginal = -(squares + y.shape[-1] * math.log(2 * math.pi)) / 2
        return super().forward(x, y) + log_marginal


class OracleConditionalCritic(OracleCritic):
    """The same as a critic of the user's own."""

    def build(self, n_x, n_y):
        return OracleConditional(self.correlation)
