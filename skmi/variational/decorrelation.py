"""Linear maps of standardised columns that leave them uncorrelated."""

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import Ridge

from skmi._data.splitting import Fold

__all__ = ["Decorrelated", "Whitened", "whiten"]

SMALLEST_SPREAD = 1e-5  # of a combination of columns, relative to the largest

# For each column, to whiten in full. Of two correlated columns with 600 rows the normal
# densities missed half of 1.7 nats before; in full, 500 rows of 40 noisy copies of two
# factors lost a quarter of 1.3.
ENOUGH_SAMPLES = 200


class Whitened(NamedTuple):
    """Standardised columns, the first of them mapped to uncorrelated ones.

    The map is symmetric, so that uncorrelated columns stay as they are. Combinations
    without variance stay so.
    """

    scaler: Any
    matrix: np.ndarray  # (n_numbers, n_numbers)

    def transform(self, block: np.ndarray) -> np.ndarray:
        """Return the columns."""
        columns = self.scaler.transform(block)
        n_numbers = len(self.matrix)
        numbers = columns[:, :n_numbers] @ self.matrix
        return np.hstack([numbers, columns[:, n_numbers:]])

    def log_slope(self, block: np.ndarray) -> np.ndarray:
        """Return the log determinant of the map's derivative at each row."""
        return self.scaler.log_slope(block) + np.linalg.slogdet(self.matrix)[1]


def whiten(scaler: Any, block: np.ndarray, n_numbers: int | None = None) -> Any:
    """Learn to whiten the first columns of a block; one or too many stay as scaled.

    Of few samples for their number the columns are whitened in part, by a smaller power
    of their covariance: directions of little variance are rather noise.
    """
    n_numbers = block.shape[1] if n_numbers is None else n_numbers
    if not 1 < n_numbers < len(block):
        return scaler
    columns = scaler.transform(block)[:, :n_numbers]
    variances, axes = np.linalg.eigh(ledoit_wolf(columns)[0])
    has_spread = variances > SMALLEST_SPREAD**2 * variances.max()
    power = min(1.0, len(block) / (ENOUGH_SAMPLES * n_numbers)) / 2
    factors = np.where(has_spread, variances, 1.0) ** -power
    return Whitened(scaler, (axes * factors) @ axes.T)


class Decorrelated(NamedTuple):
    """Linear combinations of standardised columns of y, uncorrelated given x as well.

    A normal density with independent columns is then exact for normal samples. They are
    those of canonical correlation analysis. Combinations without variance are left out.
    """

    scaler: Any
    centre: np.ndarray
    matrix: np.ndarray  # (n_columns, n_combinations)

    @classmethod
    def fit(
        cls, inputs: Any, X: np.ndarray, y: np.ndarray, fold: Fold, most: int | None
    ) -> Self:
        """Learn the combinations from training samples, and their scale from all.

        All but the test samples, as a marginal density is fitted to them. Of more than
        `most` combinations those are kept that x predicts best.
        """
        x, columns = inputs.x.transform(X[fold.train]), inputs.y.transform(y)
        known = columns[np.concatenate([fold.train, fold.stop])]
        columns = columns[fold.train]
        variances, axes = np.linalg.eigh(ledoit_wolf(columns)[0])
        # A shrunk variance is never 0, and residuals without spread are the smallest.
        spreads = (columns @ axes).std(axis=0)
        has_spread = spreads > SMALLEST_SPREAD * spreads.max()
        to_unit = axes[:, has_spread] / np.sqrt(variances[has_spread])
        units = columns @ to_unit
        fitted = Ridge(alpha=x.shape[1]).fit(x, units)
        residuals = units - fitted.predict(x).reshape(units.shape)
        matrix = to_unit @ np.linalg.eigh(residuals.T @ residuals)[1][:, :most]
        matrix = matrix / (known @ matrix).std(axis=0)
        return cls(inputs.y, known.mean(axis=0), matrix)

    def transform(self, block: np.ndarray) -> np.ndarray:
        """Return the combinations."""
        return (self.scaler.transform(block) - self.centre) @ self.matrix

    def log_slope(self, block: np.ndarray) -> np.ndarray:
        """Return the log volume of the map's derivative at each row."""
        volume = np.log(np.linalg.svd(self.matrix, compute_uv=False)).sum()
        return self.scaler.log_slope(block) + volume
