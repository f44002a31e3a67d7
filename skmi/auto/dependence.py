"""Samples that depend on each other: folds of whole groups or blocks, and errors."""

import math
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi._data.splitting import cross_fitting_folds
from skmi.base import Estimate
from skmi.entropy import read_groups
from skmi.inference.intervals import freedom_of_blocks
from skmi.statistics import standard_error

__all__ = ["Dependence"]

LEAST_BLOCKS = 4


class Dependence(NamedTuple):
    """Which samples may depend on each other: those of a group, or near in time."""

    groups: np.ndarray | None
    block_length: int | None
    n_samples: int

    @classmethod
    def read(
        cls, groups: ArrayLike | None, block_length: int | None, n_samples: int
    ) -> Self | None:
        """Validate what the user said; None where samples are independent.

        Raises
        ------
        ValueError
            Where both are given, or fewer than four blocks or two groups result.
        """
        if groups is None and block_length is None:
            return None
        if groups is not None and block_length is not None:
            raise ValueError("Pass groups or block_length, not both.")
        if groups is not None:
            return cls(read_groups(groups, n_samples), None, n_samples)
        if n_samples < LEAST_BLOCKS * block_length:
            raise ValueError(
                f"block_length={block_length} makes fewer than {LEAST_BLOCKS} blocks "
                f"of {n_samples} samples. Pass a smaller one, or more samples."
            )
        return cls(None, block_length, n_samples)

    @property
    def codes(self) -> np.ndarray:
        """The group of each sample, or its block of consecutive ones."""
        if self.groups is not None:
            return self.groups
        return np.arange(self.n_samples) // self.block_length

    @property
    def within(self) -> dict[str, Any]:
        """The arguments of `standard_error`."""
        if self.groups is not None:
            return {"groups": self.groups}
        return {"block_length": self.block_length}

    @property
    def freedom(self) -> float:
        """The degrees of freedom of a standard error."""
        return freedom_of_blocks(self.n_samples, self.groups, self.block_length)

    def folds(
        self, cv: Any, random_state: np.random.RandomState
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the training and test samples of each fold.

        Whole groups, or consecutive samples with a gap of a block before and after.
        """
        folds = cross_fitting_folds(
            np.zeros(self.n_samples),
            cv,
            stratified=False,
            validation_fraction=0,
            random_state=random_state,
            name="AutoMI",
            groups=self.groups,
            block_length=self.block_length,
        )
        return [(np.sort(fold.train), fold.report) for fold in folds]

    def many_folds(self, n_folds: int, random_state: np.random.RandomState) -> list:
        """Return as many folds as there are groups for."""
        if self.groups is not None:
            n_folds = min(n_folds, len(np.unique(self.groups)))
        return self.folds(n_folds, random_state)

    def fold_by_fold(
        self, n_folds: int, random_state: np.random.RandomState
    ) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """Return the samples in the order of their folds, and the folds of that."""
        folds = self.many_folds(n_folds, random_state)
        order = np.concatenate([own for _, own in folds])
        places = np.argsort(order)
        return order, [tuple(places[rows] for rows in fold) for fold in folds]

    def reordered(self, order: np.ndarray) -> Self:
        """Return the dependence of the samples in another order."""
        if self.groups is None:  # whose folds follow on one another as they are
            return self
        return self._replace(groups=self.groups[order])

    def one_of_each(self, random_state: np.random.RandomState) -> np.ndarray:
        """Return one sample of each group or block, which are independent.

        Of blocks those at the same place.
        """
        if self.groups is None:
            first = random_state.randint(self.block_length)
            return np.arange(first, self.n_samples, self.block_length)
        rows = random_state.permutation(self.n_samples)
        return np.sort(rows[np.unique(self.groups[rows], return_index=True)[1]])

    def lengthened(self, estimate: Estimate) -> Estimate:
        """Return an estimate with the standard error of groups or blocks."""
        influence = estimate.influence
        if influence is None or len(influence) != self.n_samples:
            raise ValueError(
                "groups and block_length need an estimate on all samples; let every "
                "sample be tested on by a fold of cv."
            )
        further = standard_error(influence, **self.within) ** 2
        further = math.sqrt(max(further - standard_error(influence) ** 2, 0.0))
        error = math.hypot(estimate.standard_error, further)
        return estimate._replace(standard_error=error)
