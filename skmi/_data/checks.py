"""Checks of data and of results, each with the warning or the error it gives."""

import math

import numpy as np

from skmi.exceptions import (
    DiscreteTargetWarning,
    DuplicateRowsWarning,
    FewRowsWarning,
    SerialDependenceWarning,
    warn,
)

__all__ = [
    "are_codes",
    "is_constant",
    "is_grouped",
    "require_finite",
    "warn_of_column_codes",
    "warn_of_duplicate_rows",
    "warn_of_few_rows",
    "warn_of_integer_labels",
    "warn_of_many_labels",
    "warn_of_serial_dependence",
]

# Of a product of the correlations of X and of y with their past, from which on the
# variance of an estimate is a fifth larger than that of independent samples.
SERIAL_DEPENDENCE = 0.09
LOCAL_ROWS = 25  # of a local mean
SERIAL_ERRORS = 3.0  # of a correlation of independent samples, for one column

MOST_CODES = 20  # distinct whole numbers that may be codes of labels


def warn_of_duplicate_rows(X, y):
    """Warn where rows are repeated although the data are not discrete.

    Return whether they are.
    """
    n_rows, n_distinct = len(X), 0
    for column in columns_of(X, y):
        n_distinct = max(n_distinct, len(np.unique(column)))
        if n_distinct == n_rows:
            return False
    if n_distinct <= math.sqrt(n_rows):
        return False
    counts = row_counts(X, y)
    n_twins = int(counts[counts > 1].sum())
    are_copies = n_twins > 0.05 * n_rows and (
        is_copied(counts) or excess_of_ties(X, y.reshape(len(y), -1)) > 0.5
    )
    if are_copies:
        warn(
            f"{n_twins} of {n_rows} rows occur more than once although the data "
            "are not discrete. Repeated rows inflate mutual information, since the "
            "same sample then both trains and tests; drop the duplicates.",
            DuplicateRowsWarning,
        )
    return are_copies


def is_copied(counts):
    """Whether some number of occurrences is more frequent than by chance.

    Rows that fall into cells by chance have numbers of occurrences k whose frequencies
    f are those of a mixture of Poisson distributions, so that
    k f(k)^2 <= (k + 1) f(k - 1) f(k + 1). Copies of rows stand out from that.
    """
    frequency = np.bincount(counts, minlength=3).astype(float)
    frequency = np.append(frequency, 0.0)
    k = np.arange(2, len(frequency) - 1)
    around = (frequency[k - 1] + 1) * (frequency[k + 1] + 1) * (k + 1) / k
    many = (frequency[k] >= 20) & (k * frequency[k] > 0.05 * counts.sum())
    return bool((many & (frequency[k] ** 2 > 5 * around)).any())


def excess_of_ties(x, y):
    """Return the share of pairs tied on one side that are tied on both beyond chance.

    0 where ties of x and of y are independent, 1 where whole rows are repeated. Rows
    that more than the square root of all have in common, such as those with an amount
    of 0, are left out.
    """
    counts, inverse = row_counts(x, y, with_rows=True)
    kept = counts[inverse] <= math.sqrt(len(x))
    x, y = x[kept], y[kept]
    n_pairs = max(len(x) * (len(x) - 1) / 2, 1.0)
    tied_x, tied_y, both = tied_pairs(x), tied_pairs(y), tied_pairs(x, y)
    chance = tied_x * tied_y / n_pairs
    return (both - chance) / max(min(tied_x, tied_y) - chance, 1.0)


def columns_of(*blocks):
    """Yield the columns of blocks as float64, zeros without a sign."""
    for block in blocks:
        for column in block.reshape(len(block), -1).T:
            yield column.astype(np.float64) + 0.0


def row_counts(*blocks, with_rows=False):
    """Return how often each distinct row occurs, and the number of each row's kind."""
    keys = row_keys(*blocks)
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return (counts, inverse) if with_rows else counts


def row_keys(*blocks):
    """Return a number of 64 bits for each row, the same for equal rows alone.

    Different rows share one by a chance of less than n^2 / 2^64. A row takes no more
    memory than one column of it.
    """
    keys = np.zeros(len(blocks[0]), dtype=np.uint64)
    for column in columns_of(*blocks):
        keys ^= column.view(np.uint64)
        for shift, factor in ((32, 0xD6E8FEB86659FD93), (29, 0xA0761D6478BD642F)):
            keys ^= keys >> np.uint64(shift)
            keys *= np.uint64(factor)
        keys ^= keys >> np.uint64(32)
    return keys


def tied_pairs(*blocks):
    """Return the number of pairs of equal rows."""
    counts = row_counts(*blocks) if len(blocks[0]) else np.zeros(0)
    return float((counts * (counts - 1) / 2).sum())


def require_finite(value, name):
    """Return a finite float; raise if the value is NaN or infinite."""
    if not np.isfinite(value):
        raise FloatingPointError(
            f"The {name} is {value}: the scores of the pairs lie too far apart. "
            "Rescale the columns or choose another estimator."
        )
    return float(value)


def is_constant(block):
    """Whether all rows of an array are the same."""
    return bool((block == block[:1]).all())


def warn_of_few_rows(X):
    """Warn where there are too few samples for any estimate."""
    if len(X) < 8:
        warn(
            f"An estimate from {len(X)} samples is unreliable; its standard error may "
            "be too small as well. Pass more samples.",
            FewRowsWarning,
        )


def are_codes(y):
    """Whether numbers, whatever their type, are 0, 1, 2, ... or 1, 2, 3, ..."""
    codes = np.unique(y.astype(np.float64))
    return codes[0] in (0, 1) and np.array_equal(
        codes, codes[0] + np.arange(len(codes))
    )


def warn_of_many_labels(n_labels, n_samples):
    """Warn of labels that identify samples, which cannot be learned."""
    if n_labels > max(2, n_samples / 2):
        warn(
            f"y holds {n_labels} labels in {n_samples} samples, most of which have one "
            "of their own: such identifiers carry no information on other samples. "
            "Drop them, join rare ones, or if they are numbers pass them as numbers: "
            "y.astype(float).",
            DiscreteTargetWarning,
        )


def warn_of_column_codes(column, name):
    """Warn where a column of numbers looks like codes of labels."""
    n_values = len(np.unique(column))
    if 2 < n_values <= MOST_CODES and n_values < len(column) / 2 and are_codes(column):
        warn(
            f"{name} holds whole numbers with {n_values} distinct values and was taken "
            f"as continuous. If they are codes of labels, pass labels: "
            f"{name}.astype(str).",
            DiscreteTargetWarning,
        )


def warn_of_integer_labels(y):
    """Warn where an integer target looks like codes of classes."""
    n_values = len(np.unique(y))
    if 1 < n_values <= MOST_CODES and n_values < len(y) / 2:
        warn(
            f"y holds integers with {n_values} distinct values and was taken as "
            "continuous. If they are class codes, pass discrete_target=True; if not, "
            "discrete_target=False.",
            DiscreteTargetWarning,
        )


def warn_of_serial_dependence(x, y, names="X and y", remedy="block_length, or groups"):
    """Warn where columns of x and of y are both correlated with their past.

    Return whether they are.
    """
    correlations = [correlation_with_past(side) for side in (x, y)]
    are_series = math.prod(correlations) > SERIAL_DEPENDENCE
    if are_series:
        warn(
            f"{names} look like series: their correlations with the sample before are "
            f"{correlations[0]:.2f} and {correlations[1]:.2f}. Standard errors and "
            f"p-values of independent samples are then too small: pass {remedy}. If "
            "the rows are merely sorted, shuffle them.",
            SerialDependenceWarning,
        )
    return are_series


def correlation_with_past(side):
    """Return the largest correlation at lag 1 of columns; 0 where none is significant.

    Without their local means: rows of a table that is sorted, or grouped by a label,
    have means in common and need not depend on each other. Of columns that are sorted
    or grouped by their own values nothing can be said.
    """
    found = 0.0
    n_rows, n_columns = side.shape
    limit = (SERIAL_ERRORS + math.log(max(n_columns, 1)) / 3) / math.sqrt(
        max(n_rows, 1)
    )
    for column in side.T:
        if is_grouped(column):
            continue
        ranks = np.unique(column, return_inverse=True)[1]
        window = np.ones(min(LOCAL_ROWS, n_rows))
        sums, numbers = (
            np.convolve(part, window, "same") for part in (ranks, np.ones(n_rows))
        )
        rest = ranks - sums / numbers
        rest = rest - rest.mean()
        value = rest[1:] @ rest[:-1] / max(rest @ rest, 1e-300)
        if abs(value) > max(limit, abs(found)):
            found = float(value)
    return found


def is_grouped(column):
    """Whether values are sorted, or equal ones that repeat lie side by side."""
    values, ranks = np.unique(column, return_inverse=True)
    steps = np.diff(ranks)
    is_sorted = (steps >= 0).all() or (steps <= 0).all()
    return bool(is_sorted or np.count_nonzero(steps) < len(values) < len(column))
