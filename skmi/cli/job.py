"""The main job: what each column of a table tells about its target."""

import argparse
import difflib
import json
import math
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

import skmi
from skmi._data.checks import warn_of_duplicate_rows
from skmi.cli.reading import (
    MISSING,
    TableError,
    bundled_table,
    parse_column,
    read_table,
)
from skmi.cli.render import (
    format_pairs,
    format_table,
    in_bits,
    note_identifiers,
    one_line,
    short,
)
from skmi.display import FeatureRankingDisplay
from skmi.display._style import require_matplotlib
from skmi.entropy import adjusted_mutual_info
from skmi.feature_selection.selector import MIFeatureSelector
from skmi.neighbors.ksg import KSG
from skmi.statistics import standard_error

MISSING |= {"nat", "null", "none", "missing", "#null!", "#div/0!"}


MAX_NEIGHBORS = 10  # steadier than KSG's own default, which decides the order here


MIN_ROWS = 20


ENOUGH_PERMUTATIONS = 39  # what the selector needs to stop by itself


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
