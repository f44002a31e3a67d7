"""Score matching: solvers for a kernel of vector fields, and a network.

A field is ``a * embedding + apply(c)`` of a kernel, at its points, with coefficients
c (..., n, d) at its samples. ``make(points, samples)`` makes a kernel.
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from skmi.scores._kernels import CurlFreeKernel, SumKernel, median_distance
from skmi.scores._whitening import whiten_samples

__all__ = [
    "descend",
    "descend_adaptively",
    "embed_score",
    "evaluate_field",
    "make_network",
    "solve_by_conjugate_gradients",
    "train_by_slices",
]

STEPS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)  # candidates, about geometric
N_FOLDS = 3
KEPT = (1, 2, 4)  # candidates for the number of components that a kernel keeps
LOG_COSH_OF_NORMAL = 0.374567  # E log cosh z, z standard normal
# Bandwidth, in median distances, at which the fields of a kernel are nearly linear.
WIDE = 6.0


def embed_score(field: Any, samples: Tensor, reference: bool) -> Tensor:
    """Return L s by Stein's identity, less that of the reference score if there is one.

    L is the integral operator of the kernel and s the score, which need not be known.
    """
    target = field.embedding()
    if reference:
        target = target + field.apply(samples) / samples.shape[-2]
    return target


def solve_by_conjugate_gradients(
    operator: Callable, target: Tensor, max_iter: int = 500, tol: float = 1e-10
) -> Tensor:
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


def nu_path(
    field: Any, samples: Tensor, n_steps: int, reference: bool, nu: float = 1.0
) -> Iterator[tuple[int, float, Tensor]]:
    """Yield (t, a, c) of f_t = a * embedding + field.apply(c), from step 1 on."""
    target = embed_score(field, samples, reference)
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


def descend(make: Callable, samples: Tensor, n_steps: int, reference: bool) -> Callable:
    """Return the field after so many steps, a function of points or of None."""
    field = make(samples, samples)
    *_, (_, weight, coefficients) = nu_path(field, samples, n_steps, reference)
    return functools.partial(
        evaluate_field, make, samples, weight, coefficients, reference
    )


def evaluate_field(
    make: Callable,
    samples: Tensor,
    weight: float,
    coefficients: Tensor,
    reference: bool,
    points: Tensor | None = None,
) -> Tensor:
    """Return weight * L s + field.apply(coefficients) at points, or at the samples."""
    field = make(samples if points is None else points, samples)
    return weight * embed_score(field, samples, reference) + field.apply(coefficients)


def descend_adaptively(samples: Tensor, reference: bool) -> Callable:
    """Return the field whose kernel and number of steps have the least held-out loss.

    A candidate counts by its loss plus the standard error of that loss; with a
    reference, whose loss is 0, one that is not below 0 is replaced by the zero field.
    Without the standard error the best of many candidates beat the reference by chance
    on normal samples (benchmarks/papers/scores.py).
    """
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
            losses[kind, t] = sum(loss)
    kind, n_steps = min(losses, key=losses.get)
    if reference and losses[kind, n_steps] >= 0:
        return functools.partial(evaluate_zero, samples)
    make, turn = choose_kernel(samples, kind, find_directions(samples), reference)
    return functools.partial(
        evaluate_turned, descend(make, samples @ turn, n_steps, reference), turn
    )


def evaluate_zero(samples: Tensor, points: Tensor | None = None) -> Tensor:
    """Return zero at points, or at the samples."""
    return torch.zeros_like(samples if points is None else points)


def evaluate_turned(
    function: Callable, turn: Tensor, points: Tensor | None = None
) -> Tensor:
    """Return a field that was estimated from rotated samples."""
    return function(None if points is None else points @ turn) @ turn.mT


def split_folds(samples: Tensor) -> tuple[Tensor, Tensor]:
    """Return training samples (folds, n, d), whitened by fold, and held-out ones."""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(samples), generator=generator)
    size = len(samples) // N_FOLDS
    parts = order[: size * N_FOLDS].reshape(N_FOLDS, size)
    others = torch.stack(
        [parts[[i != j for j in range(N_FOLDS)]].flatten() for i in range(N_FOLDS)]
    )
    train, mean, inverse = whiten_samples(samples[others])
    return train, (samples[parts] - mean) @ inverse.mT


def choose_kernel(
    samples: Tensor,
    kind: str | int,
    found: tuple[Tensor, Tensor],
    reference: bool,
) -> tuple[Callable, Tensor]:
    """Return a maker of kernels and the rotation of the samples that it needs.

    A "round" kernel treats all directions alike, a "stretched" one weights those found
    by `find_directions`, and a number keeps as many independent components only.
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


def sum_kernels(
    makers: Sequence[Callable], points: Tensor, samples: Tensor
) -> SumKernel:
    """Make the mean of several kernels."""
    return SumKernel(*(make(points, samples) for make in makers))


def find_components(samples: Tensor, start: Tensor, number: int) -> Tensor:
    """Return a rotation whose first columns are the least normal components."""
    turn = separate(samples, start)
    size = torch.log(torch.cosh(samples @ turn)).mean(-2, keepdim=True)
    order = (size - LOG_COSH_OF_NORMAL).abs().argsort(-1, descending=True)
    first = torch.take_along_dim(turn, order[..., :number], -1)
    return torch.linalg.qr(separate(samples, first), mode="complete").Q


def separate(samples: Tensor, directions: Tensor, n_rounds: int = 8) -> Tensor:
    r"""Rotate orthonormal directions to independent components.

    .. math:: W \leftarrow E[z \tanh(W^T z)^T] - W \, E[1 - \tanh(W^T z)^2],

    made orthonormal: the fixed-point iteration of FastICA, of as many components as
    given. Few rounds, since it does not converge on normal samples.
    """
    for _ in range(n_rounds):
        values = torch.tanh(samples @ directions)
        slopes = (1 - values**2).mean(-2, keepdim=True)
        moved = samples.mT @ values / samples.shape[-2] - directions * slopes
        left, _, right = torch.linalg.svd(moved, full_matrices=False)
        directions = left @ right
    return directions


def find_directions(
    samples: Tensor, n_rounds: int = 3, n_steps: int = 5
) -> tuple[Tensor, Tensor]:
    """Return a rotation to the directions that are not normal, and their weights.

    They are the leading eigenvectors of the mean outer product of a smooth estimate of
    the score, less the normal one; a kernel stretched along them gives a better
    estimate, and so on.
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


def fold_losses(
    make: Callable, train: Tensor, test: Tensor, reference: bool
) -> Iterator[tuple[int, float, float]]:
    r"""Yield the steps in `STEPS` with the held-out loss and its standard error.

    .. math:: E \left[ \tfrac12 \|f\|^2 + \nabla \cdot f + f \cdot s_{ref} \right]

    is half the squared error of f + s_ref up to a constant.
    """
    field, elsewhere = make(train, train), make(test, train)
    embedding = embed_score(elsewhere, train, reference)
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


def make_network(
    n_columns: int, hidden_layer_sizes: Sequence[int]
) -> torch.nn.Sequential:
    """Make a network of d outputs that are zero before training."""
    sizes = (n_columns, *hidden_layer_sizes)
    layers = []
    for n_inputs, n_outputs in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n_inputs, n_outputs), torch.nn.SiLU()]
    last = torch.nn.Linear(sizes[-1], n_columns)
    torch.nn.init.zeros_(last.weight)
    return torch.nn.Sequential(*layers, last)


def train_by_slices(
    network: torch.nn.Module,
    samples: Tensor,
    reference: bool,
    n_steps: int,
    learning_rate: float,
) -> None:
    """Minimise the sliced loss on three quarters of the samples.

    The weights of the least loss on the held-out quarter are kept, looked at every
    tenth step.
    """
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


def sliced_loss(network: torch.nn.Module, samples: Tensor, reference: bool) -> Tensor:
    """Return the sliced score-matching loss, with random signs."""
    inputs = samples.clone().requires_grad_(True)
    signs = torch.randint(0, 2, samples.shape).to(samples) * 2 - 1
    values = network(inputs)
    (slope,) = torch.autograd.grad((values * signs).sum(), inputs, create_graph=True)
    loss = (slope * signs).sum(-1) + (values**2).sum(-1) / 2
    if reference:
        loss = loss - (values * samples).sum(-1)
    return loss.mean()
