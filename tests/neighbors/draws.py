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
