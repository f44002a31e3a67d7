"""The fitted attributes that training a critic leaves on an estimator."""

from typing import Any

import numpy as np
import torch

from skmi.training.loop import Training, mean_of_finite
from skmi.variational.inputs import CriticScores, Inputs

__all__ = ["TrainedAttributes", "describe_training", "forget_training"]


class TrainedAttributes:
    """The fitted attributes of training; not every fit sets all of them."""

    critic_: torch.nn.Module
    critics_: list[torch.nn.Module]
    n_iter_: int
    best_iter_: int | list[int]
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    fold_scores_: np.ndarray
    device_: str


def describe_training(
    estimator: Any,
    training: Training,
    critics: list[torch.nn.Module],
    inputs: list[Inputs],
    values: list[float],
) -> dict[str, Any]:
    """Return the fitted attributes of critics, each with the estimate of its fold."""
    best, is_single = training.stopping.best_epoch, estimator.cv is None
    scores = CriticScores(critics, inputs, estimator.device, estimator._scores_dtype)
    fitted: dict[str, Any] = {
        "n_iter_": training.epoch,
        "best_iter_": best[0] if is_single else list(best),
        "loss_curve_": mean_of_finite(training.losses),
        "validation_scores_": (
            mean_of_finite(training.scores) if training.scores else None
        ),
        "device_": str(training.x.device),
        "_scores": scores,
    }
    if is_single:
        return fitted | {"critic_": critics[0]}
    return fitted | {"critics_": critics, "fold_scores_": np.array(values)}


def forget_training(estimator: Any) -> None:
    """Drop the attributes of an earlier fit that this one may not set."""
    for name in (*TrainedAttributes.__annotations__, "_stream"):
        vars(estimator).pop(name, None)
