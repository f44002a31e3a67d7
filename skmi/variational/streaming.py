"""Critics that learn from batches of rows, one after the other, in flat memory."""

import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if

from skmi._core.sklearn_compat import fit_context, make_random_state
from skmi._core.torch_utils import make_generator, resolve_device
from skmi._data.splitting import Fold
from skmi.base import Estimate
from skmi.statistics import standard_error
from skmi.variational.fitted import describe_training, forget_training
from skmi.variational.inputs import CriticScores, Inputs, scale_sides

__all__ = ["StreamingMixin"]

MOST_REPORT_ROWS = 1024


class Reservoir(NamedTuple):
    """A sample of all rows seen so far, each as likely to be in it."""

    X: np.ndarray
    y: np.ndarray
    n_seen: int

    def add(self, X, y, random_state):
        """Return the sample after more rows have been seen."""
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
    """What is kept between batches."""

    weights: dict
    optimizer: dict
    inputs: Inputs
    reports: Reservoir
    losses: list
    random_state: np.random.RandomState


def trains_one_critic(estimator):
    """Whether batches will do; what is raised says what wants all rows at once."""
    if estimator.cv is not None or getattr(estimator, "reference", None) is not None:
        raise AttributeError(
            "partial_fit trains one critic on some rows at a time; pass cv=None and "
            "reference=None, which want all of them."
        )
    if getattr(estimator, "conditional", None) is not None:
        raise AttributeError(
            "partial_fit has nothing to train where `conditional` is known; call "
            "mutual_info on each batch."
        )
    return True


class StreamingMixin:
    """Adds `partial_fit` to an estimator that trains one critic."""

    @available_if(trains_one_critic)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None):
        """Learn from a batch of rows, and report on rows held out of all batches.

        Each call passes once over the batch. A share `test_size` of its rows does not
        train; a sample of at most 1024 such rows of all batches is what `mutual_info_`
        is of. No epoch is chosen, so `max_iter` and `early_stopping` have no part in
        it. The first batch sets the scale of the columns: let it be a fair sample.

        Pass each row once. One that comes again may have been held out before and
        train now, and the estimate is then too high.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; some hundred rows or more.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, or labels.
        classes : array-like, default=None
            All labels, needed in the first call where its batch does not have them.

        Returns
        -------
        self : object
            The estimator, fitted to all batches so far.

        Raises
        ------
        AttributeError
            If a parameter wants all rows at once, `cv` or ``reference="copula"``, or
            if `conditional` is known.
        FloatingPointError
            If the loss is no number; the estimator stays as it was before the batch.
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
        """Train on a batch, report, and remember all of it at the end."""
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
            to_cpu(training.optimizer.state_dict()),
            inputs,
            reports,
            self.loss_curve_,
            random_state,
        )

    def _resume(self, stream, inputs, X, y, fold, random_state):
        """Return a training on a batch that goes on where the last one ended."""
        training = self._train_stack(
            *scale_sides([inputs], X, y, resolve_device(self.device)),
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
        self._publish(
            Estimate(
                value,
                standard_error(influence),
                report.ceiling(len(reports.X)),
                report.bound,
                report.reach(len(reports.X)),
            )
        )
        fitted = describe_training(self, training, critics, [inputs], [value])
        n_iter = len(losses)
        fitted |= {"n_iter_": n_iter, "best_iter_": n_iter, "loss_curve_": losses}
        vars(self).update(fitted)


def clone_state(random_state):
    """Return a copy, so that a batch that fails leaves no trace."""
    other = np.random.RandomState()
    other.set_state(random_state.get_state())
    return other


def to_cpu(state):
    """Return the state of an optimiser with its tensors on the CPU."""
    moments = {
        place: {
            name: value.cpu() if isinstance(value, torch.Tensor) else value
            for name, value in values.items()
        }
        for place, values in state["state"].items()
    }
    return state | {"state": moments}
