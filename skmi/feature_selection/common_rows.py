"""Pairs of columns of which few rows have both values."""

from typing import Any

import numpy as np

from skmi.exceptions import FewRowsWarning, warn

__all__ = ["are_short", "warn_of_short_pairs"]

# Bins that are made for all rows are too narrow for a pair of fewer than half of them;
# beyond MANY_COMMON the bias of that is small.
MANY_COMMON = 500

# Rows below which estimates are little but noise: of 20 rows of independent normal
# columns they were between -.5 and .4 nats.
FEW_COMMON = 30


def are_short(common: Any, n_rows: int) -> Any:
    """Whether pairs of so many common rows need bins of their own."""
    return (common > 0) & (common < min(n_rows / 2, MANY_COMMON))


def warn_of_short_pairs(common: np.ndarray, n_rows: int, name: str) -> None:
    """Warn of short pairs whose common rows are few; `name` says of what pairs."""
    few = np.count_nonzero(are_short(common, n_rows) & (common < FEW_COMMON))
    if few:
        warn(
            f"{few} pairs of {name} have both values in fewer than {FEW_COMMON} "
            "samples; their estimates are noise, and 0 where no bins can be made. Drop "
            "columns of many missing values, or fill them.",
            FewRowsWarning,
        )
