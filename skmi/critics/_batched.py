"""Stacks of models that train at once: skmi's networks or the user's modules."""

import copy
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn

from skmi._core.torch_utils import isolated_randomness
from skmi.critics.critics import Critic

__all__ = [
    "ModuleStack",
    "PairModule",
    "Weights",
    "build_network",
    "built",
    "checked_scores",
    "clip_gradients",
    "copy_models",
    "copy_network",
    "encoded",
    "extract_model",
    "first_line",
    "score_pairs",
]


PAIRS_AT_ONCE = 2**16  # that a user's module of joined rows scores


class ModuleStack(nn.Module):
    """Separate modules behind the interface of one network with many models."""

    draws_at_random = True  # dropout and the like use torch's global generator
    largest_block = 512  # samples, of which all pairs are scored

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        for module in modules:
            if not isinstance(module, nn.Module):
                raise TypeError(
                    "critic must make a torch.nn.Module, but it returned "
                    f"{type(module).__name__}."
                )
            if not is_trainable(module):
                raise ValueError("critic has no parameters to train.")
        self.modules_ = nn.ModuleList(modules).to(torch.float32)

    def forward(self, x: Tensor, y: Tensor, partners: Tensor | None = None) -> Tensor:
        return torch.stack(
            [
                score_pairs(module, x[i], y[i], partners)
                for i, module in enumerate(self.modules_)
            ]
        )


def is_trainable(module: Any) -> bool:
    """Whether this is a module with parameters to train."""
    return isinstance(module, nn.Module) and any(
        value.requires_grad for value in module.parameters()
    )


class PairModule(nn.Module):
    """A user's module of joined rows, x (n, n_x) and y (n, n_y) to (n, 1)."""

    takes_partners = True

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, y: Tensor, partners: Tensor | None = None) -> Tensor:
        """Score all pairs, or each row of x with the rows of y in `partners`."""
        if partners is None:
            partners = torch.arange(len(y)).expand(len(x), -1)
        own = torch.arange(len(x)).unsqueeze(-1).expand_as(partners)
        pairs = zip(
            own.flatten().split(PAIRS_AT_ONCE),
            partners.flatten().split(PAIRS_AT_ONCE),
            strict=True,
        )
        scores = [self.module(x[i], y[j]).reshape(-1) for i, j in pairs]
        return torch.cat(scores).reshape(partners.shape)


def adapt_module(module: nn.Module, n_x: int, n_y: int) -> nn.Module:
    """Return a user's critic as a module that scores all pairs.

    One that scores joined rows, as most implementations of MINE do, is wrapped.

    Raises
    ------
    ValueError
        If it takes other numbers of columns, or returns another shape.
    """
    if getattr(module, "takes_partners", False) or not is_trainable(module):
        return module
    matrix, pairs = (output_shape(module, n_x, n_y, n) for n in ((3, 2), (3, 3)))
    if matrix == (3, 2):
        return module
    if pairs in {(3, 1), (3,)}:
        return PairModule(module)
    if isinstance(matrix, TypeError):
        raise not_called_with_pairs(module, matrix) from matrix
    matrix, pairs = (
        f"raised {found}" if isinstance(found, Exception) else f"returned {found}"
        for found in (matrix, pairs)
    )
    raise ValueError(
        f"A critic module must map x (n, {n_x}) and y (m, {n_y}) to scores (n, m), or "
        f"joined rows, n of each, to (n, 1). For n=3 and m=2 it {matrix}; for three "
        f"joined rows it {pairs}."
    )


def not_called_with_pairs(module: nn.Module, error: TypeError) -> TypeError:
    """Return the error of a module that does not take two arguments."""
    return TypeError(
        "critic must be a module that is called with x (n, n_x) and y (m, n_y); "
        f"{type(module).__name__} is not: {error}."
    )


@torch.no_grad()
def output_shape(
    module: nn.Module, n_x: int, n_y: int, n_rows: tuple[int, int]
) -> tuple | Exception:
    """Return the shape that a copy of a module returns, or the error that it raises."""
    module = copy.deepcopy(module).float().cpu().eval()
    x, y = (
        torch.zeros(shape, dtype=torch.float32)
        for shape in zip(n_rows, (n_x, n_y), strict=True)
    )
    try:
        with torch.random.fork_rng(devices=[]):
            scores = module(x, y)
    except Exception as error:  # whatever a user's module may raise
        return error
    return tuple(scores.shape) if isinstance(scores, Tensor) else (type(scores),)


def checked_scores(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Score all pairs with a user's module; check the shape that it returns."""
    try:
        scores = module(x, y)
    except TypeError as error:
        raise not_called_with_pairs(module, error) from error
    except RuntimeError as error:
        if "out of memory" in str(error):
            raise
        raise ValueError(
            f"critic, the module {type(module).__name__}, cannot score x of shape "
            f"{tuple(x.shape)} and y of shape {tuple(y.shape)} "
            f"({first_line(error)}); give its layers as many inputs as x and y have "
            "columns, or pass a callable (n_x, n_y) -> Module."
        ) from error
    shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores)
    if shape != (len(x), len(y)):
        raise ValueError(
            "A critic module must map x (n, n_x) and y (m, n_y) to scores (n, m); for "
            f"n={len(x)}, m={len(y)} it returned the shape {shape}."
        )
    return scores


def first_line(error: Exception) -> str:
    """Return the first line of the message of an error."""
    return str(error).partition("\n")[0] or type(error).__name__


@torch.no_grad()
def encoded(encoder: nn.Module, rows: Tensor, name: str) -> Any:
    """Return what a user's encoder makes of rows, without a gradient."""
    try:
        return encoder(rows)
    except (RuntimeError, TypeError, IndexError) as error:
        raise ValueError(
            f"{name}, the module {type(encoder).__name__}, cannot encode rows of shape "
            f"{tuple(rows.shape)} ({first_line(error)}); its first layer must take "
            f"{rows.shape[1]} inputs, as many as there are columns. For images it "
            "begins with torch.nn.Unflatten."
        ) from error


def built(build: Any, n_first: int, n_second: int, name: str) -> Any:
    """Return what a user's callable makes of two sizes."""
    try:
        return build(n_first, n_second)
    except TypeError as error:
        raise TypeError(
            f"{name} was called with two numbers of columns, ({n_first}, {n_second}), "
            f"and failed: {first_line(error)}. Pass a callable of two arguments that "
            "returns a torch.nn.Module."
        ) from error


def score_pairs(
    network: nn.Module, x: Tensor, y: Tensor, partners: Tensor | None = None
) -> Tensor:
    """Score x (n, n_x) and y (m, n_y) with one model: all pairs, or partners."""
    if getattr(network, "takes_partners", False):
        return network(x, y, partners)
    scores = checked_scores(network, x, y)
    return scores if partners is None else scores.gather(-1, partners.to(x.device))


def build_network(
    critic: Any, n_x: int, n_y: int, *, n_models: int, generator: torch.Generator
) -> nn.Module:
    """Build a stack of models from any form of a critic.

    Parameters
    ----------
    critic : critic, callable or torch.nn.Module
        An object with ``build(n_x, n_y)``, a function (n_x, n_y) -> module, or a
        module, which is copied.
    n_x, n_y : int
        Numbers of columns of x and of y.
    n_models : int
        Number of models in the stack.
    generator : torch.Generator
        Generator of the initial weights. A user's modules draw from torch's own
        generator, which is seeded for them and then restored.

    Returns
    -------
    torch.nn.Module
    """
    if isinstance(critic, Critic):
        return critic.build(n_x, n_y, n_models=n_models, generator=generator)
    if isinstance(critic, nn.Module):
        copies = [copy.deepcopy(critic) for _ in range(n_models)]
        return ModuleStack([adapt_module(module, n_x, n_y) for module in copies])
    if isinstance(critic, type) and hasattr(critic, "build"):
        raise TypeError(
            f"critic is the class {critic.__name__}; pass an instance, "
            f"{critic.__name__}()."
        )
    build = getattr(critic, "build", critic)
    with isolated_randomness(generator):
        modules = [built(build, n_x, n_y, "critic") for _ in range(n_models)]
        return ModuleStack([adapt_module(module, n_x, n_y) for module in modules])


def clip_gradients(network: nn.Module, max_norm: float) -> None:
    """Scale the gradient of each model of a stack down to a norm of `max_norm`."""
    if isinstance(network, ModuleStack):
        for module in network.modules_:
            nn.utils.clip_grad_norm_(module.parameters(), max_norm)
        return
    gradients = [value.grad for value in network.parameters()]
    squares = sum((gradient.flatten(1) ** 2).sum(1) for gradient in gradients)
    factor = (max_norm / squares.sqrt()).clamp(max=1)
    for gradient in gradients:
        gradient *= factor.reshape(-1, *[1] * (gradient.dim() - 1))


def copy_network(network: nn.Module, i: int = 0) -> nn.Module:
    """Copy a single network, without gradients, to the CPU."""
    return copy.deepcopy(network).cpu().eval().requires_grad_(False)


def tensors_of(network: nn.Module) -> Iterator[Tensor]:
    """Yield the parameters and buffers of a network."""
    return itertools.chain(network.parameters(), network.buffers())


def count_products(network: nn.Module, n_rows: int) -> float:
    """Count the products of so many rows with a network's largest weights.

    Unknown, as infinite, for weights of convolutions and for those not yet made.
    """
    weights = list(network.parameters())
    if is_unmade(network) or any(weight.ndim > 3 for weight in weights):
        return math.inf
    return n_rows * max((weight.numel() for weight in weights), default=0)


def is_unmade(network: nn.Module) -> bool:
    """Whether a network makes its weights in the first call, which is still to come."""
    return any(nn.parameter.is_lazy(value) for value in network.parameters())


class Weights:
    """The parameters and buffers of a network whose weights are made, listed once.

    Listing them takes longer than copying them. Buffers are looked up each time, since
    a forward pass may replace them.
    """

    def __init__(self, network: nn.Module) -> None:
        self.parameters = list(network.parameters())
        self.buffers = [
            (module._buffers, name)
            for module in network.modules()
            for name in module._buffers
        ]

    def copy_buffers(self, other: Self) -> None:
        """Copy the buffers of another network of the same kind."""
        pairs = zip(self.buffers, other.buffers, strict=True)
        for (own, name), (theirs, _) in pairs:
            if theirs[name] is not None:
                own[name].copy_(theirs[name])


@torch.no_grad()
def copy_models(source: nn.Module, target: nn.Module, models: list[int]) -> None:
    """Copy the weights of some models of a stack into another stack of its kind."""
    if isinstance(source, ModuleStack):
        for i in models:
            target.modules_[i].load_state_dict(source.modules_[i].state_dict())
        return
    for old, new in zip(tensors_of(target), tensors_of(source), strict=True):
        old[models] = new[models]


def extract_model(network: nn.Module, i: int) -> nn.Module:
    """Copy model i out of a stack, without gradients, to the CPU."""
    if isinstance(network, ModuleStack):
        model = copy.deepcopy(network.modules_[i])
    else:
        own = {  # deepcopy takes these for the copies of the stack's tensors
            id(value): type(value)(value.detach()[i].clone())
            for value in tensors_of(network)
        }
        model = copy.deepcopy(network, own)
    return model.cpu().eval().requires_grad_(False)
