"""Pairs of samples whose mutual information is known exactly, in nats."""

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


# -- maps of one side that keep the mutual information ---------------------------------


def half_cube(x):
    """Return sign(x) |x|^(3/2): heavier tails, a steep origin."""
    return x * np.sqrt(np.abs(x))


def wiggle_x(x):
    """Return an increasing map with waves."""
    waves = 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)
    return x + waves


def wiggle_y(y):
    """Return another increasing map with waves."""
    return (
        y
        - 0.4 * np.sin(0.4 * y)
        + 0.17 * np.sin(1.3 * y + 3.5)
        + 0.02 * np.sin(4.3 * y - 2.5)
    )


def to_mixture(x, weights, means):
    """Map standard normal values to a mixture of two unit normals, by quantiles."""
    grid = np.linspace(min(means) - 9, max(means) + 9, 200_001)
    cdf = sum(w * ndtr(grid - mean) for w, mean in zip(weights, means, strict=True))
    return np.interp(ndtr(x), cdf, grid)


def spiral(x, plane):
    """Rotate each row in a plane by an angle that grows with its squared length."""
    first, second = plane
    angle = (x**2).sum(axis=1) / x.shape[1]
    rotated = x.copy()
    rotated[:, first] = np.cos(angle) * x[:, first] - np.sin(angle) * x[:, second]
    rotated[:, second] = np.sin(angle) * x[:, first] + np.cos(angle) * x[:, second]
    return rotated


def swiss_roll(x):
    """Roll one normal column up into a spiral band in two."""
    angle = 1.5 * np.pi * (1 + 2 * ndtr(x))
    return np.hstack([angle * np.cos(angle), angle * np.sin(angle)]) / 21


TRANSFORMS = {
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


def apply_transforms(X, Y, names):
    """Apply maps one after another; each keeps the mutual information."""
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
    n_samples=1000, n_features=1, *, mutual_info=1.0, cubic=False, random_state=None
):
    r"""Draw two normal blocks, column i of one correlated with column i of the other.

    .. math:: I = -\frac{d}{2} \log(1 - \rho^2)

    Parameters
    ----------
    n_samples : int, default=1000
        Rows.
    n_features : int, default=1
        Columns d of each block.
    mutual_info : float, default=1.0
        The mutual information of the blocks, in nats.
    cubic : bool, default=False
        Whether to cube Y, which leaves the mutual information as it is.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        One block.
    Y : ndarray of shape (n_samples, n_features)
        The other.
    mutual_info : float
        Its exact value, in nats.

    Notes
    -----
    The columns of a pair are matched one to one, which spares a critic the search for
    what belongs together; `make_dense_normal` does not.

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
    n_samples=1000, n_features=2, *, correlation=0.5, transforms=None, random_state=None
):
    r"""Draw two normal blocks in which all pairs of columns are correlated alike.

    .. math:: I = \tfrac12 \log \frac{|\Sigma_X| |\Sigma_Y|}{|\Sigma|}

    Parameters
    ----------
    n_samples : int, default=1000
        Rows.
    n_features : int, default=2
        Columns of each block.
    correlation : float, default=0.5
        Correlation of any two columns.
    transforms : sequence of str, default=None
        Names in :data:`TRANSFORMS` of maps to apply to the blocks, in turn.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        One block.
    Y : ndarray of shape (n_samples, n_features)
        The other.
    mutual_info : float
        Its exact value, in nats.

    Notes
    -----
    Correlations of 0 and 1 have no such pair; many columns of a large correlation come
    close to depending on each other.

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
    n_samples=1000,
    n_features=2,
    *,
    correlations=(0.8, 0.8),
    transforms=None,
    random_state=None,
):
    r"""Draw two normal blocks of which only the first columns are correlated.

    .. math:: I = -\tfrac12 \sum_i \log(1 - \rho_i^2)

    Parameters
    ----------
    n_samples : int, default=1000
        Rows.
    n_features : int, default=2
        Columns of each block.
    correlations : sequence of float, default=(0.8, 0.8)
        Correlation of column i of X with column i of Y; 0 for the columns after.
    transforms : sequence of str, default=None
        Names in :data:`TRANSFORMS` of maps to apply to the blocks, in turn.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        One block.
    Y : ndarray of shape (n_samples, n_features)
        The other.
    mutual_info : float
        Its exact value, in nats.

    Notes
    -----
    A spiral turns with the size of a row, so that few rows do not show it.

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
    n_samples=1000,
    n_features=1,
    *,
    degrees_of_freedom=3,
    transforms=None,
    random_state=None,
):
    r"""Draw two uncorrelated blocks of one multivariate Student distribution.

    They are dependent through their common scale alone:
    :math:`I = 2 h_d - h_{2d}` with :math:`h_d` the entropy of d columns,

    .. math::
        h_d = \log \frac{\Gamma(\nu/2)}{\Gamma((\nu + d)/2)} + \frac{\nu + d}{2}
        \left( \psi\left(\tfrac{\nu + d}{2}\right) - \psi\left(\tfrac{\nu}{2}\right)
        \right) + \frac d2 \log \nu \pi

    Parameters
    ----------
    n_samples : int, default=1000
        Rows.
    n_features : int, default=1
        Columns of each block.
    degrees_of_freedom : float, default=3
        The parameter :math:`\nu`; 1 for a Cauchy distribution.
    transforms : sequence of str, default=None
        Names in :data:`TRANSFORMS` of maps to apply to the blocks, in turn.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        One block.
    Y : ndarray of shape (n_samples, n_features)
        The other.
    mutual_info : float
        Its exact value, in nats.

    Notes
    -----
    With one degree of freedom the columns have no mean: what averages them unclipped
    fails.

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


def make_additive_noise(n_samples=1000, *, noise=0.1, random_state=None):
    r"""Draw a uniform column and the same with uniform noise added.

    With X uniform on (0, 1) and noise on :math:`(-\epsilon, \epsilon)`,

    .. math::
        I = \epsilon - \log 2\epsilon \;\; (\epsilon \le \tfrac12), \qquad
        \frac{1}{4\epsilon} \;\; (\epsilon > \tfrac12)

    Parameters
    ----------
    n_samples : int, default=1000
        Rows.
    noise : float, default=0.1
        Half the width of the noise.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    X : ndarray of shape (n_samples, 1)
        The column.
    Y : ndarray of shape (n_samples, 1)
        The column with noise.
    mutual_info : float
        Its exact value, in nats.

    Notes
    -----
    Tends to infinity as the noise vanishes; from few rows no estimator follows.

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


def draw_pairs(n_samples, correlations, random_state):
    """Draw standard normal columns in pairs of given correlations."""
    X = random_state.standard_normal((n_samples, len(correlations)))
    noise = random_state.standard_normal((n_samples, len(correlations)))
    return X, correlations * X + np.sqrt(1 - correlations**2) * noise


def _benchmark_tasks():
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
