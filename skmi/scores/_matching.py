"""Score matching: solvers for a kernel of vector fields, and a network.

A field is ``a * embedding + apply(c)`` of a kernel, at its points, with coefficients
c (..., n, d) at its samples.
"""

import copy
import functools
import itertools
import math

import torch

from skmi.scores._kernels import CurlFreeKernel, SumKernel, median_distance
from skmi.scores._whitening import whiten_samples

__all__ = [
    "descend",
    "descend_adaptively",
    "evaluate_field",
    "make_network",
    "solve_by_conjugate_gradients",
    "target_of",
    "train_by_slices",
]

STEPS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)  # held against each other
N_FOLDS = 3
KEPT = (1, 2, 4)  # numbers of components that a kernel may keep
LOG_COSH_OF_NORMAL = 0.374567  # E log cosh z, z standard normal
WIDE = 6.0  # bandwidth, in medians, at which a kernel sees little but slopes


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
        for t, *loss in fold_losses(make, train @ turn, test @ turn, reference):
            losses[kind, t] = sum(loss)  # of many, the least is often so by chance
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
    r"""Yield steps in `STEPS` with the loss on rows left out and its standard error.

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
            yield t, float(loss.mean()), float(loss.std()) / math.sqrt(loss.numel())


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
