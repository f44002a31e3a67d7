"""Data that the tests of the encoders share."""

import numpy as np


def table(n_samples=80, n_columns=3, seed=0):
    return np.random.RandomState(seed).standard_normal((n_samples, n_columns))


def canonical_pair(seed, n_samples=2000, n_columns=4, correlation=0.8):
    """X, y and the direction whose projection has all the information of X on y."""
    rng = np.random.RandomState(seed)
    mix = rng.standard_normal((n_columns, n_columns)) + np.eye(n_columns)
    X = rng.standard_normal((n_samples, n_columns)) @ mix
    direction = rng.standard_normal(n_columns)
    covariance = mix.T @ mix
    signal = X @ direction / np.sqrt(direction @ covariance @ direction)
    noise = rng.standard_normal(n_samples)
    return (
        X,
        correlation * signal + np.sqrt(1 - correlation**2) * noise,
        direction,
        covariance,
    )
