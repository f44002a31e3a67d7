"""Plot of one estimate with its interval and limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi._core.fitted import interval_of
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

__all__ = ["EstimateDisplay"]


class EstimateDisplay(Display):
    r"""Plot one estimate with its 95 % interval, lower bound and ceiling.

    .. math:: \hat I, \quad [I_{low}, I_{high}]

    A small picture of the result of a fit. A distant ceiling is not drawn.

    Parameters
    ----------
    mutual_info : float
        The estimate, in nats.
    interval : tuple of two floats
        Ends of its interval, in nats.
    ceiling : float, default=inf
        The largest value that the estimate could have taken.
    lower_bound : float, default=None
        A lower bound on held-out samples, valid without assumptions, as AutoMI has.
    status : str, default=None
        ``status_`` of the estimator.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    errorbar_ : matplotlib.container.ErrorbarContainer
        The estimate and its interval.

    See Also
    --------
    BoundsDisplay : Several estimates side by side.

    Notes
    -----
    The interval is ``confidence_interval_`` where the estimator has one. Otherwise it
    is 1.96 standard errors wide on each side, up to the ceiling, and covers no bias.

    Examples
    --------
    >>> from skmi import AutoMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.display import EstimateDisplay
    >>> X, Y, truth = make_correlated_normal(500, 1, mutual_info=0.5, random_state=0)
    >>> display = EstimateDisplay.from_estimator(AutoMI(random_state=0), X, Y)
    >>> display.status, display.interval[0] < truth < display.interval[1]
    ('ok', True)
    """

    def __init__(
        self,
        *,
        mutual_info: float,
        interval: tuple[float, float],
        ceiling: float = math.inf,
        lower_bound: float | None = None,
        status: str | None = None,
    ) -> None:
        self.mutual_info = mutual_info
        self.interval = interval
        self.ceiling = ceiling
        self.lower_bound = lower_bound
        self.status = status

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
        """Draw the estimate of an estimator.

        Parameters
        ----------
        estimator : estimator
            Any estimator of mutual information: fitted, or to be cloned and fitted to
            X and y.
        X : array-like of shape (n_samples, n_features), default=None
            Samples; None draws an estimator that is fitted already.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Samples paired with those of X.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        EstimateDisplay
            The display, drawn.
        """
        fitted = fit_where_asked(estimator, X, y)
        display = cls(
            mutual_info=fitted.mutual_info_,
            interval=interval_of(fitted),
            ceiling=fitted.ceiling_,
            lower_bound=getattr(fitted, "lower_bound_", None),
            status=getattr(fitted, "status_", None),
        )
        kwargs.setdefault("name", type(fitted).__name__)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        truth: float | None = None,
        errorbar_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the estimate.

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
        EstimateDisplay
            This display.
        """
        ax = self._start(ax, (5.6, 1.7))
        low, high = self.interval
        reach = np.maximum([[self.mutual_info - low], [high - self.mutual_info]], 0)
        style = {"fmt": "o", "color": BLUE, "ms": 8, "elinewidth": 2, "zorder": 4}
        style |= {"label": "estimate, 95 % interval"} | (errorbar_kwargs or {})
        self.errorbar_: ErrorbarContainer = ax.errorbar(
            self.mutual_info, 0, xerr=reach, **style
        )
        if self.lower_bound is not None:
            style = {"color": INK, "marker": ">", "ls": "", "ms": 6, "zorder": 3}
            ax.plot(self.lower_bound, -0.6, label="lower bound, held out", **style)
        if self.ceiling <= 1.6 * max(high, 0.1):  # a distant one squeezes the axis
            ax.axvline(self.ceiling, color=PALE, lw=2.2, label="ceiling")
        if truth is not None:
            ax.axvline(truth, color=VERMILION, lw=1.2, ls=DASHES, label="truth")
        text = f"{self.mutual_info:.3g} nats"
        text += f", {self.status}" if self.status else ""
        annotate(ax, text, (self.mutual_info, 0), (0, 9), "center")
        left, right = ax.get_xlim()
        ax.set_xlim(min(left, 0), right)
        ax.set_ylim(-1, 1)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.set_xlabel("mutual information (nats)")
        ax.legend(
            frameon=False,
            fontsize="small",
            ncols=4,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            borderaxespad=0,
            handletextpad=0.3,
        )
        return self._finish(name)
