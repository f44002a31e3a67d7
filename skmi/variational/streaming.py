"""Incremental training of a critic on batches, in constant memory."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from skmi._core.sklearn_compat import fit_context, make_random_state
from skmi._core.torch_utils import make_generator, resolve_device
from skmi._data.splitting import Fold
from skmi.base import Estimate
from skmi.statistics import standard_error
from skmi.variational.fitted import describe_training, forget_training
from skmi.variational.inputs import CriticScores, Inputs, scale_sides

__all__ = ["StreamingMixin"]

MOST_REPORT_ROWS = 1024  # test samples that are kept


class Reservoir(NamedTuple):
    """A uniform random subset of all test samples so far (reservoir sampling)."""

    X: np.ndarray
    y: np.ndarray
    n_seen: int

    def add(
        self, X: np.ndarray, y: np.ndarray, random_state: np.random.RandomState
    ) -> Reservoir:
        """Return the subset after more test samples."""
        own_X, own_y = self.X.copy(), self.y.copy()
        free = min(MOST_REPORT_ROWS - len(own_X), len(X))
        n_seen = self.n_seen + free
        for row in range(free, len(X)):
            n_seen += 1
            place = random_state.randint(n_seen)
            if place < len(own_X):
                own_X[place], own_y[place] = X[row], y[row]
        return Reservoir(
            np.concatenate([own_X, X[:free]]), np.concatenate([own_y, y[:free]]), n_seen
        )


class Stream(NamedTuple):
    """The state that is kept between batches."""

    weights: dict
    optimizer: dict
    inputs: Inputs
    reports: Reservoir
    losses: list[float]
    random_state: np.random.RandomState


def trains_one_critic(estimator: Any) -> bool:
    """Return True, or raise AttributeError if a parameter needs all samples at once."""
    if estimator.cv is not None or getattr(estimator, "reference", None) is not None:
        raise AttributeError(
            "partial_fit trains one critic on one batch at a time, but `cv` and "
            "`reference` need all samples; pass cv=None and reference=None."
        )
    if getattr(estimator, "conditional", None) is not None:
        raise AttributeError(
            "partial_fit has nothing to train where `conditional` is known; call "
            "mutual_info on each batch."
        )
    return True


class StreamingMixin:
    """Mixin that adds `partial_fit` to an estimator that trains one critic."""

    @available_if(trains_one_critic)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None
    ) -> Self:
        """Train on one batch and estimate on samples held out of all batches so far.

        Each call passes once over the batch. A fraction `test_size` of its samples is
        held out; `mutual_info_` is the estimate on a random subset, of at most 1024
        samples, of those held out of all batches. No epoch is chosen, so that
        `max_iter` and `early_stopping` have no effect. The columns are scaled by the
        first batch, which should be representative.

        Pass each sample once. A repeated sample may be a test sample of one batch and a
        training sample of another, and the estimate is then biased upwards.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; a few hundred samples or more.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, or labels.
        classes : array-like, default=None
            All labels; required in the first call if its batch does not have all.

        Returns
        -------
        self : object
            The estimator, trained on all batches so far.

        Raises
        ------
        AttributeError
            If a parameter needs all samples at once, `cv` or ``reference="copula"``, or
            if `conditional` is given.
        FloatingPointError
            If the loss is NaN or infinite; the estimator is then left as it was before
            the batch.
        """
        stream = vars(self).get("_stream")
        if stream is None:
            forget_training(self)
            vars(self).pop("mutual_info_", None)
        X, y = self._validate(X, y, reset=stream is None, classes=classes)
        if stream is None:
            random_state = make_random_state(self.random_state)
        else:
            random_state = clone_state(stream.random_state)
        self._learn_batch(X, self._as_columns(y), stream, random_state)
        return self

    def _learn_batch(self, X, y, stream, random_state):
        """Train on a batch, estimate, and store the new state last."""
        fold = self._split(X, y, random_state)[0]
        fold = Fold(np.concatenate([fold.train, fold.stop]), fold.stop[:0], fold.report)
        if stream is None:
            inputs, reports = self._make_inputs(X, y, fold), Reservoir(X[:0], y[:0], 0)
        else:
            inputs, reports = stream.inputs, stream.reports
        training = self._resume(stream, inputs, X, y, fold, random_state)
        training.run_epoch()
        reports = reports.add(X[fold.report], y[fold.report], random_state)
        self._report_stream(training, inputs, reports, stream)
        self._stream = Stream(
            {name: v.cpu() for name, v in training.network.state_dict().items()},
            training.optimizer.state_dict(),
            inputs,
            reports,
            self.loss_curve_,
            random_state,
        )

    def _resume(self, stream, inputs, X, y, fold, random_state):
        """Return the training of a batch, from the state after the previous one."""
        training = self._train_stack(
            *scale_sides([inputs], X, y, resolve_device(self.device, torch.float32)),
            torch.from_numpy(fold.train).unsqueeze(0),
            torch.from_numpy(fold.stop).unsqueeze(0),
            [inputs],
            make_generator(random_state),
        )
        training.schedule = dataclasses.replace(training.schedule, early_stopping=False)
        training.stopping.enabled = False
        if stream is not None:
            training.network.load_state_dict(stream.weights)
            training.optimizer.load_state_dict(stream.optimizer)
        return training

    def _report_stream(self, training, inputs, reports, stream):
        """Set the fitted attributes after a batch."""
        critics, report = training.best, self._make_report()
        scores = CriticScores(critics, [inputs], self.device, self._scores_dtype)
        value, influence = report.evaluate(scores, reports.X, reports.y, self.averaging)
        losses = [*(stream.losses if stream else []), training.losses[-1][0]]
        found = Estimate(
            value,
            standard_error(influence),
            report.ceiling(len(reports.X)),
            report.bound,
            report.reach(len(reports.X)),
        )
        self._publish(self._limit(found, reports.X, reports.y))
        fitted = describe_training(self, training, critics, [inputs], [value])
        n_iter = len(losses)
        fitted |= {"n_iter_": n_iter, "best_iter_": n_iter, "loss_curve_": losses}
        vars(self).update(fitted)


def clone_state(random_state: np.random.RandomState) -> np.random.RandomState:
    """Return a copy, so that a batch that fails does not change the state."""
    other = np.random.RandomState()
    other.set_state(random_state.get_state())
    return other
