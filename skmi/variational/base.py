"""The base of the estimators that train a critic: split, train, report."""

import functools
from typing import Any

import numpy as np
import torch

from skmi._core.params import (
    estimator,
    not_defined,
    parameter,
)
from skmi._core.sklearn_compat import (
    Integral,
    Interval,
    RealNotInt,
    StrOptions,
    make_random_state,
)
from skmi._core.torch_utils import make_generator, resolve_device
from skmi._data.checks import is_constant
from skmi._data.scaling import Scaler
from skmi._data.splitting import (
    Fold,
    cross_fitting_folds,
    folds_of_kept,
    mean_by_row,
    train_stop_test,
)
from skmi._data.weights import draw_in_proportion, thin
from skmi.base import Estimate, MutualInfoEstimator
from skmi.critics import CRITICS
from skmi.critics._batched import build_network
from skmi.critics._composite import add_baseline, add_reference
from skmi.entropy import read_groups
from skmi.exceptions import ConvergenceWarning, ReliabilityWarning, warn
from skmi.gaussian.cross_fitted import CopulaReference
from skmi.neighbors._residuals import ResidualsMixin
from skmi.statistics import standard_error
from skmi.training.loop import Training, run_epochs
from skmi.training.parameters import (
    COUNT,
    POSITIVE,
    CriticParameters,
    LoopParameters,
    StoppingParameters,
)
from skmi.training.schedule import Schedule
from skmi.variational.fitted import (
    TrainedAttributes,
    describe_training,
    forget_training,
)
from skmi.variational.inputs import CriticScores, Inputs, SideBySide, scale_sides
from skmi.variational.objective import Objective
from skmi.variational.report import Report
from skmi.variational.streaming import StreamingMixin

__all__ = ["CriticEstimator", "RatioEstimator", "named_critic"]

# Of the logarithm of the number of test samples: where MINE, NWJ and InfoNCE come to be
# a tenth too low on normal samples, at 300 rows (2.6 nats), 1000 (3.3) and 4000 (4.1).
STRONG = 0.6

# Nats below 0 that are never and always warned of, whatever the standard error.
SMALL_ESTIMATE, LARGE_ESTIMATE = 0.2, 0.5


@estimator
class CriticEstimator(
    StreamingMixin,
    StoppingParameters,
    LoopParameters,
    CriticParameters,
    TrainedAttributes,
    ResidualsMixin,
    MutualInfoEstimator,
):
    """Base of the estimators that train a critic.

    A child says what training maximises, by `_make_objective`, and what is reported
    from the scores of test samples, by `_make_report`.
    """

    _label_columns = "indicators"
    _takes_text = False
    _number_types = (np.float64, np.float32)
    _may_write = False
    _scores_dtype = torch.float64
    _shared_attributes = (
        *MutualInfoEstimator._shared_attributes,
        *TrainedAttributes.__annotations__,
    )

    n_components: int = parameter(default=32, constraints=COUNT)
    max_grad_norm: float | None = parameter(default=None, constraints=[*POSITIVE, None])
    test_size: float = parameter(
        default=0.25,
        constraints=[
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 2, None, closed="left"),
        ],
    )
    cv: Any = parameter(default=None, constraints=["cv_object"])
    averaging: str = parameter(
        default="micro", constraints=[StrOptions({"micro", "macro"})]
    )

    # -- what a child says -------------------------------------------------------

    def _make_objective(self) -> Objective:
        """Return what training maximises."""
        raise not_defined(self, "_make_objective")

    def _make_report(self) -> Report:
        """Return what is reported from the scores of test samples."""
        raise not_defined(self, "_make_report")

    def _make_inputs(self, X, y, fold) -> Inputs:
        """Learn from the training samples of a fold what its critic is to see."""
        x_side = Scaler.fit(X[fold.train])
        if hasattr(self, "classes_"):
            return Inputs(x_side, Scaler.identity(y.shape[1]))
        return Inputs(x_side, Scaler.fit(y[fold.train]))

    def _make_critic(self):
        """Return the critic, by whatever it was given."""
        return named_critic(self, CRITICS)

    def _make_schedule(self, n_folds) -> Schedule:
        """Return the settings of training so many folds."""
        return Schedule.of(self)

    # -- fit ---------------------------------------------------------------------

    def _fit(self, X, y):
        forget_training(self)
        random_state = make_random_state(self.random_state)
        folds = self._split(X, y, random_state)
        y = self._as_columns(y)
        inputs = [self._make_inputs(X, y, fold) for fold in folds]
        training = self._train_stack(
            *scale_sides(inputs, X, y, resolve_device(self.device, torch.float32)),
            stack_rows([fold.train for fold in folds]),
            stack_rows(self._stop_rows(folds)),
            inputs,
            make_generator(random_state),
        )
        evaluate = functools.partial(self._evaluate, training, inputs, folds, X, y)

        def reconstruct():
            fitted, found = evaluate()
            return {**fitted, "mutual_info_": found.mutual_info}

        if self.early_stopping and any(item.may_stay for item in inputs):
            training.consider_start()
        is_done = run_epochs(self, training, reconstruct) or training.converged
        if not is_done and not is_constant(y):
            warn(
                f"max_iter={self.max_iter} epochs were run and the held-out objective "
                "still rose; the estimate may be too low. Raise max_iter.",
                ConvergenceWarning,
            )
        fitted, found = evaluate()
        warn_of_divergence(training)
        vars(self).update(fitted)
        return found

    def _split(self, X, y, random_state) -> list[Fold]:
        """Return the training, early-stopping and test samples of each fold."""
        settings = {
            "validation_fraction": (
                self.validation_fraction if self.early_stopping else 0
            ),
            "random_state": random_state,
            "name": type(self).__name__,
            "groups": read_groups(self._groups, len(X)),
        }
        if self.cv is None:
            return [train_stop_test(len(X), test_size=self.test_size, **settings)]
        cv = self.cv
        if self._all_samples is not None and not isinstance(cv, Integral):
            cv = folds_of_kept(cv, *self._all_samples)
        return cross_fitting_folds(
            y, cv, stratified=hasattr(self, "classes_"), **settings
        )

    def _stop_rows(self, folds):
        """Return the early-stopping samples, drawn in proportion to their weights."""
        if self._weights is None:
            return [fold.stop for fold in folds]
        random_state = np.random.RandomState(0)
        return [
            rows[draw_in_proportion(self._weights[rows], len(rows), random_state)]
            for rows in (fold.stop for fold in folds)
        ]

    def _as_columns(self, y):
        """Return a continuous target as it is and labels as one column a class."""
        return np.eye(len(self.classes_))[y] if hasattr(self, "classes_") else y

    def _train_stack(self, x, y, train_rows, stop_rows, inputs, generator) -> Training:
        """Return the training, not begun, of as many models as x and y have."""
        objective = self._make_objective()
        return Training(
            build_stack(self, x, y, inputs, objective.learns_baseline, generator),
            objective.loss,
            x,
            y,
            train_rows=train_rows,
            stop_rows=stop_rows,
            schedule=self._make_schedule(len(train_rows)),
            generator=generator,
            criterion=objective.criterion,
            contrast=self._make_report().contrast,
            weights=self._weights,
        )

    # -- report ------------------------------------------------------------------

    def _evaluate(self, training, inputs, folds, X, y) -> tuple[dict, Estimate]:
        """Return the fitted attributes and the estimate of the best models so far."""
        refuse_untrained(training, any(item.may_stay for item in inputs))
        report, critics = self._make_report(), training.best
        values, influences, limits, totals = [], [], [], []
        for critic, item, fold in zip(critics, inputs, folds, strict=True):
            scores = CriticScores([critic], [item], self.device, self._scores_dtype)
            rows = fold.report
            weights = None if self._weights is None else self._weights[rows]
            value, influence = report.evaluate(
                scores, X[rows], y[rows], self.averaging, weights
            )
            values.append(value)
            influences.append(influence)
            limits.append(report.limits(len(rows), weights))
            totals.append(len(rows) if weights is None else weights.sum())
        influence = mean_by_row([fold.report for fold in folds], influences)
        ceiling, reach = np.average(limits, axis=0, weights=totals)
        found = Estimate(
            np.average(values, weights=totals),
            standard_error(influence),
            float(ceiling),
            report.bound,
            float(reach),
            influence,
        )
        return describe_training(self, training, critics, inputs, values), found

    def _warn_of_reach(self, reach):
        super()._warn_of_reach(reach)
        warn_of_negative(self.mutual_info_, self.standard_error_)

    # -- new samples -------------------------------------------------------------

    @property
    def _contrast(self):
        return "x" if self._make_report().contrast == "x" else "y"

    def _mutual_info(self, X, y):
        y = self._as_columns(y)
        return self._make_report().evaluate(self._scores, X, y, self.averaging)[0]

    def _log_ratio(self, X, y):
        return self._scores(X, self._as_columns(y)).cpu().numpy()

    def _log_ratio_of_pairs(self, X, y):
        partners = torch.arange(len(X)).unsqueeze(-1)
        scores = self._scores(X, self._as_columns(y), partners)
        return scores.squeeze(-1).cpu().numpy()


@estimator
class RatioEstimator(CriticEstimator):
    """Base of the estimators whose critic is a log density ratio, up to a constant."""

    reference: str | None = parameter(
        default=None, constraints=[StrOptions({"copula"}), None]
    )

    @property
    def _two_values_are_labels(self):
        return self.reference is None  # which is for numbers

    def _make_inputs(self, X, y, fold):
        inputs = super()._make_inputs(X, y, fold)
        if self.reference is None:
            return inputs
        if hasattr(self, "classes_"):
            raise ValueError(
                'reference="copula" is a closed form for a continuous y; pass '
                "reference=None for labels."
            )
        return with_reference(inputs, X, y, fold, self._weights)

    def _warn_of_reach(self, reach):
        super()._warn_of_reach(reach)
        if self.reference is None:
            warn_of_strong(self, reach, 'reference="copula" for a continuous y')


def build_stack(estimator, x, y, inputs, learns_baseline, generator):
    """Make the networks: those of the critic, and what is added to their scores."""
    references = [item.reference for item in inputs]
    n_closed = 0 if references[0] is None else references[0].n_correlations + 2
    n_x, n_y = x.shape[-1] - n_closed, y.shape[-1] - n_closed
    network = build_network(
        estimator._make_critic(), n_x, n_y, n_models=len(x), generator=generator
    )
    if learns_baseline:
        shape = n_y, estimator.hidden_layer_sizes, estimator.activation
        network = add_baseline(network, *shape, generator=generator)
    if not n_closed:
        return network
    settings = zip(*(item.settings for item in references), strict=True)
    return add_reference(network, n_closed, *settings)


def with_reference(inputs: Inputs, X, y, fold: Fold, weights=None) -> Inputs:
    """Let the critic of a fold add to a closed form learned from its samples.

    From some of them where they have weights, drawn in proportion: samples that repeat
    would be in several folds of the closed form.
    """
    rows = fold.train
    if weights is not None:
        rows = rows[thin(weights[rows], np.random.RandomState(0))]
    reference = CopulaReference(X[rows].astype(np.float64), y[rows])
    return inputs._replace(
        x=SideBySide(inputs.x, reference.x_features),
        y=SideBySide(inputs.y, reference.y_features),
        reference=reference,
        may_stay=True,
    )


def named_critic(estimator, critics: dict) -> Any:
    """Return the critic that a name is short for; anything else as it is."""
    if not isinstance(estimator.critic, str):
        return estimator.critic
    critic = critics[estimator.critic]()
    own = estimator.get_params(deep=False)
    names = critic.get_params().keys() & own.keys()
    return critic.set_params(**{name: own[name] for name in names})


def refuse_untrained(training: Training, may_stay: bool) -> None:
    """Raise where the critic of a fold has diverged before any epoch was kept."""
    for fold, epoch in training.stopping.diverged.items():
        if training.stopping.best_epoch[fold] == 0 and not may_stay:
            raise FloatingPointError(
                f"The loss of the critic of fold {fold} was not finite in epoch "
                f"{epoch}, before anything was learned. Lower learning_rate_init, "
                "or choose a bound with bounded gradients."
            )


def warn_of_strong(estimator: CriticEstimator, reach: float, cure: str) -> None:
    """Warn of an estimate that is large for the logarithm of the test samples."""
    estimate, most = estimator.mutual_info_, min(reach, 0.9 * estimator.ceiling_)
    if STRONG * reach < estimate <= most:
        warn(
            f"The estimate of {estimate:.2f} nats is probably too low: critics "
            f"underestimate dependence above about {STRONG * reach:.1f} nats with "
            f"so few samples. Pass more of them, or {cure}.",
            ReliabilityWarning,
        )


def warn_of_negative(estimate: float, error: float) -> None:
    """Warn of an estimate so far below 0 that it is not only the noise of samples."""
    if estimate < -min(max(3 * error, SMALL_ESTIMATE), LARGE_ESTIMATE):
        warn(
            f"The estimate of {estimate:.2f} nats is below 0, which no mutual "
            "information is: the critic overfits, or does not fit the test samples, as "
            "where they hold outliers. Pass more samples, transform the columns, for "
            "example with sklearn.preprocessing.QuantileTransformer, or use another "
            "estimator.",
            ReliabilityWarning,
        )


def warn_of_divergence(training: Training) -> None:
    """Warn of critics that are those of before their loss became infinite."""
    for fold, epoch in training.stopping.diverged.items():
        warn(
            f"The critic of fold {fold} diverged in epoch {epoch} and was kept as it "
            f"was after epoch {training.stopping.best_epoch[fold]}. Lower "
            "learning_rate_init.",
            ConvergenceWarning,
        )


def stack_rows(parts: list[np.ndarray]) -> torch.Tensor:
    """Stack row numbers: cut to the shortest, or repeated up to the longest.

    Folds of one size differ by a row or two; folds of other sizes keep all their
    samples, the smaller ones seeing theirs more often.
    """
    shortest, longest = min(map(len, parts)), max(map(len, parts))
    length = shortest if shortest >= 0.95 * longest - 1 else longest
    return torch.from_numpy(np.stack([np.resize(part, length) for part in parts]))
