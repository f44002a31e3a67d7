"""Criteria of feature selection: relevance of a candidate less its redundancy.

With the relevance r = I(X; y) of a candidate X and, for each selected feature S, the
redundancy I(X; S), the conditional redundancy I(X; S | y) and the relevance of S, a
criterion is a term for each S, a reduction over the terms, and a combination with r.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["CRITERIA", "Criterion", "CriterionState", "Overlap", "is_sum"]

# In nats. Estimates below are mostly noise, by which a quotient must not be blown up.
SMALLEST_REDUNDANCY = 1e-2


class Overlap(NamedTuple):
    """Information that candidates share with one selected feature, in nats."""

    redundancy: np.ndarray  # I(X; S)
    conditional: np.ndarray  # I(X; S | y)
    relevance: np.ndarray  # I(X; y)
    relevance_of_selected: float  # I(S; y)
    entropy: np.ndarray | None  # H(X, S, y), where the criterion asks for it

    @property
    def gain(self) -> np.ndarray:
        """I(X; y | S) - I(X; y), negative where S makes the candidate redundant."""
        return self.conditional - self.redundancy

    @property
    def joint(self) -> np.ndarray:
        """I(X, S; y)."""
        return self.relevance + self.relevance_of_selected + self.gain


class Criterion(NamedTuple):
    """Term of each selected feature, reduction of terms, combination with relevance."""

    term: Callable[[Overlap], np.ndarray]
    reduction: str  # "sum", "mean" or "least"
    combine: Callable[[np.ndarray, np.ndarray], np.ndarray] = np.add


def terms_only(relevance: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Return the terms, without the relevance."""
    return terms


def quotient(relevance: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Divide the relevance by the redundancy."""
    return relevance / np.maximum(terms, SMALLEST_REDUNDANCY)


CRITERIA = {
    "mim": Criterion(lambda b: np.zeros_like(b.redundancy), "sum"),
    "mifs": Criterion(lambda b: -b.redundancy, "sum"),
    "mrmr": Criterion(lambda b: -b.redundancy, "mean"),
    "mrmr_quotient": Criterion(lambda b: b.redundancy, "mean", quotient),
    "cife": Criterion(lambda b: b.gain, "sum"),
    "jmi": Criterion(lambda b: b.gain, "mean"),
    "jmim": Criterion(lambda b: b.joint, "least", terms_only),
    "cmim": Criterion(lambda b: b.gain, "least"),
    "icap": Criterion(lambda b: np.minimum(b.gain, 0.0), "sum"),
    "disr": Criterion(
        lambda b: b.joint / np.maximum(b.entropy, 1e-12), "mean", terms_only
    ),
}


def is_sum(name: str) -> bool:
    """Whether a criterion is the relevance plus terms of the selected features."""
    return name in CRITERIA and CRITERIA[name].combine is np.add


class CriterionState:
    """Values of a criterion for all candidates, updated with each selected feature.

    Parameters
    ----------
    name : str
        Key of `CRITERIA`.
    relevance : ndarray of shape (..., n_candidates)
        I(X; y) of the candidates, in nats.
    """

    def __init__(self, name: str, relevance: np.ndarray):
        self.criterion = CRITERIA[name]
        self.relevance = relevance
        self.total = np.zeros_like(relevance)
        self.least = np.full_like(relevance, np.inf)
        self.count = 0

    def add(self, overlap: Overlap) -> None:
        """Update the values with another selected feature."""
        term = self.criterion.term(overlap)
        self.total = self.total + term
        self.least = np.minimum(self.least, term)
        self.count += 1

    @property
    def values(self) -> np.ndarray:
        """The criterion; the relevance where nothing is selected yet."""
        if not self.count:
            return self.relevance
        terms = {
            "sum": self.total,
            "mean": self.total / self.count,
            "least": self.least,
        }[self.criterion.reduction]
        return self.criterion.combine(self.relevance, terms)
