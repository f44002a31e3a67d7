"""Criteria of feature selection: what a candidate brings overlap what is selected.

With r the mutual information of the candidate X and y, and for each selected column S
the redundancy :math:`I(X; S)`, the conditional one :math:`I(X; S | y)` and the
relevance of S, each criterion is a term for each selected column and how the terms are
put together.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["CRITERIA", "Criterion", "CriterionState", "Overlap"]

SMALLEST_REDUNDANCY = 1e-2  # nats; below, a quotient says nothing


class Overlap(NamedTuple):
    """What candidates have to do with one selected column, in nats."""

    redundancy: np.ndarray  # I(X; S)
    conditional: np.ndarray  # I(X; S | y)
    relevance: np.ndarray  # I(X; y)
    relevance_of_selected: float  # I(S; y)
    entropy: np.ndarray  # H(X, S, y), where the criterion asks for it

    @property
    def gain(self):
        """I(X; y | S) - I(X; y), negative where S makes the candidate redundant."""
        return self.conditional - self.redundancy

    @property
    def joint(self):
        """I(X, S; y)."""
        return self.relevance + self.relevance_of_selected + self.gain


class Criterion(NamedTuple):
    """The term of each selected column, how terms are put together, and the whole."""

    term: object
    reduction: str  # "sum", "mean" or "least"
    combine: object = np.add  # of the relevance and the reduced terms


def terms_only(relevance, terms):
    """Take the terms alone."""
    return terms


def quotient(relevance, terms):
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


class CriterionState:
    """A criterion's values for all candidates, kept up while columns are selected."""

    def __init__(self, name, relevance):
        self.criterion = CRITERIA[name]
        self.relevance = relevance
        self.total = np.zeros_like(relevance)
        self.least = np.full_like(relevance, np.inf)
        self.count = 0

    def add(self, overlap):
        """Take account of another selected column."""
        term = self.criterion.term(overlap)
        self.total = self.total + term
        self.least = np.minimum(self.least, term)
        self.count += 1

    @property
    def values(self):
        """The criterion, the relevance where nothing is selected yet."""
        if not self.count:
            return self.relevance
        terms = {
            "sum": self.total,
            "mean": self.total / self.count,
            "least": self.least,
        }[self.criterion.reduction]
        return self.criterion.combine(self.relevance, terms)
