"""How to train: the settings of the loop."""

import math
from dataclasses import dataclass

__all__ = ["LEARNING_RATES", "Schedule"]

LEARNING_RATES = {  # share of the first rate after a share of the epochs
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
}


@dataclass(frozen=True)
class Schedule:
    """How to train; the names are those of the estimators' parameters."""

    max_iter: int
    batch_size: int
    n_negatives: int | None
    learning_rate_init: float
    alpha: float
    early_stopping: bool
    n_iter_no_change: int
    tol: float
    max_grad_norm: float | None = None
    min_steps: int = 1  # fewest steps of an epoch, which may take several passes
    averaging_rate: float | None = None  # of the running mean of the weights
    n_iter_unchosen: int = 0  # first epochs, of which none is chosen as the best
    learning_rate: str = "constant"
    chosen_by: str = "own"  # whose early-stopping samples choose the epoch of a model

    @classmethod
    def of(cls, estimator, **changes):
        """Read the settings off an estimator's parameters of the same names."""
        parameters = estimator.get_params(deep=False)
        names = cls.__annotations__.keys() & parameters.keys()
        return cls(**{name: parameters[name] for name in names} | changes)
