"""The fitted attributes that training a critic leaves on an estimator."""

from typing import Any

import numpy as np
import torch

from skmi.training.loop import Training, mean_of_finite
from skmi.variational.inputs import CriticScores, Inputs

__all__ = ["describe_training", "forget_training"]

OF_TRAINING = (  # not all of which every fit sets
    "critic_",
    "critics_",
    "n_iter_",
    "best_iter_",
    "loss_curve_",
    "validation_scores_",
    "fold_scores_",
    "device_",
    "_stream",
)


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
    for name in OF_TRAINING:
        vars(estimator).pop(name, None)
