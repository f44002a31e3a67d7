"""Warnings of skmi, each naming one cause that makes a number less than it seems."""

from sklearn.exceptions import ConvergenceWarning as _SklearnConvergenceWarning

__all__ = [
    "CollapseWarning",
    "ConvergenceWarning",
    "DependentColumnsWarning",
    "DiscreteTargetWarning",
    "DuplicateRowsWarning",
    "FewRowsWarning",
    "NothingSelectedWarning",
    "SaturationWarning",
    "SkmiWarning",
]


class SkmiWarning(UserWarning):
    """Base class of every warning that skmi gives."""


class CollapseWarning(SkmiWarning):
    """A representation holds next to nothing of its input."""


class ConvergenceWarning(SkmiWarning, _SklearnConvergenceWarning):
    """Training reached ``max_iter`` while the held-out objective still improved."""


class DependentColumnsWarning(SkmiWarning):
    """Columns are linearly dependent, so that their joint density does not exist."""


class DiscreteTargetWarning(SkmiWarning):
    """An integer target with few distinct values was taken as continuous."""


class DuplicateRowsWarning(SkmiWarning):
    """Rows of continuous data are repeated, which inflates mutual information."""


class FewRowsWarning(SkmiWarning):
    """There are so few rows that no estimate says much."""


class NothingSelectedWarning(SkmiWarning):
    """No column tells enough about the target to be told from chance."""


class SaturationWarning(SkmiWarning):
    """The estimate is close to the largest value that the method could return."""
