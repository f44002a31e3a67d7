"""Tables that break programs, and whether an estimator answers or refuses them."""

import traceback
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning

import skmi
from skmi.exceptions import SkmiWarning
from tests.estimators import (
    all_instances,
    make_small,
    predictor_instances,
    transformer_instances,
)

SIZES = (0, 1, 2, 3, 5, 8, 20, 60)
WIDTHS = (1, 2, 5, 40)
OURS = (Path(skmi.__file__).parent, Path(sklearn.__file__).parent)
REFUSALS = (ValueError, TypeError, FloatingPointError)


def soak_instances():
    """An instance of every public estimator, quick to fit, and of other paths."""
    predictors = (item.set_params(max_iter=2) for item in predictor_instances())
    return [
        *all_instances(),
        *transformer_instances(),
        *predictors,
        make_small(skmi.MIFeatureSelector, n_permutations=50),
        make_small(skmi.MIFeatureSelector, n_permutations=50, missing="pairwise"),
        make_small(
            skmi.MIFeatureSelector,
            estimator=skmi.GaussianMI(),
            n_features_to_select=1,
            n_permutations=5,
        ),
    ]


def one_cell(value):
    """Return a maker of normal columns with one cell of a value."""

    def make(rng, n_rows, n_columns):
        block = rng.standard_normal((n_rows, n_columns))
        block[n_rows // 2 : n_rows // 2 + 1, -1] = value
        return block

    return make


def one_constant(rng, n_rows, n_columns):
    """Columns of which the first has one value."""
    block = rng.standard_normal((n_rows, n_columns))
    block[:, 0] = 7.0
    return block


def copies(rng, n_rows, n_columns):
    """Rows of which each is there several times."""
    some = rng.standard_normal((max(n_rows // 4, 1), n_columns))
    return np.resize(some, (n_rows, n_columns))


def text(rng, n_rows, n_columns):
    """Columns of letters."""
    return rng.choice(list("abc"), (n_rows, n_columns)).astype(object)


def text_and_numbers(rng, n_rows, n_columns):
    """Numbers and, in the first column, letters."""
    block = rng.standard_normal((n_rows, n_columns)).astype(object)
    block[:, :1] = text(rng, n_rows, 1)
    return block


def with_missing(make, value):
    """Return a maker of objects of which one is missing."""

    def objects(rng, n_rows, n_columns):
        block = make(rng, n_rows, n_columns).astype(object)
        if len(block):
            block[0, 0] = value
        return block

    return objects


def normal(rng, n_rows, n_columns):
    """Independent normal columns."""
    return rng.standard_normal((n_rows, n_columns))


BLOCKS = {
    "normal": normal,
    "scale 1e30": lambda *a: 1e30 * normal(*a),
    "scale 1e-30": lambda *a: 1e-30 * normal(*a),
    "all scales": lambda rng, *shape: (
        normal(rng, *shape) * 10.0 ** rng.randint(-30, 31, size=shape[-1])
    ),
    "largest": lambda *a: np.sign(normal(*a)) * 1.7e308,
    "subnormal": lambda *a: 5e-324 * np.round(3 * normal(*a)),
    "offset": lambda *a: 1e15 + normal(*a),
    "signed zeros": lambda *a: np.copysign(0.0, normal(*a)),
    "constant": lambda rng, *shape: np.full(shape, rng.standard_normal()),
    "one constant": one_constant,
    "ties": lambda *a: normal(*a).round(),
    "nearly constant": lambda *a: (normal(*a) > 2).astype(float),
    "copies": copies,
    "equal columns": lambda rng, n, d: np.repeat(normal(rng, n, 1), d, axis=1),
    "ordered": lambda rng, n, d: np.arange(n * d, dtype=float).reshape(n, d),
    "cauchy": lambda rng, *shape: rng.standard_cauchy(shape),
    "exponential": lambda *a: np.exp(30 * normal(*a)),
    "one far": one_cell(1e30),
    "one NaN": one_cell(np.nan),
    "one infinite": one_cell(np.inf),
    "all NaN": lambda rng, *shape: np.full(shape, np.nan),
    "codes": lambda rng, *shape: rng.randint(3, size=shape),
    "large integers": lambda rng, *shape: rng.randint(2**62, size=shape),
    "booleans": lambda *a: normal(*a) > 0,
    "float32": lambda *a: normal(*a).astype(np.float32),
    "float16": lambda *a: normal(*a).astype(np.float16),
    "big-endian": lambda *a: normal(*a).astype(">f8"),
    "bytes": lambda rng, *shape: rng.randint(256, size=shape).astype(np.uint8),
    "complex": lambda *a: normal(*a) * 1j,
    "dates": lambda rng, *shape: rng.randint(999, size=shape).astype("M8[D]"),
    "objects of numbers": lambda *a: normal(*a).astype(object),
    "text": text,
    "text array": lambda *a: text(*a).astype(str),
    "text and numbers": text_and_numbers,
    "text with None": with_missing(text, None),
    "numbers with None": with_missing(normal, None),
    "numbers with NA": with_missing(normal, pd.NA),
    "objects": lambda rng, *shape: np.full(shape, object()),
    "lists": with_missing(normal, [1, 2]),
}
LAYOUTS = {
    "rows": lambda block: block,
    "columns": np.asfortranarray,
    "strided": lambda block: np.repeat(block, 2, axis=0)[::2],
    "backwards": lambda block: block[::-1],
    "read-only": lambda block: read_only(block),
    "list": lambda block: block.tolist(),
    "frame": lambda block: frame(block),
    "flat": lambda block: block[:, 0],
}


def frame(block):
    """Return a frame with names that are strings."""
    return pd.DataFrame(block, columns=[f"x{k}" for k in range(block.shape[1])])


def read_only(block):
    """Return a copy that cannot be written to."""
    block = block.copy()
    block.setflags(write=False)
    return block


class Case(NamedTuple):
    """A pair of blocks by their names, and how the second depends on the first."""

    x: str
    y: str
    x_layout: str
    y_layout: str
    n_rows: int
    n_columns: int
    n_targets: int
    relation: str  # "none", "equal": y is columns of x; "shorter": a row is missing
    seed: int

    @property
    def pair(self):
        """Return X and y."""
        rng = np.random.RandomState(self.seed)
        with np.errstate(all="ignore"):
            X = BLOCKS[self.x](rng, self.n_rows, self.n_columns)
            y = BLOCKS[self.y](rng, self.n_rows, self.n_targets)
        if self.relation == "equal":
            y = X[:, : self.n_targets]
        if self.relation == "shorter":
            y = y[1:]
        return LAYOUTS[self.x_layout](X), LAYOUTS[self.y_layout](y)


def draw_case(rng):
    """Draw a case, plain in most respects, so that the odd one is reached."""

    def choose(names, plain, share):
        return plain if rng.uniform() < share else str(rng.choice(list(names)))

    return Case(
        choose(BLOCKS, "normal", 0.35),
        choose(BLOCKS, "normal", 0.35),
        choose(LAYOUTS.keys() - {"flat"}, "rows", 0.5),
        choose(LAYOUTS, "flat", 0.5),
        int(rng.choice(SIZES, p=[0.02, 0.03, 0.05, 0.05, 0.1, 0.1, 0.3, 0.35])),
        int(rng.choice(WIDTHS)),
        int(rng.choice(WIDTHS, p=[0.6, 0.25, 0.1, 0.05])),
        str(rng.choice(["none", "equal", "shorter"], p=[0.78, 0.2, 0.02])),
        int(rng.randint(2**31)),
    )


def answers(estimator, X, y):
    """Fit; return everything that the estimator then says, as one array of numbers."""
    estimator.fit(X, y)
    if isinstance(estimator, skmi.MIFeatureSelector):
        found = [estimator.scores_, estimator.ranking_, estimator.transform(X)]
        found = found[:-1] if estimator.get_params()["estimator"] is None else found
    elif hasattr(estimator, "mutual_info_"):
        found = [estimator.mutual_info_, estimator.standard_error_]
        found += [estimator.score(X, y), estimator.mutual_info(X, y)]
        found += [estimator.score_samples(X)]
        if not hasattr(estimator, "predict"):
            found += [estimator.score_samples(X, y)]
        assert estimator.standard_error_ >= 0
    else:
        found = [estimator.transform(X)]
        found += [estimator.score(X, y)] if hasattr(estimator, "score") else []
    return np.concatenate([np.ravel(item).astype(float) for item in found])


def judge(estimator, case):
    """Return the outcome of a case, in words, and what has to be mended, if anything.

    An answer is finite; a refusal is a ValueError, TypeError or FloatingPointError
    raised by skmi or by scikit-learn's validation, not by what they call.
    """
    X, y = case.pair
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # scikit-learn sums columns of the largest numbers in `transform`
        warnings.filterwarnings("ignore", "invalid value encountered in reduce")
        warnings.filterwarnings("ignore", "The number of unique classes is greater")
        for expected in (SkmiWarning, DataConversionWarning):
            warnings.simplefilter("ignore", expected)
        try:
            values = answers(clone(estimator), X, y)
        except REFUSALS as error:
            return type(error).__name__, str(error), blame(error)
        except Exception as error:  # whatever else comes is to be found here
            return type(error).__name__, str(error), trace(error)
    if not np.isfinite(values).all():
        return "not finite", "", f"{values[~np.isfinite(values)][:3]}"
    return "answer", "", None


def blame(error):
    """Return the trace of an error that neither skmi nor scikit-learn has raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    raised_here = any(path in Path(last.filename).parents for path in OURS)
    return None if raised_here and "raise" in last.line else trace(error)


def trace(error):
    """Return the last steps to an error in a line."""
    steps = traceback.extract_tb(error.__traceback__)[-4:]
    places = (f"{Path(step.filename).name}:{step.lineno}" for step in steps)
    return f"{type(error).__name__}: {error} at {' > '.join(places)}"
