"""Shared style of the figures: colours, axes, annotations."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike
from sklearn.base import clone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

__all__ = [
    "BLUE",
    "DASHES",
    "INK",
    "PALE",
    "SHADE",
    "VERMILION",
    "Display",
    "annotate",
    "fit_where_asked",
    "require_matplotlib",
]

# Blue and vermilion of the Okabe-Ito palette: distinct under colour blindness.
SHADE = "#e8e6e1"
PALE = "#a9a49b"
INK = "#4d4a45"
BLUE = "#0072b2"
VERMILION = "#d55e00"
DASHES = (0, (4, 3))


def annotate(
    ax: Axes,
    text: str,
    place: tuple,
    offset: tuple[float, float],
    side: str = "left",
    **style: Any,
) -> Annotation:
    """Write a small text beside a point, `offset` in points."""
    return ax.annotate(
        text,
        place,
        **{
            "xytext": offset,
            "textcoords": "offset points",
            "ha": side,
            "color": INK,
            "fontsize": "small",
            **style,
        },
    )


class Display:
    """Base of the displays: their axes, figure and title."""

    ax_: Axes
    figure_: Figure

    def _start(self, ax: Axes | None, size: tuple[float, float]) -> Axes:
        """Take the given axes or make a figure, without the upper and right spines."""
        pyplot = require_matplotlib(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = pyplot.subplots(figsize=size, layout="constrained")
        ax.spines[["top", "right"]].set_visible(False)
        self.ax_, self.figure_ = ax, ax.figure
        return ax

    def _finish(self, name: str | None, **style: Any) -> Self:
        """Write the title where there is one."""
        if name is not None:
            self.ax_.set_title(name, loc="left", **style)
        return self


def require_matplotlib(caller: str) -> ModuleType:
    """Import matplotlib.pyplot, or raise an error that says how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib; install it with: pip install matplotlib "
            "(it is the extra skmi[plot])."
        ) from error
    return pyplot


def fit_where_asked(estimator: Any, X: ArrayLike | None, y: ArrayLike | None) -> Any:
    """Fit a clone to X and y, or pass a fitted estimator through if X is None."""
    return estimator if X is None else clone(estimator).fit(X, y)
