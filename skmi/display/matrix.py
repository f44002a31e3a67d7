"""Plot of the conditional mutual information of all pairs of columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skmi._data.columns import column_names
from skmi._data.condition import labelled_table
from skmi.base import MutualInfoEstimator
from skmi.display._style import Display
from skmi.gaussian import GaussianCopulaMI
from skmi.neighbors import MixedKSG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["ConditionalMatrixDisplay"]

MOST_WRITTEN = 12  # columns of a matrix whose values are written


class ConditionalMatrixDisplay(Display):
    r"""Plot the conditional mutual information of all pairs of columns.

    .. math:: I(X_i; X_j | X_{-ij}) \quad \text{or} \quad I(X_i; X_j | Z)

    Given all other columns, only pairs that depend on each other directly remain.

    Parameters
    ----------
    values : array-like of shape (n_columns, n_columns)
        The conditional mutual information, in nats; NaN on the diagonal.
    names : sequence of str
        Names of the columns.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    image_ : matplotlib.image.AxesImage
        The matrix.

    See Also
    --------
    skmi.feature_selection.mutual_info_matrix : Without a condition.

    Notes
    -----
    Given a common effect, columns that are independent become dependent: an entry is no
    evidence of a causal relation.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.display import ConditionalMatrixDisplay
    >>> a, noise, other = np.random.RandomState(0).standard_normal((3, 1000))
    >>> table = np.column_stack([a, a + noise, a + noise + other])
    >>> display = ConditionalMatrixDisplay.from_data(table, names="abc")
    >>> print(abs(display.values[0, 2]).round(1), display.values[0, 1].round(1))
    0.0 0.2
    """

    def __init__(self, *, values: ArrayLike, names: Sequence[str]) -> None:
        self.values = values
        self.names = names

    @classmethod
    def from_data(
        cls,
        X: ArrayLike,
        Z: ArrayLike | None = None,
        *,
        estimator: MutualInfoEstimator | None = None,
        names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Estimate the conditional mutual information of all pairs, and draw it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            The columns, three or more where Z is None: numbers or labels.
        Z : array-like of shape (n_samples,) or (n_samples, n_z), default=None
            Conditioning variable; None means the other columns of X.
        estimator : estimator, default=None
            Any estimator that takes a condition; it is cloned for each pair. None means
            :class:`skmi.GaussianCopulaMI`, and :class:`skmi.MixedKSG` where X or Z has
            columns of labels.
        names : sequence of str, default=None
            Names of the columns; None takes those of a table, or numbers.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        **kwargs : dict
            Passed to :meth:`plot`.

        Returns
        -------
        ConditionalMatrixDisplay
            The display, drawn.
        """
        table, is_label = labelled_table(X, "X")
        has_labels = is_label.any()
        if isinstance(Z, str):
            raise TypeError(
                f"Z is the name {Z!r}, not columns: pass X without that column, and "
                f"Z=X[[{Z!r}]]."
            )
        if Z is not None:
            Z, z_is_label = labelled_table(Z, "Z")
            has_labels = has_labels or z_is_label.any()
        n_columns = table.shape[1]
        if n_columns < (3 if Z is None else 2):
            raise ValueError("X has too few columns: there is no pair to condition.")
        if names is None:
            names = [str(name) for name in column_names(X) or range(n_columns)]
        model = default_estimator(has_labels) if estimator is None else estimator
        values = np.full((n_columns, n_columns), np.nan)
        for i, j in combinations(range(n_columns), 2):
            given = np.delete(table, [i, j], axis=1) if Z is None else Z
            fitted = clone(model).fit(table[:, [i]], table[:, j], given)
            values[i, j] = values[j, i] = fitted.mutual_info_
        return cls(values=values, names=list(names)).plot(ax=ax, **kwargs)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        name: str | None = None,
        image_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Draw the matrix, with values where there is room.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Title of the axes.
        image_kwargs : dict, default=None
            Passed to :meth:`matplotlib.axes.Axes.imshow`.

        Returns
        -------
        ConditionalMatrixDisplay
            This display.
        """
        ax = self._start(ax, (5.6, 4.6))
        values = np.asarray(self.values)
        largest = max(np.nanmax(values), 1e-3)
        style = {"cmap": "Blues", "vmin": 0.0, "vmax": largest}
        self.image_: AxesImage = ax.imshow(values, **(style | (image_kwargs or {})))
        ticks = range(len(self.names))
        ax.set_xticks(ticks, self.names, rotation=45, ha="right")
        ax.set_yticks(ticks, self.names)
        if len(self.names) <= MOST_WRITTEN:
            for (i, j), value in np.ndenumerate(values):
                if np.isfinite(value):
                    color = "white" if value > largest / 2 else "black"
                    text = f"{max(value, 0.0):.2f}"
                    style = {"ha": "center", "va": "center", "fontsize": "small"}
                    ax.text(j, i, text, color=color, **style)
        label = "conditional mutual information (nats)"
        self.figure_.colorbar(self.image_, ax=ax, label=label)
        return self._finish(name)


def default_estimator(has_labels: bool) -> MutualInfoEstimator:
    """Return the estimator that is taken where none is given."""
    return MixedKSG(random_state=0) if has_labels else GaussianCopulaMI()
