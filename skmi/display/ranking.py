"""Which columns tell, how much, and which are kept."""

from numbers import Integral

import numpy as np

from skmi.display._style import (
    BLUE,
    INK,
    PALE,
    SHADE,
    annotate,
    fit_where_asked,
    make_axes,
)

__all__ = ["FeatureRankingDisplay"]

LONGEST_NAME = 24


class FeatureRankingDisplay:
    r"""What each column tells about the target, and which columns are kept.

    .. math:: I(X_j; y) \ \text{nats}, \qquad p_j = P\left(
        \max_k I^*(X_k; y) \ge I(X_j; y) \right)

    One bar for each column, the strongest on top; dark ones are selected. Beside it
    stands the p-value, for all columns together, and which column holds more than half
    of what it tells.

    Parameters
    ----------
    names : array-like of shape (n_features,)
        Names of the columns.
    scores : array-like of shape (n_features,)
        Mutual information of each column and the target, in nats.
    pvalues : array-like of shape (n_features,)
        Adjusted p-values.
    support : array-like of shape (n_features,)
        Whether each column is selected.
    redundant_with : array-like of shape (n_features,), default=None
        Name of the column that holds what each column tells, or None.
    standard_error : array-like of shape (n_features,), default=None
        Standard errors of the scores, in nats.
    unit : str, default="nats"
        Unit of the scores.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    bars_ : matplotlib.container.BarContainer
        One bar for each column drawn.

    See Also
    --------
    MIFeatureSelector : Finds them.

    Notes
    -----
    The bars are of columns one by one. A column with a bar of nothing may be selected:
    two columns can tell together what neither tells alone.

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
        names,
        scores,
        pvalues,
        support,
        redundant_with=None,
        standard_error=None,
        unit="nats",
    ):
        self.names = names
        self.scores = scores
        self.pvalues = pvalues
        self.support = support
        self.redundant_with = redundant_with
        self.standard_error = standard_error
        self.unit = unit

    def order(self):
        """Return the numbers of the columns, the strongest first.

        Returns
        -------
        ndarray of shape (n_features,)
            Numbers of columns.
        """
        return np.argsort(-np.asarray(self.scores), kind="stable")

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, *, ax=None, **kwargs):
        """Draw what a selector finds.

        Parameters
        ----------
        estimator : MIFeatureSelector
            Fitted, or to be cloned and fitted to X and y.
        X : array-like of shape (n_samples, n_features), default=None
            Rows; None draws the selector as it was fitted.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Their targets.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        FeatureRankingDisplay
            The display, drawn.
        """
        selector = fit_where_asked(estimator, X, y)
        numbers = [f"column {k}" for k in range(len(selector.scores_))]
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
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, max_features=20, bar_kwargs=None):
        """Draw the ranking.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Title of the axes.
        max_features : int, default=20
            Columns drawn at most, the strongest; selected ones are always drawn.
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
        ax = make_axes(f"{type(self).__name__}.plot", ax, (7.2, 1.2 + 0.3 * len(order)))
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_bars(ax, order, bar_kwargs or {})
        self._write_beside(ax, order)
        self._draw_legend(ax, order)
        ax.set_yticks(range(len(order)), [short(self.names[k]) for k in order])
        ax.set_ylim(len(order) - 0.4, -1.1)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(f"mutual information with the target ({self.unit})")
        if name is not None:
            ax.set_title(name, loc="left")
        return self

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
        self.bars_ = ax.barh(range(len(order)), scores, **(style | bar_kwargs))
        ax.axvline(0, color=INK, lw=0.8, zorder=1)

    def _write_beside(self, ax, order):
        """Write p-values and twins in columns to the right of the bars."""
        style = {"xycoords": ax.get_yaxis_transform(), "va": "center"}
        twins = [None] * len(self.names)
        if self.redundant_with is not None:
            twins = list(self.redundant_with)
        for place, k in enumerate(order):
            chosen = {"color": BLUE} if self.support[k] else {}
            text = f"{self.pvalues[k]:.4f}"
            annotate(ax, text, (1, place), (8, 0), **style, **chosen)
            if twins[k] is not None:
                annotate(ax, short(str(twins[k])), (1, place), (62, 0), **style)
        annotate(ax, "p-value", (1, -0.85), (8, 0), **style)
        if any(twins[k] is not None for k in order):
            annotate(ax, "redundant with", (1, -0.85), (62, 0), **style)

    def _draw_legend(self, ax, order):
        """Say what dark and light bars are, where both are drawn."""
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


def short(name):
    """Cut a long name."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
