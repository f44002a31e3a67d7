"""Mixtures of normal distributions, of known mutual information.

The log density ratio is exact; the truth is its mean over a million samples, known to
about 0.001 nats.
"""

import functools

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

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
        roots = np.linalg.cholesky(np.asarray(self.covariances))
        rows = np.asarray(self.means)[which]
        rows = rows + np.einsum("nij,nj->ni", roots[which], noise)
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
        return self.log_ratio(*self.draw(TRUTH_ROWS, 2**31 - 1)).mean()

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
