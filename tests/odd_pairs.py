"""Odd pairs as newcomers pass them: every kind of column, container and entry point.

A case is a kind of column for X and y, a container for each, and an entry point:
estimators, encoders, the selector, the matrix, tests, entropies. An answer is finite,
and 0 within its error where X and y are independent and plain; a refusal is raised by
skmi, and names the argument and the cure.
"""

import datetime
import inspect
import math
import re
import warnings
from collections import Counter
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning

import skmi
from skmi.base import MutualInfoEstimator
from skmi.exceptions import SkmiWarning
from tests.estimators import make_small, predictor_instances, transformer_instances
from tests.oddities import REFUSALS, answers, blame, trace

try:
    import polars as pl
    import pyarrow as pa
except ImportError:  # the other containers remain
    pl = pa = None

CURES = re.compile(
    r"[Pp]ass|drop|[Uu]se |convert|encode|make|replace|rename|flatten|[Rr]eshape|raise"
    r"|lower|at least|at most|must|need|decode|[Rr]escale|call|give|choose|instead"
    r"|read a|join|with|minimum|put|Convert|expecting|leave|before",
)
ARGUMENTS = re.compile(
    r"\b(X|y|Y|Z|labels|groups|n_\w+|estimator\w*|random_state|critic|x|view|encoder"
    r"|level|classes|column\w*|rows|samples|information|circumstance|device|cv)\b"
)

# -- columns: a number of samples to one column of some kind ---------------------------

DAY = np.datetime64("2020-01-01")
KINDS = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "lognormal": lambda rng, n: np.exp(3 * rng.standard_normal(n)),
    "huge": lambda rng, n: 1e200 * rng.standard_normal(n),
    "tiny": lambda rng, n: 1e-200 * rng.standard_normal(n),
    "offset": lambda rng, n: 1e9 + rng.standard_normal(n),
    "rounded": lambda rng, n: rng.standard_normal(n).round(1),
    "counts": lambda rng, n: rng.poisson(2, n),
    "zero-inflated": lambda rng, n: rng.exponential(size=n) * rng.randint(2, size=n),
    "codes": lambda rng, n: rng.randint(4, size=n),
    "two floats": lambda rng, n: 3.5 * rng.randint(2, size=n) - 1,
    "two integers": lambda rng, n: 2 * rng.randint(2, size=n) + 5,
    "booleans": lambda rng, n: rng.uniform(size=n) < 0.4,
    "constant": lambda rng, n: np.full(n, 7.0),
    "large integers": lambda rng, n: 2**60 + rng.randint(5000, size=n),
    "unsigned": lambda rng, n: rng.randint(256, size=n).astype(np.uint8),
    "float32": lambda rng, n: rng.standard_normal(n).astype(np.float32),
    "float16": lambda rng, n: rng.standard_normal(n).astype(np.float16),
    "text": lambda rng, n: rng.choice(["red", "green", "blue"], n),
    "digits": lambda rng, n: rng.randint(5, size=n).astype(str),
    "bytes": lambda rng, n: rng.choice([b"a", b"b"], n),
    "objects": lambda rng, n: rng.standard_normal(n).astype(object),
    "decimals": lambda rng, n: objects(Decimal(v) for v in rng.standard_normal(n)),
    "text objects": lambda rng, n: rng.choice(["u", "v"], n).astype(object),
    "mixed bytes": lambda rng, n: objects("a" if v else b"a" for v in coin(rng, n)),
    "some n/a": lambda rng, n: holed(rng.standard_normal(n).astype(object), "n/a"),
    "some None": lambda rng, n: holed(rng.choice(["u", "v"], n).astype(object), None),
    "some NaN": lambda rng, n: holed(rng.standard_normal(n), np.nan),
    "some NA": lambda rng, n: holed(rng.standard_normal(n).astype(object), pd.NA),
    "some infinite": lambda rng, n: holed(rng.standard_normal(n), -np.inf),
    "booleans and text": lambda rng, n: objects(v or "no" for v in coin(rng, n)),
    "dates": lambda rng, n: DAY + rng.randint(900, size=n),
    "nanoseconds": lambda rng, n: (DAY + rng.randint(900, size=n)).astype("M8[ns]"),
    "durations": lambda rng, n: rng.randint(900, size=n).astype("m8[h]"),
    "date objects": lambda rng, n: objects(
        datetime.date(2020, 1, 1 + v) for v in rng.randint(30, size=n)
    ),
    "clock": lambda rng, n: objects(datetime.time(v) for v in rng.randint(24, size=n)),
    "complex": lambda rng, n: rng.standard_normal(n) * 1j,
    "lists": lambda rng, n: objects([v, v] for v in rng.standard_normal(n)),
    "dicts": lambda rng, n: objects({"a": v} for v in rng.standard_normal(n)),
    "any objects": lambda rng, n: objects(object() for _ in range(n)),
    "identifiers": lambda rng, n: np.array([f"id{v}" for v in rng.permutation(n)]),
}
PLAIN = [
    *("normal", "uniform", "cauchy", "lognormal", "huge", "tiny", "offset", "rounded"),
    *("counts", "zero-inflated", "two floats", "two integers", "booleans", "float32"),
    *("text", "digits", "text objects", "codes", "objects", "bytes"),
]


# Increasing functions, which change no mutual information.
CORRELATION = 0.8
INCREASING = {
    "normal": lambda x: x,
    "lognormal": lambda x: np.exp(3 * x),
    "cubes": lambda x: x**3,
    "huge": lambda x: 1e200 * x,
    "tiny": lambda x: 1e-200 * x,
    "offset": lambda x: 1e6 + x,
    "float32": lambda x: x.astype(np.float32),
    "objects": lambda x: x.astype(object),
    "decimals": lambda x: objects(Decimal(f"{value:.6f}") for value in x),
    "thousandths": lambda x: np.round(1000 * x).astype(np.int64),
}


def objects(values):
    """Return an array of objects with one value in each cell."""
    values = list(values)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def coin(rng, n):
    """Return flips of a coin."""
    return rng.uniform(size=n) < 0.5


def holed(column, value):
    """Return a column with a value in every fiftieth cell."""
    column[::50] = value
    return column


# -- containers: columns to what is passed ---------------------------------------------


def block(columns):
    """Return columns side by side; objects where their types differ."""
    kinds = {column.dtype for column in columns}
    if len(kinds) == 1 and object not in kinds:
        return np.column_stack(columns)
    table = np.empty((len(columns[0]), len(columns)), dtype=object)
    for k, column in enumerate(columns):
        table[:, k] = column if column.dtype == object else objects(column.tolist())
    return table


def frame(columns, names=None):
    """Return a table of pandas."""
    names = names or [f"c{k}" for k in range(len(columns))]
    table = pd.DataFrame({k: pd.Series(c) for k, c in enumerate(columns)})
    return table.set_axis(names, axis=1)


def categories(columns, ordered):
    """Return a table of pandas whose columns are categories."""
    made = [pd.Categorical(column, ordered=ordered) for column in columns]
    return frame(made)


def sparse_frame(columns):
    """Return a table of pandas with sparse columns."""
    return pd.DataFrame(
        {f"c{k}": pd.arrays.SparseArray(np.round(c)) for k, c in enumerate(columns)}
    )


def masked(columns, hidden):
    """Return a masked array of which some values are masked, or none."""
    array = np.ma.array(block(columns))
    if hidden:
        array[::40] = np.ma.masked
    return array


CONTAINERS = {
    "array": block,
    "lists": lambda columns: block(columns).tolist(),
    "tuples": lambda columns: tuple(map(tuple, block(columns).tolist())),
    "frame": frame,
    "nullable frame": lambda columns: frame(columns).convert_dtypes(),
    "repeated names": lambda columns: frame(columns, ["c"] * len(columns)),
    "numbered names": lambda columns: frame(columns, list(range(len(columns)))),
    "categories": lambda columns: categories(columns, ordered=False),
    "ordered categories": lambda columns: categories(columns, ordered=True),
    "series": lambda columns: pd.Series(columns[0]),
    "index": lambda columns: pd.Index(columns[0]),
    "periods": lambda columns: frame([pd.to_datetime(columns[0])]).apply(
        lambda c: c.dt.to_period("D")
    ),
    "vector": lambda columns: columns[0],
    "list": lambda columns: columns[0].tolist(),
    "tensor": lambda columns: torch.tensor(block(columns)),
    "parameter": lambda columns: torch.nn.Parameter(torch.tensor(block(columns))),
    "bfloat16": lambda columns: torch.tensor(block(columns)).to(torch.bfloat16),
    "float8": lambda columns: torch.tensor(block(columns)).to(torch.float8_e5m2),
    "list of tensors": lambda columns: list(torch.tensor(block(columns))),
    "sparse": lambda columns: sparse.csr_matrix(block(columns)),
    "sparse array": lambda columns: sparse.coo_array(block(columns)),
    "sparse frame": sparse_frame,
    "matrix": lambda columns: np.asmatrix(block(columns)),
    "masked": lambda columns: masked(columns, hidden=True),
    "not masked": lambda columns: masked(columns, hidden=False),
    "StringDType": lambda columns: block(columns).astype(np.dtypes.StringDType()),
    "records": lambda columns: frame(columns).to_records(index=False),
    "list of dicts": lambda columns: frame(columns).to_dict("records"),
    "dict": lambda columns: dict(enumerate(columns)),
    "generator": lambda columns: (row for row in block(columns)),
    "images": lambda columns: block(columns)[:, :, np.newaxis, np.newaxis],
    "backwards": lambda columns: block(columns)[::-1],
    "read-only": lambda columns: read_only(block(columns)),
    "None": lambda columns: None,
    "a number": lambda columns: 3.0,
    "a name": lambda columns: "table.csv",
    "a class": lambda columns: skmi.KSG,
}
if pl is not None:
    CONTAINERS |= {
        "polars": lambda columns: pl.DataFrame(frame(columns).to_dict("list")),
        "lazy": lambda columns: pl.DataFrame(frame(columns).to_dict("list")).lazy(),
        "polars series": lambda columns: pl.Series("s", columns[0].tolist()),
        "arrow": lambda columns: pa.table(frame(columns).to_dict("list")),
        "arrow array": lambda columns: pa.array(columns[0].tolist()),
    }
VECTORS = ("vector", "series", "list")
COMMON = ["array", "lists", "frame", "vector", "series", "list", "polars", "arrow"]


def read_only(array):
    """Return an array that cannot be written to."""
    array.setflags(write=False)
    return array


# -- entry points ----------------------------------------------------------------------


def estimator_instances():
    """Return one small instance of each estimator of mutual information."""
    found = [getattr(skmi, name) for name in skmi.__all__]
    return [
        make_small(item)
        for item in found
        if inspect.isclass(item) and issubclass(item, MutualInfoEstimator)
    ]


def numbers(result):
    """Return the numbers of a result that is one, a pair, a table or a test's."""
    fields = ("statistic", "pvalue", "null_distribution")
    if all(hasattr(result, field) for field in fields):
        result = [*(np.ravel(getattr(result, field)) for field in fields)]
        result = np.concatenate(result)
    return np.ravel(np.asarray(result, dtype=float))


def selected(selector, X, y):
    """Fit a selector and let it transform; return its scores."""
    selector.fit(X, y).transform(X)
    return selector.scores_


def given(model, Z, y):
    """Fit with an odd condition; return the estimate and its error."""
    n_rows = y.shape[0] if getattr(y, "shape", ()) else 200
    model.fit(np.sin(np.arange(n_rows) ** 2.0)[:, np.newaxis], y, Z)
    return [model.mutual_info_, model.standard_error_]


def entry_points():
    """Return functions of X and y with their names."""
    inference, few = skmi.inference, {"n_permutations": 20, "random_state": 0}
    own = [
        *estimator_instances(),
        *transformer_instances(),
        *(item.set_params(max_iter=2) for item in predictor_instances()),
        make_small(skmi.MIFeatureSelector, n_permutations=50),
        skmi.MIFeatureSelector(
            estimator=skmi.KSG(random_state=0), n_features_to_select=1, n_permutations=2
        ),
    ]
    entries = {}
    for item in own:
        name = type(item).__name__
        name += "(estimator)" if item.get_params().get("estimator") is not None else ""
        entries[name] = lambda X, y, item=item: answers(clone(item), X, y)
        if isinstance(item, skmi.MIFeatureSelector):
            entries[name] = lambda X, y, item=item: selected(clone(item), X, y)
    functions = {
        "KSG given Z": lambda X, y: given(skmi.KSG(random_state=0), X, y),
        "GaussianMI given Z": lambda X, y: given(skmi.GaussianMI(), X, y),
        "NWJ given Z": lambda X, y: given(make_small(skmi.NWJ), X, y),
        "independence_test": lambda X, y: inference.independence_test(X, y, **few),
        "conditional_independence_test": lambda X, y: (
            inference.conditional_independence_test(X, y, X, **few)
        ),
        "conditional_mutual_info": lambda X, y: skmi.neighbors.conditional_mutual_info(
            X, y, y, random_state=0
        ),
        "permutation_test": lambda X, y: inference.permutation_test(
            skmi.MixedKSG(), X, y, n_permutations=5, random_state=0
        ),
        "permutation_test(critic)": lambda X, y: inference.permutation_test(
            make_small(skmi.InfoNCE), X, y, **few
        ),
        "confidence_interval": lambda X, y: inference.confidence_interval(
            skmi.KSG(), X, y, n_resamples=5, random_state=0
        ),
        "self_consistency": lambda X, y: (
            inference.self_consistency(
                skmi.MixedKSG(), X, y, random_state=0
            ).mutual_info
        ),
        "mutual_info_matrix": lambda X, y: skmi.mutual_info_matrix(X),
        "mutual_info_matrix(estimator)": lambda X, y: skmi.mutual_info_matrix(
            X, estimator=skmi.MixedKSG(random_state=0)
        ),
        "discrete_entropy": lambda X, y: skmi.entropy.discrete_entropy(X),
        "adjusted_mutual_info": lambda X, y: skmi.entropy.adjusted_mutual_info(X, y)[0],
        "partial_fit": lambda X, y: (
            make_small(skmi.NWJ).partial_fit(X, y).partial_fit(X, y).mutual_info_
        ),
        "mi_scorer": lambda X, y: skmi.mi_scorer(skmi.KSG().fit(X, y), X, y),
    }
    return entries | {
        name: lambda X, y, f=function: numbers(f(X, y))
        for name, function in functions.items()
    }


# -- cases -----------------------------------------------------------------------------


class Case(NamedTuple):
    """A pair by the names of its kinds and containers, and the entry point."""

    entry: str
    x: str
    y: str
    x_container: str
    y_container: str
    n_rows: int
    n_columns: int
    relation: str = "independent"  # "independent", "planted", "swapped", "short"
    seed: int = 0

    @property
    def pair(self):
        """Return X and y, or None where a container does not take such columns."""
        rng = np.random.RandomState(self.seed)
        if self.relation == "planted":
            return self.planted(rng)
        n_y = max(self.n_rows - (self.relation == "short"), 0)
        columns = [KINDS[self.x](rng, self.n_rows) for _ in range(self.n_columns)]
        target = [KINDS[self.y](rng, n_y)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                X = CONTAINERS[self.x_container](columns)
                y = CONTAINERS[self.y_container](target)
        except Exception:  # the other library's own refusal
            return None
        return (y, X) if self.relation == "swapped" else (X, y)

    def planted(self, rng):
        """Return increasing functions of a normal pair of known mutual information."""
        x, noise = rng.standard_normal((2, 300))
        y = CORRELATION * x + math.sqrt(1 - CORRELATION**2) * noise
        X = CONTAINERS[self.x_container]([INCREASING[self.x](x)])
        return X, CONTAINERS[self.y_container]([INCREASING[self.y](y)])

    @property
    def truth(self):
        """Mutual information of a case that must be answered with it, or None."""
        if self.relation == "planted":
            return -math.log(1 - CORRELATION**2) / 2
        return 0.0 if self.is_plain else None

    @property
    def is_plain(self):
        """Whether it must be answered with 0, within its error."""
        return (
            self.relation == "independent"
            and self.n_rows >= 100
            and self.n_columns == 1
            and {self.x, self.y} <= set(PLAIN)
        )


def draw_case(rng, entries):
    """Draw a case; most of its parts are plain, so that the odd one is reached."""

    def choose(names, plain, share):
        return str(rng.choice(plain if rng.uniform() < share else list(names)))

    common = [name for name in COMMON if name in CONTAINERS]
    if rng.uniform() < 0.05:
        names = sorted(BY_RANK)
        x, y = rng.choice(list(INCREASING), 2)
        places = rng.choice([c for c in common if c not in VECTORS], 2)
        case = Case(str(rng.choice(names)), str(x), str(y), *map(str, places), 300, 1)
        return case._replace(relation="planted", seed=int(rng.randint(2**31)))
    return Case(
        str(rng.choice(list(entries))),
        choose(KINDS, PLAIN, 0.5),
        choose(KINDS, PLAIN, 0.5),
        choose(CONTAINERS, ["array", "frame"], 0.4),
        choose(CONTAINERS, common, 0.5),
        int(rng.choice([0, 1, 2, 5, 30, 120, 200], p=[0.03] * 4 + [0.18, 0.35, 0.35])),
        int(rng.choice([1, 2, 4], p=[0.6, 0.3, 0.1])),
        str(rng.choice(["independent", "swapped", "short"], p=[0.94, 0.03, 0.03])),
        int(rng.randint(2**31)),
    )


def judge(case, entries):
    """Return the outcome of a case, its message, and what has to be mended."""
    pair = case.pair
    if pair is None:
        return "impossible", "", None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "invalid value encountered in reduce")
        warnings.filterwarnings("ignore", "The number of unique classes is greater")
        for expected in (SkmiWarning, DataConversionWarning):
            warnings.simplefilter("ignore", expected)
        try:
            found = entries[case.entry](*pair)
        except REFUSALS as error:
            message = str(error)
            fault = blame(error)
            if fault is None and not (
                ARGUMENTS.search(message) and CURES.search(message)
            ):
                fault = f"unclear: {message}"
            return type(error).__name__, message, fault
        except Exception as error:  # whatever else comes is to be found here
            return type(error).__name__, str(error), trace(error)
    if not np.isfinite(found).all():
        return "not finite", "", f"not finite: {found[~np.isfinite(found)][:3]}"
    return "answer", "", None if case.entry not in TRUE else off(case, found)


BOUNDS = {"AutoMI", "InfoNCE", "NWJ", "DonskerVaradhan", "JensenShannon"}  # from below
BY_RANK = {"KSG", "MixedKSG", "GaussianCopulaMI", "EllipticalCopulaMI"}
# Estimators that a small fit leaves without a bias on independent samples.
TRUE = {
    *("KSG", "MixedKSG", "HistogramMI", "KernelDensityMI", "GaussianMI"),
    *("GaussianCopulaMI", "EllipticalCopulaMI"),
    *BOUNDS,
}


def off(case, found):
    """Return the error of an estimate of a known value, if it is too large.

    One draw in some hundred is beyond three standard errors by chance: three more draws
    must be so too, on average.
    """
    truth = case.truth
    if truth is None:
        return None
    error = found[0] if case.entry in BOUNDS else abs(found[0] - truth)
    if error <= max(0.03, 3 * found[1]):
        return None
    values = [found[:2]]
    entries = entry_points()
    for seed in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values.append(entries[case.entry](*case._replace(seed=seed).pair)[:2])
    value, error = np.mean(values, axis=0)
    if abs(value - truth) <= max(0.03, 3 * error / 2):
        return None
    return f"estimate of {truth:.3f}: {value:.3f} +- {error:.3f}"


def find_faults(n_cases, seed):
    """Judge cases; return how many had which outcome, and those to be mended."""
    rng, entries = np.random.RandomState(seed), entry_points()
    counts, faults = Counter(), []
    for _ in range(n_cases):
        case = draw_case(rng, entries)
        outcome, _, fault = judge(case, entries)
        counts[outcome] += 1
        if fault is not None:
            faults.append((case, fault))
    return counts, faults
