"""The training loop: a stack of models, each kept at its own best epoch."""

import contextlib
import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from skmi._core.inert_callbacks import InertContext
from skmi._core.torch_utils import isolated_randomness, threads_of
from skmi._data.weights import draw_in_proportion
from skmi.critics._batched import (
    Weights,
    clip_gradients,
    copy_models,
    count_products,
    extract_model,
    is_unmade,
)
from skmi.exceptions import SkmiWarning, warn
from skmi.training.early_stopping import EarlyStopping
from skmi.training.negatives import contrast_pairs, draw_partners, spread_partners
from skmi.training.optimizer import AdamW
from skmi.training.schedule import Schedule

__all__ = ["Training", "mean_of_finite", "run_epochs"]

SMALLEST_BLOCK = 32  # samples; if even these do not fit into memory, that is an error


class Training:
    """Train a stack of networks on one set of samples, model i on its own subset.

    Parameters
    ----------
    network : torch.nn.Module
        Maps x (models, n, n_x), y (models, n, n_y) and optional partners to scores.
    objective : callable
        Maps (joint, marginal) scores to one value for each model, to be maximised.
    x, y : tensor of shape (models, n_rows, n_columns)
        The inputs of each model.
    train_rows, stop_rows : tensor of shape (models, n)
        Row numbers of the training and of the early-stopping samples of each model.
    schedule : Schedule
        The settings.
    generator : torch.Generator
        Generator of batches and negative samples, on the CPU.
    criterion : callable, default=None
        The objective on the early-stopping samples; None means `objective`.
    contrast : {"y", "x", "both"}, default="y"
        The negative samples of a pair: its x with the y of other samples, its y with
        their x, or both, twice as many.
    extract : callable, default=extract_model
        ``extract(network, i)`` returns a copy of model i.
    weights : ndarray of shape (n_rows,), default=None
        Weights of the samples, in proportion to which each epoch draws the training
        samples; None takes each of them once.

    Attributes
    ----------
    stopping : EarlyStopping
        The best epoch of each model, and the models that diverged.
    losses, scores : list of list of float
        One list for each epoch: minus the objective on the batches, and the objective
        on the early-stopping samples.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        objective: Callable,
        x: torch.Tensor,
        y: torch.Tensor,
        *,
        train_rows: torch.Tensor,
        stop_rows: torch.Tensor,
        schedule: Schedule,
        generator: torch.Generator,
        criterion: Callable | None = None,
        contrast: str = "y",
        extract: Callable = extract_model,
        weights: np.ndarray | None = None,
    ) -> None:
        self.network = network.to(x.device)
        self.extract = extract
        self.objective = objective
        self.criterion = objective if criterion is None else criterion
        self.x, self.y = x, y
        self.train_rows = train_rows.to(x.device)
        self.weights = None if weights is None else weights[train_rows.numpy()]
        self.stop_rows = stop_rows.to(x.device)
        self.models = torch.arange(len(x), device=x.device).unsqueeze(-1)
        self.schedule = schedule
        self.generator = generator
        self.contrast = contrast
        self.optimizer = AdamW(
            network.parameters(),
            lr=schedule.learning_rate_init,
            weight_decay=schedule.alpha,
            factors=getattr(network, "rate_factors", None),
        )
        self.averaged = None
        if schedule.averaging_rate is not None:
            self.averaged = copy.deepcopy(self.network).eval()
        self.kept = copy.deepcopy(self.network)  # each model at its best epoch
        self.stopping = EarlyStopping(
            len(x),
            enabled=schedule.early_stopping,
            patience=schedule.n_iter_no_change,
            tol=schedule.tol,
            n_unchosen=schedule.n_iter_unchosen,
            chosen_by=schedule.chosen_by,
        )
        self.block_size = getattr(network, "largest_block", 4096)
        self.losses: list[list[float]] = []
        self.scores: list[list[float]] = []

    @property
    def epoch(self) -> int:
        """Number of epochs run."""
        return len(self.losses)

    @property
    def n_batches(self) -> int:
        """Number of batches of a pass over the training samples."""
        n_rows = self.train_rows.shape[1]
        return min(-(-n_rows // self.schedule.batch_size), n_rows // 2)

    @property
    def n_products(self) -> float:
        """Number of products of the largest operation on a batch."""
        return count_products(self.network, self.schedule.batch_size)

    @property
    def best(self) -> list[torch.nn.Module]:
        """A copy of each model at its best epoch."""
        return [self.extract(self.kept, i) for i in range(len(self.x))]

    @property
    def finished(self) -> bool:
        """Whether every model has stopped improving."""
        return self.stopping.is_finished(self.epoch)

    @property
    def converged(self) -> bool:
        """Whether no model was still improving at the last epoch."""
        return not self.schedule.early_stopping or self.finished

    @property
    def current(self) -> torch.nn.Module:
        """The network that is scored: that of the averaged weights, if there is one."""
        return self.network if self.averaged is None else self.averaged

    def consider_start(self) -> None:
        """Score the untrained network, so that it can be the best one."""
        self.network.eval()
        self._keep(self.stopping.start(self._score_stop_rows()))

    @torch.enable_grad()
    def run_epoch(self) -> None:
        """Train for one epoch, then score the early-stopping samples."""
        if not self.network.training:
            self.network.train()
        self._set_learning_rate()
        with self._isolated():
            losses = self._train_on_batches()
        if self.averaged is None:  # else that one is scored
            self.network.eval()
        if self.schedule.early_stopping:
            self.scores.append(self._score_stop_rows())
        self.losses.append(losses)
        scores = self.scores[-1] if self.scores else losses
        self._keep(self.stopping.update(self.epoch, scores))

    def _set_learning_rate(self):
        """Set the learning rate of the epoch."""
        self.optimizer.lr = self.schedule.rate_of_epoch(self.epoch)

    def _isolated(self):
        """Seed torch's generator, for dropout in a user's module, and restore it."""
        if getattr(self.network, "draws_at_random", False):
            return isolated_randomness(self.generator)
        return contextlib.nullcontext()

    def _train_on_batches(self):
        n_batches = self.n_batches
        n_passes = -(-self.schedule.min_steps // n_batches)
        total = 0
        for _ in range(n_passes):
            total = total + self._pass(n_batches)
        losses = (total / (n_batches * n_passes)).tolist()
        self.stopping.note_divergence(self.epoch + 1, losses, "training loss")
        return losses

    def _pass(self, n_batches):
        """Step on each batch of the shuffled samples; return the sum of the losses."""
        n_rows = self.train_rows.shape[1]
        batch_size = n_rows // n_batches
        order, total = self._order(n_rows), 0
        for batch in order[:, : n_batches * batch_size].split(batch_size, dim=1):
            partners = draw_partners(
                batch_size, self.schedule.n_negatives, self.generator, self.x.device
            )
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

    def _order(self, n_rows):
        """Return the training samples of each model, in the order of a pass."""
        if self.weights is None:
            shuffled = torch.randperm(n_rows, generator=self.generator)
            return self.train_rows[:, shuffled.to(self.x.device)]
        seed = torch.randint(2**31, (), generator=self.generator).item()
        random_state = np.random.RandomState(seed)
        drawn = [draw_in_proportion(w, n_rows, random_state) for w in self.weights]
        drawn = torch.from_numpy(np.stack(drawn)).to(self.x.device)
        return self.train_rows.gather(1, drawn)

    @torch.no_grad()
    def _average_weights(self):
        own, trained = self._averaged_weights
        rate = 1 - self.schedule.averaging_rate
        torch._foreach_lerp_(own.parameters, trained.parameters, rate)
        own.copy_buffers(trained)

    @functools.cached_property
    def _averaged_weights(self):
        if is_unmade(self.averaged):
            self.averaged = copy.deepcopy(self.network).eval()
        return Weights(self.averaged), Weights(self.network)

    def _score_stop_rows(self):
        """Score in blocks, in smaller ones once the device is out of memory."""
        while True:
            try:
                return self._score_blocks()
            except torch.cuda.OutOfMemoryError:
                if self.block_size < 2 * SMALLEST_BLOCK:
                    raise
                self.block_size //= 2
                warn(
                    "The device has not enough memory to score all samples at once; "
                    f"they are scored in blocks of {self.block_size} from here on.",
                    SkmiWarning,
                )

    @torch.no_grad()
    def _score_blocks(self):
        total, n_rows = 0, self.stop_rows.shape[1]
        n_blocks = -(-n_rows // self.block_size)
        for block in self.stop_rows.tensor_split(n_blocks, dim=1):
            n_negatives = self.schedule.n_negatives or self.schedule.batch_size - 1
            partners = spread_partners(block.shape[1], n_negatives)
            scores = self._score(self.current, block, partners)
            total = total + self.criterion(scores) * block.shape[1]
        scores = (total / n_rows).tolist()
        self.stopping.note_divergence(self.epoch + 1, scores, "held-out objective")
        return scores

    def _score(self, network, rows, partners):
        """Return scores of joint pairs, and of samples with their negative samples."""
        x, y = self.x[self.models, rows], self.y[self.models, rows]
        partners = partners.to(x.device)
        scores = network(x, y, partners)
        return contrast_pairs(scores, partners, self.contrast)

    @torch.no_grad()
    def _keep(self, models):
        if len(self.x) == 1 and len(models):
            own, scored = self._kept_weights
            torch._foreach_copy_(own.parameters, scored.parameters)
            own.copy_buffers(scored)
        elif len(models):
            copy_models(self.current, self.kept, list(models))

    @functools.cached_property
    def _kept_weights(self):
        if is_unmade(self.kept):
            self.kept = copy.deepcopy(self.current)
        return Weights(self.kept), Weights(self.current)


def run_epochs(
    estimator: Any,
    training: Training,
    reconstruct: Callable[[], dict],
    prepare: Callable[[int], None] | None = None,
) -> bool:
    """Train for up to `max_iter` epochs and call the estimator's callbacks after each.

    ``reconstruct()`` returns the fitted attributes so far and ``prepare(epoch)`` is
    called before each epoch. Returns whether training converged or a callback ended it.
    """
    X, y = estimator._given
    context: Any = InertContext()
    if getattr(estimator, "_skl_callbacks", None):
        context = estimator._init_callback_context(max_subtasks=estimator.max_iter)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    end = {"X": X, "y": y, "reconstruction_attributes": reconstruct}
    with threads_of(training.n_products):
        stopped = _run_tasks(estimator, training, context, end, prepare)
    context.call_on_fit_task_end(estimator=estimator, **end)
    return stopped


def _run_tasks(estimator, training, context, end, prepare):
    """Train for up to `max_iter` epochs; return whether that ended before."""
    X, y = end["X"], end["y"]
    stopped = False
    while not stopped and training.epoch < estimator.max_iter:
        if prepare is not None:
            prepare(training.epoch)
        task = context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        training.run_epoch()
        stop = task.call_on_fit_task_end(estimator=estimator, **end)
        stopped = bool(stop) or training.finished
    return stopped


def mean_of_finite(curves: list[list[float]]) -> list[float]:
    """Average the curves of all models, without values that are not finite."""
    values = np.ma.masked_invalid(curves)
    return values.mean(axis=1).filled(np.inf).tolist()
