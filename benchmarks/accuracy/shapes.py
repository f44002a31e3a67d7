"""Mixtures of normal distributions, of known mutual information.

The log density ratio is exact; the truth is its mean over a million samples, known to
about 0.001 nats. ``published`` are the thirteen mixtures of the second version of the
public benchmark, by Czyz, Grabowski, Vogt, Beerenwinkel and Marx, "On the properties
and estimation of pointwise mutual information profiles" (2025).
"""

import functools

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from skmi.datasets import spiral

TRUTH_ROWS = 1_000_000


class Mixture:
    """Mixture of normal distributions of x and y, x the first columns."""

    def __init__(self, n_x, weights, means, covariances):
        self.n_x = n_x
        self.weights = np.asarray(weights) / np.sum(weights)
        self.means, self.covariances = means, covariances

    def draw(self, n_samples, seed):
        """Return rows of x and of y."""
        rng = np.random.RandomState(seed)
        which = rng.choice(len(self.weights), n_samples, p=self.weights)
        noise = rng.standard_normal((n_samples, len(self.means[0])))
        rows = np.asarray(self.means, dtype=float)[which]
        for part, covariance in enumerate(self.covariances):
            mine = which == part
            rows[mine] += noise[mine] @ np.linalg.cholesky(covariance).T
        return rows[:, : self.n_x], rows[:, self.n_x :]

    def log_density(self, rows, columns):
        """Return the log density of some columns."""
        parts = [
            np.log(weight)
            + multivariate_normal(mean[columns], cov[columns, columns]).logpdf(rows)
            for weight, mean, cov in zip(
                self.weights, self.means, self.covariances, strict=True
            )
        ]
        return logsumexp(parts, axis=0)

    def log_ratio(self, x, y):
        """Return the log density ratio of each row."""
        whole = self.log_density(np.hstack([x, y]), slice(None))
        alone = self.log_density(x, slice(None, self.n_x))
        return whole - alone - self.log_density(y, slice(self.n_x, None))

    @functools.cached_property
    def mutual_info(self):
        """The mean log density ratio of a million rows."""
        x, y = self.draw(TRUTH_ROWS, 2**31 - 1)
        parts = np.array_split(np.arange(TRUTH_ROWS), 20)
        sums = [self.log_ratio(x[part], y[part]).sum() for part in parts]
        return np.sum(sums) / TRUTH_ROWS

    def __call__(self, n_samples, random_state):
        """Return rows and the mutual information, as the tasks of the library do."""
        return *self.draw(n_samples, random_state), self.mutual_info


def correlated(n_columns, rho):
    """Return the covariance of blocks with correlation rho, column by column."""
    eye = np.eye(n_columns)
    return np.block([[eye, rho * eye], [rho * eye, eye]])


def along(points, spread):
    """Return a mixture of one column each along points of the plane."""
    covariance = spread**2 * np.eye(2)
    return Mixture(1, np.ones(len(points)), points, [covariance] * len(points))


def ring(radius, n_points):
    """Return points on a circle."""
    angles = 2 * np.pi * np.arange(n_points) / n_points
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def families():
    """Return the mixtures by name."""
    zero = np.zeros
    angles = np.linspace(0, 4 * np.pi, 24)
    wave = np.column_stack([angles / 2, 1.5 * np.sin(angles)])
    centers = np.random.RandomState(11).standard_normal((5, 6)) * 1.5
    return {
        "cross 1x1": Mixture(
            1, [1, 1], zero((2, 2)), [correlated(1, 0.9), correlated(1, -0.9)]
        ),
        "cross 3x3": Mixture(
            3, [1, 1], zero((2, 6)), [correlated(3, 0.7), correlated(3, -0.7)]
        ),
        "inliers 1x1": Mixture(
            1, [4, 1], zero((2, 2)), [correlated(1, 0.95), correlated(1, 0)]
        ),
        "inliers 2x2": Mixture(
            2, [4, 1], zero((2, 4)), [correlated(2, 0.8), correlated(2, 0)]
        ),
        "wave 1x1": along(wave, 0.35),
        "shells 1x1": along(np.vstack([ring(1.5, 12), ring(4, 32)]), 0.3),
        "clusters 3x3": Mixture(3, np.ones(5), centers, [np.eye(6)] * 5),
    }


def mapped(mixture, change):
    """Return a mixture whose x goes through a one-to-one map, as a task."""

    def draw(n_samples, random_state):
        x, y, truth = mixture(n_samples, random_state)
        return change(x), y, truth

    return draw


def letters():
    """Return the mixture that draws an A and an I."""
    slope = 0.95 * np.sqrt(0.04 * 0.2)
    means = [(1, 0), (1, 1), (1, -1), (-0.8, -0.2), (-1.2, 0), (-0.4, 0)]
    bars = [np.diag(v) for v in [(0.01, 0.2), *[(0.05, 0.001)] * 2, (0.03, 0.001)]]
    legs = [np.array([[0.04, s], [s, 0.2]]) for s in (slope, -slope)]
    return Mixture(1, np.ones(6), np.array(means), bars + legs)


def galaxy():
    """Return the task of two balls whose first two columns are twisted."""
    centers = np.array([[-1.5] * 3, [1.5] * 3])
    balls = Mixture(2, [1, 1], centers, [np.eye(3)] * 2)
    return mapped(balls, lambda x: spiral(x, plane=(0, 1)))


def waves():
    """Return the task of twelve bars bent to waves."""
    steps = np.arange(12)
    centers = 1.5 * np.column_stack([steps, 0 * steps, steps % 4])
    bars = Mixture(2, np.ones(12), centers, [np.diag([0.1, 1.0, 0.1])] * 12)

    def bend(x):
        bent = x[:, 0] + 5 * np.sin(3 * x[:, 1])
        return np.column_stack([0.1 * bent - 0.8, 0.5 * x[:, 1]])

    return mapped(bars, bend)


def concentric(n_columns, n_parts):
    """Return normal columns of n_parts scales; y is the scale, with little noise."""
    scales = np.arange(1, n_parts + 1)
    centers = np.zeros((n_parts, n_columns + 1))
    centers[:, -1] = scales
    covariances = [np.diag([s**2] * n_columns + [1e-4]) for s in scales]
    return Mixture(n_columns, np.ones(n_parts), centers, covariances)


def inliers(n_columns, share):
    """Return two pairs of correlated columns among others, and a share without them."""
    signal = np.eye(2 * n_columns)
    pairs = np.arange(2)
    signal[pairs, n_columns + pairs] = signal[n_columns + pairs, pairs] = 0.8
    zero = np.zeros((2, 2 * n_columns))
    return Mixture(n_columns, [1 - share, share], zero, [signal, np.eye(2 * n_columns)])


def published():
    """Return the thirteen mixtures of the public benchmark by name."""
    sizes = (3, 5), (5, 5), (3, 10), (5, 10), (25, 5)
    return {
        "X 1x1": families()["cross 1x1"],
        "AI 1x1": letters(),
        "waves 2x1": waves(),
        "galaxy 2x1": galaxy(),
        **{f"concentric {d}x1, {k} scales": concentric(d, k) for d, k in sizes},
        **{
            f"inliers {d}x{d}, {share:.0%}": inliers(d, share)
            for share in (0.2, 0.5)
            for d in (5, 25)
        },
    }
