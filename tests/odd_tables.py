"""Odd tables of known mutual information, for every entry point that takes tables.

A column of k equally likely codes and a noisy copy of it, or a normal pair, are written
in a way that changes no information: as text, large whole numbers, categories, or the
cells of a file. An answer is the truth within its error, or comes with a warning; a
refusal is raised by skmi, and names the argument and the cure.
"""

import math
import warnings
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import skmi
from skmi.cli import job
from skmi.exceptions import SkmiWarning
from skmi.inference import conditional_independence_test, independence_test
from skmi.neighbors import conditional_mutual_info
from tests.odd_pairs import ARGUMENTS, CURES, objects
from tests.oddities import REFUSALS, blame, trace

WORDS = np.array(["é", "zwei", "x y", "nein", "0", "o", "ß", "Ω", "-", "a;b"])

# -- columns: codes, or numbers, to values that stand for them ------------------------

LABELS = {
    "words": lambda c: WORDS[c],
    "digits": lambda c: c.astype(str),
    "padded": lambda c: np.char.zfill(c.astype(str), 3),
    "bytes": lambda c: np.char.encode(WORDS[c], "utf-8"),
    "categories": lambda c: pd.Categorical(c),
    "categories of text": lambda c: pd.Categorical(WORDS[c], ordered=True),
    "large categories": lambda c: pd.Categorical(c + 2**60),
    "categories of halves": lambda c: pd.Categorical(c / 2),
    "string[pyarrow]": lambda c: pd.array(WORDS[c], dtype="string"),
    "tuples of text": lambda c: objects(f"({v}, {v})" for v in c),
    "intervals": lambda c: pd.IntervalIndex.from_breaks(range(12))[c],
}
NUMBERS = {
    "floats": lambda x: x,
    "large": lambda x: np.round(1000 * x).astype(np.int64) + 2**60,
    "unsigned": lambda x: (
        np.round(1000 * x + 10**6).astype(np.uint64) + np.uint64(2**63)
    ),
    "thirty digits": lambda x: objects(10**30 + int(v) for v in np.round(1000 * x)),
    "Decimal": lambda x: objects(Decimal(f"{v:.6f}") for v in x),
    "Int64": lambda x: pd.array(np.round(1000 * x).astype(int) + 2**60, dtype="Int64"),
    "Float64": lambda x: pd.array(x, dtype="Float64"),
    "mixed objects": lambda x: objects(float(v) if v > 0 else np.float32(v) for v in x),
    "subnormal": lambda x: x * 1e-310,
    "long": lambda x: x.astype(np.longdouble) * 3,
    "backwards": lambda x: -x[::-1][::-1],
    "big-endian": lambda x: x.astype(">f8"),
}
TABLES = {
    "frame": lambda columns: pd.DataFrame(dict(columns)),
    "indexed": lambda columns: pd.DataFrame(dict(columns)).set_index(
        pd.Index(range(7, 7 + len(pd.Series(next(iter(columns.values())))))[::-1])
    ),
    "objects": lambda columns: pd.DataFrame(dict(columns)).to_numpy(dtype=object),
    "lists": lambda columns: [
        list(row) for row in zip(*map(list, columns.values()), strict=True)
    ],
    "polars": lambda columns: pl.DataFrame({k: list(v) for k, v in columns.items()}),
    "arrow": lambda columns: pa.table({k: list(v) for k, v in columns.items()}),
}

# -- cells of a file ------------------------------------------------------------------

CELLS = {
    "plain": str,
    "quoted": lambda v: f'"{v}"',
    "spaced": lambda v: f" {v} ",
    "minus": lambda v: str(v).replace("-", "\N{MINUS SIGN}"),
    "exponent": lambda v: f"{v:.8e}" if isinstance(v, float) else str(v),
    "money": lambda v: f"$ {v:.6f}" if isinstance(v, float) else str(v),
    "large": lambda v: str(2**60 + int(1000 * v)) if isinstance(v, float) else str(v),
    "padded": lambda v: str(v) if isinstance(v, float) else f"00{v}",
}
DELIMITERS = [",", ";", "\t", "|"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "latin-1"]


class Impossible(Exception):
    """The library of a table refuses the columns."""


def made(table, columns):
    """Return a table of columns."""
    try:
        return TABLES[table](columns)
    except Exception as error:
        raise Impossible from error


class Table(NamedTuple):
    """A case: how columns are written, where they go, and the truth."""

    entry: str
    x: str
    y: str
    table: str
    n_rows: int
    n_levels: int  # 0 for a normal pair
    strength: float  # share of copied codes, or the correlation
    seed: int

    @property
    def truth(self):
        """Mutual information in nats."""
        k = self.n_levels
        if not k:
            return -0.5 * math.log(1 - self.strength**2)
        same = self.strength + (1 - self.strength) / k
        other = (1 - self.strength) / k
        terms = [p * math.log(p) for p in [same, *[other] * (k - 1)] if p > 0]
        return math.log(k) + sum(terms)

    @property
    def spread(self):
        """Standard error of an estimate, at least that of independent columns."""
        k = self.n_levels
        least = 0.5 / math.sqrt(self.n_rows)
        if not k:
            return max(self.strength / math.sqrt(self.n_rows), least)
        same = self.strength + (1 - self.strength) / k
        other = (1 - self.strength) / k
        jump = math.log(same / other)
        return max(jump * math.sqrt(same * (1 - same) / self.n_rows), least)

    @property
    def pair(self):
        """Codes, or numbers, of both sides."""
        rng = np.random.RandomState(self.seed)
        if not self.n_levels:
            x, noise = rng.standard_normal((2, self.n_rows))
            return x, self.strength * x + math.sqrt(1 - self.strength**2) * noise
        x = rng.randint(self.n_levels, size=self.n_rows)
        other = rng.randint(self.n_levels, size=self.n_rows)
        return x, np.where(rng.uniform(size=self.n_rows) < self.strength, x, other)

    @property
    def sides(self):
        """X as a table, and y as a column."""
        columns = self.columns
        return made(self.table, {"x": columns["x"]}), columns["y"]

    @property
    def both(self):
        """One table of both."""
        return made(self.table, self.columns)

    @property
    def columns(self):
        """Both sides as columns."""
        forms = LABELS if self.n_levels else NUMBERS
        return {
            name: forms[form](side)
            for name, form, side in zip("xy", (self.x, self.y), self.pair, strict=True)
        }


def of_estimator(make):
    """Return an entry point that fits an estimator."""

    def measure(case):
        X, y = case.sides
        model = make().fit(X, y)
        return model.mutual_info_, model.standard_error_

    return measure


def of_selector(case):
    """Return the score of a selector."""
    X, y = case.sides
    fitted = skmi.MIFeatureSelector(n_permutations=19, random_state=0).fit(X, y)
    fitted.transform(X)
    return fitted.scores_[0], fitted.standard_errors_[0]


def of_matrix(case):
    """Return the entry of a matrix."""
    matrix = skmi.mutual_info_matrix(case.both)
    return np.asarray(matrix)[0, 1], 0.0


def of_test(case):
    """Return the truth where a test agrees with it."""
    columns = case.columns
    few = {"n_permutations": 99, "random_state": 0}
    pvalue = independence_test(columns["x"], columns["y"], **few).pvalue
    right = case.strength == 0 or pvalue <= 0.05 or case.truth < 0.05
    return (case.truth if right else math.inf), 0.0


def of_conditional(case):
    """Return the information given an independent coin, and given the column itself."""
    columns = case.columns
    z = np.random.RandomState(1).randint(2, size=case.n_rows).astype(str)
    conditional_independence_test(
        columns["x"], columns["y"], columns["x"], n_permutations=19, random_state=0
    )
    return conditional_mutual_info(columns["x"], columns["y"], z, random_state=0), 0.0


def of_file(folder):
    """Return an entry point that writes a file and runs the command line."""

    def measure(case):
        rng = np.random.RandomState(case.seed)
        delimiter, encoding = rng.choice(DELIMITERS), str(rng.choice(ENCODINGS))
        form = CELLS[case.x]
        x, y = (side.tolist() for side in case.pair)
        others = np.arange(case.n_rows) % 7
        rows = [(form(v), str(w), str(o)) for v, w, o in zip(x, y, others, strict=True)]
        lines = [delimiter.join(row) for row in [("x", "y", "other"), *rows]]
        text = "\n".join(lines) + "\n"
        if "\N{MINUS SIGN}" in text and encoding == "latin-1":
            encoding = "utf-8"
        path = Path(folder) / "odd.csv"
        path.write_text(text, encoding=encoding)
        arguments = [str(path), "--target", "y", "--n-permutations", "19"]
        report = job.make_report(job.make_parser().parse_args(arguments), Silent())
        record = {finding.feature: finding for finding in report.findings}
        return record["x"].mutual_info, record["x"].standard_error

    return measure


class Silent:
    """Progress that nobody sees."""

    def advance(self, share, text):
        """Do nothing."""


def entry_points(folder):
    """Return functions of a case with their names."""
    return {
        "KSG": of_estimator(lambda: skmi.KSG(random_state=0)),
        "MixedKSG": of_estimator(lambda: skmi.MixedKSG(random_state=0)),
        "HistogramMI": of_estimator(skmi.HistogramMI),
        "GaussianCopulaMI": of_estimator(skmi.GaussianCopulaMI),
        "selector": of_selector,
        "matrix": of_matrix,
        "test": of_test,
        "conditional": of_conditional,
        "file": of_file(folder),
    }


def draw(rng, entries):
    """Draw a case."""
    entry = str(rng.choice(list(entries)))
    n_levels = int(rng.choice([0, 2, 3, 5, 9]))
    forms = list(CELLS) if entry == "file" else list(LABELS if n_levels else NUMBERS)
    return Table(
        entry,
        *map(str, rng.choice(forms, 2)),
        str(rng.choice(list(TABLES))),
        int(rng.choice([150, 400, 1000])),
        n_levels,
        float(rng.choice([0.0, 0.3, 0.6, 0.8])),
        int(rng.randint(2**31)),
    )


def judge(case, entries):
    """Return the outcome of a case and its fault, None where there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value, error = entries[case.entry](case)
        except (*REFUSALS, job.TableError) as refusal:
            message, fault = str(refusal), blame(refusal)
            if fault is None and not (
                ARGUMENTS.search(message) and CURES.search(message)
            ):
                fault = f"unclear: {message}"
            return f"refusal: {message[:60]}", fault
        except Impossible:
            return "impossible", None
        except Exception as other:  # whatever else comes is to be found here
            return "crash", trace(other)
    foreign = [w for w in caught if not issubclass(w.category, SkmiWarning)]
    if foreign:
        return "warning", f"{foreign[0].category.__name__}: {foreign[0].message}"
    bound = max(0.03, 3 * max(error, case.spread * (1.0 if error else 1.5)))
    if abs(value - case.truth) <= bound:
        return "answer", None
    if caught:
        return "warned", None
    return "wrong", f"{value:.3f} +- {error:.3f} of {case.truth:.3f}"


def find_faults(n_cases, seed, folder):
    """Judge cases; return their outcomes and those that are to be mended."""
    rng, entries = np.random.RandomState(seed), entry_points(folder)
    outcomes, faults = [], []
    for _ in range(n_cases):
        case = draw(rng, entries)
        outcome, fault = judge(case, entries)
        outcomes.append(outcome)
        if fault is not None:
            faults.append((case, fault))
    return outcomes, faults
