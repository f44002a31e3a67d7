"""Plot of the training curves, with the epoch that was kept and the estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from skmi.display._style import (
    BLUE,
    DASHES,
    INK,
    PALE,
    SHADE,
    VERMILION,
    Display,
    annotate,
    fit_where_asked,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["TrainingCurveDisplay"]


class TrainingCurveDisplay(Display):
    r"""Plot the objective by epoch, on training batches and early-stopping samples.

    .. math:: -\mathrm{loss}_t \quad\text{and}\quad
        \mathrm{validation\ score}_t, \qquad t = 1, \dots, n_\mathrm{iter}

    A dot marks the epoch whose weights were kept, one for each fold; a dot at epoch 0,
    on the horizontal axis, means that the untrained model was kept. The band is the
    estimate on the test samples, used neither for training nor for early stopping, with
    one standard error; a dashed line is its ceiling.

    Parameters
    ----------
    objective : array-like of shape (n_iter,)
        Mean objective on the training batches of each epoch, the negative loss.
    validation_scores : array-like of shape (n_iter,), default=None
        Objective on the early-stopping samples after each epoch.
    best_iter : int or list of int, default=None
        Epoch whose weights were kept, counted from 1, of the model or of each fold; 0
        for the untrained model, None for no mark.
    mutual_info : float, default=None
        Estimate on the test samples, in nats.
    standard_error : float, default=0.0
        Standard error of the estimate, in nats.
    ceiling : float, default=inf
        The largest value that the estimate could have taken, in nats.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    line_ : matplotlib.lines.Line2D
        The objective on training batches.
    validation_line_ : matplotlib.lines.Line2D or None
        The objective on early-stopping samples.
    best_iter_marks_ : list of matplotlib.lines.Line2D
        One dot for each model or fold, at the epoch that was kept.
    report_line_ : matplotlib.lines.Line2D or None
        The estimate.

    See Also
    --------
    BoundsDisplay : Several estimates side by side.

    Notes
    -----
    Overfitting shows as a training curve that rises while the early-stopping curve
    falls. The epoch kept need not be the maximum of the drawn curve: improvements
    that are too small do not count (see `tol`), and with `cv` each fold has a curve of
    its own, of which the mean is drawn.

    Some estimators train on one objective and report another
    (:class:`skmi.SMILE`, :class:`skmi.JensenShannon`, conditional densities, the
    bottlenecks): a gap between curves and band is then no sign of a problem.

    Examples
    --------
    >>> from skmi.display import TrainingCurveDisplay
    >>> display = TrainingCurveDisplay(
    ...     objective=[0.1, 0.4, 0.6], validation_scores=[0.2, 0.5, 0.4], best_iter=2)
    >>> display.best_iter
    2
    """

    def __init__(
        self,
        *,
        objective: ArrayLike,
        validation_scores: ArrayLike | None = None,
        best_iter: int | Sequence[int] | None = None,
        mutual_info: float | None = None,
        standard_error: float = 0.0,
        ceiling: float = math.inf,
    ):
        self.objective = objective
        self.validation_scores = validation_scores
        self.best_iter = best_iter
        self.mutual_info = mutual_info
        self.standard_error = standard_error
        self.ceiling = ceiling

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
        """Draw the training curves of an estimator.

        Parameters
        ----------
        estimator : estimator
            A critic-based estimator, :class:`skmi.AutoMI`, an encoder or a bottleneck:
            fitted, or to be cloned and fitted to X and y.
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
        TrainingCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the estimator is not fitted or does not train a network.
        """
        estimator = fit_where_asked(estimator, X, y)
        if not len(getattr(estimator, "loss_curve_", [])):
            raise ValueError(
                f"estimator={type(estimator).__name__}() has no loss_curve_: fit it, "
                "pass X and y, or choose an estimator that trains a network. AutoMI "
                "trains none where a closed form or neighbours suffice."
            )
        display = cls(
            objective=-np.array(estimator.loss_curve_),
            validation_scores=estimator.validation_scores_,
            best_iter=getattr(estimator, "best_iter_", None),
            mutual_info=getattr(estimator, "mutual_info_", None),
            standard_error=getattr(estimator, "standard_error_", 0.0),
            ceiling=getattr(estimator, "ceiling_", math.inf),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        line_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the curves, the epoch that was kept, the estimate and its ceiling.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Title of the axes.
        line_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.plot` for both curves.

        Returns
        -------
        TrainingCurveDisplay
            This display.
        """
        ax = self._start(ax, (6.4, 4.0))
        self._draw_report(ax)
        self._draw_curves(ax, line_kwargs or {})
        self._draw_best_iter(ax)
        self._draw_ceiling(ax)
        ax.set_xlabel("epoch")
        ax.set_ylabel("objective (nats)")
        ax.legend(frameon=False, loc="lower right", fontsize="small")
        return self._finish(name)

    def _draw_curves(self, ax, line_kwargs):
        epochs = np.arange(1, np.size(self.objective) + 1)
        style = {"color": PALE, "lw": 1.4, "label": "training batches"} | line_kwargs
        self.line_: Line2D = ax.plot(epochs, self.objective, **style)[0]
        self.validation_line_: Line2D | None = None
        if self.validation_scores is None:
            return
        style = {"color": BLUE, "lw": 1.8, "label": "early-stopping samples"}
        style |= line_kwargs
        self.validation_line_ = ax.plot(epochs, self.validation_scores, **style)[0]

    def _draw_best_iter(self, ax):
        """Mark the epochs kept on the curve that chose them, epoch 0 on the axis."""
        self.best_iter_marks_: list[Line2D] = []
        if self.best_iter is None:
            return
        chosen_on = self.validation_scores
        curve = np.asarray(self.objective if chosen_on is None else chosen_on)
        epochs = np.atleast_1d(self.best_iter)
        for epoch in epochs:
            # No score of the untrained model is published: its dot is on the axis.
            axis = {"transform": ax.get_xaxis_transform(), "clip_on": False}
            height, place = (0, axis) if epoch == 0 else (curve[epoch - 1], {})
            style = {"color": BLUE, "mec": "white", "ms": 8, "zorder": 5} | place
            self.best_iter_marks_ += ax.plot(epoch, height, "o", **style)
        self._write_best_iter(ax, curve, [int(epoch) for epoch in epochs])

    def _write_best_iter(self, ax, curve, epochs):
        """Write the epochs beside the last of the dots."""
        epoch = max(epochs)
        word = "epoch" if np.ndim(self.best_iter) == 0 else "epochs"
        text = f"kept, {word} {', '.join(map(str, epochs))}"
        if epoch == 0:
            place = {"xycoords": ax.get_xaxis_transform()}
            annotate(ax, text, (0, 0), (8, 5), **place)
            return
        height = curve[epoch - 1]
        below = np.asarray(self.objective)[epoch - 1] > height
        annotate(ax, text, (epoch, height), (0, -17 if below else 9), "center")

    def _draw_report(self, ax):
        self.report_line_: Line2D | None = None
        if self.mutual_info is None:
            return
        value, error = self.mutual_info, self.standard_error
        ax.axhspan(value - error, value + error, color=SHADE, lw=0, zorder=0)
        label = f"estimate, test samples: {value:.2f} ± {error:.2f}"
        self.report_line_ = ax.axhline(value, color=VERMILION, lw=1.2, label=label)

    def _draw_ceiling(self, ax):
        low, top = ax.get_ylim()
        # A ceiling further away would flatten the curves.
        if self.ceiling > top + 0.5 * (top - low):
            return
        ax.set_ylim(low, max(top, self.ceiling + 0.08 * (top - low)))
        ax.axhline(self.ceiling, color=INK, lw=1, ls=DASHES, zorder=1)
        place = (ax.get_xlim()[1], self.ceiling)
        annotate(ax, f"at most {self.ceiling:.2f}", place, (-2, 3), "right")
