"""Plot of the null distribution of a permutation test and the observed value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi.display._style import BLUE, INK, PALE, SHADE, Display, annotate
from skmi.inference import PermutationTestResult, permutation_test

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

__all__ = ["PermutationTestDisplay"]


class PermutationTestDisplay(Display):
    r"""Plot the null distribution of a permutation test and the observed statistic.

    .. math:: p = \frac{1 + \#\{t^* \ge t\}}{1 + B}

    with t the observed statistic, :math:`t^*` those of B permutations. Permuted values
    at least as large as the observed one are dark: their share, with the observed value
    itself counted, is the p-value.

    Parameters
    ----------
    statistic : float
        Observed value of the statistic.
    pvalue : float
        Share of values at least as large as the observed one, itself counted.
    null_distribution : array-like of shape (n_permutations,)
        Values of the statistic under permutation.
    unit : str, default="nats"
        Unit of the statistic.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    bars_ : matplotlib.container.BarContainer
        Histogram of the permuted values.
    line_ : matplotlib.lines.Line2D
        The observed value.

    See Also
    --------
    skmi.inference.permutation_test : The test.

    Notes
    -----
    A p-value measures significance, not the strength of the dependence: with many
    samples an estimate close to 0 is significant. It cannot be smaller than
    1 / (B + 1).

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.display import PermutationTestDisplay
    >>> from skmi.inference import PermutationTestResult, permutation_test
    >>> X, Y, truth = make_correlated_normal(200, 1, mutual_info=0.1, random_state=0)
    >>> result = permutation_test(
    ...     GaussianMI(), X, Y, n_permutations=99, random_state=0)
    >>> PermutationTestDisplay.from_result(result).pvalue
    0.01
    """

    def __init__(
        self,
        *,
        statistic: float,
        pvalue: float,
        null_distribution: ArrayLike,
        unit: str = "nats",
    ):
        self.statistic = statistic
        self.pvalue = pvalue
        self.null_distribution = null_distribution
        self.unit = unit

    @classmethod
    def from_result(cls, result: PermutationTestResult, *, unit: str = "nats") -> Self:
        """Make a display of the result of a test, without drawing it.

        Parameters
        ----------
        result : PermutationTestResult
            Result of any test of :mod:`skmi.inference`.
        unit : str, default="nats"
            Unit of the statistic; that of :func:`skmi.inference.independence_test` is
            in standard deviations.

        Returns
        -------
        PermutationTestDisplay
            The display, not drawn.
        """
        return cls(
            statistic=result.statistic,
            pvalue=result.pvalue,
            null_distribution=result.null_distribution,
            unit=unit,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_permutations: int = 500,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Test the independence of X and y with an estimator, and draw the result.

        Parameters
        ----------
        estimator : estimator
            Any estimator of mutual information; it is cloned.
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Samples paired with those of X.
        n_permutations : int, default=500
            Number of permutations B.
        random_state : int, RandomState instance or None, default=None
            Seed of the permutations and of the estimator.
        n_jobs : int, default=None
            Number of fits that run at once.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        PermutationTestDisplay
            The display, drawn.
        """
        result = permutation_test(
            estimator,
            X,
            y,
            n_permutations=n_permutations,
            random_state=random_state,
            n_jobs=n_jobs,
        )
        return cls.from_result(result).plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        n_bins: int = 30,
        line_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the null distribution and the observed value.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Title of the axes.
        n_bins : int, default=30
            Number of bins of the histogram.
        line_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.plot` for the observed value.

        Returns
        -------
        PermutationTestDisplay
            This display.
        """
        ax = self._start(ax, (6.4, 3.6))
        null = np.asarray(self.null_distribution)
        self._draw_null(ax, null, n_bins)
        top = 1.3 * ax.get_ylim()[1]
        ax.set_ylim(0, top)
        style = {"color": BLUE, "lw": 2, "zorder": 4} | (line_kwargs or {})
        self.line_: Line2D = ax.plot([self.statistic] * 2, [0, 0.97 * top], **style)[0]
        self._write_finding(ax, null, 0.97 * top)
        unit = f" ({self.unit})" if self.unit else ""
        ax.set_xlabel(f"statistic{unit}")
        ax.set_ylabel("permutations")
        return self._finish(name)

    def _draw_null(self, ax, null, n_bins):
        """Draw the histogram, with a bin edge at the observed value if it is inside."""
        edges = np.histogram_bin_edges(null, n_bins)
        if edges[0] < self.statistic < edges[-1]:
            # Shifted so that no bin mixes values below and above the observed one: the
            # dark bars then add up to the p-value.
            edges += self.statistic - edges[np.abs(edges - self.statistic).argmin()]
            width = edges[1] - edges[0]
            edges = np.r_[edges[0] - width, edges, edges[-1] + width]
        counts, _ = np.histogram(null, edges)
        # The tolerance absorbs the rounding of the shift above.
        reached = edges[:-1] >= self.statistic - 1e-12 * abs(self.statistic)
        self.bars_: BarContainer = ax.bar(
            edges[:-1],
            counts,
            np.diff(edges),
            align="edge",
            color=np.where(reached, INK, SHADE),
            edgecolor=np.where(reached, INK, PALE),
            linewidth=0.6,
        )

    def _write_finding(self, ax, null, height):
        """Write the observed value and the p-value on the side with more room."""
        left, right = ax.get_xlim()
        beyond = self.statistic > left + 0.6 * (right - left)
        offset, side = (-6, "right") if beyond else (6, "left")
        text = f"observed {self.statistic:.3g}\np = {self.pvalue:.3g}"
        place = (self.statistic, height)
        annotate(ax, text, place, (offset, 0), side, va="top", color=BLUE)
        text = f"{len(null)} permutations"
        place = float(np.median(null)), max(bar.get_height() for bar in self.bars_)
        if np.ptp(null) < 0.2 * (right - left):
            annotate(ax, text, place, (8, -8))
        elif abs(self.statistic - place[0]) > 0.35 * (right - left):
            annotate(ax, text, place, (0, 4), "center")
