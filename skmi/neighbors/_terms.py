"""The term of each sample in the neighbour estimators, from counts and distances."""

import numpy as np
from joblib import effective_n_jobs
from scipy.special import digamma

from skmi.entropy import weighted_entropy_terms
from skmi.neighbors._search import Block, JointRows, join_blocks

__all__ = [
    "ball_terms",
    "conditional_terms",
    "entropy_terms",
    "ksg_box_terms",
    "ksg_terms",
    "local_ksg_terms",
]


def ksg_terms(joint: JointRows, n_neighbors: int) -> np.ndarray:
    r"""Terms of the first estimator of Kraskov et al., and of Ross for labels.

    .. math:: \psi(k) + \psi(N) - \psi(n_x + 1) - \psi(n_y + 1)
    """
    return ball_terms(joint, n_neighbors)[0]


def ball_terms(
    joint: JointRows, n_neighbors: int, chosen: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms of `ksg_terms`, of chosen rows, and their distances."""
    radius, found, n_x, n_y = joint.ball_counts(n_neighbors, chosen)
    level = digamma(found) + digamma(len(joint.columns))
    return level - digamma(n_x) - digamma(n_y), radius


def ksg_box_terms(joint: JointRows, n_neighbors: int) -> np.ndarray:
    r"""Terms of the second estimator of Kraskov et al.

    .. math:: \psi(k) - 1/k + \psi(N) - \psi(n_x) - \psi(n_y)
    """
    n_x, n_y = joint.box_counts(n_neighbors)
    level = digamma(n_neighbors) - 1 / n_neighbors + digamma(len(n_x))
    return level - digamma(n_x) - digamma(n_y)


def local_ksg_terms(joint: JointRows, n_neighbors: int) -> np.ndarray:
    r"""Terms of the first estimator with the local correction of Gao et al.

    .. math:: \log \frac{V_i}{\bar V_i} \quad \text{where} \quad
        \frac{\bar V_i}{V_i} < \alpha

    is added, with :math:`V_i` the volume of the smallest box around sample i that
    contains its neighbours, and :math:`\bar V_i` that of the smallest along principal
    axes.
    """
    columns, near = joint.columns, joint.neighbors(n_neighbors)
    threshold = log_volume_threshold(n_neighbors, columns.shape[1])
    terms = ksg_terms(joint, n_neighbors)
    for rows in np.array_split(np.arange(len(near)), -(-len(near) // 4096)):
        gap = log_volume_gap(columns[near[rows]] - columns[rows, np.newaxis])
        terms[rows] += np.where(gap < threshold, -gap, 0.0)
    return terms


def log_volume_gap(offsets: np.ndarray) -> np.ndarray:
    """Return the log ratio of two boxes, along principal axes and along the columns.

    `offsets` are those of the neighbours of each sample, of shape (n, k, d).
    """
    _, axes = np.linalg.eigh(offsets.transpose(0, 2, 1) @ offsets)
    along, plain = (np.abs(block).max(axis=1) for block in (offsets @ axes, offsets))
    # A side shorter than the rounding error of the longest would be noise.
    least = np.finfo(float).eps * plain.max(axis=1, keepdims=True)
    along, plain = np.maximum(along, least), np.maximum(plain, least)
    return np.log(along).sum(axis=1) - np.log(plain).sum(axis=1)


def log_volume_threshold(
    n_neighbors: int, n_columns: int, level: float = 0.005, n_draws: int = 5000
) -> float:
    """Return the quantile of the gap for neighbours that are uniform in a cube.

    Where the density is constant, a smaller gap is as rare as `level`.
    """
    shape = n_draws, n_neighbors, n_columns
    offsets = np.random.RandomState(0).uniform(-1, 1, shape)
    return np.quantile(log_volume_gap(offsets), level)


def entropy_terms(joint: JointRows, n_neighbors: int) -> np.ndarray:
    """Terms of the difference of three weighted Kozachenko-Leonenko entropies."""
    workers = effective_n_jobs(joint.n_jobs)
    h_x, h_y, h_xy = (
        weighted_entropy_terms(columns, n_neighbors, workers)
        for columns in (joint.x.columns, joint.y.columns, joint.columns)
    )
    return h_x + h_y - h_xy


def conditional_terms(
    x: Block, y: Block, z: Block, n_neighbors: int, n_jobs: int | None = None
) -> np.ndarray:
    r"""Terms of Frenzel and Pompe for the conditional mutual information.

    .. math:: \psi(k) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1) + \psi(n_z + 1)
    """
    xz, yz = join_blocks(x, z), join_blocks(y, z)
    radius, found = JointRows(xz, y, n_jobs).radius(n_neighbors)
    counts = (side.count(side, radius) for side in (xz, yz, z))
    n_xz, n_yz, n_z = map(digamma, counts)
    return digamma(found) - n_xz - n_yz + n_z
