"""Critics of many blocks of columns, trained in one stack."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone

from skmi._core.sklearn_compat import make_random_state
from skmi._core.torch_utils import make_generator, resolve_device, threads_of, to_tensor
from skmi._data.scaling import Scaler
from skmi.critics._batched import score_pairs
from skmi.exceptions import ConvergenceWarning, SkmiWarning, warn
from skmi.training.negatives import contrast_pairs, cyclic_partners

__all__ = ["report_terms"]

if TYPE_CHECKING:
    from skmi.variational.base import CriticEstimator

MODELS_AT_ONCE = 256  # in a stack, whose memory grows with them
N_CONTRASTS = 64  # samples that each test sample is compared with


def report_terms(
    estimator: CriticEstimator, blocks: list[np.ndarray], y: ArrayLike, seed: int
) -> np.ndarray:
    r"""Train a critic on each block of columns; return terms of its test samples.

    .. math::
        \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}, \quad K = 65

    Parameters
    ----------
    estimator : CriticEstimator
        Has the critic, the objective and the schedule.
    blocks : list of ndarray of shape (n_samples, n_columns)
        The x of each model.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        The target of all models.
    seed : int
        Seed of the split, which is the same for all calls, and of the weights.

    Returns
    -------
    ndarray of shape (n_models, n_test_samples)
        Terms in nats; the mean of a row is a lower bound of the mutual information.
    """
    parts = range(0, len(blocks), MODELS_AT_ONCE)
    return np.concatenate(
        [_train(estimator, blocks[i : i + MODELS_AT_ONCE], y, seed) for i in parts]
    )


def _train(estimator, blocks, y, seed):
    estimator, random_state = clone(estimator), make_random_state(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        X, y = estimator._validate(blocks[0], y, reset=True)
    fold = estimator._split(X, y, random_state)[0]
    y = estimator._as_columns(y)
    inputs = estimator._make_inputs(X, y, fold)
    y = inputs.y.transform(y)
    device = resolve_device(estimator.device, torch.float32)
    width = max(block.shape[1] for block in blocks)
    x = np.zeros((len(blocks), len(y), width))
    for place, block in zip(x, blocks, strict=True):
        place[:, : block.shape[1]] = Scaler.fit(block[fold.train]).transform(block)
    x, y = (to_tensor(array, device, torch.float32) for array in (x, y))
    generator = make_generator(random_state)
    training = estimator._train_stack(
        x,
        y.expand(len(blocks), -1, -1),
        _repeat(fold.train, len(blocks)),
        _repeat(fold.stop, len(blocks)),
        [inputs],
        generator,
    )
    contrast = "x" if estimator._contrast == "x" else "y"
    with threads_of(training.n_products):
        while training.epoch < estimator.max_iter and not training.finished:
            training.run_epoch()
    terms = np.stack(
        [
            _score(critic.to(device), block[fold.report], y[fold.report], contrast)
            for critic, block in zip(training.best, x, strict=True)
        ]
    )
    _mark_diverged(training, terms)
    return terms


def _mark_diverged(training, terms):
    """Warn of models that diverged; the terms of untrained ones become 0."""
    for i, epoch in training.stopping.diverged.items():
        if training.stopping.best_epoch[i] == 0:
            terms[i] = 0.0
        warn(
            f"Critic {i} of {len(terms)} diverged in epoch {epoch} and was kept as it "
            f"was after epoch {training.stopping.best_epoch[i]}; the others stand. "
            "Lower learning_rate_init.",
            ConvergenceWarning,
        )


def _repeat(rows, n_models):
    return torch.from_numpy(rows).expand(n_models, -1)


@torch.no_grad()
def _score(critic, x, y, contrast):
    n_contrasts = min(N_CONTRASTS, len(x) - 1)
    shifts = torch.arange(1, n_contrasts + 1) * (len(x) - 1) // n_contrasts
    partners = cyclic_partners(len(x), shifts).to(x.device)
    scores = score_pairs(critic, x, y, partners).double()
    joint, negatives = contrast_pairs(scores, partners, contrast)
    everything = torch.cat([joint.unsqueeze(1), negatives], 1)
    terms = joint - torch.logsumexp(everything, 1) + math.log(n_contrasts + 1)
    return terms.cpu().numpy()
