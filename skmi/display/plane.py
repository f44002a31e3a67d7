"""Plot of the information plane of an information bottleneck."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi.display._style import (
    DASHES,
    INK,
    PALE,
    SHADE,
    annotate,
    make_axes,
    require_matplotlib,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from skmi.bottleneck import InformationPlane

__all__ = ["InformationPlaneDisplay"]


class InformationPlaneDisplay:
    r"""Plot the information about the target by the rate of a representation Z.

    .. math:: I(Z; y) \le I(Z; X)

    One point for each weight :math:`\beta` of the rate, coloured by it, with bars of
    one standard error. By the data processing inequality no representation lies in the
    shaded part. The dashed line is the largest possible value: the entropy of the
    labels, or the ceiling of the bound.

    Parameters
    ----------
    plane : InformationPlane
        The values to draw, from :meth:`skmi.IBEncoder.information_plane`.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    line_ : matplotlib.lines.Line2D
        The line through the points.
    points_ : matplotlib.collections.PathCollection
        One point for each beta.
    errorbar_ : matplotlib.container.ErrorbarContainer
        Their standard errors.

    See Also
    --------
    IBEncoder : Information bottleneck classifier.
    IBRegressor : The same for continuous targets.

    Notes
    -----
    Both coordinates are estimates of bounds: the rate of an upper bound where the noise
    is normal, the information about the target of a lower bound. With other noise the
    rate is not a bound, and a point may lie in the shaded part.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.bottleneck import InformationPlane
    >>> from skmi.display import InformationPlaneDisplay
    >>> rate, value = np.array([3.0, 1.0]), np.array([0.6, 0.5])
    >>> error = np.full(2, 0.02)
    >>> plane = InformationPlane(
    ...     np.array([0.01, 0.1]), rate, error, value, error, 0.69 - value, error,
    ...     np.full(2, 0.69))
    >>> display = InformationPlaneDisplay(plane=plane)
    """

    def __init__(self, *, plane: InformationPlane):
        self.plane = plane

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        betas: ArrayLike,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Train a bottleneck for each beta, with warm starts, and draw the results.

        Parameters
        ----------
        estimator : IBEncoder or IBRegressor
            Bottleneck whose parameters are used; it is not changed.
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        betas : array-like of shape (n_betas,)
            Weights of the rate.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
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

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        line_kwargs: dict[str, Any] | None = None,
        scatter_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the information plane.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Title of the axes.
        line_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.plot` for the line.
        scatter_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.scatter` for the points.

        Returns
        -------
        InformationPlaneDisplay
            This display.
        """
        ax = make_axes(f"{type(self).__name__}.plot", ax, (6.4, 4.4))
        self.ax_: Axes = ax
        self.figure_: Figure = ax.figure
        self._set_limits(ax)
        self._draw_limits(ax)
        self._draw_path(ax, line_kwargs or {}, scatter_kwargs or {})
        ax.set_xlabel("rate, upper bound of $I(Z; X)$ (nats)")
        ax.set_ylabel("information about the target,\nlower bound of $I(Z; y)$ (nats)")
        if name is not None:
            ax.set_title(name, loc="left")
        return self

    def _set_limits(self, ax):
        plane = self.plane
        widest = (plane.rate + plane.rate_standard_error).max()
        highest = (plane.mutual_info + plane.standard_error).max()
        lowest = (plane.mutual_info - plane.standard_error).min()
        ceiling = plane.ceiling.max()
        if ceiling < 2 * highest:  # a distant ceiling would squeeze the points
            highest = ceiling
        highest = max(highest, 0.01)
        ax.set_xlim(0, 1.12 * max(widest, 0.01))
        ax.set_ylim(min(1.3 * lowest, -0.02 * highest), 1.12 * highest)

    def _draw_limits(self, ax):
        """Shade where I(Z; y) would exceed I(Z; X), and draw the ceiling."""
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
        self.line_: Line2D = ax.plot(plane.rate, plane.mutual_info, **style)[0]
        self.errorbar_: ErrorbarContainer = ax.errorbar(
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
        self.points_: PathCollection = ax.scatter(
            plane.rate, plane.mutual_info, **style
        )
        for beta, rate, value in zip(
            plane.betas, plane.rate, plane.mutual_info, strict=True
        ):
            annotate(ax, rf"$\beta$ = {beta:.3g}", (rate, value), (5, -12))
