"""Early stopping: the best epoch of each model, and the end of training."""

import math
from collections.abc import Iterable

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Choose the best epoch of each model of a stack by held-out scores.

    Parameters
    ----------
    n_models : int
        Number of models trained together.
    enabled : bool
        Whether held-out scores choose the epoch; if not, the last one is kept.
    patience : int
        Epochs without improvement after which a model stops.
    tol : float
        Smallest rise of the score that counts as an improvement.
    n_unchosen : int
        First epochs, none of which may be the best one.
    chosen_by : {"own", "others"}
        Whether a model's epoch is chosen on its own early-stopping samples or on those
        of all other models, so that its own can serve as test samples.

    Attributes
    ----------
    best_epoch : list of int
        The epoch of each model that is kept, counted from 1; 0 is the untrained one.
    best_score : list of float
        Its held-out score.
    diverged : dict of int
        The first epoch with a loss or score that is not finite, of the models that have
        one. Their best epoch is an earlier one.
    """

    def __init__(
        self,
        n_models: int,
        *,
        enabled: bool,
        patience: int,
        tol: float,
        n_unchosen: int = 0,
        chosen_by: str = "own",
    ) -> None:
        self.enabled = enabled
        self.patience, self.tol = patience, tol
        self.n_unchosen = n_unchosen
        self.chosen_by = chosen_by
        self.best_epoch = [0] * n_models
        self.best_score = [-math.inf] * n_models
        self.diverged: dict[int, int] = {}

    def start(self, scores: list[float]) -> Iterable[int]:
        """Make the untrained models the best so far; return which to keep."""
        self.best_score = self._selecting(scores)
        return range(len(self.best_score))

    def update(self, epoch: int, scores: list[float]) -> list[int]:
        """Take the scores of an epoch; return the models that are now at their best."""
        if not self.enabled or epoch <= self.n_unchosen:
            improved = [
                i for i in range(len(self.best_epoch)) if i not in self.diverged
            ]
        else:
            values = self._selecting(scores)
            improved = [
                i
                for i, value in enumerate(values)
                if not self._is_stopped(i, epoch - 1)
                and value > self.best_score[i] + self.tol
            ]
            for i in improved:
                self.best_score[i] = values[i]
        for i in improved:
            self.best_epoch[i] = epoch
        return improved

    def is_finished(self, epoch: int) -> bool:
        """Whether no model can improve any more."""
        return self.enabled and all(
            self._is_stopped(i, epoch) for i in range(len(self.best_epoch))
        )

    def note_divergence(self, epoch: int, values: list[float], name: str) -> None:
        """Record models whose value is not finite; raise if no model is left."""
        for i, value in enumerate(values):
            if not math.isfinite(value):
                self.diverged.setdefault(i, epoch)
        if len(self.diverged) == len(values):
            raise FloatingPointError(
                f"The {name} became {values} in epoch {epoch}. Lower "
                "learning_rate_init, or choose a bound with bounded gradients."
            )

    def _is_stopped(self, i: int, epoch: int) -> bool:
        return i in self.diverged or epoch - self.best_epoch[i] >= self.patience

    def _selecting(self, scores: list[float]) -> list[float]:
        """Return the scores that choose the epoch of each model."""
        if self.chosen_by == "own":
            return scores
        finite = {i: score for i, score in enumerate(scores) if i not in self.diverged}
        total = sum(finite.values())
        return [
            (total - finite.get(i, 0)) / max(len(finite) - (i in finite), 1)
            for i in range(len(scores))
        ]
