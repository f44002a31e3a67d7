"""The information plane of a bottleneck."""

import numpy as np

from skmi.display._style import (
    DASHES,
    INK,
    PALE,
    SHADE,
    annotate,
    make_axes,
    require_matplotlib,
)

__all__ = ["InformationPlaneDisplay"]


class InformationPlaneDisplay:
    """What codes keep of the input against what they tell about the target.

    One point for each weight of the rate, coloured by it, with bars of one standard
    error. No code can lie in the shaded part: what it tells about the target it must
    keep of the input. The dashed line is the most that could be told, the entropy of
    the labels, or the ceiling of the bound.

    Parameters
    ----------
    plane : InformationPlane
        The path, from :meth:`skmi.IBEncoder.information_plane`.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    line_ : matplotlib.lines.Line2D
        The path.
    points_ : matplotlib.collections.PathCollection
        The points on it.
    errorbar_ : matplotlib.container.ErrorbarContainer
        Their bars.

    See Also
    --------
    IBEncoder : Learns the codes.

    Notes
    -----
    Both axes are bounds: the rate an upper one where the noise is normal, what is told
    a lower one. Where the noise is not, a point may lie in the shaded part.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.bottleneck import InformationPlane
    >>> from skmi.display import InformationPlaneDisplay
    >>> rate, told = np.array([3.0, 1.0]), np.array([0.6, 0.5])
    >>> error = np.full(2, 0.02)
    >>> plane = InformationPlane(
    ...     np.array([0.01, 0.1]), rate, error, told, error, 0.69 - told, error,
    ...     np.full(2, 0.69))
    >>> display = InformationPlaneDisplay(plane=plane)
    """

    def __init__(self, *, plane):
        self.plane = plane

    @classmethod
    def from_estimator(cls, estimator, X, y, *, betas, ax=None, **kwargs):
        """Train along a path of weights and draw it.

        Parameters
        ----------
        estimator : IBEncoder or IBRegressor
            Its parameters are used; it stays as it is.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        betas : array-like of shape (n_betas,)
            Weights of the rate.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        InformationPlaneDisplay
            The display, drawn.
        """
        require_matplotlib(f"{cls.__name__}.from_estimator")
        plane = estimator.information_plane(X, y, betas)
        return cls(plane=plane).plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, line_kwargs=None, scatter_kwargs=None):
        """Draw the path.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Title of the axes.
        line_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.plot` for the path.
        scatter_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.scatter` for the points.

        Returns
        -------
        InformationPlaneDisplay
            This display.
        """
        ax = make_axes(f"{type(self).__name__}.plot", ax, (6.4, 4.4))
        self.ax_, self.figure_ = ax, ax.figure
        self._set_limits(ax)
        self._draw_limits(ax)
        self._draw_path(ax, line_kwargs or {}, scatter_kwargs or {})
        ax.set_xlabel("rate of the codes, at least $I(Z; X)$ (nats)")
        ax.set_ylabel("told about the target,\nat most $I(Z; Y)$ (nats)")
        if name is not None:
            ax.set_title(name, loc="left")
        return self

    def _set_limits(self, ax):
        plane = self.plane
        widest = (plane.rate + plane.rate_standard_error).max()
        highest = (plane.mutual_info + plane.standard_error).max()
        lowest = (plane.mutual_info - plane.standard_error).min()
        ceiling = plane.ceiling.max()
        if ceiling < 2 * highest:
            highest = ceiling
        highest = max(highest, 0.01)
        ax.set_xlim(0, 1.12 * max(widest, 0.01))
        ax.set_ylim(min(1.3 * lowest, -0.02 * highest), 1.12 * highest)

    def _draw_limits(self, ax):
        """Shade what no code can reach, and draw the most that could be told."""
        right, top = ax.get_xlim()[1], ax.get_ylim()[1]
        corner = min(right, top)
        ax.fill_between([0, corner], [0, corner], top, color=SHADE, lw=0, zorder=0)
        if corner > 0.12 * right:
            annotate(ax, "out of reach", (0, top), (5, -12))
        ceiling = self.plane.ceiling.max()
        if ceiling <= top:
            ax.axhline(ceiling, color=INK, lw=1, ls=DASHES, zorder=1)
            annotate(ax, f"at most {ceiling:.2f}", (right, ceiling), (-2, 3), "right")

    def _draw_path(self, ax, line_kwargs, scatter_kwargs):
        plane = self.plane
        style = {"color": PALE, "lw": 1.2, "zorder": 2} | line_kwargs
        (self.line_,) = ax.plot(plane.rate, plane.mutual_info, **style)
        self.errorbar_ = ax.errorbar(
            plane.rate,
            plane.mutual_info,
            xerr=plane.rate_standard_error,
            yerr=plane.standard_error,
            fmt="none",
            ecolor=INK,
            elinewidth=1,
            zorder=3,
        )
        style = {"c": np.arange(len(plane.betas)), "cmap": "viridis_r", "s": 46}
        style |= {"edgecolor": "white", "linewidth": 0.8, "zorder": 4}
        style |= scatter_kwargs
        self.points_ = ax.scatter(plane.rate, plane.mutual_info, **style)
        for beta, rate, told in zip(
            plane.betas, plane.rate, plane.mutual_info, strict=True
        ):
            annotate(ax, rf"$\beta$ = {beta:.3g}", (rate, told), (5, -12))
