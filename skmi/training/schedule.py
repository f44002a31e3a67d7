"""The settings of the training loop."""

import math
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["LEARNING_RATES", "Schedule"]

LEARNING_RATES = {  # factor of the initial rate, by the fraction of epochs done
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
}


@dataclass(frozen=True)
class Schedule:
    """The settings of training, named as the estimators' parameters are."""

    max_iter: int
    batch_size: int
    n_negatives: int | None
    learning_rate_init: float
    alpha: float
    early_stopping: bool
    n_iter_no_change: int
    tol: float
    max_grad_norm: float | None = None
    min_steps: int = 1  # of an epoch, which may need several passes over the samples
    averaging_rate: float | None = None  # decay of the running mean of the weights
    n_iter_unchosen: int = 0  # first epochs, none of which may be the best one
    learning_rate: str | float = "constant"  # or its factor every second epoch
    chosen_by: str = "own"  # or "others": whose samples choose a model's best epoch

    @classmethod
    def of(cls, estimator: Any, **changes: Any) -> Self:
        """Take the settings from an estimator's parameters of the same names."""
        parameters = estimator.get_params(deep=False)
        names = cls.__annotations__.keys() & parameters.keys()
        return cls(**{name: parameters[name] for name in names} | changes)

    def rate_of_epoch(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if not isinstance(self.learning_rate, str):
            return self.learning_rate_init * self.learning_rate ** (epoch // 2)
        progress = epoch / max(self.max_iter, 1)
        return self.learning_rate_init * LEARNING_RATES[self.learning_rate](progress)
