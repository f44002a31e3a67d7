"""What training maximises, and the criterion that selects an epoch."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import softplus

from skmi import bounds

__all__ = ["Bound", "Objective", "Scores", "donsker_varadhan_objective"]

Scores = tuple[torch.Tensor, torch.Tensor]  # of joint and of independent pairs
Bound = Callable[[Scores], torch.Tensor]  # one value for each model

PENALTY_WEIGHT = 1e-3  # of E_Q[e^{2f}]: large enough to tame the critic's tails


@dataclass(frozen=True)
class Objective:
    """The objective of a critic, as functions of the scores of joint and other pairs.

    Parameters
    ----------
    bound : callable
        The bound. On the early-stopping samples it selects the epoch.
    training : callable, default=None
        The same value with another gradient, or with a memory; None is `bound`.
    penalty : callable, default=None
        What is subtracted from both.
    learns_baseline : bool, default=False
        Whether a learned function of y is subtracted from the scores.
    """

    bound: Bound
    training: Bound | None = None
    penalty: Bound | None = None
    learns_baseline: bool = False

    def loss(self, scores: Scores) -> torch.Tensor:
        """Return what training maximises: one value for each model."""
        value = self.bound if self.training is None else self.training
        return self._penalised(value(scores), scores)

    def criterion(self, scores: Scores) -> torch.Tensor:
        """Return what selects the epoch: one value for each model."""
        return self._penalised(self.bound(scores), scores)

    def _penalised(self, value, scores):
        return value if self.penalty is None else value - self.penalty(scores)


def donsker_varadhan_objective(
    gradient: str, decay: float, penalty: Bound | None = None
) -> Objective:
    """Return the objective of Donsker and Varadhan with one of its gradients."""
    training = {"softplus": softplus_gradient}.get(gradient)
    if gradient == "moving_average":
        training = MovingAverage(decay)
    if gradient == "penalized":
        penalty = add_penalties(second_moment, penalty)
    return Objective(bounds.donsker_varadhan, training, penalty)


class MovingAverage:
    """Donsker-Varadhan's value with the gradient of MINE: a memory of the batches."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.log_average: torch.Tensor | None = None

    def __call__(self, scores: Scores) -> torch.Tensor:
        fresh = bounds.log_partition(scores).detach()
        if self.log_average is None:
            self.log_average = fresh
        past, new = math.log(self.decay), math.log1p(-self.decay)
        self.log_average = torch.logaddexp(past + self.log_average, new + fresh)
        return straight_through(bounds.mine(scores, self.log_average), scores)


def softplus_gradient(scores: Scores) -> torch.Tensor:
    """Donsker-Varadhan's value with the gradient of a softplus for the logarithm."""
    joint, _ = scores
    partition = torch.exp(bounds.log_partition(scores))
    return straight_through(joint.mean(-1) - softplus(partition), scores)


def straight_through(objective: torch.Tensor, scores: Scores) -> torch.Tensor:
    """Return Donsker-Varadhan's value with the gradient of an objective."""
    value = bounds.donsker_varadhan(scores).detach()
    return objective + value - objective.detach()


def second_moment(scores: Scores) -> torch.Tensor:
    """Return the penalty of the second moment of the density ratio."""
    joint, marginal = scores
    return PENALTY_WEIGHT * torch.exp(bounds.log_partition((joint, 2 * marginal)))


def add_penalties(first: Bound, second: Bound | None) -> Bound:
    """Return the sum of two penalties, of which the second may be none."""
    if second is None:
        return first
    return lambda scores: first(scores) + second(scores)
