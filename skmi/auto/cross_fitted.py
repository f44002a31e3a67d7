"""A critic on a closed form, cross-fitted: what AutoMI trains on evidence."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skmi import bounds
from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import HasMethods, StrOptions
from skmi._data.marginals import BlockView
from skmi._data.scaling import Scaler
from skmi._data.splitting import stopped_by_others
from skmi.auto.encoded import EncodedCritic
from skmi.auto.evidence import evidence_reach, gather
from skmi.base import Estimate
from skmi.critics._composite import without_network
from skmi.critics._layers import ACTIVATIONS
from skmi.statistics import standard_error
from skmi.training.parameters import COUNT, OPTIONAL_COUNT, POSITIVE
from skmi.training.schedule import Schedule
from skmi.variational.base import (
    CriticEstimator,
    refuse_untrained,
    with_reference,
)
from skmi.variational.fitted import describe_training
from skmi.variational.inputs import CriticScores, Inputs
from skmi.variational.objective import Objective
from skmi.variational.report import Report, log_partition_report

__all__ = ["CrossFittedCritic"]

STEPS_BETWEEN_LOOKS = 25  # an epoch of few samples would be too noisy a look
AVERAGING_RATE = 0.96  # of the weights, over some 25 steps
LARGEST_INPUT = 10  # standard deviations; the ranks hold what lies further out


class RankedInputs(NamedTuple):
    """A block as the network sees it: ranks, standard columns, and their length."""

    view: BlockView
    scaler: Scaler

    @classmethod
    def fit(cls, block: np.ndarray) -> "RankedInputs":
        """Learn from training samples."""
        return cls(BlockView(block, "rank"), Scaler.fit(block))

    def transform(self, block: np.ndarray) -> np.ndarray:
        """Return normal scores, columns without far outliers, two radial features."""
        standard = self.scaler.transform(block)
        standard = np.clip(standard, -LARGEST_INPUT, LARGEST_INPUT)
        length = (standard**2).mean(axis=1)
        radial = np.column_stack([np.log(0.1 + length), np.clip(length - 1, -3, 3)])
        return np.hstack([self.view.apply_all(block), standard, radial])


class Encoded(NamedTuple):
    """A block through a fitted transformer, and on."""

    encoder: Any
    scaler: Any

    def transform(self, block: np.ndarray) -> np.ndarray:
        """Return the codes as the scaler returns them."""
        return self.scaler.transform(encode(self.encoder, block))


@estimator
class CrossFittedCritic(CriticEstimator):
    """Critics that add to a closed form; each epoch is chosen on the other folds.

    Every sample is tested on once, by a critic that neither trained on it nor was
    stopped by it: the epoch of a fold is the best for the mean of the other folds.
    Unless it may stay untrained, a critic without a closed form is trained for an epoch
    at the least, so that its ratios differ and a permutation test has what to order.
    """

    _parameter_texts: ClassVar = {
        "allow_untrained": """bool
    Whether the untrained critic may be the best one where the closed form is 0."""
    }

    # The defaults are those of AutoMI, which see.
    reference: str | None = parameter(
        default="copula", constraints=[StrOptions({"copula"}), None]
    )
    max_iter: int = parameter(default=60, constraints=COUNT)
    n_negatives: int | None = parameter(default=8, constraints=OPTIONAL_COUNT)
    learning_rate_init: float = parameter(default=6e-3, constraints=POSITIVE)
    activation: str = parameter(
        default="relu", constraints=[StrOptions(set(ACTIVATIONS))]
    )
    n_iter_no_change: int = parameter(default=3, constraints=COUNT)
    cv: Any = parameter(default=3, constraints=["cv_object"])
    allow_untrained: bool = parameter(default=True, constraints=["boolean"])
    encoder_x: Any = parameter(
        default=None, constraints=[HasMethods(["fit", "transform"]), nn.Module, None]
    )
    encoder_y: Any = parameter(
        default=None, constraints=[HasMethods(["fit", "transform"]), nn.Module, None]
    )

    _scores_dtype = torch.float32  # twice as quick, and exact to a millionth

    def _make_objective(self) -> Objective:
        return Objective(bounds.donsker_varadhan)

    def _make_report(self) -> Report:
        return log_partition_report()

    def _make_schedule(self, n_folds):
        return Schedule.of(
            self,
            min_steps=STEPS_BETWEEN_LOOKS,
            averaging_rate=AVERAGING_RATE,
            chosen_by="others" if n_folds > 1 else "own",
        )

    def _split(self, X, y, random_state):
        return stopped_by_others(super()._split(X, y, random_state))

    def _make_inputs(self, X, y, fold):
        trains_encoder = any(isinstance(e, nn.Module) for e in self._encoders)
        fit_side = Scaler.fit if trains_encoder else RankedInputs.fit
        blocks, fitted = [X, y], []
        for side, encoder in enumerate(self._encoders):
            if encoder is None or isinstance(encoder, nn.Module):
                fitted.append(None)
                continue
            own, other = (block[fold.train] for block in (blocks[side], (y, X)[side]))
            fitted.append(clone(encoder).fit(own, as_target(other)))
            blocks[side] = encode(fitted[side], blocks[side])
        inputs = Inputs(*(fit_side(block[fold.train]) for block in blocks))
        if self.reference is not None and not trains_encoder:
            inputs = with_reference(inputs, *blocks, fold)
            stays = inputs.reference.ratio is not None or self.allow_untrained
            inputs = inputs._replace(may_stay=stays)
        sides = (
            side if encoder is None else Encoded(encoder, side)
            for encoder, side in zip(fitted, inputs[:2], strict=True)
        )
        return Inputs(*sides, *inputs[2:])

    def _make_critic(self):
        critic = super()._make_critic()
        modules = [e if isinstance(e, nn.Module) else None for e in self._encoders]
        return EncodedCritic(critic, *modules) if any(modules) else critic

    @property
    def _encoders(self):
        return self.encoder_x, self.encoder_y

    # -- report ------------------------------------------------------------------

    def _evaluate(self, training, inputs, folds, X, y):
        refuse_untrained(training, any(item.may_stay for item in inputs))
        critics = training.best
        whole = gather(self._scores_of_each(critics, inputs), X, y, folds)
        fitted = describe_training(self, training, critics, inputs, whole.folds)
        fitted |= {"whole_": whole, "closed_": None, "folds_": folds}
        if inputs[0].reference is not None:
            closed = [without_network(critic) for critic in critics]
            scores = self._scores_of_each(closed, inputs)
            fitted["closed_"] = gather(scores, X, y, folds)
        error = standard_error(whole.influence)
        found = Estimate(
            whole.value, error, reach=evidence_reach(folds), influence=whole.influence
        )
        return fitted | {"reach_": found.reach}, found

    def _scores_of_each(self, critics, inputs):
        return [
            CriticScores([critic], [item], self.device, self._scores_dtype)
            for critic, item in zip(critics, inputs, strict=True)
        ]

    def drop_networks(self) -> None:
        """Keep the closed forms alone."""
        critics = [without_network(critic) for critic in self._scores.critics]
        self._scores = self._scores._replace(critics=critics)

    def training_bound(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return the multi-sample bound on as many training as test samples, in nats.

        Parameters
        ----------
        X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
            The samples of the fit.
        """
        scores = self._scores_of_each(self._scores.critics, self._scores.inputs)
        folds = [
            fold._replace(report=fold.train[: len(fold.report)]) for fold in self.folds_
        ]
        return float(gather(scores, X, y, folds).bounds.mean())


def encode(encoder: Any, block: np.ndarray) -> np.ndarray:
    """Return the codes of a block as an array of columns."""
    codes = np.asarray(encoder.transform(block), dtype=float)
    return codes.reshape(len(block), -1)


def as_target(block: np.ndarray) -> np.ndarray:
    """Return a block of one column as scikit-learn wants a target."""
    return block[:, 0] if block.ndim == 2 and block.shape[1] == 1 else block
