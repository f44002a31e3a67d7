"""The bias of closed forms by ranks, and columns that determine each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpstrf
from scipy.special import ndtr
from scipy.stats import t as student

from skmi._data.chance import hidden_by_noise
from skmi._data.marginals import BlockView, ColumnView, normal_scores
from skmi.exceptions import ReliabilityWarning, warn
from skmi.gaussian.closed_form import EllipticalRatio

__all__ = [
    "IndependentColumns",
    "RankBias",
    "hidden_by_ranks",
    "rank_bias",
    "student_quantiles",
]

MOST_DRAWS, FEWEST_DRAWS = 48, 6
DRAWN_SAMPLES = 50_000  # at most of all draws, where that leaves enough of them
MOST_STEPS = 6
NOISE_SHARE = 0.05  # of the standard error
TOLERANCE = 3e-3  # of the bias, in nats
LEAST_GAP = 1e-10  # of one and a squared correlation
SAMPLES_PER_COLUMN = 10  # that show whether a closer look is needed
LEAST_RESIDUAL = 1e-10  # variance of a standardised column given others


# Variance of a score beyond that of the value that it stands for, times the number of
# samples: 1.4 to 1.9 for 300 to 5000 samples, in X or y and in Z.
NOISE_OF_RANKS = 3.4
LEAST_NOISE = 0.1  # beside what Z leaves; less is shared by X and y where these agree
SMALL_HIDDEN, LARGE_SHARE = 0.03, 0.1  # nats that are warned of, and of the estimate


class RankBias(NamedTuple):
    """The bias of a mutual information by ranks, in nats."""

    mean: float
    deviation: float  # the standard deviation of what the ranks take
    slope: float  # by how much what the ranks show rises with the mutual information

    def error(self, error: float) -> float:
        """Return the standard error without the bias, given that by ranks."""
        return math.hypot(error, self.deviation) / self.slope


def rank_bias(
    ratio: EllipticalRatio,
    n_samples: int,
    fit: Callable[[np.ndarray], EllipticalRatio],
) -> RankBias:
    r"""Estimate what the ranks take from the mutual information of a closed form.

    The normal scores of ranks differ from the quantiles that they stand for, which
    weakens strong dependence, most where several columns are correlated. Samples are
    drawn from the fitted distribution, and fitted as they are and by their ranks: the
    mean difference, on the log scale of :math:`1 - \rho_c^2`, is taken off the fitted
    correlations, and the samples are drawn again, until the correlations that the ranks
    of the draws show are those of the data.

    Parameters
    ----------
    ratio : EllipticalRatio
        Fitted to the quantiles that belong to the ranks.
    n_samples : int
        Number of samples.
    fit : callable
        ``fit(block)`` returns the ratio of such quantiles, both blocks side by side.

    Returns
    -------
    RankBias
        Negative where the ranks lose.
    """
    n_draws = DRAWN_SAMPLES // n_samples
    n_draws = min(max(n_draws, FEWEST_DRAWS), MOST_DRAWS)
    ranks = normal_scores(np.arange(1, n_samples + 1), n_samples)
    quantiles = student_quantiles(ranks, ratio.degrees_of_freedom)
    shown = log_gaps(ratio)
    gaps, totals = shown, []
    # Of the mean of the draws; the standard error of the estimate is larger.
    enough = NOISE_SHARE * math.sqrt((ratio.correlations**2).sum() / n_samples)
    for step in range(MOST_STEPS):
        model = ratio.rescale(np.sqrt(1 - np.exp(gaps)), 1.0, 1.0)
        rng = np.random.RandomState(0)  # the same noise in each step
        changes = []
        while len(changes) < n_draws:
            drawn = np.hstack(model.draw(n_samples, rng))
            changes.append(
                log_gaps(fit(by_rank(drawn.argsort(axis=0), quantiles)))
                - log_gaps(fit(drawn))
            )
            if step == 0 and len(changes) >= FEWEST_DRAWS:
                noise = np.std(np.sum(changes, axis=1) / 2, ddof=1)
                if noise < enough * math.sqrt(len(changes)):
                    n_draws = len(changes)
        values = -np.sum(changes, axis=1) / 2
        totals.append((values.mean(), -gaps.sum() / 2))
        gaps = np.clip(shown - np.mean(changes, axis=0), math.log(LEAST_GAP), 0.0)
        if len(totals) > 1 and abs(totals[-1][0] - totals[-2][0]) < TOLERANCE:
            break
    deviation = values.std(ddof=1) * math.sqrt(1 + 1 / n_draws)
    (first, start), (last, end) = totals[0], totals[-1]
    slope = 1 + (last - first) / max(end - start, 1e-9)
    return RankBias(
        float((gaps - shown).sum() / 2), float(deviation), min(max(slope, 0.2), 1.0)
    )


def log_gaps(ratio: EllipticalRatio) -> np.ndarray:
    """Return log(1 - rho^2) of the canonical correlations."""
    return np.log(np.maximum(1 - ratio.correlations**2, LEAST_GAP))


def by_rank(order: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Return the quantiles of the ranks, given the order of the rows by each column."""
    found = np.empty(order.shape)
    np.put_along_axis(found, order, quantiles[:, np.newaxis], axis=0)
    return found


class IndependentColumns:
    """Transformed columns of a block without those that are functions of others.

    Constant columns, and linear functions of other columns, as they are or by their
    scores, are left out: the mutual information does not change, and a density exists.

    Parameters
    ----------
    block : ndarray of shape (n_samples, n_columns)
        Samples.
    marginals : {"rank", "standard"} or None
        The transform of single columns.
    weights : ndarray of shape (n_samples,), default=None
        Weights of the samples in the ranks.
    """

    def __init__(
        self,
        block: np.ndarray,
        marginals: str | None,
        weights: np.ndarray | None = None,
    ) -> None:
        self.view = BlockView(block, marginals, weights)
        n_columns = sum(not view.is_constant for view in self.view.views)
        self.kept = np.ones(n_columns, dtype=bool)
        if n_columns > 1:
            self._leave_out(block)

    @property
    def columns(self) -> list[ColumnView]:
        """The transforms of the columns."""
        varying = [view for view in self.view.views if not view.is_constant]
        return [varying[i] for i in np.flatnonzero(self.kept)]

    def _leave_out(self, block):
        marginals = self.view.views[0].marginals
        few = block[: max(SAMPLES_PER_COLUMN * len(self.kept), 100)]
        if not independent_columns(self._raw(few)).all():
            self.kept = independent_columns(self._raw(block))
        if marginals == "rank" and not independent_columns(self.view.apply(few)).all():
            scores = self.view.apply(block)[:, self.kept]
            self.kept[self.kept] = independent_columns(scores)

    def _raw(self, block):
        """Return the columns that are not constant, standardised."""
        varying = [not view.is_constant for view in self.view.views]
        views = np.array(self.view.views)[varying]
        unit, center, spread = (
            np.array([getattr(view, name) for view in views])
            for name in ("unit", "center", "spread")
        )
        return (block[:, varying] / unit - center) / spread

    def apply(self, block: np.ndarray) -> np.ndarray:
        """Return the transformed columns."""
        return self.view.apply(block)[:, self.kept]


def hidden_by_ranks(X: np.ndarray, y: np.ndarray, Z: np.ndarray, value: float) -> float:
    """Return how much conditional information the noise of ranks may hide; warn.

    It is small in scores, but not beside what Z leaves of them where it explains
    nearly all.
    """
    noise = NOISE_OF_RANKS / len(X)
    design = np.column_stack([np.ones(len(X)), IndependentColumns(Z, "rank").apply(Z)])
    if len(X) <= 2 * design.shape[1]:
        return 0.0
    shares = []
    for side in (X, y):
        scores = IndependentColumns(side, "rank").apply(side)
        if not scores.shape[1]:
            return 0.0
        rest = scores - design @ np.linalg.lstsq(design, scores, rcond=None)[0]
        left = ((rest**2).mean(axis=0) / scores.var(axis=0)).min()
        shares.append(noise / max(left - noise, noise / 10))
    if max(shares) < LEAST_NOISE:
        return 0.0
    hidden = hidden_by_noise(value, shares, min(X.shape[1], y.shape[1]))
    if hidden > max(SMALL_HIDDEN, LARGE_SHARE * abs(value)):
        warn(
            "Z explains so much of X or y that the noise of ranks is large beside the "
            f"rest: {value:.2f} nats may be off by {hidden:.2f}, which the standard "
            "error contains. Use GaussianMI for normal columns, or KSG.",
            ReliabilityWarning,
        )
    return hidden


def independent_columns(block: np.ndarray) -> np.ndarray:
    """Return a mask of columns that are not linear functions of the other ones.

    Columns are taken in the order of what is left of their variance given those before.
    All are kept where there are too few samples to see it.

    Parameters
    ----------
    block : ndarray of shape (n_samples, n_columns)
        Standardised columns.
    """
    n_samples, d = block.shape
    kept = np.ones(d, dtype=bool)
    if d < 2 or n_samples < 4:
        return kept
    covariance = block.T @ block / n_samples
    _, order, rank, _ = dpstrf(covariance, tol=LEAST_RESIDUAL, lower=0)
    if rank == d or rank >= n_samples - 1:
        return kept
    chosen, others = order[:rank] - 1, order[rank:] - 1
    slopes = np.linalg.lstsq(block[:, chosen], block[:, others], rcond=None)[0]
    rest = np.abs(block[:, others] - block[:, chosen] @ slopes)
    # A single sample of heavy tails makes columns look alike; most samples do not.
    spread = np.abs(block[:, others] - np.median(block[:, others], axis=0))
    exact = np.median(rest, axis=0) <= 1e-6 * np.median(spread, axis=0) + 1e-12
    kept[others[exact]] = False
    return kept


def student_quantiles(scores: np.ndarray, degrees_of_freedom: float) -> np.ndarray:
    """Map normal scores to the quantiles of a Student distribution."""
    if math.isinf(degrees_of_freedom):
        return scores
    values, index = np.unique(scores, return_inverse=True)
    return student.ppf(ndtr(values), degrees_of_freedom)[index].reshape(scores.shape)
