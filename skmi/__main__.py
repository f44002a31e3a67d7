"""The main job: tell which columns of a table tell about its target.

``python -m skmi table.csv --target COLUMN`` prints one line for each feature, the
strongest first. Without a file it runs on a table bundled with scikit-learn.
"""

import argparse
import csv
import datetime
import difflib
import io
import json
import math
import re
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_diabetes

import skmi
from skmi._duplicates import warn_of_duplicate_rows
from skmi.display import FeatureRankingDisplay
from skmi.display._style import require_matplotlib
from skmi.entropy import adjusted_mutual_info
from skmi.feature_selection import MIFeatureSelector
from skmi.neighbors import KSG
from skmi.statistics import standard_error

MISSING = {"", ".", "-", "?", "na", "n/a", "#n/a", "#na", "<na>", "nan", "+nan", "-nan"}
MISSING |= {"nat", "null", "none", "missing", "#null!", "#div/0!"}
MAX_DISCRETE = 10  # integers with more distinct values count as continuous
MAX_NEIGHBORS = 10  # steadier than KSG's own default, which decides the order here
MIN_ROWS = 20
ENOUGH_PERMUTATIONS = 39  # what the selector needs to stop by itself
MOST_PAIRS = 5


class TableError(Exception):
    """Something in the request or the table that the job cannot work with."""


class Column(NamedTuple):
    """A column made ready: numbers, or codes of labels, with missing values in it."""

    name: str
    kind: str  # "continuous" or "discrete"
    values: np.ndarray
    missing: np.ndarray

    def select(self, rows):
        """Return the same column with some of its rows."""
        return self._replace(values=self.values[rows], missing=self.missing[rows])


class Finding(NamedTuple):
    """What one feature tells about the target."""

    feature: str
    type: str
    mutual_info: float
    standard_error: float
    scale: float
    pvalue: float
    selected: bool
    redundant_with: str | None


# -- reading ---------------------------------------------------------------------------


def read_table(path):
    """Return the columns of a CSV, TSV or parquet file as a dict of lists."""
    path = Path(path)
    if not path.is_file():
        raise TableError(f"there is no file {path}")
    if path.suffix.lower() in {".parquet", ".pq"}:
        return read_parquet(path)
    return read_delimited(path)


def read_parquet(path):
    """Read a parquet file through pandas."""
    try:
        import pandas as pd

        frame = pd.read_parquet(path)
    except ImportError:
        raise TableError(
            'reading parquet needs pandas and pyarrow: pip install "skmi[table]"'
        ) from None
    except (OSError, ValueError) as error:
        raise TableError(f"{path} is not a parquet file: {one_line(error)}") from None
    if not len(frame):
        raise TableError(f"{path} has no rows")
    columns = {str(name): frame[name].tolist() for name in frame.columns}
    for name, values in columns.items():
        if any(isinstance(value, (list, dict, np.ndarray)) for value in values):
            raise TableError(f"column {name!r} holds lists; give each part a column")
    return columns


def read_delimited(path):
    """Read a text file whose first line names the columns."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if "\0" in text:
        raise TableError(f"{path} is not a text file")
    unquoted = "".join(text.split("\n", 1)[0].split('"')[::2])
    delimiter = max(",;\t", key=unquoted.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise TableError(f"{path} cannot be read as CSV: {one_line(error)}") from None
    numbered = [(i, row) for i, row in enumerate(lines, 1) if row]
    if len(numbered) < 2:
        raise TableError(f"{path} has no rows")
    names = [name.strip() for name in numbered[0][1]]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise TableError(f"{path} has two columns of the name {sorted(repeated)[0]!r}")
    for line, row in numbered[1:]:
        if len(row) != len(names):
            raise TableError(
                f"{path}: record {line} has {len(row)} fields, the header {len(names)}"
            )
    columns = zip(*(row for _, row in numbered[1:]), strict=True)
    return dict(zip(names, map(list, columns), strict=True))


def bundled_table():
    """Return a table that comes with scikit-learn."""
    data = load_diabetes(scaled=False)
    columns = dict(zip(data.feature_names, data.data.T.tolist(), strict=True))
    return {**columns, "target": data.target.tolist()}


# -- columns ---------------------------------------------------------------------------


def parse_column(name, values):
    """Decide what a column is, and turn it into numbers or codes."""
    values = [value.strip() if isinstance(value, str) else value for value in values]
    missing = np.array([is_missing(value) for value in values], dtype=bool)
    present = [value for value, gone in zip(values, missing, strict=True) if not gone]
    numbers = as_numbers(present)
    if numbers is None:
        levels = {level: i for i, level in enumerate(sorted(set(map(str, present))))}
        codes = np.full(len(values), -1)
        codes[~missing] = [levels[str(value)] for value in present]
        return Column(name, "discrete", codes, missing)
    if not np.isfinite(numbers).all():
        raise TableError(f"column {name!r} holds infinite values; replace or drop them")
    filled = np.full(len(values), numbers.min() - 1 if len(numbers) else 0.0)
    filled[~missing] = numbers
    distinct = np.unique(numbers)
    few = len(distinct) <= MAX_DISCRETE and (distinct == np.round(distinct)).all()
    return Column(name, "discrete" if few else "continuous", filled, missing)


def is_missing(value):
    """Whether a value stands for a missing one."""
    if isinstance(value, str):
        return value.lower() in MISSING
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


def as_numbers(values):
    """Return values as floats, dates and durations as days, or None for neither."""
    if any(isinstance(value, bool) for value in values):
        return None
    for convert in (float, as_amount, as_days):
        try:
            return np.array([convert(value) for value in values], dtype=float)
        except (AttributeError, OverflowError, TypeError, ValueError):
            continue
    return None


def as_amount(text):
    """Return the number of a text such as $1,234.50, 12.3 % or 9,000."""
    if not re.fullmatch(r"[-+]?[$€£]? ?[-+]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)? ?%?", text):
        raise ValueError(text)
    return float(re.sub(r"[^-+.\d]", "", text))


def as_days(value):
    """Return a date, its ISO text, or a duration, as days."""
    day = datetime.timedelta(days=1)
    if isinstance(value, datetime.timedelta):
        return value / day
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        return float((value - datetime.date(1970, 1, 1)).days)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return (value - datetime.datetime(1970, 1, 1)) / day


# -- measuring -------------------------------------------------------------------------


def scan(columns, target, n_permutations, seed):
    """Measure each column against the target, the strongest first; and pairs."""
    selector = select(columns, target, n_permutations, seed)
    names = [column.name for column in columns]
    findings = []
    for k, column in enumerate(columns):
        value, error = mutual_info(column, target, seed)
        twin = selector.redundant_with_[k]
        findings.append(
            Finding(
                column.name,
                column.kind,
                value,
                error,
                math.sqrt(-math.expm1(-2 * max(value, 0.0))),
                float(selector.pvalues_[k]),
                bool(selector.support_[k]),
                None if twin is None else names[twin],
            )
        )
    pairs = [
        pair._replace(first=names[pair.first], second=names[pair.second])
        for pair in selector.interactions_
    ]
    return sorted(findings, key=lambda finding: -finding.mutual_info), pairs


def mutual_info(column, target, seed):
    """Return the mutual information of two columns and its standard error, in nats."""
    if len(np.unique(column.values)) == 1:
        return 0.0, 0.0
    if column.kind == target.kind == "discrete":
        value, pointwise = adjusted_mutual_info(column.values, target.values)
        return value, standard_error(pointwise)
    numbers, other = column, target
    if column.kind == "discrete":
        numbers, other = target, column
    estimator = KSG(
        n_neighbors=max(3, min(MAX_NEIGHBORS, len(column.values) // 20)),
        discrete_target=other.kind == "discrete",
        random_state=seed,
    )
    with warnings.catch_warnings():
        # One column alone says little of repeated rows: the whole table is looked at.
        warnings.simplefilter("ignore", skmi.DuplicateRowsWarning)
        estimator.fit(numbers.values.reshape(-1, 1), other.values)
    return estimator.mutual_info_, estimator.standard_error_


def select(columns, target, n_permutations, seed):
    """Fit the selector on all columns; too few permutations choose the best column."""
    numbers = [np.where(c.missing, np.nan, c.values) for c in columns]
    selector = MIFeatureSelector(
        n_features_to_select="auto" if n_permutations >= ENOUGH_PERMUTATIONS else 1,
        n_permutations=n_permutations,
        discrete_features=[column.kind == "discrete" for column in columns],
        discrete_target=target.kind == "discrete",
        random_state=seed,
    )
    return selector.fit(np.column_stack(numbers), target.values)


# -- printing --------------------------------------------------------------------------


def format_table(findings, unit):
    """Lay the findings out in at most 80 columns."""
    width = min(max(len("feature"), *(len(f.feature) for f in findings)), 21)
    head = f"{'feature':<{width}}  {'type':<6}  {f'MI ({unit})':>9}  {'se':>6}"
    lines = [f"{head}  {'0-1':>5}  {'p-value':>7}   redundant with"]
    for f in findings:
        kind = "number" if f.type == "continuous" else "label"
        line = (
            f"{short(f.feature, width):<{width}}  {kind:<6}  {f.mutual_info:>9.3f}  "
            f"{f.standard_error:>6.3f}  {f.scale:>5.2f}  {f.pvalue:>7.4f}"
            f"{'*' if f.selected else ' '}  {short(f.redundant_with or '', 14)}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def format_pairs(pairs, unit):
    """Name the pairs that tell the most beyond what each of them tells."""
    lines = [
        f"{short(pair.first, 24)} and {short(pair.second, 24)}: "
        f"{pair.mutual_info:.3f} {unit}, p {pair.pvalue:.4f}"
        for pair in pairs[:MOST_PAIRS]
    ]
    return "\n".join(["Tell more together than each alone:", *lines, "", ""])


def short(name, width):
    """Cut a name to a width."""
    return name if len(name) <= width else name[: width - 3] + "..."


def one_line(error):
    """Return the first line of an error's text."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def make_parser():
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m skmi",
        description="Which columns of a table tell about its target?",
    )
    parser.add_argument("table", nargs="?", help="CSV, TSV or parquet file")
    parser.add_argument("--target", help="column to tell about")
    parser.add_argument("--json", metavar="FILE", help="write the result here as well")
    parser.add_argument("--plot", metavar="FILE", help="draw the ranking here, a PNG")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--n-permutations", type=int, default=500, metavar="N", help="default: 500"
    )
    parser.add_argument("--bits", action="store_true", help="bits instead of nats")
    return parser


def load(options):
    """Return the name of the table, its features and its target."""
    if options.table is None:
        name, table = "diabetes, bundled with scikit-learn", bundled_table()
        target = options.target or "target"
    else:
        name, table = Path(options.table).name, read_table(options.table)
        target = options.target
    names = ", ".join(table)
    if target is None:
        raise TableError(f"name the target: --target COLUMN, one of {names}")
    if target not in table:
        close = difflib.get_close_matches(target, table, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {names}"
        raise TableError(f"there is no column {target!r}; {hint}")
    columns = {name: parse_column(name, values) for name, values in table.items()}
    return name, columns, columns.pop(target)


def run(options):
    """Do the job; return the text to print and the record to write as JSON."""
    if options.n_permutations < 1:
        raise TableError("--n-permutations must be at least 1")
    if not 0 <= options.seed < 2**32:
        raise TableError("--seed must lie between 0 and 4294967295")
    if options.plot:
        require_matplotlib("--plot")  # before the work, not after it
    name, columns, target = load(options)
    known = np.flatnonzero(~target.missing)
    n_dropped = len(target.missing) - len(known)
    target = target.select(known)
    columns = [column.select(known) for column in columns.values()]
    if not columns:
        raise TableError("there is no column besides the target")
    if len(known) < MIN_ROWS:
        raise TableError(f"{len(known)} rows have a target; {MIN_ROWS} are needed")
    if len(np.unique(target.values)) == 1:
        raise TableError(f"the target {target.name!r} has one value only")
    note_identifiers(columns)
    warn_of_duplicate_rows(
        np.column_stack([column.values for column in columns]), target.values
    )
    findings, pairs = scan(columns, target, options.n_permutations, options.seed)
    unit = "bits" if options.bits else "nats"
    if options.bits:
        findings, pairs = map(in_bits, (findings, pairs))
    dropped = f", {n_dropped} without a target left out" if n_dropped else ""
    text = (
        f"{name}: {len(known)} rows{dropped}\n"
        f"target: {target.name} ({target.kind})\n\n"
        f"{format_table(findings, unit)}\n\n"
        f"{format_pairs(pairs, unit) if pairs else ''}"
        "MI: mutual information; se: its standard error; 0-1: sqrt(1 - exp(-2 MI)),\n"
        "the correlation of normal variables with as much; p-value: the target\n"
        f"permuted {options.n_permutations} times, for all features together; "
        "*: selected.\n"
        "Missing values of a feature count as a value of their own."
    )
    record = {
        "table": name,
        "n_rows": len(known),
        "target": target.name,
        "target_type": target.kind,
        "unit": unit,
        "n_permutations": options.n_permutations,
        "features": [finding._asdict() for finding in findings],
        "interactions": [pair._asdict() for pair in pairs],
    }
    return text, record


def draw(record, path):
    """Draw the ranking to a file."""
    columns = {
        name: [feature[name] for feature in record["features"]]
        for name in record["features"][0]
    }
    display = FeatureRankingDisplay(
        names=columns["feature"],
        scores=columns["mutual_info"],
        pvalues=columns["pvalue"],
        support=columns["selected"],
        redundant_with=columns["redundant_with"],
        standard_error=columns["standard_error"],
        unit=record["unit"],
    )
    display.plot(name=f"What tells about {short(record['target'], 40)}")
    try:
        display.figure_.savefig(path, dpi=150)
    except ValueError as error:  # a suffix that matplotlib does not know
        raise TableError(f"cannot draw to {path}: {one_line(error)}") from None
    finally:
        require_matplotlib("--plot").close(display.figure_)


def in_bits(records):
    """Return findings or pairs with their amounts in bits."""
    amounts = {"mutual_info", "standard_error", "synergy"}
    return [
        record._replace(
            **{
                name: getattr(record, name) / math.log(2)
                for name in amounts & set(record._fields)
            }
        )
        for record in records
    ]


def note_identifiers(columns):
    """Warn of text columns in which most values occur once."""
    for column in columns:
        present = column.values[~column.missing]
        if column.kind == "discrete" and 2 * len(np.unique(present)) > len(present) > 0:
            warnings.warn(
                f"column {column.name!r} holds text that is mostly different in each "
                "row; as labels it tells little but which values are missing. If it "
                "holds numbers, write them plainly.",
                skmi.SkmiWarning,
                stacklevel=2,
            )


def main(arguments=None):
    """Run the command line; return the exit status."""
    options = make_parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # names that the terminal cannot show
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", skmi.SkmiWarning)
            text, record = run(options)
        print(text)
        if options.plot:
            draw(record, options.plot)
        if options.json:
            Path(options.json).write_text(
                json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8"
            )
    except (TableError, ImportError, OSError) as error:
        print(f"skmi: {one_line(error)}", file=sys.stderr)
        return 2
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"note: {message}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
