"""A critic on a closed form, cross-fitted: what AutoMI trains."""

import copy
import math
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from sklearn.base import clone
from torch import nn

from skmi import bounds
from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import HasMethods, Integral, Interval, Real, StrOptions
from skmi._data.marginals import BlockView
from skmi._data.scaling import Scaler
from skmi._data.splitting import N_CONTRASTS
from skmi.base import Report
from skmi.statistics import standard_error
from skmi.training.schedule import Schedule
from skmi.variational.base import Fold, mean_by_row
from skmi.variational.ratio import LogPartitionEstimator

__all__ = ["CrossFittedCritic", "Evidence"]

STEPS_BETWEEN_LOOKS = 50


AVERAGING_RATE = 0.98


LARGEST_INPUT = 10


class Inputs(NamedTuple):
    """A block as the network sees it: ranks, standard columns, and their length."""

    view: BlockView
    scaler: Scaler

    @classmethod
    def fit(cls, block):
        """Learn from training rows."""
        return cls(BlockView(block, "rank"), Scaler.fit(block))

    def transform(self, block):
        """Return normal scores, columns without far outliers, two radial features."""
        standard = self.scaler.transform(block)
        standard = np.clip(standard, -LARGEST_INPUT, LARGEST_INPUT)
        length = (standard**2).mean(axis=1)
        radial = np.column_stack([np.log(0.1 + length), np.clip(length - 1, -3, 3)])
        return np.hstack([self.view.apply_all(block), standard, radial])


class Encoded(NamedTuple):
    """A block through a fitted transformer, and on."""

    encoder: object
    scaler: object

    def transform(self, block):
        """Return the codes as the scaler returns them."""
        return self.scaler.transform(encode(self.encoder, block))


class Evidence(NamedTuple):
    """What the report rows say, in nats."""

    value: float  # the Donsker-Varadhan estimate, the mean over folds
    influence: np.ndarray  # of each row on it
    bounds: np.ndarray  # the terms of the multi-sample bound
    folds: np.ndarray  # the estimate of each fold

    def exceeds(self, other):
        """Whether the estimate is larger than another by two standard errors."""
        error = standard_error(self.influence - other.influence)
        return self.value - other.value > 2 * error


@estimator
class CrossFittedCritic(LogPartitionEstimator):
    """A critic that adds to a closed form; each fold stops where the others say.

    Every row is reported on once, by a critic that neither trained on it nor was
    stopped by it: the step of a fold is the best for the mean of the other folds.
    Unless it `may_be_zero`, a critic without a closed form is trained for an epoch at
    the least, so that its ratios differ and a permutation test has what to order.
    """

    _parameter_texts: ClassVar = {
        "may_be_zero": """bool
    Whether a critic that says nothing may be the best one."""
    }

    reference: str | None = parameter(
        default="copula", constraints=[StrOptions({"copula"}), None]
    )
    max_iter: int = parameter(
        default=30, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    n_negatives: int | None = parameter(
        default=4, constraints=[Interval(Integral, 1, None, closed="left"), None]
    )
    learning_rate_init: float = parameter(
        default=3e-3, constraints=[Interval(Real, 0, None, closed="neither")]
    )
    n_iter_no_change: int = parameter(
        default=6, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    cv: object = parameter(default=5, constraints=["cv_object"])
    may_be_zero: bool = parameter(default=True, constraints=["boolean"])
    encoder_x: object = parameter(
        default=None, constraints=[HasMethods(["fit", "transform"]), nn.Module, None]
    )
    encoder_y: object = parameter(
        default=None, constraints=[HasMethods(["fit", "transform"]), nn.Module, None]
    )

    _report_dtype = torch.float32  # twice as quick, and exact to a millionth

    @property
    def _chosen_by(self):
        return "others" if len(self._scalers) > 1 else "own"

    def _objective(self, scores):
        return bounds.donsker_varadhan(scores)

    def _make_schedule(self):
        return Schedule.of(
            self, min_steps=STEPS_BETWEEN_LOOKS, averaging_rate=AVERAGING_RATE
        )

    def _split(self, X, y, random_state):
        folds = super()._split(X, y, random_state)
        if len(folds) == 1:  # no others: some of its own rows have to stop it
            return folds
        return [
            Fold(np.concatenate([fold.train, fold.stop]), fold.report, fold.report)
            for fold in folds
        ]

    # -- encoders ----------------------------------------------------------------

    @property
    def _encoders(self):
        return self.encoder_x, self.encoder_y

    @property
    def _trains_encoder(self):
        return any(isinstance(encoder, nn.Module) for encoder in self._encoders)

    @property
    def _has_reference(self):
        return self.reference is not None and not self._trains_encoder

    @property
    def _begins_well(self):
        found = self._has_reference and any(item.ratio for item in self._references)
        return found or (self._has_reference and self.may_be_zero)

    def _fit_scaler(self, block):
        return Scaler.fit(block) if self._trains_encoder else Inputs.fit(block)

    def _make_scalers(self, X, y, fold):
        blocks, fitted = [X, y], []
        for side, encoder in enumerate(self._encoders):
            if encoder is None or isinstance(encoder, nn.Module):
                fitted.append(None)
                continue
            own, other = (block[fold.train] for block in (blocks[side], (y, X)[side]))
            fitted.append(clone(encoder).fit(own, target_of(other)))
            blocks[side] = encode(fitted[side], blocks[side])
        scalers = super()._make_scalers(*blocks, fold)
        pairs = zip(fitted, scalers[:2], strict=True)
        sides = (s if encoder is None else Encoded(encoder, s) for encoder, s in pairs)
        return *sides, *scalers[2:]

    def _make_critic(self):
        critic = super()._make_critic()
        if not self._trains_encoder:
            return critic
        modules = (
            encoder if isinstance(encoder, nn.Module) else None
            for encoder in self._encoders
        )
        return EncodedCritic(critic, *modules)

    # -- report ------------------------------------------------------------------

    def _evaluate(self, training, X, y, folds):
        self._refuse_untrained(training)
        critics = training.best
        whole = self._gather(critics, X, y, folds)
        fitted = self._describe(training, critics, whole.folds)
        fitted |= {"whole": whole, "closed": None}
        if self._has_reference:
            closed = [without_network(critic) for critic in critics]
            fitted["closed"] = self._gather(closed, X, y, folds)
        size = np.mean([len(fold.report) for fold in folds])
        error = standard_error(whole.influence)
        return fitted, Report(whole.value, error, self._ceiling(size))

    def _gather(self, critics, X, y, folds):
        """Return the evidence of the report rows for one critic each fold."""
        values, influences, terms, rows = [], [], [], [fold.report for fold in folds]
        for critic, scalers, own in zip(critics, self._scalers, rows, strict=True):
            found, _ = self._terms([(critic, scalers)], X[own], y[own], "y")
            values.append(float(self._estimate(found)))
            influences.append(self._influence(found).cpu().numpy())
            terms.append(self._bound_terms(found, len(own)))
        return Evidence(
            np.average(values, weights=[len(own) for own in rows]),
            mean_by_row(rows, influences),
            mean_by_row(rows, terms),
            np.array(values),
        )

    def _bound_terms(self, terms, n_rows):
        """Return the terms of the multi-sample bound, from those of the estimate."""
        n_columns = min(N_CONTRASTS, n_rows)
        own = terms.joint - math.log(n_columns)
        others = terms.row + math.log((n_columns - 1) / n_columns)
        return (terms.joint - own.logaddexp(others)).cpu().numpy()

    def drop_networks(self):
        """Keep the closed forms alone."""
        self._critics = [without_network(critic) for critic in self._critics]

    def halve_folds(self):
        """Return the folds with half of the training rows each, as for `cv`."""
        return [
            (fold.train[: len(fold.train) // 2], fold.report) for fold in self._folds
        ]

    @property
    def closed_form_mutual_info(self):
        """What the closed form alone gives, its bias removed; the mean over folds.

        Where some fold sees none clearly, its estimate on the report rows.
        """
        if not self._has_reference:
            return 0.0
        if not all(item.is_clear for item in self._references):
            return self.closed.value
        return float(np.mean([item.estimate for item in self._references]))

    @property
    def closed_form_shortfall(self):
        """What the closed form under the critics lacks; the mean over folds."""
        if not self._has_reference:
            return 0.0
        return float(np.mean([item.shortfall for item in self._references]))


def encode(encoder, block):
    """Return the codes of a block as an array of columns."""
    codes = np.asarray(encoder.transform(block), dtype=float)
    return codes.reshape(len(block), -1)


def target_of(block):
    """Return a block of one column as scikit-learn wants a target."""
    return block[:, 0] if block.ndim == 2 and block.shape[1] == 1 else block


def without_network(critic):
    """Return a copy of a critic that is its closed form alone."""
    critic = copy.deepcopy(critic)
    critic.gain.zero_()
    critic.doubt.zero_()
    return critic


class EncodedCritic:
    """A critic of what modules of the user's make of the rows, trained together."""

    def __init__(self, critic, encoder_x, encoder_y):
        self.critic = critic
        self.encoders = encoder_x, encoder_y

    def build(self, n_x, n_y):
        """Make the network: a copy of each encoder, and a critic of their codes."""
        encoders = [
            nn.Identity() if encoder is None else copy.deepcopy(encoder).float()
            for encoder in self.encoders
        ]
        sizes = (
            count_codes(encoder, size)
            for encoder, size in zip(encoders, (n_x, n_y), strict=True)
        )
        if isinstance(self.critic, nn.Module):
            return EncodedNetwork(*encoders, copy.deepcopy(self.critic))
        build = getattr(self.critic, "build", self.critic)
        return EncodedNetwork(*encoders, build(*sizes))


class EncodedNetwork(nn.Module):
    """Encoders before a critic."""

    def __init__(self, encoder_x, encoder_y, network):
        super().__init__()
        self.encoder_x, self.encoder_y = encoder_x, encoder_y
        self.network = network
        self.takes_partners = getattr(network, "takes_partners", False)

    def forward(self, x, y, *partners):
        codes_x, codes_y = self.encoder_x(x), self.encoder_y(y)
        return self.network(codes_x.flatten(1), codes_y.flatten(1), *partners)


@torch.no_grad()
def count_codes(encoder, n_columns):
    """Return how many numbers an encoder makes of a row."""
    weights = next(iter(encoder.parameters()), torch.zeros(()))
    encoder.eval()
    codes = encoder(torch.zeros(2, n_columns, device=weights.device))
    encoder.train()
    return codes.flatten(1).shape[1]
