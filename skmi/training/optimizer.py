"""AdamW, by the functional interface of torch."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim.adamw import adamw

__all__ = ["AdamW"]


class AdamW:
    """Steps of torch's AdamW, without the class around them.

    The first optimiser of a process otherwise imports torch's compiler, which takes
    longer than a fit of a small table and is never used here. Moments and steps are
    those of ``torch.optim.AdamW(..., fused=True)``. `factors` multiply the learning
    rate of some parameters.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        lr: float,
        weight_decay: float,
        factors: Mapping[torch.Tensor, float] | None = None,
    ) -> None:
        self.lr, self.weight_decay = lr, weight_decay
        self.parameters = [value for value in parameters if value.requires_grad]
        self.factors = [(factors or {}).get(value, 1.0) for value in self.parameters]
        self.state: dict[int, tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for value in self.parameters:
            value.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change each parameter that has a gradient."""
        found = [i for i, value in enumerate(self.parameters) if value.grad is not None]
        for i in found:
            if i not in self.state:
                value = self.parameters[i]
                count = torch.zeros((), dtype=torch.float32, device=value.device)
                self.state[i] = torch.zeros_like(value), torch.zeros_like(value), count
        for factor in dict.fromkeys(self.factors[i] for i in found):
            same = [i for i in found if self.factors[i] == factor]
            self._step(same, self.lr * factor)

    def _step(self, found: list[int], lr: float) -> None:
        """Change the parameters of these numbers."""
        values = [self.parameters[i] for i in found]
        first, second, counts = (
            list(part) for part in zip(*map(self.state.get, found), strict=True)
        )
        adamw(
            values,
            [value.grad for value in values],
            first,
            second,
            [],
            counts,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=lr,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[int, Any]:
        """Return moments and numbers of steps, on the CPU."""
        return {
            i: tuple(value.cpu() for value in values)
            for i, values in self.state.items()
        }

    def load_state_dict(self, state: dict[int, Any]) -> None:
        """Take up a state; copies are made."""
        self.state = {
            i: tuple(value.to(self.parameters[i].device, copy=True) for value in values)
            for i, values in state.items()
        }
