"""Families of tied, counted, rounded and labelled data of known mutual information."""

import math

import numpy as np
from scipy import stats


def information(table):
    """Return the mutual information of a table of probabilities, in nats."""
    table = table / table.sum()
    chance = table.sum(axis=1, keepdims=True) * table.sum(axis=0)
    inside = table > 0
    return float((table[inside] * np.log(table[inside] / chance[inside])).sum())


def normals(rng, n, mutual_info):
    """Draw two normal columns."""
    correlation = math.sqrt(1 - math.exp(-2 * mutual_info))
    x, noise = rng.standard_normal((2, n))
    return x, correlation * x + math.sqrt(1 - correlation**2) * noise


def rounded(decimals, mutual_info):
    """Round normal columns; the information lost is below a hundredth of a nat."""

    def draw(rng, n):
        x, y = normals(rng, n, mutual_info)
        return x.round(decimals), y.round(decimals), mutual_info

    return draw


def counts(rng, n):
    """Draw counts with a common part."""
    common = rng.poisson(3, n)
    x, y = common + rng.poisson(1.5, (2, n))
    size = 40
    shared, own = stats.poisson.pmf(np.arange(size), [[3], [1.5]])
    table = np.zeros((size, size))
    for part in range(size):
        shifted = np.append(np.zeros(part), own[: size - part])
        table += shared[part] * np.outer(shifted, shifted)
    return x, y, information(table)


def inflated(rng, n):
    """Draw normal columns that are mostly 0, more often together than by chance."""
    on = rng.uniform(size=n) < 0.5
    other = np.where(rng.uniform(size=n) < 0.8, on, ~on)
    x, y = normals(rng, n, 0.7)
    gates = information(np.array([[0.4, 0.1], [0.1, 0.4]]))
    return x * on, y * other, gates + 0.4 * 0.7


def rare_class(rng, n):
    """Draw a class of three in a hundred, shifted by two standard deviations."""
    y = rng.uniform(size=n) < 0.03
    grid = np.linspace(-9, 11, 20_001)
    density = np.array([0.97, 0.03])[:, None] * stats.norm.pdf(grid, [[0], [2]])
    return rng.standard_normal(n) + 2 * y, y, information(density)


def labels(n_x, n_y, share):
    """Draw labels of which a share determines those of y."""

    def draw(rng, n):
        x = rng.integers(n_x, size=n)
        y = np.where(rng.uniform(size=n) < share, x % n_y, rng.integers(n_y, size=n))
        table = np.full((n_x, n_y), (1 - share) / n_y)
        table[np.arange(n_x), np.arange(n_x) % n_y] += share
        return x.astype(str).astype(object), y.astype(str), information(table)

    return draw


def independent(draw_x, draw_y):
    """Draw two independent columns."""
    return lambda rng, n: (draw_x(rng, n), draw_y(rng, n), 0.0)


def few(rng, n):
    """Return integers below 16."""
    return rng.integers(16, size=n)


def many(rng, n):
    """Return integers, each three times in the mean."""
    return rng.integers(n // 3, size=n)


def letters(n_labels):
    """Return labels of equal frequency."""
    return lambda rng, n: rng.integers(n_labels, size=n).astype(str)


FAMILIES = {
    "0: counts, integers": independent(lambda rng, n: rng.poisson(4, n), few),
    "0: rounded, label": independent(
        lambda rng, n: rng.normal(32, 7, n).round(1), letters(2)
    ),
    "0: copies, label": independent(many, letters(2)),
    "0: copies, copies": independent(many, many),
    "0: integers, integers": independent(few, few),
    "0: normal, 20 labels": independent(lambda rng, n: rng.normal(size=n), letters(20)),
    "0: 20 labels, 20 labels": labels(20, 20, 0.0),
    "0: mostly 0": independent(
        lambda rng, n: rng.normal(size=n) * (rng.uniform(size=n) < 0.4),
        lambda rng, n: rng.normal(size=n) * (rng.uniform(size=n) < 0.4),
    ),
    "rounded, two decimals": rounded(2, 0.41),
    "rounded, one decimal": rounded(1, 0.41),
    "counts": counts,
    "mostly 0": inflated,
    "rare class": rare_class,
    "10 labels, parity": labels(10, 2, 0.9),
    "20 labels, 20 labels": labels(20, 20, 0.5),
}


def families():
    """Return the families as tasks: X, Y and the truth from a number of samples."""

    def task(draw):
        def make(n_samples, random_state):
            x, y, truth = draw(np.random.default_rng(random_state), n_samples)
            return x.reshape(-1, 1), y, truth

        return make

    return {f"tied {name}": task(draw) for name, draw in FAMILIES.items()}
