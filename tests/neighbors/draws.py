"""The estimator by its definition, for the tests of this folder."""

import numpy as np
from scipy.special import digamma


def brute_force_ksg(X, Y, k):
    """The definition, written out with matrices of distances."""
    x, y = (np.abs(b[:, None] - b[None]).max(-1) for b in (X, Y))
    radius = np.sort(np.maximum(x, y), axis=1)[:, [k]]
    counts = [(d < radius).sum(axis=1) for d in (x, y)]
    return (
        digamma(k) + digamma(len(X)) - np.mean(digamma(counts[0]) + digamma(counts[1]))
    )


def discrete_information(table):
    """Mutual information of a table of probabilities, in nats."""
    table = np.asarray(table, dtype=float)
    independent = table.sum(axis=1, keepdims=True) * table.sum(axis=0)
    inside = table > 0
    return (table[inside] * np.log(table[inside] / independent[inside])).sum()


def draw_gates(rng, n):
    """Two dependent switches, on for half of the samples, and their information."""
    x = rng.uniform(size=n) < 0.5
    y = np.where(rng.uniform(size=n) < 0.8, x, ~x)
    return x, y, discrete_information([[0.4, 0.1], [0.1, 0.4]])


def draw_pair(rng, n, mutual_info):
    """Two normal variables of a known mutual information."""
    correlation = np.sqrt(1 - np.exp(-2 * mutual_info))
    x, noise = rng.standard_normal((2, n))
    return x, correlation * x + np.sqrt(1 - correlation**2) * noise
