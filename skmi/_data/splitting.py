"""Every split of the samples: training, early stopping, test; folds; blocks."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, check_cv

from skmi._core.sklearn_compat import Integral
from skmi.exceptions import FewRowsWarning, warn

__all__ = [
    "N_CONTRASTS",
    "ContiguousFolds",
    "Fold",
    "contrast_blocks",
    "cross_fitting_folds",
    "even_folds",
    "folds_of_kept",
    "hold_out",
    "log_mean_exp",
    "mean_by_row",
    "multi_sample_terms",
    "part_size",
    "split_rows",
    "stopped_by_others",
    "train_stop_test",
]

N_CONTRASTS = 512  # samples that each one is compared with in a multi-sample bound


class Fold(NamedTuple):
    """Numbers of the training, early-stopping and test samples."""

    train: np.ndarray
    stop: np.ndarray
    report: np.ndarray


def part_size(size: float, n_samples: int) -> int:
    """Turn a fraction or a number of samples into a number, at least two."""
    if isinstance(size, Integral):
        return int(size)
    return max(2, round(size * n_samples))


def hold_out(
    rows: np.ndarray,
    size: float,
    random_state: np.random.RandomState,
    groups: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Split samples at random into those that stay and those held out.

    `size` is a fraction of them, a number, or 0. With the `groups` of all samples whole
    groups are held out, until there are so many samples. With the `labels` of all
    samples, codes from 0, both parts have them in the same shares.
    """
    rows = random_state.permutation(rows)
    n_held_out = part_size(size, len(rows)) if size else 0
    if labels is not None:
        rows = rows[in_turn(labels[rows], n_held_out, random_state)]
    if groups is None or not n_held_out:
        return rows[n_held_out:], rows[:n_held_out]
    present, counts = np.unique(groups[rows], return_counts=True)
    order = random_state.permutation(len(present))
    n_groups = np.searchsorted(np.cumsum(counts[order]), n_held_out) + 1
    is_held_out = np.isin(groups[rows], present[order[:n_groups]])
    return rows[~is_held_out], rows[is_held_out]


def in_turn(
    labels: np.ndarray, n_first: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return an order whose first samples have the labels in the shares of all.

    To within one sample of each label. Labels of three samples or more are among the
    first ones, if these are enough.
    """
    counts = np.bincount(labels)
    before = np.append(0, np.cumsum(counts)[:-1])
    order = np.argsort(labels, kind="stable")
    places = np.empty(len(labels))
    places[order] = np.arange(len(labels)) - before[labels[order]]
    widest = np.where(counts < 3, 1.0, counts * n_first / max(len(labels), 1))
    starts = random_state.uniform(size=len(counts)) * np.minimum(widest, 1.0)
    return np.argsort((places + starts[labels]) / counts[labels], kind="stable")


def train_stop_test(
    n_samples: int,
    *,
    test_size: float,
    validation_fraction: float,
    random_state: np.random.RandomState,
    name: str,
    groups: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> Fold:
    """Split once at random; `validation_fraction` is of the samples not tested on.

    Either size may be 0. `name` is that of the estimator, for the message. See
    `hold_out` for `groups` and `labels`.
    """
    rows, given = np.arange(n_samples), (random_state, groups, labels)
    rest, report = hold_out(rows, test_size, *given)
    fold = Fold(*hold_out(rest, validation_fraction, *given), report)
    sizes = {"test_size": test_size, "validation_fraction": validation_fraction}
    require_samples(fold, n_samples, name, sizes, groups)
    return fold


def cross_fitting_folds(
    y: np.ndarray,
    cv: Any,
    *,
    stratified: bool,
    validation_fraction: float,
    random_state: np.random.RandomState,
    name: str,
    groups: np.ndarray | None = None,
    block_length: int | None = None,
) -> list[Fold]:
    """Split into folds whose test samples do not train; a number means shuffled ones.

    `cv` is what scikit-learn takes: a number, a splitter, or pairs of sample numbers.
    With a `block_length` a number means consecutive samples, with a gap of a block.
    """
    n_samples = len(y)
    if isinstance(cv, Integral) and groups is not None:
        seed = random_state.randint(np.iinfo(np.int32).max)
        splitter = GroupKFold(cv, shuffle=True, random_state=seed)
    elif isinstance(cv, Integral) and block_length is not None:
        splitter = ContiguousFolds(cv, block_length)
    elif isinstance(cv, Integral):
        splitter = shuffled_folds(y, cv, stratified, random_state)
    else:
        splitter = check_cv(cv)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        pairs = list(splitter.split(np.zeros((n_samples, 1)), y, groups))
    if not pairs:
        raise ValueError("cv gives no folds; a used-up generator, perhaps.")
    folds = []
    for pair in pairs:
        own = isinstance(cv, Integral)
        rest, report = pair if own else disjoint_rows(pair, n_samples)
        stop = hold_out(rest, validation_fraction, random_state, groups)
        fold = Fold(*stop, report)
        sizes = {"validation_fraction": validation_fraction, "cv": cv}
        require_samples(fold, n_samples, name, sizes, groups)
        folds.append(fold)
    return folds


class ContiguousFolds(NamedTuple):
    """Splitter of a series: parts that follow on one another are tested on in turn.

    A `gap` of samples before and after the part neither trains nor is tested on.
    """

    n_folds: int
    gap: int

    def split(
        self, X: np.ndarray, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the numbers of the training and test samples of each fold."""
        rows = np.arange(len(X))
        for own in np.array_split(rows, self.n_folds):
            if len(own):
                apart = (rows < own[0] - self.gap) | (rows > own[-1] + self.gap)
                yield rows[apart], own


def folds_of_kept(
    cv: Any, kept: np.ndarray, y: Any, groups: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the folds of a splitter of all samples, in numbers of those that are kept.

    Parameters
    ----------
    cv : splitter or iterable of pairs
        What scikit-learn takes, for all samples.
    kept : bool ndarray of shape (n_samples,)
        Which samples are kept.
    y, groups : array-like of shape (n_samples,) or None
        Those of all samples.
    """
    numbers = kept.cumsum() - 1
    pairs = check_cv(cv).split(np.zeros((len(kept), 1)), y, groups)
    return [
        tuple(numbers[rows[kept[rows]]] for rows in map(row_numbers, pair))
        for pair in pairs
    ]


def row_numbers(part: Any) -> np.ndarray:
    """Return the samples of a part of a fold by number, also of a boolean mask."""
    part = np.asarray(part)
    return np.flatnonzero(part) if part.dtype == bool else part


def stopped_by_others(folds: list[Fold]) -> list[Fold]:
    """Let the early-stopping samples of folds train, and the test samples stop.

    For folds trained together, of which each is stopped by the test samples of the
    others. A single fold has no others and keeps its own.
    """
    if len(folds) == 1:
        return folds
    return [
        Fold(np.concatenate([fold.train, fold.stop]), fold.report, fold.report)
        for fold in folds
    ]


def shuffled_folds(
    y: np.ndarray, n_folds: int, stratified: bool, random_state: np.random.RandomState
) -> KFold | StratifiedKFold:
    """Return a splitter into shuffled folds, of equal label frequencies for labels."""
    seed = random_state.randint(np.iinfo(np.int32).max)
    if not stratified:
        return KFold(n_folds, shuffle=True, random_state=seed)
    counts = np.bincount(y)
    if counts.max() < n_folds:
        raise ValueError(
            f"y holds labels with at most {counts.max()} samples each, fewer than the "
            f"{n_folds} folds. Pass a smaller cv, or join rare labels."
        )
    fewest = counts.min()
    if fewest < n_folds:
        warn(
            f"y holds a label with {fewest} samples, fewer than the {n_folds} folds: "
            "some folds train without it. Pass a smaller cv, or drop such labels.",
            FewRowsWarning,
        )
    return StratifiedKFold(n_folds, shuffle=True, random_state=seed)


def even_folds(
    labels: np.ndarray,
    n_folds: int,
    groups: np.ndarray | None = None,
    ordered: bool = False,
) -> np.ndarray:
    """Assign each sample to a fold, always in the same way.

    Samples of equal labels are dealt out in turn. Ordered ones are cut into contiguous
    parts of each group instead.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Labels that have equal frequencies in the folds.
    n_folds : int
        Number of folds.
    groups : ndarray of shape (n_samples,), default=None
        Groups of samples, for ordered ones.
    ordered : bool, default=False
        Whether the order of the samples matters.

    Returns
    -------
    ndarray of shape (n_samples,)
        Numbers from 0 to `n_folds` - 1.
    """
    n_samples = len(labels)
    groups = np.zeros(n_samples) if groups is None else groups
    folds = np.empty(n_samples, dtype=int)
    if not ordered:
        folds[np.argsort(labels, kind="stable")] = np.arange(n_samples) % n_folds
        return folds
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        folds[rows] = np.arange(len(rows)) * n_folds // len(rows)
    return folds


def disjoint_rows(pair: Any, n_samples: int) -> list[np.ndarray]:
    """Return a fold of the user's; raise where it tests on samples that train."""
    rest, report = map(row_numbers, pair)
    if max(rest.max(initial=0), report.max(initial=0)) >= n_samples:
        raise ValueError(f"cv gives row numbers beyond the {n_samples} rows.")
    if np.intersect1d(rest, report).size:
        raise ValueError(
            "cv gives folds whose training and test samples overlap; an estimate on "
            "samples that trained the model is not honest."
        )
    return [rest, report]


def require_samples(
    fold: Fold,
    n_samples: int,
    name: str,
    sizes: dict,
    groups: np.ndarray | None = None,
) -> None:
    """Raise where fewer than two samples train, or one alone or none is tested on.

    None may be, where there are no folds.
    """
    n_needed = 2 if "cv" in sizes else 0
    n_reported = len(fold.report)
    if len(fold.train) >= 2 and n_reported >= n_needed and n_reported != 1:
        return
    if "cv" in sizes and not n_reported:
        raise ValueError(
            "cv gives a fold without test samples, or all of them have a sample_weight "
            "of 0. Pass a cv whose folds have test samples of positive weight."
        )
    given = ", ".join(f"{key}={value}" for key, value in sizes.items() if value)
    if groups is not None:
        raise ValueError(
            f"groups has {len(np.unique(groups))} labels, too few for {name} with "
            f"{given}: whole groups train, stop the training and are tested on, each "
            "in a part of their own. Pass finer groups, or change these."
        )
    raise ValueError(
        f"n_samples={n_samples} is too few for {name} with {given}: at least two "
        "samples must train and two be held out for each purpose. Pass more samples, "
        "change these, or use an estimator that trains nothing, such as skmi.KSG."
    )


def mean_by_row(rows: list[np.ndarray], values: Iterable[np.ndarray]) -> np.ndarray:
    """Average the values of samples that several folds test on, in their order."""
    _, row = np.unique(np.concatenate(rows), return_inverse=True)
    return np.bincount(row, np.concatenate(list(values))) / np.bincount(row)


def contrast_blocks(n_samples: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split samples into blocks, each with the samples it is compared with.

    Every row meets K = min(512, n) columns, its own at its place in the block. The
    samples are shuffled, always in the same way, so that order in the data does not
    matter and the result is deterministic.

    Parameters
    ----------
    n_samples : int

    Yields
    ------
    rows : ndarray of shape (n_block,)
    columns : ndarray of shape (K,)
        ``columns[:n_block]`` equals `rows`.
    """
    order = np.random.RandomState(0).permutation(n_samples)
    n_columns = min(N_CONTRASTS, n_samples)
    for rows in np.array_split(order, -(-n_samples // n_columns)):
        start = np.flatnonzero(order == rows[0])[0]
        yield rows, order.take(range(start, start + n_columns), mode="wrap")


def split_rows(n_rows: int, n_columns: int, size: int) -> list[np.ndarray]:
    """Split rows so that each part makes a matrix of at most about `size` cells."""
    return np.array_split(np.arange(n_rows), -(-n_rows // max(1, size // n_columns)))


def multi_sample_terms(
    ratios: Callable[[np.ndarray, np.ndarray], np.ndarray],
    n_samples: int,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    r"""Return the terms of the multi-sample lower bound, one for each sample.

    .. math:: \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}

    Parameters
    ----------
    ratios : callable
        ``ratios(rows, columns)`` returns f of the rows with the columns, of which the
        first are the rows themselves.
    n_samples : int
        Number of samples.
    weights : ndarray of shape (n_samples,), default=None
        Weights of the samples in the mean over columns; None means equal ones.

    Returns
    -------
    ndarray of shape (n_samples,)
        Nats; their mean is the bound.

    Examples
    --------
    A ratio that separates each pair from all others reaches the ceiling, log 4:

    >>> import numpy as np
    >>> from skmi._data.splitting import multi_sample_terms
    >>> matrix = 100 * np.eye(4)
    >>> multi_sample_terms(lambda rows, columns: matrix[rows][:, columns], 4).round(3)
    array([1.386, 1.386, 1.386, 1.386])
    """
    terms = np.empty(n_samples)
    for rows, columns in contrast_blocks(n_samples):
        values = ratios(rows, columns)
        gaps = values - np.diagonal(values)[:, np.newaxis]
        if weights is not None:
            gaps += np.log(weights[columns] / weights[columns].mean())
        terms[rows] = math.log(len(columns)) - logsumexp(gaps, axis=1)
    return terms


def log_mean_exp(values: np.ndarray, axis: int) -> np.ndarray:
    """Return log(mean(exp(values))) along an axis."""
    return logsumexp(values, axis=axis) - math.log(values.shape[axis])
