"""Plot of several estimates with their kind of bound, error and ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi.display._style import (
    BLUE,
    DASHES,
    INK,
    PALE,
    VERMILION,
    Display,
    annotate,
    fit_where_asked,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

__all__ = ["BoundsDisplay"]

MARKERS = {
    "lower": (">", BLUE, "lower bound"),
    "upper": ("<", VERMILION, "upper bound"),
    "none": ("o", INK, "no bound"),
}
REACH = 1.96  # half-width of the bars in standard errors: 95 % of a normal distribution


class BoundsDisplay(Display):
    r"""Plot estimates of one mutual information with 95 % intervals and ceilings.

    .. math:: \hat I_k \pm 1.96 \, \widehat{se}_k, \qquad
        E[\text{lower}] \le I(X; Y) \le E[\text{upper}]

    One line for each estimator. A triangle that points right is a lower bound, one that
    points left an upper bound, a dot neither. A vertical stroke is the ceiling, the
    largest value that the estimate could have taken, where the interval stops.

    Parameters
    ----------
    names : list of str
        Names of the estimators, the first on top.
    mutual_info : array-like of shape (n_estimators,)
        The estimates, in nats.
    standard_error : array-like of shape (n_estimators,)
        Their standard errors, in nats.
    bound : list of {"lower", "upper", "none"}
        What each estimate is in expectation.
    ceiling : array-like of shape (n_estimators,), default=None
        The largest values that the estimates could have taken, inf where there is none.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    errorbars_ : list of matplotlib.container.ErrorbarContainer
        The estimate and interval of each estimator.
    ceilings_ : list of matplotlib.lines.Line2D
        The strokes of the ceilings that lie within the axes.

    See Also
    --------
    TrainingCurveDisplay : Training curves of one estimator.

    Notes
    -----
    The intervals show the variance of the estimates on these samples. They include
    neither the gap between a bound and the mutual information nor the bias of an
    estimate that is not a bound.

    Examples
    --------
    >>> from skmi import KSG, GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.display import BoundsDisplay
    >>> X, Y, truth = make_correlated_normal(500, 1, mutual_info=0.5, random_state=0)
    >>> fitted = [KSG().fit(X, Y), GaussianMI().fit(X, Y)]
    >>> BoundsDisplay.of(fitted).names
    ['KSG', 'GaussianMI']
    """

    def __init__(
        self,
        *,
        names: Sequence[str],
        mutual_info: ArrayLike,
        standard_error: ArrayLike,
        bound: Sequence[str],
        ceiling: ArrayLike | None = None,
    ):
        self.names = names
        self.mutual_info = mutual_info
        self.standard_error = standard_error
        self.bound = bound
        self.ceiling = ceiling

    @classmethod
    def of(cls, estimators: Sequence[Any] | Mapping[str, Any]) -> Self:
        """Collect the estimates of fitted estimators without drawing them.

        Parameters
        ----------
        estimators : list or dict of estimators
            Fitted estimators; the keys of a dict are their names.

        Returns
        -------
        BoundsDisplay
            The display, not drawn.
        """
        if isinstance(estimators, Mapping):
            named = estimators
        else:
            named = dict(zip(unique_names(estimators), estimators, strict=True))
        fitted = list(named.values())
        return cls(
            names=list(named),
            mutual_info=[estimator.mutual_info_ for estimator in fitted],
            standard_error=[estimator.standard_error_ for estimator in fitted],
            bound=[estimator.bound_ for estimator in fitted],
            ceiling=[estimator.ceiling_ for estimator in fitted],
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        truth: float | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the estimates of one or several estimators.

        Parameters
        ----------
        estimator : estimator, list or dict of estimators
            Fitted, or to be cloned and fitted to X and y. The keys of a dict are their
            names.
        X : array-like of shape (n_samples, n_features), default=None
            Samples; None draws estimators that are fitted already.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Samples paired with those of X.
        truth : float, default=None
            True mutual information, in nats, if known.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        BoundsDisplay
            The display, drawn.
        """
        if isinstance(estimator, Mapping):
            fitted = {
                name: fit_where_asked(item, X, y) for name, item in estimator.items()
            }
        else:
            items = estimator if isinstance(estimator, (list, tuple)) else [estimator]
            fitted = [fit_where_asked(item, X, y) for item in items]
        return cls.of(fitted).plot(ax=ax, truth=truth, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        truth: float | None = None,
        errorbar_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the estimates.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Title of the axes.
        truth : float, default=None
            True mutual information, in nats, if known.
        errorbar_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        BoundsDisplay
            This display.
        """
        height = 1.3 + 0.36 * len(self.names)
        ax = self._start(ax, (6.4, height))
        self._draw_estimates(ax, errorbar_kwargs or {})
        self._draw_ceilings(ax, truth)
        if truth is not None:
            place = len(self.names) - 0.5
            ax.plot([truth] * 2, [-0.9, place], color=INK, lw=1, ls=DASHES, zorder=1)
            annotate(ax, f"truth {truth:.2f}", (truth, -0.6), (3, -4))
        low, high = ax.get_xlim()
        ax.set_xlim(min(low, 0), high)
        ax.set_yticks(range(len(self.names)), self.names)
        ax.set_ylim(len(self.names) - 0.5, -0.9)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", color="#eeece8", zorder=0)
        ax.set_axisbelow(True)
        ax.set_xlabel("mutual information (nats), 95 % intervals")
        ax.legend(
            frameon=False,
            fontsize="small",
            ncols=4,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            borderaxespad=0,
            handletextpad=0.3,
        )
        return self._finish(name, pad=24)

    def _draw_estimates(self, ax, errorbar_kwargs):
        self.errorbars_: list[ErrorbarContainer] = []
        shown = set()
        values, errors = np.asarray(self.mutual_info), np.asarray(self.standard_error)
        ceilings = np.full(len(values), np.inf)
        if self.ceiling is not None:
            ceilings = np.asarray(self.ceiling, dtype=float)
        below = REACH * errors
        above = np.minimum(below, np.maximum(ceilings - values, 0.0))
        for place, (value, bound) in enumerate(zip(values, self.bound, strict=True)):
            marker, color, label = MARKERS[bound]
            style = {
                "fmt": marker,
                "color": color,
                "ms": 7,
                "elinewidth": 1.4,
                "label": None if bound in shown else label,
                "zorder": 4,
            }
            style |= errorbar_kwargs
            reach = [[below[place]], [above[place]]]
            bar = ax.errorbar(value, place, xerr=reach, **style)
            self.errorbars_.append(bar)
            shown.add(bound)

    def _draw_ceilings(self, ax, truth):
        """Draw the ceilings near the estimates; distant ones would squeeze the axis."""
        values = [*np.asarray(self.mutual_info), *([] if truth is None else [truth])]
        reach = 1.6 * max(0.1, *values)  # by eye: estimates keep two thirds of the axis
        self.ceilings_: list[Line2D] = []
        ceilings = [] if self.ceiling is None else np.asarray(self.ceiling)
        for place, ceiling in enumerate(ceilings):
            if not math.isfinite(ceiling) or ceiling > reach:
                continue
            label = None if self.ceilings_ else "ceiling"
            style = {"color": PALE, "marker": "|", "ls": "", "ms": 16, "mew": 2.2}
            (stroke,) = ax.plot(ceiling, place, label=label, zorder=3, **style)
            self.ceilings_.append(stroke)


def unique_names(estimators: Sequence[Any]) -> list[str]:
    """Name estimators by their classes, numbered where two have the same class."""
    names = [type(estimator).__name__ for estimator in estimators]
    return [
        name if names.count(name) == 1 else f"{name} {names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]
