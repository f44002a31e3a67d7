"""Scores of a network of sums of two embeddings, in blocks that fit into the cache.

The hidden values of all pairs would take too much memory, so each block is scored and
discarded, and computed again for its gradient.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["additive_scores", "layers_of"]

CACHED_NUMBERS = 2**17  # hidden values of a block: half a megabyte


def additive_scores(
    u: Tensor,
    v: Tensor,
    partners: Tensor | None,
    layers: Sequence[Tensor],
    activation: Callable[[Tensor], Tensor],
) -> Tensor:
    """Score pairs by a network applied to the activated sum of their embeddings.

    Parameters
    ----------
    u : tensor of shape (n_models, n, h)
        Embeddings of x.
    v : tensor of shape (n_models, m, h)
        Embeddings of y.
    partners : tensor of shape (n, k) or None
        Rows of v to score with each row of u; None means all.
    layers : list of tensor
        Weight (n_models, h, h') and bias (n_models, 1, h') of each affine layer.
    activation : callable
        Applied before each layer.

    Returns
    -------
    tensor of shape (n_models, n, k) or (n_models, n, m)
    """
    return _InBlocks.apply(activation, u, v, partners, *layers)


def layers_of(network: nn.Module) -> list[Tensor]:
    """Return weight and bias of each layer of a network of affine layers, in turn."""
    return [tensor for layer in network.layers for tensor in (layer.weight, layer.bias)]


class _InBlocks(torch.autograd.Function):
    """Scores in blocks of models, rows and partners, one after the other."""

    @staticmethod
    def forward(ctx, activation, u, v, partners, *layers):
        """Score all blocks."""
        ctx.activation, ctx.shifts = activation, _cyclic_shifts(partners, v.shape[1])
        ctx.save_for_backward(u, v, partners, *layers)
        n_partners = v.shape[1] if partners is None else partners.shape[1]
        scores = u.new_empty(*u.shape[:2], n_partners)
        sides = _Sides(u, v, partners, ctx.shifts)
        for block in _blocks(*u.shape, n_partners):
            own = [layer[block[0]] for layer in layers]
            scores[block] = _score(activation, sides.sums(block), own)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx, slopes):
        """Score each block again and add its gradient to the totals."""
        u, v, partners, *layers = ctx.saved_tensors
        sides = _Sides(u, v, partners, ctx.shifts)
        totals = _Sides(torch.zeros_like(u), torch.zeros_like(v), partners, ctx.shifts)
        whole = [torch.zeros_like(layer) for layer in layers]
        for block in _blocks(*u.shape, slopes.shape[-1]):
            own, sums = (
                [tensor[block[0]] for tensor in side] for side in (layers, whole)
            )
            hidden = sides.sums(block)
            totals.add(
                block, _backpropagate(ctx.activation, hidden, own, slopes[block], sums)
            )
        return None, totals.u, totals.v, None, *whole


class _Sides:
    """Embeddings of both sides, and access to those of a block.

    Partners at a cyclic shift are a slice of all rows repeated twice, which is faster
    than gathering them.
    """

    def __init__(self, u, v, partners, shifts):
        self.u, self.once, self.partners, self.shifts = u, v, partners, shifts
        self.twice = torch.cat([v, v], 1) if shifts else None

    @property
    def v(self):
        """The embeddings of y, each row once."""
        if self.twice is None:
            return self.once
        n_rows = self.once.shape[1]
        return self.once + self.twice[:, :n_rows] + self.twice[:, n_rows:]

    def _follow(self, rows, columns):
        """Return the slice of the repeated rows, for a single column, or None."""
        if not self.shifts or columns.stop - columns.start > 1:
            return None
        shift = self.shifts[columns.start]
        return slice(rows.start + shift, rows.stop + shift)

    def sums(self, block):
        """Return the sums of the embeddings (n_models, n_rows, n_partners, h)."""
        models, rows, columns = block
        u = self.u[models, rows].unsqueeze(2)
        if self.partners is None:
            return u + self.once[models, columns].unsqueeze(1)
        following = self._follow(rows, columns)
        if following is not None:
            return u + self.twice[models, following].unsqueeze(2)
        chosen = self.partners[rows, columns]
        sums = self.once[models].index_select(1, chosen.flatten())
        return sums.unflatten(1, chosen.shape).add_(u)

    def add(self, block, slopes):
        """Add the gradient of the sums of a block to both sides."""
        models, rows, columns = block
        following = None if self.partners is None else self._follow(rows, columns)
        if following is not None:
            slopes = slopes.squeeze(2)
            self.u[models, rows] += slopes
            self.twice[models, following] += slopes
            return
        self.u[models, rows] += slopes.sum(2)
        if self.partners is None:
            self.once[models, columns] += slopes.sum(1)
            return
        chosen = self.partners[rows, columns].flatten()
        self.once[models].index_add_(1, chosen, slopes.flatten(1, 2))


def _cyclic_shifts(partners, n_rows):
    """Return the shifts if the partners are cyclic shifts of the rows, else None."""
    if partners is None or len(partners) != n_rows:
        return None
    rows = torch.arange(n_rows).unsqueeze(1)
    if not torch.equal((rows + partners[:1]) % n_rows, partners):
        return None
    return partners[0].tolist()


def _blocks(
    n_models: int, n_rows: int, width: int, n_partners: int
) -> Iterator[tuple[slice, ...]]:
    """Yield slices of models, rows and partners whose hidden values fit the cache."""
    models = min(n_models, max(1, CACHED_NUMBERS // (n_rows * width)))
    rows = min(n_rows, max(1, CACHED_NUMBERS // width))
    partners = max(1, CACHED_NUMBERS // (models * rows * width))
    sizes = (n_models, models), (n_rows, rows), (n_partners, partners)
    yield from itertools.product(
        *(
            [slice(start, min(start + step, size)) for start in range(0, size, step)]
            for size, step in sizes
        )
    )


def _score(activation, hidden, layers):
    """Return the scores of a block from the sums of its embeddings."""
    shape = hidden.shape[:3]
    hidden = hidden.flatten(1, 2)
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        hidden = torch.baddbmm(bias, activation(hidden), weight)
    return hidden.reshape(shape)


def _backpropagate(activation, sums, layers, slopes, totals):
    """Return the gradient of the sums; add that of the layers to its totals."""
    weights, biases = layers[::2], layers[1::2]
    hidden, active = [sums.flatten(1, 2)], []
    for weight, bias in zip(weights, biases, strict=True):
        hidden[-1].requires_grad_()
        with torch.enable_grad():
            active.append(activation(hidden[-1]))
        if len(hidden) < len(weights):
            hidden.append(torch.baddbmm(bias, active[-1].detach(), weight))
    slopes = slopes.flatten(1).unsqueeze(-1)
    for i in reversed(range(len(weights))):
        totals[2 * i].baddbmm_(active[i].detach().mT, slopes)
        totals[2 * i + 1] += slopes.sum(1, keepdim=True)
        is_column = slopes.shape[-1] == 1  # broadcasting is then faster than a product
        back = weights[i].mT
        slopes = slopes * back if is_column else slopes @ back
        # Of a scalar: to check a gradient that is passed, torch imports its symbolic
        # shapes, which takes longer than the fit of a small table.
        with torch.enable_grad():
            scalar = torch.dot(active[i].flatten(), slopes.flatten())
        (slopes,) = torch.autograd.grad(scalar, hidden[i])
    return slopes.reshape(sums.shape)
