"""The attributes that every fit sets, and how a notebook shows them."""

from __future__ import annotations

import html

import numpy as np

# Half-width of an interval of 95 % of a normal distribution, in standard errors.
REACH = 1.96


class FittedAttributes:
    """The attributes that every fit sets; `classes_` is set for labels alone."""

    mutual_info_: float
    standard_error_: float
    bound_: str
    ceiling_: float
    classes_: np.ndarray

    def _html_repr(self) -> str:
        """Return scikit-learn's diagram, after a fit with the result above it."""
        diagram = super()._html_repr()  # type: ignore[misc]
        if not hasattr(self, "mutual_info_"):
            return diagram
        return f"<p>{html.escape(describe_result(self))}</p>{diagram}"


def interval_of(estimator: FittedAttributes) -> tuple[float, float]:
    """Return the 95 % interval, by default 1.96 standard errors up to the ceiling."""
    value, reach = estimator.mutual_info_, REACH * estimator.standard_error_
    default = value - reach, min(value + reach, estimator.ceiling_)
    low, high = getattr(estimator, "confidence_interval_", default)
    return float(low), float(high)


def describe_result(estimator: FittedAttributes) -> str:
    """Return the estimate, its 95 % interval and its status in one line."""
    low, high = interval_of(estimator)
    words = [
        f"mutual information {estimator.mutual_info_:.3g} nats",
        f"95 % interval {low:.3g} to {high:.3g}",
    ]
    if estimator.bound_ != "none":
        words.append(f"{estimator.bound_} bound")
    if hasattr(estimator, "status_"):
        words.append(f"status {estimator.status_}")
    return ", ".join(words)
