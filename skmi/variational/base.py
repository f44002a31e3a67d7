"""What all critic-based estimators share: parameters, split, report."""

import copy
import math
import warnings
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import KFold, StratifiedKFold, check_cv

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import (
    HasMethods,
    Integral,
    Interval,
    Real,
    RealNotInt,
    StrOptions,
    make_random_state,
)
from skmi._core.torch_utils import make_generator, resolve_device, to_tensor
from skmi._data.scaling import Scaler, scale_rows
from skmi._data.splitting import contrast_blocks
from skmi.base import MutualInfoEstimator, Report
from skmi.critics import CRITICS
from skmi.critics._batched import build_network, score_pairs
from skmi.critics._composite import add_baseline, add_reference
from skmi.critics._layers import ACTIVATIONS
from skmi.exceptions import ConvergenceWarning, FewRowsWarning, warn
from skmi.gaussian.cross_fitted import CopulaReference
from skmi.statistics import standard_error
from skmi.training.loop import Training, mean_of_finite, run_epochs
from skmi.training.schedule import Schedule
from skmi.variational.report import reduce_scores
from skmi.variational.streaming import StreamingMixin

__all__ = ["CriticEstimator", "RatioEstimator", "run_epochs"]


class Fold(NamedTuple):
    """Rows that train, rows that choose the epoch, rows reported on."""

    train: np.ndarray
    stop: np.ndarray
    report: np.ndarray


@estimator
class CriticEstimator(StreamingMixin, MutualInfoEstimator):
    """Base of the estimators that train a critic.

    A child sets `_objective`, what training maximises, and `_estimate` and
    `_influence`, what it reports.
    """

    _number_types = (np.float64, np.float32)
    _may_write = False
    _report_dtype = torch.float64
    _has_reference = False
    _chosen_by = "own"  # whose rows choose the epoch of a fold's critic
    _begins_well = False  # whether the critic is worth something before training
    _learns_baseline = False  # whether a function of y is subtracted from the critic
    _shared_attributes = (
        *MutualInfoEstimator._shared_attributes,
        "critic_",
        "critics_",
        "n_iter_",
        "loss_curve_",
        "validation_scores_",
        "fold_scores_",
        "device_",
    )

    critic: object = parameter(
        default="hybrid",
        constraints=[StrOptions(set(CRITICS)), HasMethods("build"), callable],
    )
    hidden_layer_sizes: tuple = parameter(default=(64, 64), constraints=["array-like"])
    activation: str = parameter(
        default="silu", constraints=[StrOptions(set(ACTIVATIONS))]
    )
    n_components: int = parameter(
        default=32, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    max_iter: int = parameter(
        default=200, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    batch_size: int = parameter(
        default=256, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    n_negatives: int | None = parameter(
        default=16, constraints=[Interval(Integral, 1, None, closed="left"), None]
    )
    learning_rate_init: float = parameter(
        default=1e-3, constraints=[Interval(Real, 0, None, closed="neither")]
    )
    alpha: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    early_stopping: bool = parameter(default=True, constraints=["boolean"])
    validation_fraction: float = parameter(
        default=0.15, constraints=[Interval(Real, 0, 1, closed="neither")]
    )
    n_iter_no_change: int = parameter(
        default=10, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    tol: float = parameter(
        default=1e-4, constraints=[Interval(Real, 0, None, closed="left")]
    )
    max_grad_norm: float | None = parameter(
        default=None, constraints=[Interval(Real, 0, None, closed="neither"), None]
    )
    test_size: float = parameter(
        default=0.25,
        constraints=[
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 2, None, closed="left"),
        ],
    )
    cv: object = parameter(default=None, constraints=["cv_object"])
    averaging: str = parameter(
        default="micro", constraints=[StrOptions({"micro", "macro"})]
    )
    device: str = parameter(default="auto", constraints=[str])
    random_state: object = parameter(default=None, constraints=["random_state"])

    # -- hooks of the children ---------------------------------------------------

    def _objective(self, scores):
        """Return what training maximises, from (joint, marginal): one value a model."""
        raise NotImplementedError

    def _make_objective(self):
        """Return an objective with another gradient or with a memory of its own."""
        return self._objective

    def _penalty(self, scores):
        """Return what is subtracted from the objective: one value a model."""
        return 0.0

    def _reduce(self, scores):
        """Reduce a block of scores, own columns first, to the terms of its rows."""
        return reduce_scores(scores)

    def _estimate(self, terms):
        """Return what is reported, from the terms of the report rows."""
        raise NotImplementedError

    def _influence(self, terms):
        """Influence of each report row on the estimate, up to a constant."""
        raise NotImplementedError

    def _ceiling(self, n_samples):
        """Largest value that the estimate could take on so many rows."""
        return math.inf

    # -- fit ---------------------------------------------------------------------

    def _fit(self, X, y):
        self._forget_training()
        random_state = make_random_state(self.random_state)
        folds = self._folds = self._split(X, y, random_state)
        device = resolve_device(self.device)
        self.device_ = str(device)
        y = self._as_columns(y)
        self._scalers = [self._make_scalers(X, y, fold) for fold in folds]
        training = self._make_training(X, y, folds, device, random_state)
        self._run(training, X, y, folds)
        fitted, report = self._evaluate(training, X, y, folds)
        vars(self).update(fitted)
        return report

    def _forget_training(self):
        """Drop what an earlier fit has left and this one may not set."""
        shared = set(MutualInfoEstimator._shared_attributes)
        for name in {"_stream", *CriticEstimator._shared_attributes} - shared:
            vars(self).pop(name, None)

    def _split(self, X, y, random_state):
        n_samples = len(X)
        if self.cv is None:
            order = random_state.permutation(n_samples)
            size = part_size(self.test_size, n_samples)
            reports = [(order[size:], order[:size])]
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The least populated class")
                reports = list(self._cross_validator(y, random_state).split(X, y))
        folds = []
        for rest, report in reports:
            rest, report = np.asarray(rest), np.asarray(report)
            if max(rest.max(initial=0), report.max(initial=0)) >= n_samples:
                raise ValueError(f"cv gives row numbers beyond the {n_samples} rows.")
            if np.intersect1d(rest, report).size:
                raise ValueError(
                    "cv gives folds whose training and report rows overlap; an "
                    "estimate on rows that trained the critic is not honest."
                )
            rest = random_state.permutation(rest)
            size = part_size(self.validation_fraction, len(rest))
            size = size if self.early_stopping else 0
            folds.append(Fold(rest[size:], rest[:size], report))
            if min(len(rest) - size, len(report)) < 2:
                raise ValueError(
                    f"n_samples={n_samples} is too few for {type(self).__name__} with "
                    f"test_size={self.test_size}, validation_fraction="
                    f"{self.validation_fraction} and cv={self.cv}: two rows at least "
                    "must train, stop and report. Pass more rows, change these, or use "
                    "skmi.KSG, which reports on all rows."
                )
        if not folds:
            raise ValueError("cv gives no folds; a used-up generator, perhaps.")
        return folds

    def _cross_validator(self, y, random_state):
        if isinstance(self.cv, Integral):
            kind = StratifiedKFold if hasattr(self, "classes_") else KFold
            if hasattr(self, "classes_"):
                warn_of_rare_labels(y, self.cv)
            seed = random_state.randint(np.iinfo(np.int32).max)
            return kind(self.cv, shuffle=True, random_state=seed)
        return check_cv(self.cv)

    def _as_columns(self, y):
        """Return a continuous target as it is and labels as one column a class."""
        return np.eye(len(self.classes_))[y] if hasattr(self, "classes_") else y

    def _make_scalers(self, X, y, fold):
        """Return the scalers of X and of y for one fold, and what else it needs."""
        x_scaler = self._fit_scaler(X[fold.train])
        if hasattr(self, "classes_"):
            return x_scaler, Scaler.identity(y.shape[1])
        return x_scaler, self._fit_scaler(y[fold.train])

    def _fit_scaler(self, block):
        return Scaler.fit(block)

    def _make_training(self, X, y, folds, device, random_state):
        generator = make_generator(random_state)
        x, y = self._scale_sides(self._scalers, X, y, device)
        train_rows, stop_rows = (
            stack_rows([fold[part] for fold in folds]) for part in (0, 1)
        )
        return self._train_stack(x, y, train_rows, stop_rows, generator)

    def _scale_sides(self, all_scalers, X, y, device):
        """Return the rows of both sides as each model is to see them."""
        return (
            scale_rows([scalers[side] for scalers in all_scalers], block, device)
            for side, block in enumerate((X, y))
        )

    def _train_stack(self, x, y, train_rows, stop_rows, generator):
        """Return the training of as many models as x and y have rows for."""
        objective = self._make_objective()
        return Training(
            self._make_network(x.shape[-1], y.shape[-1], len(x), generator),
            lambda scores: objective(scores) - self._penalty(scores),
            x,
            y,
            train_rows=train_rows,
            stop_rows=stop_rows,
            schedule=self._make_schedule(),
            generator=generator,
            criterion=lambda scores: self._objective(scores) - self._penalty(scores),
            contrast=self._contrast,
            chosen_by=self._chosen_by,
        )

    def _make_schedule(self):
        return Schedule.of(self)

    def _make_network(self, n_x, n_y, n_models, generator):
        critic = self._make_critic()
        network = build_network(
            critic, n_x, n_y, n_models=n_models, generator=generator
        )
        if not self._learns_baseline:
            return network
        return add_baseline(
            network, n_y, self.hidden_layer_sizes, self.activation, generator=generator
        )

    def _make_critic(self):
        if not isinstance(self.critic, str):
            return self.critic
        critic = self._named_critic()
        names = critic.get_params().keys() & self.get_params(deep=False).keys()
        return critic.set_params(**{name: getattr(self, name) for name in names})

    def _named_critic(self):
        return CRITICS[self.critic]()

    def _run(self, training, X, y, folds):
        def reconstruct():
            fitted, report = self._evaluate(training, X, y, folds)
            return {**fitted, "mutual_info_": report.mutual_info}

        if self.early_stopping and self._begins_well:
            training.consider_start()
        if not run_epochs(self, training, reconstruct):
            self._warn_of_convergence(training)
        self._refuse_untrained(training)
        for fold, epoch in training.stopping.diverged.items():
            warn(
                f"The critic of fold {fold} diverged in epoch {epoch} and was kept as "
                f"it was after epoch {training.stopping.best_epoch[fold]}. Lower "
                "learning_rate_init.",
                ConvergenceWarning,
            )

    def _refuse_untrained(self, training):
        """Raise where the critic of a fold has diverged before any epoch was kept."""
        for fold, epoch in training.stopping.diverged.items():
            if training.stopping.best_epoch[fold] == 0 and not self._begins_well:
                raise FloatingPointError(
                    f"The loss of the critic of fold {fold} was no number in epoch "
                    f"{epoch}, before anything was learned. Lower learning_rate_init, "
                    "or choose a bound with bounded gradients."
                )

    def _warn_of_convergence(self, training):
        if not training.converged:
            warn(
                f"max_iter={self.max_iter} epochs were run and the held-out objective "
                "still rose; the estimate may be too low. Raise max_iter.",
                ConvergenceWarning,
            )

    # -- report ------------------------------------------------------------------

    def _evaluate(self, training, X, y, folds):
        """Return the fitted attributes and the report of the best models so far."""
        self._refuse_untrained(training)
        critics = training.best
        values, influences = zip(
            *(
                self._report([(critic, scalers)], X[fold.report], y[fold.report])
                for critic, scalers, fold in zip(
                    critics, self._scalers, folds, strict=True
                )
            ),
            strict=True,
        )
        sizes = [len(fold.report) for fold in folds]
        fitted = self._describe(training, critics, values)
        report = Report(
            np.average(values, weights=sizes),
            standard_error(mean_by_row([fold.report for fold in folds], influences)),
            np.average([self._ceiling(size) for size in sizes], weights=sizes),
        )
        return fitted, report

    def _describe(self, training, critics, values):
        """Return what the training leaves as attributes."""
        fitted = {
            "n_iter_": training.epoch,
            "loss_curve_": mean_of_finite(training.losses),
            "validation_scores_": mean_of_finite(training.scores)
            if training.scores
            else None,
            "_critics": critics,
        }
        if self.cv is None:
            return fitted | {"critic_": critics[0]}
        return fitted | {"critics_": critics, "fold_scores_": np.array(values)}

    def _report(self, members, X, y):
        """Return the estimate on some rows and the influence of each on it."""
        contrasts = "yx" if self._contrast == "both" else self._contrast
        parts = [self._terms(members, X, y, contrast) for contrast in contrasts]
        value = np.mean([self._average(terms, blocks) for terms, blocks in parts])
        influences = [self._influence(terms).cpu().numpy() for terms, _ in parts]
        return value, np.mean(influences, axis=0)

    def _average(self, terms, blocks):
        if self.averaging == "micro":
            return float(self._estimate(terms))
        values = [
            float(self._estimate(type(terms)(*(part[rows] for part in terms))))
            for rows in blocks
        ]
        return np.average(values, weights=[len(rows) for rows in blocks])

    def _terms(self, members, X, y, contrast):
        """Score rows in blocks; return the terms of all rows and the blocks."""
        parts, blocks = [], list(contrast_blocks(len(X)))
        for rows, columns in blocks:
            if contrast == "y":
                scores = self._scores(members, X[rows], y[columns])
            else:
                scores = self._scores(members, X[columns], y[rows]).mT
            parts.append(self._reduce(scores))
        inverse = np.argsort(np.concatenate([rows for rows, _ in blocks]))
        joined = (torch.cat(part)[inverse] for part in zip(*parts, strict=True))
        return type(parts[0])(*joined), [rows for rows, _ in blocks]

    @torch.no_grad()
    def _scores(self, members, X, y, partners=None):
        """Return the members' mean score, of all pairs or of partners, as float64."""
        scores = [self._member_scores(*member, X, y, partners) for member in members]
        return sum(scores) / len(scores)

    def _member_scores(self, critic, scalers, X, y, partners):
        device = resolve_device(self.device)
        critic = copy.deepcopy(critic).to(device, self._report_dtype)
        x, y = (
            to_tensor(scaler.transform(block), device, self._report_dtype)
            for scaler, block in zip(scalers[:2], (X, y), strict=True)
        )
        return score_pairs(critic, x, y, partners).to(torch.float64)

    # -- new rows ----------------------------------------------------------------

    @property
    def _members(self):
        return list(zip(self._critics, self._scalers, strict=True))

    def _mutual_info(self, X, y):
        return self._report(self._members, X, self._as_columns(y))[0]

    def _log_ratio(self, X, y):
        return self._scores(self._members, X, self._as_columns(y)).cpu().numpy()

    def _log_ratio_of_pairs(self, X, y):
        partners = torch.arange(len(X)).unsqueeze(-1)
        scores = self._scores(self._members, X, self._as_columns(y), partners)
        return scores.squeeze(-1).cpu().numpy()


class PairFeatures(NamedTuple):
    """Columns side by side: those that a network sees, then those of the reference."""

    scaler: object
    features: object

    def transform(self, block):
        """Return the columns of both."""
        return np.hstack([self.scaler.transform(block), self.features(block)])


@estimator
class RatioEstimator(CriticEstimator):
    """Base of the estimators whose critic is a log density ratio, up to a constant."""

    reference: str | None = parameter(
        default=None, constraints=[StrOptions({"copula"}), None]
    )

    def _make_scalers(self, X, y, fold):
        scalers = super()._make_scalers(X, y, fold)
        if not self._has_reference:
            return scalers
        reference = CopulaReference(X[fold.train].astype(np.float64), y[fold.train])
        sides = (reference.x_features, reference.y_features)
        features = (
            PairFeatures(scaler, side)
            for scaler, side in zip(scalers, sides, strict=True)
        )
        return *features, reference

    @property
    def _has_reference(self):
        return self.reference is not None

    _begins_well = _has_reference

    @property
    def _references(self):
        return [scalers[2] for scalers in self._scalers]

    def _split(self, X, y, random_state):
        if self.reference is not None and hasattr(self, "classes_"):
            raise ValueError(
                'reference="copula" is a closed form for a continuous y; pass '
                "reference=None for labels."
            )
        return super()._split(X, y, random_state)

    def _make_network(self, n_x, n_y, n_models, generator):
        if not self._has_reference:
            return super()._make_network(n_x, n_y, n_models, generator)
        n_features = self._references[0].n_correlations + 2
        network = super()._make_network(
            n_x - n_features, n_y - n_features, n_models, generator
        )
        settings = zip(*(item.settings for item in self._references), strict=True)
        return add_reference(network, n_features, *settings)


def part_size(size, n_samples):
    """Turn a share or a number of rows into a number, two at the least."""
    if isinstance(size, Integral):
        return int(size)
    return max(2, round(size * n_samples))


def warn_of_rare_labels(codes, n_folds):
    """Warn where some fold trains or reports without a label."""
    fewest = np.bincount(codes).min()
    if fewest < n_folds:
        warn(
            f"y holds a label with {fewest} rows, fewer than the {n_folds} folds: some "
            "know nothing of it. Pass a smaller cv, or drop such labels.",
            FewRowsWarning,
        )


def stack_rows(parts):
    """Stack row numbers: cut to the shortest, or repeated up to the longest.

    Folds of one size differ by a row or two; folds of other sizes keep all their rows,
    the smaller ones seeing theirs more often.
    """
    shortest, longest = min(map(len, parts)), max(map(len, parts))
    length = shortest if shortest >= 0.95 * longest - 1 else longest
    return torch.from_numpy(np.stack([np.resize(part, length) for part in parts]))


def mean_by_row(rows, influences):
    """Average the influence of rows that are reported more than once."""
    _, row = np.unique(np.concatenate(rows), return_inverse=True)
    return np.bincount(row, np.concatenate(influences)) / np.bincount(row)
