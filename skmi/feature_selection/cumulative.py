"""Held-out information of selected features about the target, cross-fitted."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from skmi._data.splitting import even_folds
from skmi.feature_selection.encoding import few_codes
from skmi.feature_selection.table import Table

__all__ = ["AdditiveModel", "HeldOut", "cumulative_information", "joint_codes"]

N_FOLDS = 5

RIDGES = (0.5, 16.0)  # the one of the smaller held-out loss counts

MOST_INDICATORS = 64  # codes; of more, the class shares of each code are predictors

MOST_CLASSES = 8  # beyond, neighbouring classes are merged, which lowers the values

MOST_ROWS = 5000  # samples, evenly spaced, by which information is measured

# Newton steps for the indicators of a new unit, and steps for all of them together.
OWN_STEPS, JOINT_STEPS = 8, 2

SMALL_STEP = 0.05  # change of a log-odds below which no further step is taken


class AdditiveModel:
    r"""Logistic model of the target, a sum of terms of units, added one by one.

    .. math:: \log p(y \mid x) = c_y + \sum_t \theta_{t, y}(x_t) - \log Z(x)

    Fitted by Newton steps for the indicators of a new unit, then by steps for all
    coefficients with the bound of the Hessian by half of the Gram matrix [1]_.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_classes)
        Indicators of the target.
    mass : ndarray of shape (n_rows,)
        Weights of the samples, 0 for those held out.
    ridge : float
        Penalty of the squared coefficients.

    References
    ----------
    .. [1] D. Böhning. Multinomial logistic regression algorithm. Ann. Inst. Stat. Math.
       44, 1992.
    """

    def __init__(self, labels: np.ndarray, mass: np.ndarray, ridge: float):
        self.labels, self.mass, self.ridge = labels, mass, ridge
        shares = mass @ labels + 0.5
        self.scores = np.tile(np.log(shares / shares.sum()), (len(labels), 1))
        self.design = np.empty((len(labels), 0))
        self.gram = np.empty((0, 0))
        self.coefficients = np.empty((0, labels.shape[1]))

    @property
    def probabilities(self) -> np.ndarray:
        """Of the classes for all samples, shape (n_rows, n_classes)."""
        powers = np.exp(self.scores - self.scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    @property
    def losses(self) -> np.ndarray:
        """Negative log probability of the target for all samples, in nats."""
        return -np.log(np.maximum((self.probabilities * self.labels).sum(axis=1), 1e-9))

    def add(self, code: np.ndarray) -> None:
        """Add a unit by its codes, of shape (n_rows,), and fit."""
        block = design_of(code, self.labels, self.mass)
        design = np.column_stack([self.design, block])
        cross = design.T @ (block * self.mass[:, np.newaxis])
        old = len(self.gram)
        self.gram = np.block([[self.gram, cross[:old]], [cross.T]])
        self.design = design
        added = np.zeros((block.shape[1], self.labels.shape[1]))
        self.coefficients = np.vstack([self.coefficients, added])
        for _ in range(OWN_STEPS):
            if self._step(slice(old, None), exact=True) < SMALL_STEP:
                break
        for _ in range(JOINT_STEPS):
            if self._step(slice(0, None)) < SMALL_STEP:
                break

    def _step(self, part: slice, exact: bool = False) -> float:
        """Take a step for some of the coefficients; return the largest change."""
        chances, design = self.probabilities, self.design[:, part]
        rest = (self.labels - chances) * self.mass[:, np.newaxis]
        gradient = design.T @ rest - self.ridge * self.coefficients[part]
        penalty = self.ridge * np.eye(design.shape[1])
        if exact:  # for each class on its own, as in LogitBoost
            n_classes = chances.shape[1]
            curvature = self.mass[:, np.newaxis] * chances * (1 - chances)
            curvature *= n_classes / max(n_classes - 1, 1)
            hessians = [design.T @ (design * c[:, np.newaxis]) for c in curvature.T]
            step = np.column_stack(
                [
                    np.linalg.solve(hessian + penalty, column)
                    for hessian, column in zip(hessians, gradient.T, strict=True)
                ]
            )
        else:
            factor = cho_factor(self.gram[part, part] / 2 + penalty, check_finite=False)
            step = cho_solve(factor, gradient, check_finite=False)
        self.coefficients[part] += step
        self.scores += design @ step
        return float(np.abs(step).max())


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
        rows = np.arange(0, len(table.target), -(-len(table.target) // MOST_ROWS))
        self.table = table.take(rows)
        target = few_codes(self.table.target[:, np.newaxis], MOST_CLASSES)[:, 0]
        self.folds = even_folds(target, N_FOLDS, self.table.groups, ordered)
        weights = self.table.weights
        self.weights = np.ones(len(target)) if weights is None else weights
        labels = np.eye(int(target.max(initial=0)) + 1)[target]
        self.models = [
            [AdditiveModel(labels, self.weights * self.train(i), r) for r in RIDGES]
            for i in range(N_FOLDS)
        ]
        self.losses = [self._held_out_losses()]

    def train(self, fold: int) -> np.ndarray:
        """Whether each sample trains in a fold."""
        return self.folds != fold

    def add(self, units: list[tuple[int, ...]]) -> None:
        """Add a unit of columns in each fold."""
        before = self.losses
        self.start([[unit] for unit in units])
        self.losses = [*before, *self.losses]

    def start(self, units: list[list[tuple[int, ...]]]) -> None:
        """Add several units in each fold, and forget the losses before them."""
        for models, fold in zip(self.models, units, strict=True):
            for unit in fold:
                code = joint_codes(self.table.codes[:, list(unit)])
                for model in models:
                    model.add(code)
        self.losses = [self._held_out_losses()]

    @property
    def lowest(self) -> int:
        """Number of added units after which the mean loss is lowest."""
        losses = self.mean(np.stack(self.losses))
        return int(np.argmin(losses.min(axis=1)))

    def _held_out_losses(self) -> np.ndarray:
        """Loss of each sample by the models it did not train, (n_ridges, n_rows)."""
        losses = np.zeros((len(RIDGES), len(self.folds)))
        for i, models in enumerate(self.models):
            rows = ~self.train(i)
            for r, model in enumerate(models):
                losses[r, rows] = model.losses[rows]
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
        rises = curve[:-1] - curve[1:]
        means = self.mean(rises)
        squares = self.mean((rises - means[:, np.newaxis]) ** 2)
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
    """Return one code for each row of some columns."""
    return np.unique(codes, axis=0, return_inverse=True)[1].ravel()


def design_of(code: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return indicators of codes, or of many codes the class shares of each.

    The shares come from the samples of positive weight, those of a training sample from
    the others only, and are shrunk towards the shares of all.
    """
    n_codes = code.max() + 1
    if n_codes <= MOST_INDICATORS:
        return np.eye(n_codes)[code]
    weighted = labels * weights[:, np.newaxis]
    sums = np.column_stack(
        [np.bincount(code, column, n_codes) for column in weighted.T]
    )
    prior = weighted.sum(axis=0) / weights.sum()
    others = sums[code] - weighted
    return (others + prior) / (others.sum(axis=1, keepdims=True) + 1)
