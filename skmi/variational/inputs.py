"""What a critic sees of the samples of a fold, and the scores that it gives them."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from skmi._core.torch_utils import device_at_hand, threads_of, to_tensor
from skmi._data.scaling import scale_rows
from skmi.critics._batched import count_products, score_pairs
from skmi.gaussian.cross_fitted import CopulaReference

__all__ = ["CriticScores", "Inputs", "SideBySide", "scale_sides"]


class Inputs(NamedTuple):
    """What each side of a fold looks like to its critic, learned from training samples.

    `x` and `y` have ``transform(block)``.
    """

    x: Any
    y: Any
    reference: CopulaReference | None = None  # the closed form that the critic adds to
    offset: Callable | None = None  # of y (m, n_y): added to the scores (n, m)
    may_stay: bool = False  # whether the untrained critic can be the best one


class SideBySide(NamedTuple):
    """Columns side by side: those of the network, then those of the closed form."""

    scaler: Any
    features: Callable

    def transform(self, block: np.ndarray) -> np.ndarray:
        """Return the columns of both."""
        return np.hstack([self.scaler.transform(block), self.features(block)])


def scale_sides(
    inputs: list[Inputs], X: np.ndarray, y: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the samples of both sides as each model is to see them."""
    return (
        scale_rows([item.x for item in inputs], X, device),
        scale_rows([item.y for item in inputs], y, device),
    )


class CriticScores(NamedTuple):
    """Scores of pairs by trained critics: the mean over critics, in float64."""

    critics: list[torch.nn.Module]
    inputs: list[Inputs]
    device: str
    dtype: torch.dtype = torch.float64

    @torch.no_grad()
    def __call__(
        self, X: np.ndarray, y: np.ndarray, partners: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the scores of all pairs (n, m), or of partners (n, k)."""
        members = zip(self.critics, self.inputs, strict=True)
        scores = [self._score(*member, X, y, partners) for member in members]
        return sum(scores[1:], scores[0]) / len(scores)

    def _score(self, critic, inputs, X, y, partners):
        device = device_at_hand(self.device)
        critic = copy.deepcopy(critic).to(device, self.dtype)
        x, z = (
            to_tensor(side.transform(block), device, self.dtype)
            for side, block in ((inputs.x, X), (inputs.y, y))
        )
        with threads_of(count_products(critic, len(x))):
            scores = score_pairs(critic, x, z, partners).to(torch.float64)
        if inputs.offset is None:
            return scores
        offset = torch.from_numpy(inputs.offset(y)).to(device)
        return scores + (offset if partners is None else offset[partners])
