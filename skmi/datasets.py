"""Samples of pairs whose mutual information is known exactly, in nats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy.special import digamma, gammaln, ndtr

from skmi._core.sklearn_compat import make_random_state

__all__ = [
    "BENCHMARK_TASKS",
    "TRANSFORMS",
    "make_additive_noise",
    "make_correlated_normal",
    "make_dense_normal",
    "make_sparse_normal",
    "make_student_t",
]


# -- maps of one variable that preserve the mutual information -----------------------


def half_cube(x: np.ndarray) -> np.ndarray:
    """Return sign(x) |x|^(3/2), which has heavier tails."""
    return x * np.sqrt(np.abs(x))


def wiggle_x(x: np.ndarray) -> np.ndarray:
    """Return x with waves added, an increasing map."""
    waves = 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)
    return x + waves


def wiggle_y(y: np.ndarray) -> np.ndarray:
    """Return y with other waves added, an increasing map."""
    return (
        y
        - 0.4 * np.sin(0.4 * y)
        + 0.17 * np.sin(1.3 * y + 3.5)
        + 0.02 * np.sin(4.3 * y - 2.5)
    )


def to_mixture(
    x: np.ndarray, weights: Sequence[float], means: Sequence[float]
) -> np.ndarray:
    """Map standard normal values to a mixture of two unit normals, by quantiles."""
    grid = np.linspace(min(means) - 9, max(means) + 9, 200_001)
    cdf = sum(w * ndtr(grid - mean) for w, mean in zip(weights, means, strict=True))
    return np.interp(ndtr(x), cdf, grid)


def spiral(x: np.ndarray, plane: tuple[int, int]) -> np.ndarray:
    """Rotate each sample in a plane by an angle that grows with its squared length."""
    first, second = plane
    angle = (x**2).sum(axis=1) / x.shape[1]
    rotated = x.copy()
    rotated[:, first] = np.cos(angle) * x[:, first] - np.sin(angle) * x[:, second]
    rotated[:, second] = np.sin(angle) * x[:, first] + np.cos(angle) * x[:, second]
    return rotated


def swiss_roll(x: np.ndarray) -> np.ndarray:
    """Map one normal column to a spiral in two."""
    angle = 1.5 * np.pi * (1 + 2 * ndtr(x))
    return np.hstack([angle * np.cos(angle), angle * np.sin(angle)]) / 21


TRANSFORMS: dict[str, tuple[Callable, Callable]] = {
    "normal_cdf": (ndtr, ndtr),
    "half_cube": (half_cube, half_cube),
    "wiggly": (wiggle_x, wiggle_y),
    "asinh": (np.arcsinh, np.arcsinh),
    "cubic": (lambda x: x, lambda y: y**3),
    "bimodal": (
        partial(to_mixture, weights=(0.3, 0.7), means=(0, 5)),
        partial(to_mixture, weights=(0.5, 0.5), means=(-1, 3)),
    ),
    "spiral": (partial(spiral, plane=(0, 1)), partial(spiral, plane=(1, 2))),
    "swiss_roll": (swiss_roll, ndtr),
}


def apply_transforms(
    X: np.ndarray, Y: np.ndarray, names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Apply maps one after another; each preserves the mutual information."""
    for name in names or ():
        if name not in TRANSFORMS:
            raise ValueError(
                f"transforms must be among {sorted(TRANSFORMS)}; {name!r}."
            )
        map_x, map_y = TRANSFORMS[name]
        X, Y = map_x(X), map_y(Y)
    return X, Y


# -- families --------------------------------------------------------------------------


def make_correlated_normal(
    n_samples: int = 1000,
    n_features: int = 1,
    *,
    mutual_info: float = 1.0,
    cubic: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    r"""Draw normal X and Y with column i of X correlated with column i of Y only.

    .. math:: I = -\frac{d}{2} \log(1 - \rho^2)

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    n_features : int, default=1
        Number d of columns of X and of Y.
    mutual_info : float, default=1.0
        Mutual information of X and Y, in nats.
    cubic : bool, default=False
        Whether to cube Y, which does not change the mutual information.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Samples of the first variable.
    Y : ndarray of shape (n_samples, n_features)
        Samples of the second variable.
    mutual_info : float
        Its true value, in nats.

    Notes
    -----
    The columns are matched one to one, which is easier for a critic than a dense
    dependence, as of `make_dense_normal`.

    Examples
    --------
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(500, 3, mutual_info=2, random_state=0)
    >>> X.shape, Y.shape, truth
    ((500, 3), (500, 3), 2.0)
    """
    if mutual_info < 0:
        raise ValueError(f"mutual_info must be at least 0, got {mutual_info}.")
    correlation = np.sqrt(-np.expm1(-2 * mutual_info / n_features))
    correlations = np.full(n_features, correlation)
    X, Y = draw_pairs(n_samples, correlations, make_random_state(random_state))
    return X, Y**3 if cubic else Y, float(mutual_info)


def make_dense_normal(
    n_samples: int = 1000,
    n_features: int = 2,
    *,
    correlation: float = 0.5,
    transforms: Sequence[str] | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    r"""Draw normal X and Y in which all pairs of columns have the same correlation.

    .. math:: I = \tfrac12 \log \frac{|\Sigma_X| |\Sigma_Y|}{|\Sigma|}

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    n_features : int, default=2
        Number of columns of X and of Y.
    correlation : float, default=0.5
        Correlation of any two columns.
    transforms : sequence of str, default=None
        Names in :data:`TRANSFORMS` of maps that are applied to X and Y, in turn.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Samples of the first variable.
    Y : ndarray of shape (n_samples, n_features)
        Samples of the second variable.
    mutual_info : float
        Its true value, in nats.

    Notes
    -----
    The correlation must be between 0 and 1; many columns of a large correlation are
    nearly linearly dependent.

    Examples
    --------
    >>> from skmi.datasets import make_dense_normal
    >>> X, Y, truth = make_dense_normal(500, 2, random_state=0)
    >>> round(truth, 3)
    0.294
    """
    random_state = make_random_state(random_state)
    common = random_state.standard_normal((n_samples, 1)) * np.sqrt(correlation)
    own = random_state.standard_normal((n_samples, 2 * n_features))
    block = common + own * np.sqrt(1 - correlation)
    X, Y = apply_transforms(block[:, :n_features], block[:, n_features:], transforms)
    half, whole = (
        np.log1p((d - 1) * correlation) + (d - 1) * np.log1p(-correlation)
        for d in (n_features, 2 * n_features)
    )
    return X, Y, float(half - whole / 2)


def make_sparse_normal(
    n_samples: int = 1000,
    n_features: int = 2,
    *,
    correlations: Sequence[float] = (0.8, 0.8),
    transforms: Sequence[str] | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    r"""Draw normal X and Y of which only the first columns are correlated.

    .. math:: I = -\tfrac12 \sum_i \log(1 - \rho_i^2)

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    n_features : int, default=2
        Number of columns of X and of Y.
    correlations : sequence of float, default=(0.8, 0.8)
        Correlation of column i of X with column i of Y; 0 for further columns.
    transforms : sequence of str, default=None
        Names in :data:`TRANSFORMS` of maps that are applied to X and Y, in turn.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Samples of the first variable.
    Y : ndarray of shape (n_samples, n_features)
        Samples of the second variable.
    mutual_info : float
        Its true value, in nats.

    Notes
    -----
    The angle of a spiral depends on the norm of a sample, so that many samples are
    needed to learn it.

    Examples
    --------
    >>> from skmi.datasets import make_sparse_normal
    >>> X, Y, truth = make_sparse_normal(
    ...     500, 3, transforms=["spiral"], random_state=0)
    >>> round(truth, 2)
    1.02
    """
    rho = np.zeros(n_features)
    rho[: len(correlations)] = correlations
    X, Y = draw_pairs(n_samples, rho, make_random_state(random_state))
    X, Y = apply_transforms(X, Y, transforms)
    return X, Y, float(-np.log1p(-(rho**2)).sum() / 2)


def make_student_t(
    n_samples: int = 1000,
    n_features: int = 1,
    *,
    degrees_of_freedom: float = 3,
    transforms: Sequence[str] | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    r"""Draw uncorrelated X and Y of one multivariate Student distribution.

    They are dependent only through their common scale: :math:`I = 2 h_d - h_{2d}` with
    :math:`h_d` the entropy of d columns,

    .. math::
        h_d = \log \frac{\Gamma(\nu/2)}{\Gamma((\nu + d)/2)} + \frac{\nu + d}{2}
        \left( \psi\left(\tfrac{\nu + d}{2}\right) - \psi\left(\tfrac{\nu}{2}\right)
        \right) + \frac d2 \log \nu \pi

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    n_features : int, default=1
        Number of columns of X and of Y.
    degrees_of_freedom : float, default=3
        The parameter :math:`\nu`; 1 for a Cauchy distribution.
    transforms : sequence of str, default=None
        Names in :data:`TRANSFORMS` of maps that are applied to X and Y, in turn.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Samples of the first variable.
    Y : ndarray of shape (n_samples, n_features)
        Samples of the second variable.
    mutual_info : float
        Its true value, in nats.

    Notes
    -----
    With one degree of freedom the columns have no mean: estimators that average them
    without clipping fail.

    Examples
    --------
    >>> from skmi.datasets import make_student_t
    >>> X, Y, truth = make_student_t(500, 2, degrees_of_freedom=1, random_state=0)
    >>> round(truth, 3)
    0.432
    """
    random_state = make_random_state(random_state)
    nu = degrees_of_freedom
    block = random_state.standard_normal((n_samples, 2 * n_features))
    block /= np.sqrt(random_state.chisquare(nu, (n_samples, 1)) / nu)

    def entropy(d):  # without the terms that cancel in the difference
        slope = (nu + d) / 2 * (digamma((nu + d) / 2) - digamma(nu / 2))
        return gammaln(nu / 2) - gammaln((nu + d) / 2) + slope

    X, Y = apply_transforms(block[:, :n_features], block[:, n_features:], transforms)
    return X, Y, float(2 * entropy(n_features) - entropy(2 * n_features))


def make_additive_noise(
    n_samples: int = 1000,
    *,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    r"""Draw a uniform X and Y = X plus uniform noise.

    With X uniform on (0, 1) and noise on :math:`(-\epsilon, \epsilon)`,

    .. math::
        I = \epsilon - \log 2\epsilon \;\; (\epsilon \le \tfrac12), \qquad
        \frac{1}{4\epsilon} \;\; (\epsilon > \tfrac12)

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    noise : float, default=0.1
        Half the width of the noise.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        Samples of the first variable.
    Y : ndarray of shape (n_samples, 1)
        Samples of the second variable.
    mutual_info : float
        Its true value, in nats.

    Notes
    -----
    Tends to infinity as the noise vanishes; no estimator resolves that from few
    samples.

    Examples
    --------
    >>> from skmi.datasets import make_additive_noise
    >>> X, Y, truth = make_additive_noise(500, noise=0.75, random_state=0)
    >>> round(truth, 3)
    0.333
    """
    random_state = make_random_state(random_state)
    X = random_state.uniform(size=(n_samples, 1))
    Y = X + random_state.uniform(-noise, noise, size=(n_samples, 1))
    truth = noise - np.log(2 * noise) if noise <= 0.5 else 1 / (4 * noise)
    return X, Y, float(truth)


def draw_pairs(
    n_samples: int, correlations: np.ndarray, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Draw standard normal columns in pairs of given correlations."""
    X = random_state.standard_normal((n_samples, len(correlations)))
    noise = random_state.standard_normal((n_samples, len(correlations)))
    return X, correlations * X + np.sqrt(1 - correlations**2) * noise


def _benchmark_tasks() -> dict[
    str, Callable[..., tuple[np.ndarray, np.ndarray, float]]
]:
    bivariate = partial(make_sparse_normal, n_features=1, correlations=(0.75,))
    tasks = {
        "normal 1x1": bivariate,
        "additive noise 0.1": partial(make_additive_noise, noise=0.1),
        "additive noise 0.75": partial(make_additive_noise, noise=0.75),
    }
    for name in ("normal_cdf", "bimodal", "wiggly", "half_cube", "swiss_roll"):
        tasks[f"{name} 1x1"] = partial(bivariate, transforms=[name])
    for d in (2, 3, 5, 25, 50):
        tasks[f"dense normal {d}x{d}"] = partial(make_dense_normal, n_features=d)
    for d in (2, 3, 5, 25):
        tasks[f"sparse normal {d}x{d}"] = partial(make_sparse_normal, n_features=d)
    for names in (["normal_cdf"], ["half_cube"], ["spiral"], ["normal_cdf", "spiral"]):
        for d in (3, 5, 25):
            tasks[f"{' '.join(names)} {d}x{d}"] = partial(
                make_sparse_normal, n_features=d, transforms=names
            )
    for d, nu in ((1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3)):
        tasks[f"student {d}x{d} dof {nu}"] = partial(
            make_student_t, n_features=d, degrees_of_freedom=nu
        )
    for d, nu in ((1, 1), (2, 1), (3, 2), (5, 2)):
        tasks[f"asinh student {d}x{d} dof {nu}"] = partial(
            make_student_t, n_features=d, degrees_of_freedom=nu, transforms=["asinh"]
        )
    return tasks


#: The forty tasks of the public benchmark of Czyz et al. (Beyond normal: on the
#: evaluation of mutual information estimators, NeurIPS 2023), by name; each is called
#: with ``n_samples`` and ``random_state``.
BENCHMARK_TASKS = _benchmark_tasks()
