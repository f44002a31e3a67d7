"""What all pictures share: colours that everybody can tell apart, axes, notes."""

from sklearn.base import clone

__all__ = [
    "BLUE",
    "DASHES",
    "INK",
    "PALE",
    "SHADE",
    "VERMILION",
    "annotate",
    "fit_where_asked",
    "make_axes",
    "require_matplotlib",
]

SHADE = "#e8e6e1"
PALE = "#a9a49b"
INK = "#4d4a45"
BLUE = "#0072b2"
VERMILION = "#d55e00"
DASHES = (0, (4, 3))


def annotate(ax, text, place, offset, side="left", **style):
    """Write a small note beside a place."""
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


def make_axes(caller, ax, size):
    """Return the given axes, or those of a new figure, without the outer frame."""
    pyplot = require_matplotlib(caller)
    if ax is None:
        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def require_matplotlib(caller):
    """Return matplotlib's pyplot, or say who needs it and how to get it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib; install it with: pip install skmi[plot]"
        ) from error
    return pyplot


def fit_where_asked(estimator, X, y):
    """Return the estimator as it is, or where rows are given a clone fitted to them."""
    return estimator if X is None else clone(estimator).fit(X, y)
