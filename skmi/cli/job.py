"""``python -m skmi``: rank the features of a table by their mutual information."""

import argparse
import contextlib
import difflib
import math
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, NamedTuple

import numpy as np

import skmi
from skmi._data.checks import warn_of_duplicate_rows, warn_of_serial_dependence
from skmi.cli.outputs import check_outputs, write_record
from skmi.cli.parsing import (
    Column,
    are_decimal_commas,
    has_decimal_comma,
    parse_column,
)
from skmi.cli.progress import progress_bar
from skmi.cli.reading import (
    STREAM,
    TableError,
    bundled_table,
    one_line,
    read_table,
)
from skmi.cli.render import (
    Finding,
    Pair,
    Report,
    draw,
    picture_format,
    printable,
    render_record,
    render_text,
)
from skmi.display._style import require_matplotlib
from skmi.exceptions import NothingSelectedWarning, SkmiWarning, warn
from skmi.feature_selection import MIFeatureSelector

__all__ = ["main"]

MIN_ROWS = 20

# Fewest permutations with which the selector decides itself how many features to take.
ENOUGH_PERMUTATIONS = 39


class Table(NamedTuple):
    """Features and target of the samples that have a target."""

    name: str
    features: list[tuple[str, str]]  # name and kind of each
    values: np.ndarray  # of shape (n_rows, n_features), NaN where missing
    target: Column
    n_dropped: int  # samples without a target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Arguments in place of those of the process.

    Returns
    -------
    int
        Exit status: 0, or 2 if the table or the request cannot be used.
    """
    options = make_parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # names that the terminal cannot show
    try:
        with warnings.catch_warnings(record=True) as caught, progress_bar() as progress:
            warnings.simplefilter("always", SkmiWarning)
            report = make_report(options, progress)
        if options.plot:
            draw(report, options.plot)
        if options.json:
            write_record(render_record(report), options.json)
        if STREAM not in (options.json, options.plot):  # last: its reader may stop
            print(render_text(report, get_terminal_size().columns), flush=True)
    except BrokenPipeError:  # whoever read standard output has enough
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TableError, ImportError, OSError) as error:
        print(f"skmi: {printable(one_line(error))}", file=sys.stderr)
        return 2
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"note: {printable(message)}", file=sys.stderr)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m skmi",
        description="Rank the features of a table by their mutual information with a "
        "target.",
    )
    parser.add_argument(
        "table",
        nargs="?",
        help="delimited text, also packed by gzip, bzip2 or zip, or a Parquet, Feather "
        "or Excel file; - reads standard input",
    )
    parser.add_argument("--target", help="name of the target column")
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write the result here as well; - writes it to standard output instead",
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help="draw the ranking here, a PNG; - draws to standard output instead",
    )
    parser.add_argument(
        "--version", action="version", version=f"skmi {skmi.__version__}"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--n-permutations",
        type=int,
        default=500,
        metavar="N",
        help="default: 500; at most one feature is selected with fewer than "
        f"{ENOUGH_PERMUTATIONS}",
    )
    parser.add_argument(
        "--block-length",
        type=int,
        metavar="N",
        help="rows of a time series: permute blocks of N rows, several times the "
        "length over which rows are correlated",
    )
    parser.add_argument("--bits", action="store_true", help="bits instead of nats")
    return parser


def make_report(options: argparse.Namespace, progress: Any) -> Report:
    """Check the options, prepare the table and measure its features."""
    check(options)
    progress.advance(0.0, "reading the table")
    table = prepare(options)
    progress.advance(0.4, f"measuring {len(table.features)} features")
    settings = options.n_permutations, options.seed, options.block_length
    findings, pairs = measure(table, *settings)
    report = Report(
        table=table.name,
        n_rows=len(table.target.values),
        n_dropped=table.n_dropped,
        target=table.target.name,
        target_type=table.target.kind,
        n_permutations=options.n_permutations,
        findings=findings,
        pairs=pairs,
    )
    return report.in_bits() if options.bits else report


# -- prepare ---------------------------------------------------------------------------


def check(options: argparse.Namespace) -> None:
    """Raise where an option cannot be used, before any work."""
    if options.n_permutations < 1:
        raise TableError("--n-permutations must be at least 1")
    if options.block_length is not None and options.block_length < 1:
        raise TableError("--block-length must be at least 1")
    if not 0 <= options.seed < 2**32:
        raise TableError("--seed must lie between 0 and 4294967295")
    if options.plot:
        require_matplotlib("--plot")
        picture_format(options.plot)
    check_outputs(options.table, {"--json": options.json, "--plot": options.plot})


def prepare(options: argparse.Namespace) -> Table:
    """Load the table, leave out samples without a target, and check the rest."""
    name, columns, target = load(options)
    known = np.flatnonzero(~target.missing)
    n_dropped = len(target.missing) - len(known)
    target = target.select(known)
    if not columns:
        raise TableError("there is no column besides the target")
    if len(known) < MIN_ROWS:
        raise TableError(f"{len(known)} rows have a target; {MIN_ROWS} are needed")
    if len(np.unique(target.values)) == 1:
        raise TableError(f"the target {target.name!r} has one value only")
    refuse_identifiers(target)
    note_identifiers(target)
    features = [(column.name, column.kind) for column in columns.values()]
    values = np.empty((len(known), len(columns)), order="F")
    for k, label in enumerate(list(columns)):
        column = columns.pop(label).select(known)  # one copy at a time
        note_identifiers(column)
        values[:, k] = np.where(column.missing, np.nan, column.values)
    warn_of_duplicate_rows(values, target.values)
    if options.block_length is None:
        warn_of_serial_dependence(
            values,
            target.values[:, None],
            names="a feature and the target",
            remedy="--block-length, several times the length of that correlation",
        )
    return Table(name, features, values, target, n_dropped)


def load(options: argparse.Namespace) -> tuple[str, dict[str, Column], Column]:
    """Return the name of the table, its features and its target."""
    delimiter = None
    if options.table is None:
        name, table = "diabetes, bundled with scikit-learn", bundled_table()
        target = options.target or "target"
    else:
        name = "standard input" if options.table == STREAM else Path(options.table).name
        table, delimiter = read_table(options.table)
        target = options.target
    names = ", ".join(table)
    if target is None:
        raise TableError(f"name the target: --target COLUMN, one of {names}")
    if target not in table:
        close = difflib.get_close_matches(target, table, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {names}"
        if len(table) == 1:
            hint = f"the header has one column, {names!r}; separate the columns by "
            hint += "commas, semicolons, tabs, vertical bars, or spaces in each line"
        raise TableError(f"there is no column {target!r}; {hint}")
    # A comma that does not end a cell may be a decimal one.
    comma = delimiter not in (None, ",") and has_decimal_comma(table)
    columns = {}
    for label in list(table):
        cells = table.pop(label)
        decimals = comma or are_decimal_commas(cells)
        columns[label] = parse_column(label, cells, decimals)
    return name, columns, columns.pop(target)


def refuse_identifiers(target: Column) -> None:
    """Raise where each sample has a label of its own as target."""
    if target.kind == "discrete" and len(np.unique(target.values)) == len(
        target.values
    ):
        raise TableError(
            f"the target {target.name!r} holds text that is different in each row; as "
            "labels nothing can be informative about it. If it holds numbers, write "
            "them plainly, as 0.5"
        )


def note_identifiers(column: Column) -> None:
    """Warn of a text column in which most values occur once."""
    present = column.values[~column.missing]
    if column.kind == "discrete" and 2 * len(np.unique(present)) > len(present) > 0:
        warn(
            f"column {column.name!r} holds text that is mostly different in each "
            "row; as labels it carries no information except by its missing "
            "values. If it holds numbers, write them plainly.",
            SkmiWarning,
        )


# -- measure ---------------------------------------------------------------------------


def measure(
    table: Table, n_permutations: int, seed: int, block_length: int | None = None
) -> tuple[list[Finding], list[Pair]]:
    """Measure the dependence of each feature, and of pairs, with the target.

    Returns
    -------
    findings : list of Finding
        The largest mutual information first, in nats.
    pairs : list of Pair
        Significant pairs, the largest synergy first.
    """
    selector = select(table, n_permutations, seed, block_length)
    note_selection(selector)
    names = [name for name, _ in table.features]
    findings = []
    for k, (name, kind) in enumerate(table.features):
        value, twin = float(selector.scores_[k]), selector.redundant_with_[k]
        step = float(selector.step_pvalues_[k])
        findings.append(
            Finding(
                name,
                kind,
                value,
                float(selector.standard_errors_[k]),
                float(selector.ceilings_[k]),
                math.sqrt(-math.expm1(-2 * max(value, 0.0))),
                float(selector.pvalues_[k]),
                None if math.isnan(step) else step,
                bool(selector.support_[k]) and step <= selector.level,
                None if twin is None else names[twin],
            )
        )
    pairs = [
        Pair(names[first], names[second], *figures)
        for first, second, *figures in selector.interactions_
    ]
    return sorted(findings, key=lambda finding: -finding.mutual_info), pairs


def select(
    table: Table, n_permutations: int, seed: int, block_length: int | None
) -> MIFeatureSelector:
    """Fit the selector on all columns; too few permutations test the best alone."""
    selector = MIFeatureSelector(
        n_features_to_select="auto" if n_permutations >= ENOUGH_PERMUTATIONS else 1,
        n_permutations=n_permutations,
        stopping="significance",  # each star has a p-value
        discrete_features=[kind == "discrete" for _, kind in table.features],
        discrete_target=table.target.kind == "discrete",
        block_length=block_length,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)  # advice for pipelines
        selector.fit(table.values, table.target.values)
    return selector


def note_selection(selector: MIFeatureSelector) -> None:
    """Say where no feature is significant, or none can be."""
    n_permutations, level = selector.n_permutations, selector.level
    smallest = 1 / (n_permutations + 1)
    if smallest > level:
        warn(
            f"{n_permutations} permutations cannot reach the level {level}: no p-value "
            f"of a feature is below {smallest:.4f}, and none is marked as selected. "
            f"Pass --n-permutations {ENOUGH_PERMUTATIONS} or more.",
            NothingSelectedWarning,
        )
    elif not (selector.support_ & (selector.step_pvalues_ <= level)).any():
        message = "no feature is significantly informative about the target"
        warn(message, NothingSelectedWarning)
