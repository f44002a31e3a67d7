"""Log density ratios of copulas that are fitted out of fold, and the choice of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmi.gaussian.ranks import IndependentColumns
from skmi.statistics import standard_error

__all__ = ["N_FOLDS", "FoldedCopula", "choose_by_folds"]

N_FOLDS = 5


class FoldedCopula:
    """Base of the log density ratios of normal scores of ranks, fitted out of fold.

    A child fills `_fit`, which sets :attr:`ratio` and :attr:`terms`.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples in random order; each fifth of them is a fold.

    Attributes
    ----------
    terms : ndarray of shape (n_samples,)
        The terms of the multi-sample bound out of fold, in nats; 0 where there is no
        ratio.
    ratio : object or None
        The ratio, as a function of the scores; None where it is 0.
    """

    ratio: Any

    def __init__(self, X: np.ndarray, y: np.ndarray) -> None:
        columns = IndependentColumns(X, "rank"), IndependentColumns(y, "rank")
        self.views = tuple(block.view for block in columns)
        x, y = (
            view.apply(block) for view, block in zip(self.views, (X, y), strict=True)
        )
        folds = np.array_split(np.arange(len(x)), N_FOLDS)
        self.kept = tuple(
            block.kept & vary_without(scores, folds)
            for block, scores in zip(columns, (x, y), strict=True)
        )
        x, y = x[:, self.kept[0]], y[:, self.kept[1]]
        self.ratio = None
        self._without_fold: list[Any] = []
        self.terms: np.ndarray = np.zeros(len(x))
        if x.shape[1] and y.shape[1] and len(folds[-1]) > 1:
            self._fit(x, y, folds)

    def _fit(self, x: np.ndarray, y: np.ndarray, folds: Sequence[np.ndarray]) -> None:
        """Fit the ratio to scores, and its terms out of fold."""
        raise NotImplementedError

    @property
    def bound(self) -> float:
        """The multi-sample bound out of fold, in nats."""
        return float(self.terms.mean())

    @property
    def is_clear(self) -> bool:
        """Whether the bound out of fold is above 0 by three standard errors."""
        return self.bound > 3 * standard_error(self.terms)

    @property
    def mutual_info(self) -> float:
        """The mean of the ratio under the fitted distribution, in nats."""
        return 0.0 if self.ratio is None else self.ratio.mutual_info

    @property
    def shortfall(self) -> float:
        """The bias of :attr:`mutual_info` by learned directions, in nats, negated."""
        return 0.0

    @property
    def estimate(self) -> float:
        """The mutual information without that bias, or the bound where it is not clear.

        In nats.
        """
        # Correlations by chance would add up.
        return self.mutual_info + self.shortfall if self.is_clear else self.bound

    def pairs(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratio of each row of X with its own row of y."""
        if self.ratio is None:
            return np.zeros(len(X))
        return self.ratio.pairs(self._transform(0, X), self._transform(1, y))

    def pairs_out_of_fold(
        self, X: np.ndarray, y: np.ndarray, folds: np.ndarray
    ) -> np.ndarray:
        """Return the same without the fold of each row, whose numbers are `folds`."""
        found = np.zeros(len(X))
        x, y = self._transform(0, X), self._transform(1, y)
        for number, ratio in enumerate(self._without_fold):
            own = folds == number
            found[own] = ratio.pairs(x[own], y[own])
        return found

    def matrix(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratios of all rows of X with all rows of y."""
        if self.ratio is None:
            return np.zeros((len(X), len(y)))
        return self.ratio.matrix(self._transform(0, X), self._transform(1, y))

    def _transform(self, side, block):
        return self.views[side].apply(block)[:, self.kept[side]]


def vary_without(block: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Return a mask of the columns that stay non-constant without any one fold."""
    parts = [np.delete(block, fold, axis=0) for fold in folds]
    return np.all([(part != part[:1]).any(axis=0) for part in parts], axis=0)


def choose_by_folds(candidates: Sequence[Any]) -> Any:
    """Return the first candidate, unless a later one is better out of fold.

    Better by two standard errors of the difference of the terms of their bounds, on the
    same samples.

    Parameters
    ----------
    candidates : sequence
        Fitted copulas, the simplest first.
    """
    best, *others = candidates
    for other in others:
        gains = other.terms - best.terms
        if gains.mean() > 2 * standard_error(gains):
            best = other
    return best
