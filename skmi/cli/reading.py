"""Tables of the command line: delimited text and Parquet, parsed column by column."""

import csv
import datetime
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_diabetes

__all__ = [
    "Column",
    "TableError",
    "bundled_table",
    "one_line",
    "parse_column",
    "read_table",
]

# Texts of a missing value, in lower case.
MISSING = {"", ".", "-", "?", "na", "n/a", "#n/a", "#na", "<na>", "nan", "+nan", "-nan"}
MISSING |= {"nat", "null", "none", "missing", "#null!", "#div/0!"}


MAX_DISCRETE = 10  # integers with more distinct values count as continuous


class TableError(Exception):
    """The request or the table cannot be used."""


class Column(NamedTuple):
    """A parsed column: numbers or codes of labels, missing values filled."""

    name: str
    kind: str  # "continuous" or "discrete"
    values: np.ndarray  # of shape (n_rows,)
    missing: np.ndarray  # mask of the same shape

    def select(self, rows: np.ndarray) -> "Column":
        """Return the same column with some of the rows."""
        return self._replace(values=self.values[rows], missing=self.missing[rows])


def read_table(path: str | Path) -> dict[str, list]:
    """Return the columns of a CSV, TSV or parquet file as a dict of lists."""
    path = Path(path)
    if not path.is_file():
        raise TableError(f"there is no file {path}")
    if path.suffix.lower() in {".parquet", ".pq"}:
        return read_parquet(path)
    return read_delimited(path)


def read_parquet(path: Path) -> dict[str, list]:
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


def read_delimited(path: Path) -> dict[str, list]:
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


def bundled_table() -> dict[str, list]:
    """Return a table that comes with scikit-learn."""
    data = load_diabetes(scaled=False)
    columns = dict(zip(data.feature_names, data.data.T.tolist(), strict=True))
    return {**columns, "target": data.target.tolist()}


def parse_column(name: str, values: Sequence[Any]) -> Column:
    """Decide whether a column is continuous or discrete, and code it.

    Numbers, amounts, dates and durations are continuous, unless they are whole and
    take few values; everything else is discrete.
    """
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


def is_missing(value: Any) -> bool:
    """Whether a value stands for a missing one."""
    if isinstance(value, str):
        return value.lower() in MISSING
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


def as_numbers(values: list) -> np.ndarray | None:
    """Return values as floats, dates and durations as days, or None for neither."""
    if any(isinstance(value, bool) for value in values):
        return None
    for convert in (float, as_amount, as_days):
        try:
            return np.array([convert(value) for value in values], dtype=float)
        except (AttributeError, OverflowError, TypeError, ValueError):
            continue
    return None


def as_amount(text: str) -> float:
    """Return the number of a text such as $1,234.50, 12.3 % or 9,000."""
    if not re.fullmatch(r"[-+]?[$€£]? ?[-+]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)? ?%?", text):
        raise ValueError(text)
    return float(re.sub(r"[^-+.\d]", "", text))


def as_days(value: Any) -> float:
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


def one_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
