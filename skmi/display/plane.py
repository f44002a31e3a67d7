"""Plot of the information plane of a bottleneck or of the layers of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi.display._style import (
    DASHES,
    INK,
    PALE,
    SHADE,
    Display,
    annotate,
    require_matplotlib,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D

    from skmi.bottleneck import InformationPlane, LayerPlane

__all__ = ["InformationPlaneDisplay"]


class InformationPlaneDisplay(Display):
    r"""Plot the information about the target by the rate of a representation Z.

    .. math:: I(Z; y) \le I(Z; X)

    One point for each weight :math:`\beta` of the rate, coloured by it, with bars of
    one standard error; for the layers of a network, one line for each layer and one
    point for each epoch, whose bars reach from a lower to an upper bound of
    :math:`I(Z; X)`. By the data processing inequality no representation lies in the
    shaded part. The dashed line is the largest possible value: the entropy of the
    labels, or the ceiling of the bound.

    Parameters
    ----------
    plane : InformationPlane or LayerPlane
        The values to draw, from :meth:`skmi.IBEncoder.information_plane` or
        :meth:`from_layers`.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    line_ : matplotlib.lines.Line2D, or list
        The line through the points; a list, one for each layer, for a network. So are
        the next two.
    points_ : matplotlib.collections.PathCollection, or list
        One point for each beta or epoch.
    errorbar_ : matplotlib.container.ErrorbarContainer, or list
        Their bars.

    See Also
    --------
    IBEncoder : Information bottleneck classifier.
    IBRegressor : The same for continuous targets.

    Notes
    -----
    Both coordinates are estimates of bounds: the rate of an upper bound where the noise
    is normal, the information about the target of a lower bound. With other noise the
    rate is not a bound, and a point may lie in the shaded part. The layers of a network
    without noise have no finite information about a continuous input [1]_: their plane
    depends on the noise that `from_layers` adds.

    References
    ----------
    .. [1] Z. Goldfeld et al. Estimating information flow in deep neural networks.
       ICML, 2019.

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

    def __init__(self, *, plane: InformationPlane | LayerPlane):
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

    @classmethod
    def from_layers(
        cls,
        layers: Sequence[Any] | Mapping[str, Any],
        y: ArrayLike,
        *,
        noise: float = 0.1,
        estimator: Any = None,
        random_state: int | np.random.RandomState | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        r"""Measure the layers of a network, epoch by epoch, and draw the results.

        .. math:: Z = h(X) + \sigma \varepsilon, \quad \varepsilon \sim N(0, 1)

        :math:`I(Z; X)` lies between :class:`skmi.TNCE` and
        :class:`skmi.LeaveOneOutBound`, whose conditional density is known. Both are
        limited by the number of samples: the lower one by its logarithm.

        Parameters
        ----------
        layers : list of arrays, dict of name and array, or list of these
            Activations h of each layer, of shape (n_samples, ...), on the same samples;
            for several epochs a list with one list or dict for each.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        noise : float, default=0.1
            :math:`\sigma`, relative to the root mean square deviation of the layer's
            units.
        estimator : estimator, default=None
            Estimator of :math:`I(Z; y)`; None is :class:`skmi.AutoMI`.
        random_state : int, RandomState instance or None, default=None
            Seed of the noise and of the default estimator.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        InformationPlaneDisplay
            The display, drawn.
        """
        require_matplotlib(f"{cls.__name__}.from_layers")
        from skmi.auto import AutoMI
        from skmi.bottleneck.layers import measure_layers  # imports torch

        if estimator is None:
            estimator = AutoMI(random_state=random_state)
        plane = measure_layers(
            layers, y, noise=noise, estimator=estimator, random_state=random_state
        )
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
        ax = self._start(ax, (6.4, 4.4))
        self._set_limits(ax)
        self._draw_limits(ax)
        paths = paths_of(self.plane)
        drawn = [
            self._draw_path(path, line_kwargs or {}, scatter_kwargs or {})
            for path in paths
        ]
        one = not hasattr(self.plane, "names")
        parts = [part[0] if one else list(part) for part in zip(*drawn, strict=True)]
        self.line_: Line2D | list[Line2D] = parts[0]
        self.errorbar_: ErrorbarContainer | list[ErrorbarContainer] = parts[1]
        self.points_: PathCollection | list[PathCollection] = parts[2]
        ax.set_xlabel(f"{'rate, upper' if one else 'lower'} bound of $I(Z; X)$ (nats)")
        kind = "lower bound of " if one else ""
        ax.set_ylabel(f"information about the target,\n{kind}$I(Z; y)$ (nats)")
        return self._finish(name)

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

    def _draw_path(self, path, line_kwargs, scatter_kwargs):
        style = {"color": PALE, "lw": 1.2, "zorder": 2} | line_kwargs
        line = self.ax_.plot(path.x, path.y, **style)[0]
        bars = self.ax_.errorbar(
            path.x,
            path.y,
            xerr=path.x_error,
            yerr=path.y_error,
            fmt="none",
            ecolor=INK,
            elinewidth=1,
            zorder=3,
        )
        style = {"c": np.arange(len(path.x)), "cmap": "viridis_r", "s": 46}
        style |= {"edgecolor": "white", "linewidth": 0.8, "zorder": 4}
        style |= scatter_kwargs
        points = self.ax_.scatter(path.x, path.y, **style)
        for x, y, text in zip(path.x, path.y, path.texts, strict=True):
            annotate(self.ax_, text, (x, y), (5, -12))
        return line, bars, points


class Path(NamedTuple):
    """Points of a line in the plane, with bars and texts."""

    x: np.ndarray
    y: np.ndarray
    x_error: np.ndarray
    y_error: np.ndarray
    texts: list[str]


def paths_of(plane: InformationPlane | LayerPlane) -> list[Path]:
    """Return the line of a bottleneck, or one for each layer of a network."""
    if not hasattr(plane, "names"):
        texts = [rf"$\beta$ = {beta:.3g}" for beta in plane.betas]
        error = plane.rate_standard_error
        return [Path(plane.rate, plane.mutual_info, error, plane.standard_error, texts)]
    gap = np.maximum(plane.rate_upper - plane.rate, 0)
    return [
        Path(
            plane.rate[:, k],
            plane.mutual_info[:, k],
            np.stack([np.zeros(len(gap)), gap[:, k]]),
            plane.standard_error[:, k],
            [""] * (len(gap) - 1) + [name],
        )
        for k, name in enumerate(plane.names)
    ]
