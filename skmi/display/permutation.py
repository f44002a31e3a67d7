"""What chance alone gives, against what was found."""

import numpy as np

from skmi.display._style import BLUE, INK, PALE, SHADE, annotate, make_axes
from skmi.inference import permutation_test

__all__ = ["PermutationTestDisplay"]


class PermutationTestDisplay:
    r"""The values that permuted rows give, and the one of the rows as they are.

    .. math:: p = \frac{1 + \#\{t^* \ge t\}}{1 + B}

    Permuted values at least as large as the one observed are filled dark: their share,
    the observed one among them, is the p-value.

    Parameters
    ----------
    statistic : float
        The value on the rows as they are.
    pvalue : float
        Share of values at least as large, the observed one among them.
    null_distribution : array-like of shape (n_permutations,)
        The values under permutation.
    unit : str, default="nats"
        Unit of the statistic.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    bars_ : matplotlib.container.BarContainer
        Counts of the permuted values.
    line_ : matplotlib.lines.Line2D
        The value observed.

    See Also
    --------
    skmi.inference.permutation_test : The test.

    Notes
    -----
    A small p-value says that there is dependence, not how much: with many rows a value
    next to 0 is significant. It can be no smaller than 1 / (B + 1).

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.display import PermutationTestDisplay
    >>> from skmi.inference import permutation_test
    >>> X, Y, truth = make_correlated_normal(200, 1, mutual_info=0.1, random_state=0)
    >>> result = permutation_test(
    ...     GaussianMI(), X, Y, n_permutations=99, random_state=0)
    >>> PermutationTestDisplay.from_result(result).pvalue
    0.01
    """

    def __init__(self, *, statistic, pvalue, null_distribution, unit="nats"):
        self.statistic = statistic
        self.pvalue = pvalue
        self.null_distribution = null_distribution
        self.unit = unit

    @classmethod
    def from_result(cls, result, *, unit="nats"):
        """Take over the result of a test, without drawing it.

        Parameters
        ----------
        result : PermutationTestResult
            Of any test of :mod:`skmi.inference`.
        unit : str, default="nats"
            Unit of its statistic; that of
            :func:`skmi.inference.independence_test` is in standard deviations.

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
        estimator,
        X,
        y,
        *,
        n_permutations=500,
        random_state=None,
        n_jobs=None,
        ax=None,
        **kwargs,
    ):
        """Test X and y for independence with an estimator, and draw the test.

        Parameters
        ----------
        estimator : estimator
            Any estimator of mutual information; it is cloned.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their partners.
        n_permutations : int, default=500
            Number of permutations B.
        random_state : int, RandomState instance or None, default=None
            Seed of the permutations and of the estimator.
        n_jobs : int, default=None
            Fits that run at once.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
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

    def plot(self, ax=None, *, name=None, n_bins=30, line_kwargs=None):
        """Draw the test.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Title of the axes.
        n_bins : int, default=30
            Bins of the permuted values.
        line_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.plot` for the value observed.

        Returns
        -------
        PermutationTestDisplay
            This display.
        """
        ax = make_axes(f"{type(self).__name__}.plot", ax, (6.4, 3.6))
        self.ax_, self.figure_ = ax, ax.figure
        null = np.asarray(self.null_distribution)
        self._draw_null(ax, null, n_bins)
        top = 1.3 * ax.get_ylim()[1]
        ax.set_ylim(0, top)
        style = {"color": BLUE, "lw": 2, "zorder": 4} | (line_kwargs or {})
        (self.line_,) = ax.plot([self.statistic] * 2, [0, 0.97 * top], **style)
        self._write_finding(ax, null, 0.97 * top)
        unit = f" ({self.unit})" if self.unit else ""
        ax.set_xlabel(f"statistic{unit}")
        ax.set_ylabel("permutations")
        if name is not None:
            ax.set_title(name, loc="left")
        return self

    def _draw_null(self, ax, null, n_bins):
        """Draw the counts, with an edge at the value observed where it is inside."""
        edges = np.histogram_bin_edges(null, n_bins)
        if edges[0] < self.statistic < edges[-1]:
            edges += self.statistic - edges[np.abs(edges - self.statistic).argmin()]
            width = edges[1] - edges[0]
            edges = np.r_[edges[0] - width, edges, edges[-1] + width]
        counts, _ = np.histogram(null, edges)
        reached = edges[:-1] >= self.statistic - 1e-12 * abs(self.statistic)
        self.bars_ = ax.bar(
            edges[:-1],
            counts,
            np.diff(edges),
            align="edge",
            color=np.where(reached, INK, SHADE),
            edgecolor=np.where(reached, INK, PALE),
            linewidth=0.6,
        )

    def _write_finding(self, ax, null, height):
        """Write what was observed on the side where there is room."""
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
