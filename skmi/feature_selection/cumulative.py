"""Held-out information of selected features about the target, cross-fitted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from skmi._data.splitting import even_folds
from skmi.feature_selection.table import Table

__all__ = ["CLEAR", "AdditiveModel", "HeldOut", "cumulative_information", "joint_codes"]

N_FOLDS = 5

RIDGES = (0.5, 16.0)  # the one of the smaller held-out loss counts

MOST_INDICATORS = 64  # codes; of more, the class shares of each code are predictors

MOST_CLASSES = 8  # beyond, classes are merged, which lowers the values

MOST_ROWS = 5000  # samples, evenly spaced, by which information is measured

# Newton steps for the indicators of a new unit, and steps for all of them together.
OWN_STEPS, JOINT_STEPS = 8, 10

CLEAR = 1.5  # standard errors of a rise that is believed; of 0, noise was added

SMALL_STEP = 0.02  # change of a log-odds below which no further step is taken


class AdditiveModel:
    r"""Logistic model of the target, a sum of terms of units, added one by one.

    .. math:: \log p(y \mid x) = c_y + \sum_t \theta_{t, y}(x_t) - \log Z(x)

    Fitted by Newton steps for the indicators of a new unit, then by steps for all
    coefficients with the bound of the Hessian by half of the Gram matrix [1]_. Several
    penalties share the design. Arrays have the axes (classes, penalties, indicators or
    samples).

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_classes)
        Indicators of the target.
    weights : ndarray of shape (n_rows,)
        Weights of the samples.
    trains : ndarray of bool, shape (n_rows,)
        Whether a sample trains the model; the others are held out.
    ridges : sequence of float
        Penalties of the squared coefficients.

    References
    ----------
    .. [1] D. Böhning. Multinomial logistic regression algorithm. Ann. Inst. Stat. Math.
       44, 1992.
    """

    def __init__(
        self,
        labels: np.ndarray,
        weights: np.ndarray,
        trains: np.ndarray,
        ridges: Sequence[float],
    ):
        self.labels, self.weights, self.trains = labels, weights * trains, trains
        self.target = labels.T[:, np.newaxis]
        self.mass = weights[trains]
        shares = self.weights @ labels + 0.5
        self.constant = np.log(shares / shares.sum())[:, np.newaxis, np.newaxis]
        # Were the constant penalised, further units would lower its penalty.
        self.penalties = np.zeros((len(ridges), 1))
        self.ridges = np.array(ridges)[:, np.newaxis]
        self.design = np.ones((1, len(self.mass)))
        self.held_out = np.ones((1, len(labels) - len(self.mass)))
        self.gram = np.array([[self.mass.sum()]])
        self.coefficients = np.zeros((labels.shape[1], len(ridges), 1))
        self.scores = self._scores(self.design)
        self.factors: list[tuple] = []
        self.disjoint = True  # whether the indicators of the last unit exclude others

    def _scores(self, design: np.ndarray) -> np.ndarray:
        """Scores of samples, shape (n_classes, n_penalties, n_rows)."""
        return self.constant + times(self.coefficients, design)

    @property
    def losses(self) -> np.ndarray:
        """Negative log probability of the target for the samples held out, in nats.

        Of shape (n_penalties, n_rows).
        """
        chances = probabilities(self._scores(self.held_out))
        found = (chances * self.target[..., ~self.trains]).sum(axis=0)
        return -np.log(np.maximum(found, 1e-9))

    def add(self, code: np.ndarray) -> None:
        """Add a unit by its codes, of shape (n_rows,), and fit."""
        block = design_of(code, self.labels, self.weights).T
        inside, old = block[:, self.trains], len(self.gram)
        self.design = np.vstack([self.design, inside])
        self.held_out = np.vstack([self.held_out, block[:, ~self.trains]])
        cross = self.design @ (inside * self.mass).T
        self.gram = np.block([[self.gram, cross[:old]], [cross.T]])
        shape = *self.coefficients.shape[:2], len(block)
        self.coefficients = np.concatenate([self.coefficients, np.zeros(shape)], axis=2)
        added = np.broadcast_to(self.ridges, (len(self.ridges), len(block)))
        self.penalties = np.hstack([self.penalties, added])
        self.factors = []
        self.disjoint = code.max() < MOST_INDICATORS
        self._fit(OWN_STEPS, slice(old, None))
        self.settle()

    def settle(self) -> None:
        """Take more steps for all coefficients, which converge slowly."""
        if not self.factors:
            self.factors = [
                cho_factor(self.gram / 2 + np.diag(row), check_finite=False)
                for row in self.penalties
            ]
        self._fit(JOINT_STEPS, slice(0, None))

    def _fit(self, n_steps: int, part: slice) -> None:
        """Take steps for some of the coefficients, for each penalty until they end."""
        moving = np.arange(len(self.ridges))
        target, design = self.target[..., self.trains], self.design[part]
        for _ in range(n_steps):
            scores = self.scores[:, moving]
            chances = probabilities(scores)
            old = self.coefficients[:, moving, part]
            gradient = times((target - chances) * self.mass, design.T)
            gradient -= self.penalties[moving, part] * old
            if part.start:
                step = self._own_step(gradient, chances, self.penalties[moving, part])
            else:
                step = self._joint_step(gradient, moving)
            self.coefficients[:, moving, part] = old + step
            self.scores[:, moving] = scores + times(step, design)
            moving = moving[np.abs(step).max(axis=(0, 2)) >= SMALL_STEP]
            if not len(moving):
                break

    def _own_step(
        self, gradient: np.ndarray, chances: np.ndarray, penalties: np.ndarray
    ) -> np.ndarray:
        """Newton step for the last indicators, each class on its own as in LogitBoost.

        Their Gram matrix is diagonal, unless they are class shares.
        """
        n_classes = len(chances)
        curvature = self.mass * chances * (1 - chances)
        curvature *= n_classes / max(n_classes - 1, 1)
        own = self.design[-gradient.shape[2] :]
        if self.disjoint:
            return gradient / (times(curvature, own.T) + penalties)
        step = np.empty_like(gradient)
        for place in np.ndindex(gradient.shape[:2]):
            hessian = (own * curvature[place]) @ own.T + np.diag(penalties[place[1]])
            step[place] = np.linalg.solve(hessian, gradient[place])
        return step

    def _joint_step(self, gradient: np.ndarray, moving: np.ndarray) -> np.ndarray:
        """Step for all coefficients."""
        step = np.empty_like(gradient)
        for i, r in enumerate(moving):
            own = cho_solve(self.factors[r], gradient[:, i].T, check_finite=False)
            step[:, i] = own.T
        return step


def times(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Multiply an array of three axes by a matrix, as one matrix product."""
    flat = first.reshape(-1, first.shape[2]) @ second
    return flat.reshape(*first.shape[:2], -1)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Probabilities of classes, the first axis."""
    powers = np.exp(scores - scores.max(axis=0))
    powers /= powers.sum(axis=0)
    return powers


class HeldOut:
    """Held-out losses of units that are added one by one, in each fold its own.

    Parameters
    ----------
    table : Table
        Codes of all samples, of which at most `MOST_ROWS` are used.
    ordered : bool, default=False
        Whether folds are blocks of samples in order, as for series.
    """

    def __init__(self, table: Table, ordered: bool = False):
        self.table = table.thin(MOST_ROWS)
        target = self.table.few_classes(MOST_CLASSES)
        self.folds = even_folds(target, N_FOLDS, self.table.groups, ordered)
        weights = self.table.weights
        self.weights = np.ones(len(target)) if weights is None else weights
        labels = np.eye(int(target.max()) + 1)[target]
        self.models = [
            AdditiveModel(labels, self.weights, self.train(i), RIDGES)
            for i in range(N_FOLDS)
        ]
        self.losses = [self._held_out_losses()]

    def train(self, fold: int) -> np.ndarray:
        """Whether each sample trains in a fold."""
        return self.folds != fold

    def add(self, units: list[tuple[int, ...]]) -> None:
        """Add a unit of columns in each fold.

        Without it the models take as many more steps, so that it is none of its merits
        that they come closer to their optimum.
        """
        for model in self.models:
            model.settle()
        before = [*self.losses[:-1], self._held_out_losses()]
        self.start([[unit] for unit in units])
        self.losses = [*before, *self.losses]

    def start(self, units: list[list[tuple[int, ...]]]) -> None:
        """Add several units in each fold, and forget the losses before them."""
        for model, fold in zip(self.models, units, strict=True):
            for unit in fold:
                model.add(joint_codes(self.table.codes[:, list(unit)]))
        self.losses = [self._held_out_losses()]

    @property
    def lowest(self) -> int:
        """Number of added units after which the mean loss is lowest.

        None where it is no more than `CLEAR` standard errors lower than without them.
        """
        curve, best = self._lowest()
        mean, error = self._mean_and_error(curve[0] - curve[best])
        return best if mean > CLEAR * error else 0

    @property
    def fewest(self) -> int:
        """Fewest added units after which the loss is within an error of the lowest."""
        curve, best = self._lowest()
        means, errors = self._mean_and_error(curve - curve[best])
        return int(np.argmax(means <= errors))

    def _lowest(self) -> tuple[np.ndarray, int]:
        """Losses after each unit, of the better ridge; the number of the lowest."""
        losses = np.stack(self.losses)
        means = self.mean(losses)
        curve = losses[np.arange(len(losses)), np.argmin(means, axis=1)]
        return curve, int(np.argmin(means.min(axis=1)))

    def _held_out_losses(self) -> np.ndarray:
        """Loss of each sample by the models it did not train, (n_ridges, n_rows)."""
        losses = np.zeros((len(RIDGES), len(self.folds)))
        for i, model in enumerate(self.models):
            losses[:, ~self.train(i)] = model.losses
        return losses

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Weighted mean over the samples, the last axis."""
        return values @ self.weights / self.weights.sum()

    def curve(self) -> np.ndarray:
        """Losses after each unit, of the better ridge, (n_units + 1, n_rows)."""
        losses = np.stack(self.losses)
        return losses[:, np.argmin(self.mean(losses).min(axis=0))]

    def rises(self) -> tuple[np.ndarray, np.ndarray]:
        """Means of the rises by each unit and their standard errors, in nats."""
        curve = self.curve()
        return self._mean_and_error(curve[:-1] - curve[1:])

    def _mean_and_error(self, values: np.ndarray) -> tuple[Any, Any]:
        """Weighted means over the samples and their standard errors."""
        means = self.mean(values)
        squares = self.mean((values - means[..., np.newaxis]) ** 2)
        return means, np.sqrt(squares / max(self.weights.sum() - 1, 1))


def cumulative_information(
    table: Table, units: list[tuple[int, ...]], ordered: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    r"""Rise of the information about the target by each unit, on held-out samples.

    .. math:: H(y) - E[-\log q(y \mid X_1, \dots, X_t)] \le I(X_1, \dots, X_t; y)

    for any model q; here `AdditiveModel`, fitted in five folds.

    Parameters
    ----------
    table : Table
        Codes of all samples.
    units : list of tuple of int
        Columns in the order of selection, those of a tuple at once.
    ordered : bool, default=False
        As for `HeldOut`.

    Returns
    -------
    rises : ndarray of shape (n_units,)
        Rise by each unit, in nats; may be negative.
    errors : ndarray of shape (n_units,)
        Their standard errors.
    """
    if not units:
        return np.empty(0), np.empty(0)
    held_out = HeldOut(table, ordered)
    for unit in units:
        held_out.add([unit] * N_FOLDS)
    return held_out.rises()


def joint_codes(codes: np.ndarray) -> np.ndarray:
    """Return one code for each row of some columns, negative where one of them is."""
    joint = np.unique(codes, axis=0, return_inverse=True)[1].ravel()
    return np.where((codes < 0).any(axis=1), -1, joint)


def design_of(code: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return indicators of codes, or of many codes the class shares of each.

    The shares come from the samples of positive weight, those of a training sample from
    the others only, and are shrunk towards the shares of all.
    """
    n_codes = code.max() + 1
    if n_codes <= MOST_INDICATORS:
        return np.eye(n_codes)[code] * (code >= 0)[:, np.newaxis]
    weights = weights * (code >= 0)
    code = np.maximum(code, 0)
    weighted = labels * weights[:, np.newaxis]
    sums = np.column_stack(
        [np.bincount(code, column, n_codes) for column in weighted.T]
    )
    prior = weighted.sum(axis=0) / weights.sum()
    others = sums[code] - weighted
    return (others + prior) / (others.sum(axis=1, keepdims=True) + 1)


def is_lower(losses: np.ndarray, others: np.ndarray, n_errors: float) -> bool:
    """Whether the mean loss is lower by more than so many standard errors."""
    rises = others - losses
    return bool(rises.mean() > n_errors * rises.std() / np.sqrt(len(rises)))
