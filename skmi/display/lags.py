"""Plot of the mutual information of two series over lags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi.base import MutualInfoEstimator
from skmi.display._style import BLUE, INK, SHADE, Display
from skmi.series import LaggedInformationResult, lagged_mutual_info, null_estimates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.lines import Line2D

__all__ = ["LaggedInformationDisplay"]

LEVEL = 0.05


class LaggedInformationDisplay(Display):
    r"""Plot the mutual information of two series over lags, with its null band.

    .. math:: I(x_{t - l}; y_t)

    The band contains 95 % of the estimates with x rotated against y, which keeps the
    memory of both and removes their dependence. Lags with an adjusted p-value of at
    most .05 have a filled mark.

    Parameters
    ----------
    result : LaggedInformationResult
        Estimates over lags, from :func:`skmi.series.lagged_mutual_info`.
    null_band : tuple of two floats, default=None
        Ends of the band, in nats.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    line_ : matplotlib.lines.Line2D
        The estimates.
    band_ : matplotlib.collections.PolyCollection or None
        The null band.

    See Also
    --------
    skmi.series.lagged_mutual_info : The estimates.

    Notes
    -----
    The band is that of a single lag: of twenty independent ones one is outside of it by
    chance. The p-values are adjusted for their number.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import GaussianMI
    >>> from skmi.display import LaggedInformationDisplay
    >>> x, noise = np.random.RandomState(0).standard_normal((2, 300))
    >>> display = LaggedInformationDisplay.from_series(
    ...     x, np.roll(x, 2) + noise, lags=4, estimator=GaussianMI())
    >>> int(display.result.value.argmax()), display.null_band[1] < 0.1
    (2, True)
    """

    def __init__(
        self,
        *,
        result: LaggedInformationResult,
        null_band: tuple[float, float] | None = None,
    ) -> None:
        self.result = result
        self.null_band = null_band

    @classmethod
    def from_series(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        *,
        lags: int | Iterable[int],
        estimator: MutualInfoEstimator | None = None,
        block_length: int | None = None,
        n_rotations: int = 99,
        random_state: int | np.random.RandomState | None = 0,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Estimate the mutual information over lags, and draw it.

        Parameters
        ----------
        x, y : array-like of shape (n_samples,) or (n_samples, n_columns)
            The two series, in the order of time.
        lags : int or iterable of int
            Lags by which x leads y; an integer means 0 to that.
        estimator : estimator, default=None
            Any estimator of mutual information; None means :class:`skmi.KSG`.
        block_length : int, default=None
            Number of consecutive samples over which the series are dependent.
        n_rotations : int, default=99
            Number of fits with x rotated, for the null band.
        random_state : int, RandomState instance or None, default=0
            Seed of the rotations.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        LaggedInformationDisplay
            The display, drawn.
        """
        options = {"lags": lags, "estimator": estimator, "random_state": random_state}
        result = lagged_mutual_info(x, y, block_length=block_length, **options)
        null = null_estimates(x, y, n_rotations=n_rotations, **options)
        low, high = np.quantile(null, [LEVEL / 2, 1 - LEVEL / 2])
        display = cls(result=result, null_band=(float(low), float(high)))
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        line_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the estimates with their intervals, and the null band.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Title of the axes.
        line_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.plot` for the estimates.

        Returns
        -------
        LaggedInformationDisplay
            This display.
        """
        ax = self._start(ax, (6.4, 3.6))
        found, order = self.result, np.argsort(self.result.lags)
        lags, value = found.lags[order], found.value[order]
        self.band_: PolyCollection | None = None
        if self.null_band is not None:
            ends = [lags[0] - 0.5, lags[-1] + 0.5]
            style = {"color": SHADE, "lw": 0, "label": "95 % of independent series"}
            self.band_ = ax.fill_between(ends, *self.null_band, **style)
        ax.vlines(lags, found.low[order], found.high[order], color=BLUE, lw=1)
        style = {"color": BLUE, "lw": 1.5, "label": "estimate, 95 % interval"}
        self.line_: Line2D = ax.plot(lags, value, **(style | (line_kwargs or {})))[0]
        chosen = found.pvalue[order] <= LEVEL + 1e-9
        faces = np.where(chosen, BLUE, "white")
        ax.scatter(lags, value, c=faces, edgecolors=BLUE, s=24, zorder=4)
        if chosen.any():
            note = f"p ≤ {LEVEL:g}, adjusted for {len(lags)} lags"
            ax.scatter([], [], c=BLUE, edgecolors=BLUE, s=24, label=note)
        ax.axhline(0, color=INK, lw=0.6, zorder=1)
        ax.set_xlabel("lag (samples)")
        ax.set_ylabel("mutual information (nats)")
        ax.legend(frameon=False, fontsize="small")
        return self._finish(name)
