"""Bar chart of the relevance of features, with p-values and selection."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi.display._style import (
    BLUE,
    INK,
    PALE,
    SHADE,
    Display,
    annotate,
    fit_where_asked,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

__all__ = ["FeatureRankingDisplay"]

LONGEST_NAME = 24  # characters that fit beside the bars
COLUMN = 54  # points from one column beside the bars to the next


class FeatureRankingDisplay(Display):
    r"""Plot the mutual information of each feature with the target, and the selection.

    .. math:: I(X_j; y) \ \text{nats}, \qquad p_j = P\left(
        \max_k I^*(X_k; y) \ge I(X_j; y) \right)

    One bar for each feature, the most informative on top; dark bars are selected.
    Beside each bar are the p-value of the feature alone, adjusted for the number of
    features, that of the step that selected it, and the selected feature that it is
    redundant with: given that one, less than half of its information about the target
    remains.

    Parameters
    ----------
    names : array-like of shape (n_features,)
        Names of the features.
    scores : array-like of shape (n_features,)
        Mutual information of each feature with the target, in nats.
    pvalues : array-like of shape (n_features,)
        Adjusted p-values.
    support : array-like of shape (n_features,)
        Whether each feature is selected.
    redundant_with : array-like of shape (n_features,), default=None
        Name of the feature that each feature is redundant with, or None.
    standard_error : array-like of shape (n_features,), default=None
        Standard errors of the scores, in nats.
    unit : str, default="nats"
        Unit of the scores.
    step_pvalues : array-like of shape (n_features,), default=None
        P-value of each feature beside those selected before it; NaN for features that
        are not selected.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    bars_ : matplotlib.container.BarContainer
        One bar for each feature drawn.

    See Also
    --------
    MIFeatureSelector : Selects the features.

    Notes
    -----
    The bars and their p-values show each feature on its own. A feature whose bar is
    close to 0 may be selected, by the p-value of its step: two features can be
    informative only jointly.

    Examples
    --------
    >>> from skmi.display import FeatureRankingDisplay
    >>> display = FeatureRankingDisplay(
    ...     names=["age", "sex"], scores=[0.02, 0.3], pvalues=[0.4, 0.005],
    ...     support=[False, True])
    >>> display.order()
    array([1, 0])
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        scores: ArrayLike,
        pvalues: ArrayLike,
        support: ArrayLike,
        redundant_with: Sequence[str | None] | None = None,
        standard_error: ArrayLike | None = None,
        unit: str = "nats",
        step_pvalues: ArrayLike | None = None,
    ):
        self.names = names
        self.scores = scores
        self.pvalues = pvalues
        self.support = support
        self.redundant_with = redundant_with
        self.standard_error = standard_error
        self.unit = unit
        self.step_pvalues = step_pvalues

    def order(self) -> np.ndarray:
        """Sort the features by their score, the most informative first.

        Returns
        -------
        ndarray of shape (n_features,)
            Indices of the features.
        """
        return np.argsort(-np.asarray(self.scores), kind="stable")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the ranking and selection of a feature selector.

        Parameters
        ----------
        estimator : MIFeatureSelector
            Fitted selector, or one to be cloned and fitted to X and y.
        X : array-like of shape (n_samples, n_features), default=None
            Samples; None draws a selector that is fitted already.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        FeatureRankingDisplay
            The display, drawn.
        """
        selector = fit_where_asked(estimator, X, y)
        numbers = [f"feature {k}" for k in range(len(selector.scores_))]
        names = [str(name) for name in getattr(selector, "feature_names_in_", numbers)]
        grouped = selector.get_params(deep=False)["groups"] is not None
        twins = [
            names[twin] if isinstance(twin, Integral) and not grouped else twin
            for twin in selector.redundant_with_
        ]
        display = cls(
            names=names,
            scores=selector.scores_,
            pvalues=selector.pvalues_,
            support=selector.support_,
            redundant_with=twins,
            step_pvalues=selector.step_pvalues_,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        max_features: int = 20,
        bar_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the ranking.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Title of the axes.
        max_features : int, default=20
            Number of features drawn, the most informative; selected ones always are.
        bar_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        FeatureRankingDisplay
            This display.
        """
        order = self.order()
        support = np.asarray(self.support, dtype=bool)[order]
        order = order[support | (np.arange(len(order)) < max_features)]
        ax = self._start(ax, (7.2, 1.2 + 0.3 * len(order)))
        self._draw_bars(ax, order, bar_kwargs or {})
        self._write_beside(ax, order)
        self._draw_legend(ax, order)
        ax.set_yticks(range(len(order)), [short(self.names[k]) for k in order])
        ax.set_ylim(len(order) - 0.4, -1.1)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(f"mutual information with the target ({self.unit})")
        return self._finish(name)

    def _draw_bars(self, ax, order, bar_kwargs):
        scores = np.asarray(self.scores, dtype=float)[order]
        support = np.asarray(self.support, dtype=bool)[order]
        style = {
            "color": np.where(support, BLUE, SHADE),
            "edgecolor": np.where(support, BLUE, PALE),
            "linewidth": 0.6,
            "height": 0.68,
        }
        if self.standard_error is not None:
            style |= {
                "xerr": np.asarray(self.standard_error, dtype=float)[order],
                "error_kw": {"ecolor": INK, "elinewidth": 1},
            }
        style |= bar_kwargs
        self.bars_: BarContainer = ax.barh(range(len(order)), scores, **style)
        ax.axvline(0, color=INK, lw=0.8, zorder=1)

    def _write_beside(self, ax, order):
        """Write p-values and redundant features in columns to the right of the bars."""
        columns = {"p-value": [pvalue_text(value) for value in self.pvalues]}
        if self.step_pvalues is not None:
            columns["step p"] = [pvalue_text(value) for value in self.step_pvalues]
        if self.redundant_with is not None:
            names = ["" if name is None else str(name) for name in self.redundant_with]
            columns["redundant with"] = [short(name) for name in names]
        style = {"xycoords": ax.get_yaxis_transform(), "va": "center"}
        support = np.asarray(self.support)
        offset = 8
        for title, cells in columns.items():
            if not any(cells[k] for k in order):
                continue
            annotate(ax, title, (1, -0.85), (offset, 0), **style)
            is_pvalue = title != "redundant with"
            for place, k in enumerate(order):
                chosen = {"color": BLUE} if support[k] and is_pvalue else {}
                annotate(ax, cells[k], (1, place), (offset, 0), **style, **chosen)
            offset += COLUMN

    def _draw_legend(self, ax, order):
        """Explain dark and light bars, as far as each is drawn."""
        support = np.asarray(self.support, dtype=bool)[order]
        kinds = {"selected": support, "not selected": ~support}
        bars = {
            label: self.bars_[int(rows.argmax())]
            for label, rows in kinds.items()
            if rows.any()
        }
        ax.legend(
            bars.values(), bars, frameon=False, loc="lower right", fontsize="small"
        )


def pvalue_text(pvalue: float) -> str:
    """Four decimals of a p-value, which is never written as zero; nothing for NaN."""
    if np.isnan(pvalue):
        return ""
    return "<0.0001" if pvalue < 1e-4 else f"{pvalue:.4f}"


def short(name: str) -> str:
    """Truncate a long name."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
