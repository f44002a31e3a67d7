"""Training of an encoder, and of the critic that evaluates its codes."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from skmi._core.sklearn_compat import make_random_state
from skmi._core.torch_utils import (
    device_at_hand,
    make_generator,
    resolve_device,
    to_tensor,
)
from skmi._data.scaling import Scaler
from skmi._data.splitting import train_stop_test
from skmi.critics._batched import copy_network
from skmi.encoders._networks import EncodedPairs, apply_encoder
from skmi.exceptions import ConvergenceWarning, SkmiWarning, warn
from skmi.scores import project_randomly
from skmi.training.loop import Training, run_epochs
from skmi.training.schedule import Schedule
from skmi.variational import InfoNCE

__all__ = ["TrainedEncoder", "project_samples", "train_encoder"]

# An estimated gradient has no value to stop early by, and needs no negative samples.
WITHOUT_VALUE = {
    "early_stopping": False,
    "n_iter_no_change": 1,
    "tol": 0.0,
    "n_negatives": None,
}

FEWEST_STEPS = 30  # of Adam: its first ones move each weight by the learning rate

FEWEST_TO_STOP = 40  # samples; 15 % of fewer would be under six to stop early by


class Judge:
    """The critic of `score`, fitted to the codes of the training samples when asked.

    It starts from scratch and has twice the epochs of the encoder. It is no estimate,
    and its warnings would be about parameters of no user's.
    """

    def __init__(self, estimator: Any, codes: np.ndarray, target: np.ndarray) -> None:
        self.max_iter, self.device = 2 * estimator.max_iter, estimator.device
        self.samples: tuple[np.ndarray, np.ndarray] | None = (codes, target)
        self.critic: InfoNCE | None = None

    def score(self, codes: np.ndarray, target: np.ndarray) -> float:
        """Return the lower bound of the information of codes on a target."""
        if self.samples is not None:
            self.critic, self.samples = self._fit(*self.samples), None
        return self.critic.score(codes, target)

    def _fit(self, codes, target):
        critic = InfoNCE(
            max_iter=self.max_iter,
            early_stopping=len(codes) >= FEWEST_TO_STOP,
            device=str(device_at_hand(self.device)),
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkmiWarning)
            return critic.fit(codes, target)


class TrainedEncoder(NamedTuple):
    """An encoder after some epochs, with all that new samples need."""

    encoder: nn.Module
    partner: nn.Module | None  # the encoder of the second view
    scaler: Scaler  # of the features
    centre: np.ndarray  # mean of the encoder's outputs on the training samples
    scale: np.ndarray  # and their standard deviation
    judge: Judge
    n_iter: int
    loss_curve: list[float]
    validation_scores: list[float] | None
    best_iter: int
    device: str

    @property
    def n_components(self) -> int:
        """Number of columns of the codes."""
        return len(self.centre)

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the codes of samples, of unit variance on the training samples."""
        codes = apply_encoder(self.encoder, self.scaler.transform(X))
        return (codes - self.centre) / self.scale

    def score(self, X: np.ndarray, target: np.ndarray) -> float:
        """Return the lower bound of the information of the codes on a target."""
        return self.judge.score(self.encode(X), target)


def train_encoder(
    estimator: Any,
    make_network: Callable[[torch.Generator], EncodedPairs],
    scaler: Scaler,
    x: np.ndarray,
    y: np.ndarray,
    *,
    target: np.ndarray,
    describe: Callable[[TrainedEncoder], dict],
) -> TrainedEncoder:
    """Train an encoder on pairs of blocks.

    Parameters
    ----------
    estimator : estimator
        Has the parameters of ``skmi.training.parameters.LoopParameters`` and, unless
        its network has a loss without a value, those of early stopping. Its callbacks
        are called after each epoch.
    make_network : callable
        ``make_network(generator)`` returns the network to be trained.
    scaler : Scaler
        The standardisation that made `x` of the samples.
    x : ndarray of shape (n_samples, n_features)
        What the encoder reads.
    y : ndarray of shape (n_samples, n_columns)
        What its codes are to be informative about; `x` itself, or another block.
    target : ndarray of shape (n_samples,) or (n_samples, n_targets)
        What the codes are evaluated on by the critic behind `score`.
    describe : callable
        ``describe(trained)`` returns the fitted attributes, for callbacks.

    Returns
    -------
    TrainedEncoder
    """
    random_state = make_random_state(estimator.random_state)
    generator = make_generator(random_state)
    network = make_network(generator)
    training = make_training(estimator, network, x, y, generator, random_state)
    evaluate = functools.partial(
        evaluate_encoder, estimator, training, scaler, x, target
    )
    stopped = run_epochs(estimator, training, lambda: describe(evaluate()))
    if not stopped:
        warn_of_convergence(estimator, training)
    return evaluate()


def warn_of_convergence(estimator: Any, training: Training) -> None:
    """Warn where the objective still rose, or too few steps can have been enough.

    The latter where there is no value to tell by, as with an estimated gradient.
    """
    few = training.epoch * training.n_batches < FEWEST_STEPS
    if not training.converged or (few and not training.schedule.early_stopping):
        warn(
            f"max_iter={estimator.max_iter} epochs were run and the encoder may still "
            "improve. Raise max_iter.",
            ConvergenceWarning,
        )


def make_training(
    estimator: Any,
    network: EncodedPairs,
    x: np.ndarray,
    y: np.ndarray,
    generator: torch.Generator,
    random_state: np.random.RandomState,
) -> Training:
    """Split the samples and prepare the loop."""
    changes = {} if network.objective.has_value else WITHOUT_VALUE
    schedule = Schedule.of(estimator, **changes)
    stopping = schedule.early_stopping
    fold = train_stop_test(
        len(x),
        test_size=0,
        validation_fraction=estimator.validation_fraction if stopping else 0,
        random_state=random_state,
        name=type(estimator).__name__,
    )
    device = resolve_device(estimator.device, torch.float32)
    x_rows = to_tensor(x, device, torch.float32).unsqueeze(0)
    y_rows = x_rows
    if y is not x:
        y_rows = to_tensor(y, device, torch.float32).unsqueeze(0)
    return Training(
        network,
        network.value,
        x_rows,
        y_rows,
        train_rows=torch.from_numpy(fold.train).unsqueeze(0),
        stop_rows=torch.from_numpy(fold.stop).unsqueeze(0),
        schedule=schedule,
        generator=generator,
        extract=copy_network,
    )


def evaluate_encoder(
    estimator: Any,
    training: Training,
    scaler: Scaler,
    x: np.ndarray,
    target: np.ndarray,
) -> TrainedEncoder:
    """Collect the best encoder so far, and what the critic of `score` is fitted to."""
    best = training.best[0]
    codes = apply_encoder(best.encoder, x)
    centre, scale = codes.mean(0), codes.std(0) + 1e-12  # a constant code stays finite
    return TrainedEncoder(
        encoder=best.encoder,
        partner=best.partner,
        scaler=scaler,
        centre=centre,
        scale=scale,
        judge=Judge(estimator, (codes - centre) / scale, target),
        n_iter=training.epoch,
        loss_curve=[values[0] for values in training.losses],
        validation_scores=[values[0] for values in training.scores] or None,
        best_iter=training.stopping.best_epoch[0],
        device=str(training.x.device),
    )


def project_samples(block: np.ndarray, n_projections: int) -> np.ndarray:
    """Project the columns of a wide block at random to `n_projections`."""
    rows = torch.from_numpy(np.array(block, dtype=np.float64, order="C"))
    return project_randomly(rows, n_projections).numpy()
