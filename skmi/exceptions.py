"""Warnings of skmi, one class for each cause, and the one function that gives them."""

import sys
import warnings
from types import FrameType

from sklearn.exceptions import ConvergenceWarning as _SklearnConvergenceWarning

__all__ = [
    "CollapseWarning",
    "ConvergenceWarning",
    "DependentColumnsWarning",
    "DiscreteTargetWarning",
    "DuplicateRowsWarning",
    "FewRowsWarning",
    "NothingSelectedWarning",
    "ReliabilityWarning",
    "SaturationWarning",
    "SerialDependenceWarning",
    "SkmiWarning",
    "warn",
]

# Packages whose frames lie between a user's line and a warning of ours.
LIBRARIES = frozenset(
    ["concurrent", "contextlib", "joblib", "skmi", "sklearn", "threading", "torch"]
)


def warn(message: str, category: type[Warning]) -> None:
    """Give a warning that points at the user's line: the first one outside libraries.

    In a worker thread or process, whose stack has no line of the user's code, it
    points at the outermost frame.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and is_of_library(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def is_of_library(frame: FrameType) -> bool:
    """Whether a frame belongs to skmi or to what runs it."""
    module = frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in LIBRARIES


class SkmiWarning(UserWarning):
    """Base class of every warning that skmi gives.

    A filter on this class silences all of them, and nothing else.
    """


class CollapseWarning(SkmiWarning):
    """A representation retains almost no information about its input.

    A smaller ``beta``, or ``beta_schedule="warm_up"``, lets it retain more.
    """


class ConvergenceWarning(SkmiWarning, _SklearnConvergenceWarning):
    """Training reached ``max_iter`` while the held-out objective still improved.

    A larger ``max_iter`` or ``learning_rate_init`` lets training converge; until then
    the estimate may be too low.
    """


class DependentColumnsWarning(SkmiWarning):
    """Columns are linearly dependent, so that their joint density does not exist.

    Remove the columns that are determined by the others.
    """


class DiscreteTargetWarning(SkmiWarning):
    """The target may be labels that are treated as numbers, or the other way round.

    Pass ``discrete_target=True`` for class codes and ``False`` for numbers.
    """


class DuplicateRowsWarning(SkmiWarning):
    """Samples of continuous data are repeated, which inflates mutual information.

    Drop the copies, or pass sample weights where they are supported.
    """


class FewRowsWarning(SkmiWarning):
    """There are too few samples for a reliable estimate.

    Only more samples help.
    """


class NothingSelectedWarning(SkmiWarning):
    """No feature is significantly informative about the target.

    ``min_features_to_select=1`` keeps the best one all the same, as a pipeline needs.
    """


class ReliabilityWarning(SkmiWarning):
    """The estimate is larger than the samples can support without assumptions.

    No method without a parametric form can show more than about log n nats from n
    samples. More samples, or an estimator with such a form, raise that limit. Also
    where a large bias is indicated (by a model of the samples, by other numbers of
    neighbours or bins, by cells that are mostly empty), and where values are lost:
    whole numbers beyond 2**53, or text among the numbers of a table.
    """


class SaturationWarning(SkmiWarning):
    """The estimate is close to the largest value that the method can return.

    The mutual information may be larger; more samples raise the ceiling.
    """


class SerialDependenceWarning(SkmiWarning):
    """X and y both depend on their past, so that errors and p-values are too small.

    Pass ``block_length`` or ``groups``; shuffle rows that were merely sorted.
    """
