"""Incremental training of a critic on batches, in constant memory."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from skmi._core.sklearn_compat import fit_context, make_random_state, named_arguments
from skmi._core.torch_utils import make_generator, resolve_device, threads_of
from skmi._data.batches import collect_batches, is_batches
from skmi._data.checks import row_counts, row_keys
from skmi._data.splitting import Fold
from skmi.base import Estimate
from skmi.statistics import standard_error
from skmi.variational.fitted import describe_training, forget_training
from skmi.variational.inputs import CriticScores, Inputs, scale_sides

__all__ = ["StreamingMixin"]

MOST_REPORT_ROWS = 1024  # test samples that are kept

MOST_REPEATED = 0.05  # of a batch of numbers; of labels or codes many more are repeated


class HoldOut(NamedTuple):
    """Which samples are test samples: those whose key is below a limit.

    The key is a hash of the sample, so that one that comes again is a test sample each
    time. Where samples repeat by themselves, as labels and codes do, it is random.
    """

    seed: float
    limit: np.uint64
    by_content: bool

    @classmethod
    def learn(
        cls, X: np.ndarray, y: np.ndarray, n_test: int, random_state: Any
    ) -> Self:
        """Set the limit so that `n_test` samples of a first batch are held out."""
        seed = random_state.uniform()
        n_repeated = len(X) - len(row_counts(X, y))
        rule = cls(seed, np.uint64(0), n_repeated <= MOST_REPEATED * len(X))
        ranked = np.sort(rule.keys(X, y, clone_state(random_state)))
        return rule._replace(limit=ranked[min(n_test, len(ranked) - 1)])

    def keys(self, X: np.ndarray, y: np.ndarray, random_state: Any) -> np.ndarray:
        """Return the key of each sample."""
        if self.by_content:
            return row_keys(np.full((len(X), 1), self.seed), X, y)
        return random_state.randint(2**63, size=len(X), dtype=np.int64).view(np.uint64)


class Reservoir(NamedTuple):
    """The test samples of the smallest keys: a random subset of all different ones."""

    X: np.ndarray
    y: np.ndarray
    keys: np.ndarray

    def add(self, X: np.ndarray, y: np.ndarray, keys: np.ndarray) -> Reservoir:
        """Return the subset after more test samples."""
        given = zip(self, (X, y, keys), strict=True)
        X, y, keys = (np.concatenate(blocks) for blocks in given)
        _, kept = np.unique(keys, return_index=True)
        kept = kept[:MOST_REPORT_ROWS]
        return Reservoir(X[kept], y[kept], keys[kept])


class Stream(NamedTuple):
    """The state that is kept between batches."""

    weights: dict
    optimizer: dict
    inputs: Inputs
    hold_out: HoldOut
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
    """Mixin that reads batches in `fit`, and adds `partial_fit` for one critic."""

    @named_arguments
    def fit(
        self,
        X: Any,
        y: ArrayLike | None = None,
        Z: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        r"""Estimate the mutual information of X and y, conditional on Z if it is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or iterable
            Numbers, one row for each sample. An iterable of batches (X, y), such as a
            ``DataLoader`` of torch, takes the place of both X and y: it is read once,
            into memory, and an image becomes one row. Of an iterator, which may give
            several epochs, a sample that comes again is kept once. `partial_fit` takes
            batches that do not fit into memory.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Numbers, or labels: strings, categories, booleans or two distinct values;
            None only where X is an iterable of batches.
        Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            Conditioning variable: numbers, labels or both. With it, all results are of
            the conditional mutual information I(X; y | Z).
        groups : array-like of shape (n_samples,), default=None
            Labels of groups of dependent samples, such as those of one person: all of
            a group train, stop training early, or are tested on. `standard_error_`
            takes samples as independent all the same;
            ``inference.confidence_interval(groups=...)`` does not.
        sample_weight : array-like of shape (n_samples,), default=None
            Importance weights: the mutual information is that of the distribution in
            which each sample has a share in proportion to its weight. Only their ratios
            count. Training draws samples in proportion to them, and the report on the
            test samples is weighted; limits by the number of samples are those of
            :math:`(\sum_i w_i)^2 / \sum_i w_i^2` equally weighted ones.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or Z holds missing or masked values, dates, text among numbers, or
            too few samples; if both Z and groups are given; or if weights are negative
            or all 0.
        TypeError
            If X, y or Z is neither an array nor a table, or a batch is no pair (X, y).
        """
        if groups is None and sample_weight is None:
            return super().fit(*collect_batches(X, y), Z)
        if y is None and is_batches(X):
            raise ValueError(
                "groups and sample_weight need all samples at once: pass arrays X and "
                "y instead of an iterable of batches."
            )
        if Z is not None and groups is not None:
            raise ValueError("groups cannot be combined with Z; leave out one of them.")
        return self._fit_weighted(X, y, Z, sample_weight, groups)

    @available_if(trains_one_critic)
    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None
    ) -> Self:
        """Train on one batch and estimate on samples held out of all batches so far.

        Each call passes once over the batch; a good estimate takes several epochs over
        all batches, as `loss_curve_` shows. A fraction `test_size` of its samples is
        held out; `mutual_info_` is the estimate on a random subset, of at most 1024
        samples, of those held out of all batches. No epoch is chosen, so that
        `max_iter` and `early_stopping` have no effect. The columns are scaled by the
        first batch, which should be representative.

        Samples may come again, as in several epochs: they are held out by a hash of
        their content, so that a test sample remains one. Where more than a twentieth of
        the first batch are repeats, as with labels or codes alone, they are held out at
        random instead; pass each of those once, else the estimate is biased upwards.

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
        if stream is None:
            fold = self._split(X, y, random_state)[0]
            rule = HoldOut.learn(X, y, len(fold.report), random_state)
        else:
            rule = stream.hold_out
        keys = rule.keys(X, y, random_state)
        is_test = keys < rule.limit
        fold = Fold(*map(np.flatnonzero, (~is_test, np.zeros(len(X)), is_test)))
        if len(fold.train) < 2:
            return  # a short last batch
        if stream is None:
            inputs = self._make_inputs(X, y, fold)
            reports = Reservoir(X[:0], y[:0], keys[:0])
        else:
            inputs, reports = stream.inputs, stream.reports
        training = self._resume(stream, inputs, X, y, fold, random_state)
        with threads_of(training.n_products):
            training.run_epoch()
        reports = reports.add(X[is_test], y[is_test], keys[is_test])
        self._report_stream(training, inputs, reports, stream)
        self._stream = Stream(
            {name: v.cpu() for name, v in training.network.state_dict().items()},
            training.optimizer.state_dict(),
            inputs,
            rule,
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
