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
    "evaluate_each",
    "evaluate_field",
    "evaluate_kernel",
    "evaluate_stein",
    "gaussian_kernel",
    "kept_eigenvalues",
    "make_network",
    "median_distance",
    "solve_by_conjugate_gradients",
    "summed_gradients",
    "target_of",
    "train_by_slices",
    "whiten_samples",
]

STEPS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)  # held against each other
N_FOLDS = 3
KEPT = (1, 2, 4)  # numbers of components that a kernel may keep
LOG_COSH_OF_NORMAL = 0.374567  # E log cosh z, z standard normal
WIDE = 6.0  # bandwidth, in medians, at which a kernel sees little but slopes


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


def gaussian_kernel(points, samples, bandwidth):
    """Return exp(-|x - y|^2 / (2 h^2)) of all pairs."""
    return torch.exp(-(torch.cdist(points, samples) ** 2) / (2 * bandwidth**2))


def summed_gradients(kernel, points, samples, bandwidth):
    """Return for each point the sum of grad_{x_n} k(point, x_n) over the samples."""
    total = kernel.sum(-1, keepdim=True) * points - kernel @ samples
    return total / bandwidth**2


def kept_eigenvalues(values, number, threshold):
    """Mark the eigenvalues to keep, sorted from the largest; one at the least."""
    if number is None:
        keep = values.cumsum(-1) / values.sum(-1, keepdim=True) < threshold
    else:
        keep = (torch.arange(values.shape[-1]) < number).expand(values.shape)
        keep = keep.to(values.device)
    keep = keep & (values > 1e-6 * values[..., :1])
    first = torch.zeros_like(keep)
    first[..., 0] = True
    return keep | first


def evaluate_kernel(samples, bandwidth, weights, points=None):
    """Return the sum of k(x, y) w_y over the samples."""
    points = samples if points is None else points
    return gaussian_kernel(points, samples, bandwidth) @ weights


def evaluate_stein(samples, target, factor, bandwidth, ridge, reference, points=None):
    """Return the last row of the Stein system of the samples and each point."""
    if points is None:
        return -torch.cholesky_solve(target, factor)
    kernel = gaussian_kernel(points, samples, bandwidth)
    weights = torch.cholesky_solve(kernel.mT, factor).mT
    schur = 1 + ridge - (weights * kernel).sum(-1, keepdim=True)
    last = summed_gradients(kernel, points, samples, bandwidth)
    joint = weights * kernel  # of the point's own place in the samples' equations
    added = (joint @ samples - joint.sum(-1, keepdim=True) * points) / bandwidth**2
    if reference:
        last = last - kernel @ samples - points
        added = added - joint.sum(-1, keepdim=True) * points
    return -(last - weights @ target - added) / schur


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


def descend(make, samples, n_steps, reference):
    """Return the field after so many steps, a function of points or of None."""
    field = make(samples, samples)
    *_, (_, weight, coefficients) = nu_path(field, samples, n_steps, reference)
    return functools.partial(
        evaluate_field, make, samples, weight, coefficients, reference
    )


def evaluate_field(make, samples, weight, coefficients, reference, points=None):
    """Return weight * L s + field.apply(coefficients) at points, or at the samples."""
    field = make(samples if points is None else points, samples)
    return weight * target_of(field, samples, reference) + field.apply(coefficients)


def descend_adaptively(samples, reference):
    """Return the field whose directions and steps do best on rows left out."""
    n_rows = len(samples)
    if n_rows < 4 * N_FOLDS or n_rows * 2 // 3 <= samples.shape[-1] + 1:
        make = functools.partial(
            CurlFreeKernel, bandwidth=WIDE * median_distance(samples)
        )
        return descend(make, samples, 10, reference)
    train, test = split_folds(samples)
    found = find_directions(train)
    losses = {}
    for kind in ("round", "stretched", *(k for k in KEPT if k <= samples.shape[-1])):
        make, turn = choose_kernel(train, kind, found, reference)
        for t, loss in fold_losses(make, train @ turn, test @ turn, reference):
            losses[kind, t] = loss
    kind, n_steps = min(losses, key=losses.get)
    if reference and losses[kind, n_steps] >= 0:
        return functools.partial(evaluate_nothing, samples)
    make, turn = choose_kernel(samples, kind, find_directions(samples), reference)
    return functools.partial(
        evaluate_turned, descend(make, samples @ turn, n_steps, reference), turn
    )


def evaluate_nothing(samples, points=None):
    """Return zero at points, or at the samples."""
    return torch.zeros_like(samples if points is None else points)


def evaluate_turned(function, turn, points=None):
    """Return a field that was estimated from rotated samples."""
    return function(None if points is None else points @ turn) @ turn.mT


def evaluate_each(functions, samples, points=None):
    """Return the fields of independent problems, each at its own rows."""
    points = samples if points is None else points
    parts = points.reshape(-1, *points.shape[-2:])
    values = [function(part) for function, part in zip(functions, parts, strict=True)]
    return torch.stack(values).reshape(points.shape)


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


def choose_kernel(samples, kind, found, reference):
    """Return a maker of kernels and the rotation of the samples it works in.

    A "round" kernel treats all directions alike, a "stretched" one weighs those found,
    and a number keeps as many independent components and nothing else.
    """
    wide = WIDE * median_distance(samples)
    make_wide = functools.partial(CurlFreeKernel, bandwidth=wide)
    turn, weights = found
    if kind == "round":
        return make_wide, torch.eye(samples.shape[-1]).to(samples)
    if kind != "stretched":
        turn = find_components(samples, turn, kind)
        weights = (torch.arange(samples.shape[-1]) < kind).to(weights)
        weights = weights.expand(found[1].shape)
    width = median_distance(samples @ turn * weights)
    make_narrow = functools.partial(CurlFreeKernel, bandwidth=width, weights=weights)
    if reference:
        return make_narrow, turn
    return functools.partial(sum_kernels, (make_narrow, make_wide)), turn


def sum_kernels(makers, points, samples):
    """Make the mean of several kernels."""
    return SumKernel(*(make(points, samples) for make in makers))


def find_components(samples, start, number):
    """Return a rotation that begins with the components that are least normal."""
    turn = separate(samples, start)
    size = torch.log(torch.cosh(samples @ turn)).mean(-2, keepdim=True)
    order = (size - LOG_COSH_OF_NORMAL).abs().argsort(-1, descending=True)
    first = torch.take_along_dim(turn, order[..., :number], -1)
    return torch.linalg.qr(separate(samples, first), mode="complete").Q


def separate(samples, directions, n_rounds=8):
    r"""Turn orthonormal directions to independent components.

    .. math:: W \leftarrow E[z \tanh(W^T z)^T] - W \, E[1 - \tanh(W^T z)^2],

    made orthonormal: the fixed point of FastICA, of as many components as given.
    Few rounds: where all is normal there is nothing to converge to.
    """
    for _ in range(n_rounds):
        values = torch.tanh(samples @ directions)
        slopes = (1 - values**2).mean(-2, keepdim=True)
        moved = samples.mT @ values / samples.shape[-2] - directions * slopes
        left, _, right = torch.linalg.svd(moved, full_matrices=False)
        directions = left @ right
    return directions


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
        rest = descend(make, rows, n_steps, True)()
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
