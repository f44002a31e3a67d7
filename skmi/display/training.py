"""How training went."""

import math

import numpy as np

from skmi.display._style import (
    BLUE,
    DASHES,
    INK,
    PALE,
    SHADE,
    VERMILION,
    annotate,
    fit_where_asked,
    make_axes,
)

__all__ = ["TrainingCurveDisplay"]


class TrainingCurveDisplay:
    r"""The objective over the epochs of training, on batches and on held-out rows.

    .. math:: -\mathrm{loss}_t \quad\text{and}\quad \mathrm{held\ out}_t, \qquad
        \hat t = \arg\max_t \mathrm{held\ out}_t

    A dot marks the epoch whose weights were kept. The band is the reported estimate,
    on rows that neither trained nor chose the epoch, with one standard error; a dashed
    line is the largest value that it could have taken.

    Parameters
    ----------
    objective : array-like of shape (n_iter,)
        The objective on the batches of each epoch, minus the loss.
    validation_scores : array-like of shape (n_iter,), default=None
        The objective on the rows held out for early stopping.
    mutual_info : float, default=None
        The reported estimate, in nats.
    standard_error : float, default=0.0
        Its standard error, in nats.
    ceiling : float, default=inf
        The largest value that the estimate could have taken, in nats.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    line_ : matplotlib.lines.Line2D
        The objective on batches.
    validation_line_ : matplotlib.lines.Line2D or None
        The objective on held-out rows.
    report_line_ : matplotlib.lines.Line2D or None
        The reported estimate.

    See Also
    --------
    BoundsDisplay : Several estimators side by side.

    Notes
    -----
    Some estimators report another thing than they maximise (:class:`skmi.SMILE`,
    :class:`skmi.JensenShannon`, the bottlenecks, critics that are conditional
    densities): curves and band then lie apart, which says nothing.

    Examples
    --------
    >>> from skmi.display import TrainingCurveDisplay
    >>> display = TrainingCurveDisplay(
    ...     objective=[0.1, 0.4, 0.6], validation_scores=[0.2, 0.5, 0.4])
    >>> display.kept_epoch
    2
    """

    def __init__(
        self,
        *,
        objective,
        validation_scores=None,
        mutual_info=None,
        standard_error=0.0,
        ceiling=math.inf,
    ):
        self.objective = objective
        self.validation_scores = validation_scores
        self.mutual_info = mutual_info
        self.standard_error = standard_error
        self.ceiling = ceiling

    @property
    def kept_epoch(self):
        """The epoch whose weights were kept, from 1."""
        if self.validation_scores is None:
            return len(self.objective)
        return int(np.argmax(self.validation_scores)) + 1

    @classmethod
    def from_estimator(cls, estimator, X=None, y=None, *, ax=None, **kwargs):
        """Draw how an estimator trained.

        Parameters
        ----------
        estimator : estimator
            A critic-based estimator, :class:`skmi.AutoMI`, an encoder or a bottleneck:
            fitted, or to be cloned and fitted to X and y.
        X : array-like of shape (n_samples, n_features), default=None
            Rows; None draws the estimator as it was fitted.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Their partners.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        TrainingCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If nothing was trained: the estimator is not fitted, or has no critic.
        """
        estimator = fit_where_asked(estimator, X, y)
        trained = estimator
        if not hasattr(trained, "loss_curve_"):
            trained = getattr(estimator, "_model", estimator)
        if not hasattr(trained, "loss_curve_"):
            raise ValueError(
                f"estimator={type(estimator).__name__}() has no loss_curve_: fit it, "
                "pass X and y, or choose an estimator that trains a network."
            )
        display = cls(
            objective=-np.array(trained.loss_curve_),
            validation_scores=trained.validation_scores_,
            mutual_info=getattr(estimator, "mutual_info_", None),
            standard_error=getattr(estimator, "standard_error_", 0.0),
            ceiling=getattr(estimator, "ceiling_", math.inf),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, line_kwargs=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Title of the axes.
        line_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.plot` for both curves.

        Returns
        -------
        TrainingCurveDisplay
            This display.
        """
        ax = make_axes(f"{type(self).__name__}.plot", ax, (6.4, 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_report(ax)
        self._draw_curves(ax, line_kwargs or {})
        self._draw_ceiling(ax)
        ax.set_xlabel("epoch")
        ax.set_ylabel("objective (nats)")
        ax.legend(frameon=False, loc="lower right", fontsize="small")
        if name is not None:
            ax.set_title(name, loc="left")
        return self

    def _draw_curves(self, ax, line_kwargs):
        epochs = np.arange(1, len(self.objective) + 1)
        style = {"color": PALE, "lw": 1.4, "label": "batches"} | line_kwargs
        (self.line_,) = ax.plot(epochs, self.objective, **style)
        self.validation_line_ = None
        if self.validation_scores is None:
            return
        style = {"color": BLUE, "lw": 1.8, "label": "held out"} | line_kwargs
        (self.validation_line_,) = ax.plot(epochs, self.validation_scores, **style)
        best = self.kept_epoch
        height = self.validation_scores[best - 1]
        ax.plot(best, height, "o", color=BLUE, mec="white", ms=8, zorder=5)
        offset = (0, -17) if self.objective[best - 1] > height else (0, 9)
        annotate(ax, f"kept, epoch {best}", (best, height), offset, "center")

    def _draw_report(self, ax):
        self.report_line_ = None
        if self.mutual_info is None:
            return
        value, error = self.mutual_info, self.standard_error
        ax.axhspan(value - error, value + error, color=SHADE, lw=0, zorder=0)
        label = f"reported: {value:.2f} ± {error:.2f}"
        self.report_line_ = ax.axhline(value, color=VERMILION, lw=1.2, label=label)

    def _draw_ceiling(self, ax):
        low, top = ax.get_ylim()
        if self.ceiling > top + 0.5 * (top - low):
            return
        ax.set_ylim(low, max(top, self.ceiling + 0.08 * (top - low)))
        ax.axhline(self.ceiling, color=INK, lw=1, ls=DASHES, zorder=1)
        place = (ax.get_xlim()[1], self.ceiling)
        annotate(ax, f"at most {self.ceiling:.2f}", place, (-2, 3), "right")
