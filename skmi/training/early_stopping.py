"""Early stopping: which epoch of each model is kept, and when training ends."""

import math
from collections.abc import Iterable

__all__ = ["EarlyStopping"]


class EarlyStopping:
    """Follow the held-out scores of a stack of models, each with a best epoch.

    Parameters
    ----------
    n_models : int
        Models trained together.
    enabled : bool
        Whether held-out scores choose the epoch; if not, the last one stands.
    patience : int
        Epochs without improvement after which a model stops.
    tol : float
        Smallest rise of the score that is an improvement.
    n_unchosen : int
        First epochs, of which none can be the best: a schedule is not at its end.
    chosen_by : {"own", "others"}
        Whether a model's epoch is chosen by its own early-stopping samples or by those
        of all other models, so that its own may be reported on.

    Attributes
    ----------
    best_epoch : list of int
        The epoch of each model that is kept, counted from 1; 0 is the untrained one.
    best_score : list of float
        What chose it.
    diverged : dict of int
        For models whose loss or score was not finite, the first epoch of which that
        is so. Their best is of an earlier one.
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
        """Take the untrained models as the best so far; return which to keep."""
        self.best_score = self._selecting(scores)
        return range(len(self.best_score))

    def update(self, epoch: int, scores: list[float]) -> list[int]:
        """Read the scores of an epoch; return the models to be kept as they are."""
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
        """Note models whose value is not finite; raise where no model is left."""
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
        """Return what chooses the epoch of each model."""
        if self.chosen_by == "own":
            return scores
        finite = {i: score for i, score in enumerate(scores) if i not in self.diverged}
        total = sum(finite.values())
        return [
            (total - finite.get(i, 0)) / max(len(finite) - (i in finite), 1)
            for i in range(len(scores))
        ]
