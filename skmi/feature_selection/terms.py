"""Terms of the units and of the target in additive models."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from skmi.feature_selection.binning import plain_columns
from skmi.feature_selection.encoding import (
    FEW_VALUES,
    Columns,
    column_blocks,
    merge_rarest,
    missing_as_code,
    target_codes,
)
from skmi.feature_selection.groups import has_number, join_columns
from skmi.feature_selection.selector_input import SelectorInput

__all__ = ["Terms", "make_terms"]

MOST_CELLS = 2**21  # numbers of the terms of all units that are held at once

BLOCK = 2**18  # numbers of the terms that are worked on at once

FEWEST_ROWS = 5000  # samples are left out beyond them, then units

MOST_BINARY = 2  # distinct values of a number that is taken for a label

MOST_LEVELS = 8  # levels of a unit, and classes of the target, with a term of their own

ROWS_OF_LEVEL = 5  # samples of a level, at least, in the mean; no terms otherwise

MOST_WHOLE = 2.0**53  # beyond it every number is whole

SMALLEST_SHARE = 0.05  # of the samples, for whole numbers that are taken for classes

ROWS_OF_SHAPE = 200  # samples from which on the functions of a number may be curved


class Terms(NamedTuple):
    """Normal scores of numbers, indicators of labels and missing values; responses."""

    values: np.ndarray  # of shape (n_rows, n_terms)
    unit: np.ndarray  # number of the unit of each term
    is_score: np.ndarray  # whether each term is a normal score
    is_block: np.ndarray  # whether the terms of its unit are tested together
    response: np.ndarray  # of shape (n_rows, n_responses)
    root_weights: np.ndarray  # of shape (n_rows, 1)
    units: np.ndarray  # units that have terms


def make_terms(data: SelectorInput, relevance: np.ndarray, n_bins: int) -> Terms:
    """Make the terms of the units, of the most relevant ones where they are many."""
    n_rows, n_units = len(data.y.values), len(data.units)
    fewest = max(min(n_rows, FEWEST_ROWS), MOST_CELLS // n_units)
    rows = np.arange(0, n_rows, max(n_rows // fewest, 1))
    if data.weights is not None:
        rows = rows[data.weights[rows] > 0]
    if len(rows) < n_rows:
        data = data.take(rows)
    most = max(MOST_CELLS // len(rows), 1)
    units = np.sort(np.argsort(-relevance, kind="stable")[:most])
    units = units[relevance[units] > -np.inf]
    joint = np.array([len(unit) > 1 for unit in data.units])
    plain = ~joint | has_number(data.x, data.units)
    alone = [(k, column) for k in units if plain[k] for column in data.units[k]]
    values, is_score, places = terms_of(data.x.select([column for _, column in alone]))
    unit = np.array([k for k, _ in alone], dtype=int)[places]
    groups = [k for k in units if not plain[k]]
    if groups:
        codes = join_columns(data.x, n_bins, [data.units[k] for k in groups])
        more, places = indicators_of(codes)
        values = np.column_stack([values, more])
        unit = np.append(unit, np.array(groups)[places])
        is_score = np.append(is_score, np.zeros(more.shape[1], bool))
    roots = np.ones(len(rows)) if data.weights is None else np.sqrt(data.weights)
    roots = roots * np.sqrt(len(rows) / (roots**2).sum())
    is_block = joint[unit] | ~np.isin(unit, unit[is_score])
    sides = values, unit, is_score, is_block, response_of(data.y, n_bins)
    return Terms(*sides, roots[:, np.newaxis], units)


def terms_of(columns: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Terms of single columns, whether each is a score, and its column.

    Scores come first, then indicators of missing values, then those of labels.
    """
    if not columns.values.shape[1]:  # every unit is a group of columns
        empty = np.zeros((len(columns.values), 0), np.float32)
        return empty, np.zeros(0, bool), np.zeros(0, int)
    kinds: list[list] = [[], [], []]
    places: list[list] = [[], [], []]
    for part in column_blocks(columns.values.shape, BLOCK):
        numbers = np.arange(columns.values.shape[1])[part]
        found = terms_of_block(columns.select(numbers))
        for kind, place, (values, own) in zip(kinds, places, found, strict=True):
            kind.append(values)
            place.append(numbers[own])
    n_scores = sum(values.shape[1] for values in kinds[0])
    values = np.column_stack([block for kind in kinds for block in kind])
    is_score = np.arange(values.shape[1]) < n_scores
    return values, is_score, np.concatenate([own for kind in places for own in kind])


def terms_of_block(columns: Columns) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores, indicators of missing values and of labels, as float32, and columns."""
    plain = plain_columns(columns, MOST_BINARY)
    present = ~np.isnan(plain.numbers)
    ranks = average_ranks(plain.numbers, plain.ordered)
    shares = (ranks - 0.5) / np.maximum(present.sum(axis=0), 1)
    scores = np.where(present, ndtri(np.where(present, shares, 0.5)), 0.0)
    numbers = np.flatnonzero(plain.is_number)
    gone = ~present.all(axis=0)
    few = plain.levels.max(axis=0, initial=0) < len(plain.levels) / ROWS_OF_LEVEL
    levels = np.flatnonzero(~plain.is_number & few)
    indicators, places = indicators_of(plain.levels[:, levels])
    return [
        (scores.astype(np.float32), numbers),
        ((~present[:, gone]).astype(np.float32), numbers[gone]),
        (indicators, levels[places]),
    ]


def average_ranks(numbers: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Ranks of the numbers of each column from 1, the mean of those of ties."""
    ranks = np.empty(numbers.shape)
    for column, values, found in zip(numbers.T, ordered.T, ranks.T, strict=True):
        starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
        sizes = np.diff(starts, append=len(values))
        found[np.argsort(column)] = np.repeat(starts + (sizes + 1) / 2, sizes)
    return ranks


def indicators_of(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make indicators of the codes of columns but the first; the column of each."""
    if codes.shape[1]:
        codes = missing_as_code(codes)
        codes = np.column_stack([merge_rarest(code, MOST_LEVELS) for code in codes.T])
    pairs = [
        (k, c) for k in range(codes.shape[1]) for c in range(1, codes[:, k].max() + 1)
    ]
    found = [codes[:, k] == c for k, c in pairs]
    values = np.array(found, dtype=np.float32).reshape(len(pairs), len(codes)).T
    return values, np.array([k for k, _ in pairs], dtype=int)


def response_of(y: Columns, n_bins: int) -> np.ndarray:
    """Make normal scores of a number, or indicators of the classes of labels.

    Few whole numbers are labels where samples are few or no number is rare: classes are
    often numbered, but large counts are rare, and indicators of rare ones have p-values
    that are too small.
    """
    if y.values.shape[1] == 1:
        plain = plain_columns(y, MOST_BINARY)
        numbers = plain.ordered[plain.ordered == plain.ordered]
        values, counts = np.unique(numbers, return_counts=True)
        whole = (values == np.round(values)) & (np.abs(values) < MOST_WHOLE)
        are_labels = len(values) <= FEW_VALUES and whole.all()
        common = (counts >= SMALLEST_SHARE * len(y.values)).all()
        few = len(y.values) < ROWS_OF_SHAPE
        if plain.is_number[0] and not (are_labels and (few or common)):
            return terms_of(y)[0][:, :1]
    codes = target_codes(y.values, n_bins, MOST_LEVELS, y.discrete, y.types)
    return indicators_of(codes[:, np.newaxis])[0]
