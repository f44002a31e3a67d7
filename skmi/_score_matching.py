"""Score matching: kernels of vector fields, their solvers, and a network.

A kernel is built for points (..., m, d) and samples (..., n, d). A field is
``a * embedding + apply(c)``, at the points, with coefficients c (..., n, d).
"""

import copy
import functools
import itertools
import math
import warnings

import torch

from skmi.exceptions import DependentColumnsWarning

__all__ = [
    "CurlFreeKernel",
    "DiagonalKernel",
    "SumKernel",
    "descend",
    "descend_adaptively",
    "make_network",
    "median_distance",
    "solve_by_conjugate_gradients",
    "target_of",
    "train_by_slices",
    "whiten_samples",
]

STEPS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)  # held against each other
N_FOLDS = 3
WIDE = 2.5  # bandwidth, in medians, at which a kernel sees little but slopes


def median_distance(samples):
    """Return the median of all pairwise distances, those of zero included."""
    distances = squared_distances(samples, samples).flatten(-2).sqrt()
    rank = distances.shape[-1] - samples.shape[-2] ** 2 // 2 + 1
    median = distances.kthvalue(max(rank, 1), dim=-1).values[..., None, None]
    return torch.where(median > 0, median, torch.ones_like(median))


def squared_distances(points, samples):
    """Return |x - y|^2 of all pairs."""
    squares = (points**2).sum(-1, keepdim=True) + (samples**2).sum(-1).unsqueeze(-2)
    return (squares - 2 * points @ samples.mT).clamp(min=0)


def differences(points, samples, weights):
    """Return for each point the sum of weights * (x - y) over the samples y."""
    return points * weights.sum(-1, keepdim=True) - weights @ samples


def projections(points, samples, coefficients):
    """Return (x - y) . c_y of all pairs."""
    own = (samples * coefficients).sum(-1).unsqueeze(-2)
    return points @ coefficients.mT - own


class DiagonalKernel:
    """The Gaussian kernel times the identity: d unrelated functions."""

    def __init__(self, points, samples, bandwidth):
        self.points, self.samples = points, samples
        square = squared_distances(points, samples)
        self.kernel = torch.exp(-square / (2 * bandwidth**2))
        self.slope = -self.kernel / bandwidth**2
        n_columns = points.shape[-1]
        self.curvature = self.slope * (n_columns - square / bandwidth**2)

    def apply(self, coefficients):
        """Return the sum of k(x, y) c_y over the samples."""
        return self.kernel @ coefficients

    def embedding(self):
        """Return the mean of -div_y k(x, y): by Stein's identity L applied to s."""
        total = differences(self.points, self.samples, self.slope)
        return total / self.samples.shape[-2]

    def divergence(self, coefficients):
        """Return the divergence of `apply` at the points."""
        inner = projections(self.points, self.samples, coefficients)
        return (self.slope * inner).sum(-1)

    def embedding_divergence(self):
        """Return the divergence of `embedding` at the points."""
        return self.curvature.mean(-1)


class CurlFreeKernel:
    r"""Gradients of functions: the kernel :math:`-A \nabla^2 g(A(x - y)) A`.

    g is a Gaussian and A diagonal, given by its `weights`; scaled so that k(x, x) is
    the square of A.
    """

    def __init__(self, points, samples, bandwidth, weights=None):
        if weights is None:
            weights = torch.ones_like(samples[..., :1, :])
        self.weights = weights
        self.points, self.samples = points * weights, samples * weights
        square, second, third = (
            squared_distances(points * weights**power, samples * weights**power)
            for power in (1, 2, 3)
        )
        trace = (weights**2).sum(-1, keepdim=True)
        trace_of_square = (weights**4).sum(-1, keepdim=True)
        half = 1 / (2 * bandwidth**2)
        self.kernel = torch.exp(-half * square)
        self.outer = -2 * half * self.kernel
        self.radial = 2 * half * self.kernel * (trace - 2 * half * second)
        self.linear = 4 * half * self.kernel
        self.curvature = trace * self.radial + self.kernel * (
            second * (8 * half**3 * second - 4 * half**2 * trace)
            - 16 * half**2 * third
            + 4 * half * trace_of_square
        )

    def apply(self, coefficients):
        """Return the sum of k(x, y) c_y over the samples."""
        coefficients = coefficients * self.weights
        inner = projections(self.points, self.samples, coefficients)
        along = differences(self.points, self.samples, self.outer * inner)
        return (self.kernel @ coefficients + along) * self.weights

    def embedding(self):
        """Return the mean of -div_y k(x, y): by Stein's identity L applied to s."""
        total = differences(self.points, self.samples, self.radial)
        bent = differences(self.points, self.samples, self.linear) * self.weights**2
        return -(total + bent) * self.weights / self.samples.shape[-2]

    def divergence(self, coefficients):
        """Return the divergence of `apply` at the points."""
        coefficients = coefficients * self.weights
        inner = projections(self.points, self.samples, coefficients)
        bent = projections(self.points, self.samples, coefficients * self.weights**2)
        return -(self.radial * inner + self.linear * bent).sum(-1)

    def embedding_divergence(self):
        """Return the divergence of `embedding` at the points."""
        return -self.curvature.mean(-1)


class SumKernel:
    """The mean of several kernels."""

    def __init__(self, *kernels):
        self.kernels = kernels

    def _mean(self, values):
        return sum(values) / len(self.kernels)

    def apply(self, coefficients):
        """Return the sum of k(x, y) c_y over the samples."""
        return self._mean(kernel.apply(coefficients) for kernel in self.kernels)

    def embedding(self):
        """Return the mean of -div_y k(x, y): by Stein's identity L applied to s."""
        return self._mean(kernel.embedding() for kernel in self.kernels)

    def divergence(self, coefficients):
        """Return the divergence of `apply` at the points."""
        return self._mean(kernel.divergence(coefficients) for kernel in self.kernels)

    def embedding_divergence(self):
        """Return the divergence of `embedding` at the points."""
        return self._mean(kernel.embedding_divergence() for kernel in self.kernels)


def whiten_samples(samples):
    """Return centred and decorrelated samples, their mean and the map.

    The covariance is that of the samples, which alone keeps the estimate equivariant.
    Where it is singular, as with few rows, it is drawn towards its diagonal.
    """
    n_rows, n_columns = samples.shape[-2:]
    mean = samples.mean(-2, keepdim=True)
    centred = samples - mean
    unit = centred.abs().amax(-2, keepdim=True)  # keeps squares from overflowing
    if not (unit > 0).all():
        raise ValueError("A column is constant: its density has no score.")
    scaled = centred / unit
    covariance = scaled.mT @ scaled / (n_rows - 1)
    factor, usable = factorise(covariance)
    if n_rows <= n_columns + 1 or not usable:
        warnings.warn(
            f"The {n_columns} columns of {n_rows} rows are linearly dependent, so that "
            "their joint density has no score. What is returned is that of a density "
            "smoothed column by column. Drop columns, or pass more rows.",
            DependentColumnsWarning,
            stacklevel=3,
        )
        share = 1.0 if n_rows <= n_columns + 1 else 1e-3
        variances = torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
        covariance = (covariance + share * variances) / (1 + share)
        factor, _ = factorise(covariance)
    eye = torch.eye(n_columns, dtype=samples.dtype, device=samples.device)
    inverse = torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)
    return scaled @ inverse.mT, mean, inverse / unit


def factorise(covariance):
    """Return the Cholesky factor and whether the columns are independent."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    pivots = factor.diagonal(dim1=-2, dim2=-1) ** 2
    variances = covariance.diagonal(dim1=-2, dim2=-1)
    return factor, not failed.any() and bool((pivots > 1e-10 * variances).all())


def target_of(field, samples, reference):
    """Return L s by Stein's identity; less that of the reference score, if taken."""
    target = field.embedding()
    if reference:
        target = target + field.apply(samples) / samples.shape[-2]
    return target


def solve_by_conjugate_gradients(operator, target, max_iter=500, tol=1e-10):
    """Solve operator(f) = target, symmetric and positive, for each leading index."""

    def dot(a, b):
        return (a * b).sum((-2, -1), keepdim=True)

    solution, rest = torch.zeros_like(target), target
    direction, size = rest, dot(target, target)
    goal = tol**2 * size
    for _ in range(max_iter):
        if (size <= goal).all():
            break
        image = operator(direction)
        step = size / dot(direction, image).clamp(min=1e-300)
        solution, rest = solution + step * direction, rest - step * image
        size, previous = dot(rest, rest), size
        direction = rest + size / previous.clamp(min=1e-300) * direction
    return solution


def nu_path(field, samples, n_steps, reference, nu=1.0):
    """Yield (t, a, c) of f_t = a * embedding + field.apply(c), from step 1 on."""
    target = target_of(field, samples, reference)
    values = torch.zeros_like(samples)
    before = now = (0.0, torch.zeros_like(samples))
    for t in range(1, n_steps + 1):
        momentum = (t - 1) * (2 * t - 3) * (2 * t + 2 * nu - 1)
        momentum /= (t + 2 * nu - 1) * (2 * t + 4 * nu - 1) * (2 * t + 2 * nu - 3)
        step = 4 * (2 * t + 2 * nu - 1) * (t + nu - 1)
        step /= (t + 2 * nu - 1) * (2 * t + 4 * nu - 1)
        weight = now[0] + momentum * (now[0] - before[0]) + step
        coefficients = now[1] + momentum * (now[1] - before[1])
        coefficients = coefficients - step * values / samples.shape[-2]
        before, now = now, (weight, coefficients)
        yield t, weight, coefficients
        if t < n_steps:
            values = weight * target + field.apply(coefficients)


def descend(make, samples, queries, n_steps, reference):
    """Return the field after so many steps, at the samples or the queries."""
    field = make(samples, samples)
    *_, (_, weight, coefficients) = nu_path(field, samples, n_steps, reference)
    if queries is not None:
        field = make(queries, samples)
    return weight * target_of(field, samples, reference) + field.apply(coefficients)


def descend_adaptively(samples, queries, reference):
    """Return the field whose directions and steps do best on rows left out."""
    n_rows = len(samples)
    if n_rows < 4 * N_FOLDS or n_rows * 2 // 3 <= samples.shape[-1] + 1:
        make = functools.partial(
            CurlFreeKernel, bandwidth=WIDE * median_distance(samples)
        )
        return descend(make, samples, queries, 10, reference)
    train, test = split_folds(samples)
    losses = {}
    for adapted in (False, True):
        make, turn = choose_kernel(train, adapted, reference)
        for t, loss in fold_losses(make, train @ turn, test @ turn, reference):
            losses[adapted, t] = loss
    adapted, n_steps = min(losses, key=losses.get)
    if reference and losses[adapted, n_steps] >= 0:
        return torch.zeros_like(samples if queries is None else queries)
    make, turn = choose_kernel(samples, adapted, reference)
    points = None if queries is None else queries @ turn
    return descend(make, samples @ turn, points, n_steps, reference) @ turn.mT


def split_folds(samples):
    """Return training rows (folds, n, d), whitened on their own, and test rows."""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(samples), generator=generator)
    size = len(samples) // N_FOLDS
    parts = order[: size * N_FOLDS].reshape(N_FOLDS, size)
    others = torch.stack(
        [parts[[i != j for j in range(N_FOLDS)]].flatten() for i in range(N_FOLDS)]
    )
    train, mean, inverse = whiten_samples(samples[others])
    return train, (samples[parts] - mean) @ inverse.mT


def choose_kernel(samples, adapted, reference):
    """Return a maker of kernels and the rotation of the samples it works in."""
    eye = torch.eye(samples.shape[-1], dtype=samples.dtype, device=samples.device)
    wide = WIDE * median_distance(samples)
    make_wide = functools.partial(CurlFreeKernel, bandwidth=wide)
    if not adapted:
        return make_wide, eye
    turn, weights = find_directions(samples)
    width = median_distance(samples @ turn * weights)
    make_narrow = functools.partial(CurlFreeKernel, bandwidth=width, weights=weights)
    if reference:
        return make_narrow, turn
    return lambda x, y: SumKernel(make_narrow(x, y), make_wide(x, y)), turn


def find_directions(samples, n_rounds=3, n_steps=5):
    """Return a rotation to the directions that are not normal, and their weights.

    The mean outer product of a smooth estimate of the score, less the normal one,
    has its large eigenvalues there; a kernel that stretches those directions gives a
    better estimate, and so on.
    """
    shape = (*samples.shape[:-2], 1, samples.shape[-1])
    weights = torch.ones(shape, dtype=samples.dtype, device=samples.device)
    turn = torch.eye(shape[-1], dtype=samples.dtype, device=samples.device)
    for _ in range(n_rounds):
        rows = samples @ turn
        make = functools.partial(
            CurlFreeKernel, bandwidth=median_distance(rows * weights), weights=weights
        )
        rest = descend(make, rows, None, n_steps, True)
        values, vectors = torch.linalg.eigh(rest.mT @ rest)
        turn = turn @ vectors
        size = values.clamp(min=0) / values[..., -1:].clamp(min=1e-300)
        weights = size.sqrt().unsqueeze(-2)
    return turn, weights


def fold_losses(make, train, test, reference):
    r"""Yield each step in `STEPS` with its loss on the rows left out.

    .. math:: E \left[ \tfrac12 \|f\|^2 + \nabla \cdot f + f \cdot s_{ref} \right]

    is half the squared error of f + s_ref up to a constant.
    """
    field, elsewhere = make(train, train), make(test, train)
    embedding = target_of(elsewhere, train, reference)
    slope = elsewhere.embedding_divergence()
    if reference:
        slope = slope + elsewhere.divergence(train) / train.shape[-2]
    for t, weight, coefficients in nu_path(field, train, STEPS[-1], reference):
        if t in STEPS:
            values = weight * embedding + elsewhere.apply(coefficients)
            loss = (values**2).sum(-1) / 2 + weight * slope
            loss = loss + elsewhere.divergence(coefficients)
            if reference:
                loss = loss - (values * test).sum(-1)
            yield t, float(loss.mean())


def make_network(n_columns, hidden_layer_sizes):
    """Make a network of d outputs that starts at zero."""
    sizes = (n_columns, *hidden_layer_sizes)
    layers = []
    for n_inputs, n_outputs in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n_inputs, n_outputs), torch.nn.SiLU()]
    last = torch.nn.Linear(sizes[-1], n_columns)
    torch.nn.init.zeros_(last.weight)
    return torch.nn.Sequential(*layers, last)


def train_by_slices(network, samples, reference, n_steps, learning_rate):
    """Minimise the sliced loss on three rows of four; keep what the fourth prefers."""
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    order = torch.randperm(len(samples))
    test, train = order.tensor_split([len(samples) // 4])
    best, lowest = copy.deepcopy(network.state_dict()), math.inf
    for step in range(n_steps):
        loss = sliced_loss(network, samples[train], reference)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 and len(test):
            loss = sliced_loss(network, samples[test], reference).item()
            if loss < lowest:
                best, lowest = copy.deepcopy(network.state_dict()), loss
    network.load_state_dict(best)


def sliced_loss(network, samples, reference):
    """Return the sliced score-matching loss, with random signs."""
    inputs = samples.clone().requires_grad_(True)
    signs = torch.randint(0, 2, samples.shape).to(samples) * 2 - 1
    values = network(inputs)
    (slope,) = torch.autograd.grad((values * signs).sum(), inputs, create_graph=True)
    loss = (slope * signs).sum(-1) + (values**2).sum(-1) / 2
    if reference:
        loss = loss - (values * samples).sum(-1)
    return loss.mean()
