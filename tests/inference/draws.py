"""Samples that the tests of this folder share."""

import math


def draw_series(n_samples, memory, rng):
    """A first-order autoregression of unit variance."""
    series = rng.standard_normal(n_samples)
    for t in range(1, n_samples):
        series[t] = memory * series[t - 1] + math.sqrt(1 - memory**2) * series[t]
    return series
