"""The one training loop: a stack of models, each stopped and kept at its own best."""

import contextlib
import copy
import math

import torch

from skmi._core.torch_utils import isolated_randomness
from skmi.critics._batched import clip_gradients, copy_models
from skmi.exceptions import SkmiWarning, warn
from skmi.training.negatives import contrast_pairs, cyclic_partners
from skmi.training.schedule import LEARNING_RATES

__all__ = ["Training"]

SMALLEST_BLOCK = 32


FEWEST_PAIRS = 2**15  # of independent rows, where the epoch is chosen


class Training:
    """Train a stack of networks on one set of rows, model i on its own subset.

    Parameters
    ----------
    network : torch.nn.Module
        Maps x (models, n, n_x), y (models, n, n_y) and optional partners to scores.
    extract : callable
        ``extract(network, i)`` returns a copy of model i.
    objective : callable
        Maps (joint, marginal) scores to one value for each model, to be maximised.
    x, y : tensor of shape (models, n_rows, n_columns)
        The rows as each model is to see them.
    train_rows, stop_rows : tensor of shape (models, n)
        Rows that train each model, and rows that choose its best epoch.
    schedule : Schedule
        The settings.
    generator : torch.Generator
        Source of batches and negatives, on the CPU.
    criterion : callable, default=None
        The objective on the early-stopping rows, where it is another.
    contrast : {"y", "x", "both"}, default="y"
        Which rows a row is held against: each x against the y of others, each y against
        the x of others, or one after the other, as twice as many rows.
    chosen_by : {"own", "others"}, default="own"
        Whose early-stopping rows choose the epoch of a model: its own, or those of all
        others, so that its own may be reported on.

    Attributes
    ----------
    best : list of torch.nn.Module
        For each model a copy at its best epoch, or at the last without early stopping.
    best_epoch : list of int
        The epoch of each copy, counted from 1.
    diverged : dict of int
        For models whose loss or score was no number, when others' were, the first
        epoch of which that is so. Their best is of an earlier one.
    losses, scores : list of list of float
        One list for each epoch: minus the objective on the batches, and the objective
        on the early-stopping rows.
    """

    def __init__(
        self,
        network,
        extract,
        objective,
        x,
        y,
        *,
        train_rows,
        stop_rows,
        schedule,
        generator,
        criterion=None,
        contrast="y",
        chosen_by="own",
    ):
        self.network = network.to(x.device)
        self.extract = extract
        self.objective = objective
        self.criterion = objective if criterion is None else criterion
        self.x, self.y = x, y
        self.train_rows, self.stop_rows = train_rows, stop_rows
        self.schedule = schedule
        self.generator = generator
        self.contrast = contrast
        self.chosen_by = chosen_by
        self.optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=schedule.learning_rate_init,
            weight_decay=schedule.alpha,
            fused=True,
        )
        self.averaged = None
        if schedule.averaging_rate is not None:
            self.averaged = copy.deepcopy(self.network)
        n_models = len(x)
        self.kept = copy.deepcopy(self.network)  # each model at its best
        self.diverged = {}
        self.block_size = getattr(network, "largest_block", 4096)
        self.best_epoch = [0] * n_models
        self.best_score = [-float("inf")] * n_models
        self.losses, self.scores = [], []

    @property
    def epoch(self):
        """Number of epochs run."""
        return len(self.losses)

    @property
    def best(self):
        """A copy of each model at its best."""
        return [self.extract(self.kept, i) for i in range(len(self.best_epoch))]

    @property
    def finished(self):
        """Whether every model has stopped improving."""
        patience = self.schedule.n_iter_no_change
        return self.schedule.early_stopping and all(
            i in self.diverged or self.epoch - best >= patience
            for i, best in enumerate(self.best_epoch)
        )

    @property
    def converged(self):
        """Whether no model was still improving at the last epoch."""
        return not self.schedule.early_stopping or self.finished

    @property
    def current(self):
        """The network whose held-out score counts: the running mean, if there is."""
        return self.network if self.averaged is None else self.averaged

    def consider_start(self):
        """Score the untrained network: it may be the best there is."""
        self.network.eval()
        self.best_score = self._selecting(self._score_stop_rows())
        self._keep(range(len(self.best_score)))

    @torch.enable_grad()
    def run_epoch(self):
        """Pass once over the training rows and once over the early-stopping rows."""
        self.network.train()
        self._set_learning_rate()
        with self._isolated():
            losses = self._train_on_batches()
        self.network.eval()
        if self.schedule.early_stopping:
            self.scores.append(self._score_stop_rows())
        self.losses.append(losses)
        if self.schedule.early_stopping:
            self._keep_best()
        else:
            self._keep_last()

    def _set_learning_rate(self):
        """Set the rate of the epoch."""
        progress = self.epoch / max(self.schedule.max_iter, 1)
        share = LEARNING_RATES[self.schedule.learning_rate](progress)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate_init * share

    def _isolated(self):
        """Keep what a user's module draws, as for dropout, to itself and repeatable."""
        if getattr(self.network, "draws_at_random", False):
            return isolated_randomness(self.generator)
        return contextlib.nullcontext()

    def _train_on_batches(self):
        n_rows = self.train_rows.shape[1]
        n_batches = min(-(-n_rows // self.schedule.batch_size), n_rows // 2)
        n_passes = -(-self.schedule.min_steps // n_batches)
        total = sum(self._pass(n_batches) for _ in range(n_passes))
        losses = (total / (n_batches * n_passes)).tolist()
        self._require_finite(losses, "training loss")
        return losses

    def _pass(self, n_batches):
        """Step on each batch of the shuffled rows; return the sum of the losses."""
        n_rows = self.train_rows.shape[1]
        batch_size = n_rows // n_batches
        order = self.train_rows[:, torch.randperm(n_rows, generator=self.generator)]
        total = 0
        for batch in order[:, : n_batches * batch_size].split(batch_size, dim=1):
            partners = self._draw_partners(batch_size)
            values = self.objective(self._score(self.network, batch, partners))
            self.optimizer.zero_grad()
            values.sum().neg().backward()
            if self.schedule.max_grad_norm is not None:
                clip_gradients(self.network, self.schedule.max_grad_norm)
            self.optimizer.step()
            if self.averaged is not None:
                self._average_weights()
            total = total - values.detach()
        return total

    @torch.no_grad()
    def _average_weights(self):
        pairs = zip(self.averaged.parameters(), self.network.parameters(), strict=True)
        for average, value in pairs:
            average.lerp_(value, 1 - self.schedule.averaging_rate)

    def _score_stop_rows(self):
        """Score in blocks, in smaller ones from where a device's memory is full."""
        while True:
            try:
                return self._score_blocks()
            except torch.cuda.OutOfMemoryError:
                if self.block_size < 2 * SMALLEST_BLOCK:
                    raise
                self.block_size //= 2
                warn(
                    "The device has not enough memory to score all rows at once; they "
                    f"are scored in blocks of {self.block_size} from here on.",
                    SkmiWarning,
                )

    @torch.no_grad()
    def _score_blocks(self):
        total, n_rows = 0, self.stop_rows.shape[1]
        n_blocks = -(-n_rows // self.block_size)
        for block in self.stop_rows.tensor_split(n_blocks, dim=1):
            partners = self._spread_partners(block.shape[1])
            scores = self._score(self.current, block, partners)
            total = total + self.criterion(scores) * block.shape[1]
        scores = (total / n_rows).tolist()
        self._require_finite(scores, "held-out objective")
        return scores

    def _score(self, network, rows, partners):
        """Return the scores of joint pairs, and of each row with its negatives."""
        models = torch.arange(len(rows)).unsqueeze(-1)
        x, y = self.x[models, rows], self.y[models, rows]
        partners = partners.to(x.device)
        scores = network(x, y, partners)
        return contrast_pairs(scores, partners, self.contrast)

    def _draw_partners(self, n_rows):
        shifts = torch.randperm(n_rows - 1, generator=self.generator) + 1
        return cyclic_partners(n_rows, shifts[: self.schedule.n_negatives])

    def _spread_partners(self, n_rows):
        """Return fixed negatives: as many as a batch has, or more on few rows."""
        fewest = min(64, max(16, FEWEST_PAIRS // n_rows))
        n_negatives = self.schedule.n_negatives or self.schedule.batch_size - 1
        n_negatives = max(fewest, n_negatives)
        n_shifts = min(n_negatives, n_rows - 1)
        shifts = torch.arange(1, n_shifts + 1) * (n_rows - 1) // n_shifts
        return cyclic_partners(n_rows, shifts)

    def _selecting(self, scores):
        """Return what chooses the epoch of each model."""
        if self.chosen_by == "own":
            return scores
        finite = {i: score for i, score in enumerate(scores) if i not in self.diverged}
        total = sum(finite.values())
        return [
            (total - finite.get(i, 0)) / max(len(finite) - (i in finite), 1)
            for i in range(len(scores))
        ]

    def _keep_best(self):
        if self.epoch <= self.schedule.n_iter_unchosen:
            self._keep_last()
            return
        improved = []
        for i, score in enumerate(self._selecting(self.scores[-1])):
            stopped = i in self.diverged or (
                self.epoch - 1 - self.best_epoch[i] >= self.schedule.n_iter_no_change
            )
            if not stopped and score > self.best_score[i] + self.schedule.tol:
                improved.append(i)
                self.best_epoch[i], self.best_score[i] = self.epoch, score
        self._keep(improved)

    def _keep_last(self):
        standing = [i for i in range(len(self.best_epoch)) if i not in self.diverged]
        for i in standing:
            self.best_epoch[i] = self.epoch
        self._keep(standing)

    def _keep(self, models):
        if len(self.best_epoch) == 1 and len(models):
            self.kept = copy.deepcopy(self.current)
        elif len(models):
            copy_models(self.current, self.kept, list(models))

    def _require_finite(self, values, name):
        """Note the models that have diverged; raise where none is left."""
        epoch = self.epoch + 1
        for i, value in enumerate(values):
            if not math.isfinite(value):
                self.diverged.setdefault(i, epoch)
        if len(self.diverged) == len(values):
            raise FloatingPointError(
                f"The {name} became {values} in epoch {epoch}. Lower "
                "learning_rate_init, or choose a bound with bounded gradients."
            )
