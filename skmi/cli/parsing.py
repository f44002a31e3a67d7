"""Columns of the command line: numbers, dates or labels, by their texts."""

import datetime
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from skmi._data.integers import LARGEST_EXACT, distinct
from skmi.cli.reading import TableError
from skmi.exceptions import SkmiWarning, warn

__all__ = ["Column", "are_decimal_commas", "has_decimal_comma", "parse_column"]

# Texts of a missing value, in lower case.
MISSING = {"", ".", "-", "?", "na", "n/a", "#n/a", "#na", "<na>", "nan", "+nan", "-nan"}
MISSING |= {
    "\u2212",
    "\u2013",
    "\u2014",
    "nat",
    "null",
    "none",
    "missing",
    "#null!",
    "#div/0!",
}

MAX_DISCRETE = 10  # integers with more distinct values count as continuous

# Share of the cells of a column that have to be numbers for the others to be missing.
MOSTLY = 0.95

MOST_NAMED = 3  # cells that a note names

MINUS = re.compile("^[\u2212\u2013]")  # the sign, or the dash that editors make of it

DATE_FORMATS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d")
TIME_FORMATS = ("", " %H:%M", " %H:%M:%S")

AMOUNT = r"[-+]?[$€£]? ?[-+]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)? ?[%$€£]?"

# Numbers with a comma before decimals; those of them that may be groups of thousands.
DECIMAL_COMMA = r"[-+]?[$€£]? ?[-+]?(\d{1,3}(\.\d{3})+|\d*),\d+(e[-+]?\d+)?( ?[%$€£])?"
THOUSANDS = r"[-+]?[$€£]? ?[-+]?[1-9]\d{0,2},\d{3}( ?[%$€£])?"


class Column(NamedTuple):
    """A parsed column: numbers or codes of labels, missing values filled."""

    name: str
    kind: str  # "continuous" or "discrete"
    values: np.ndarray  # of shape (n_rows,)
    missing: np.ndarray  # mask of the same shape

    def select(self, rows: np.ndarray) -> "Column":
        """Return the same column with some of the rows."""
        if len(rows) == len(self.values):
            return self
        return self._replace(values=self.values[rows], missing=self.missing[rows])


def has_decimal_comma(columns: dict[str, list]) -> bool:
    """Whether commas separate decimals in the texts of a table not cut at commas.

    They do if some text is a number with a comma, unless another has a point after
    groups of thousands.
    """
    found = False
    for values in columns.values():
        if isinstance(values, np.ndarray):
            continue
        for text in values:
            if not isinstance(text, str) or "," not in text:
                continue
            text = with_sign(text.strip())
            if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+\.\d+", text):
                return False
            found = found or bool(
                re.fullmatch(r"[-+]?(\d{1,3}(\.\d{3})+|\d*),\d+( ?%)?", text)
            )
    return found


def are_decimal_commas(cells: Sequence[Any]) -> bool:
    """Whether the commas of one column separate decimals, not thousands.

    They do if nearly all texts with a comma are numbers with one comma before decimals,
    and not nearly all of these could be thousands as well.
    """
    if isinstance(cells, np.ndarray):
        return False
    texts = [with_sign(v.strip()) for v in cells if isinstance(v, str) and "," in v]
    decimals = [text for text in texts if re.fullmatch(DECIMAL_COMMA, text)]
    thousands = [text for text in decimals if re.fullmatch(THOUSANDS, text)]
    few = (1 - MOSTLY) * len(texts)
    return len(texts) - len(decimals) <= few < len(decimals) - len(thousands)


def parse_column(
    name: str, values: Sequence[Any], decimal_comma: bool = False
) -> Column:
    """Decide whether a column is continuous or discrete, and code it.

    Numbers, amounts, dates and durations are continuous, unless they are whole and
    take few values; everything else is discrete. Where more than 95 % of the cells are
    numbers the others count as missing, with a warning that names them.

    Parameters
    ----------
    name : str
        Name of the column.
    values : sequence
        Cells: texts or values of any type, or an array of floats.
    decimal_comma : bool, default=False
        Whether a comma in a text separates decimals, and points thousands.

    Returns
    -------
    Column
    """
    if isinstance(values, np.ndarray):
        return number_column(name, distinct(values, f"column {name!r}"))
    is_padded = have_leading_zeros(values)
    quick = None if is_padded else plain_numbers(values)
    if quick is not None:
        return number_column(name, keep_apart(name, quick, values))
    values, missing = clean_cells(values)
    present = [value for value, gone in zip(values, missing, strict=True) if not gone]
    if is_padded and all(isinstance(v, str) and v.isdecimal() for v in present):
        numbers = None
        warn(
            f"column {name!r} holds whole numbers with leading zeros, such as "
            f"{next(v for v in present if v[:1] == '0' and len(v) > 1)!r}; they are "
            "taken as codes, which are labels. If they are numbers, drop the zeros.",
            SkmiWarning,
        )
    else:
        numbers = as_numbers(present, decimal_comma)
        if numbers is None:
            numbers = mostly_numbers(name, values, missing, decimal_comma)
            gone = missing.tolist()
            present = [v for v, g in zip(values, gone, strict=True) if not g]
    if numbers is None:
        texts = list(map(str, present))
        levels = {level: i for i, level in enumerate(sorted(set(texts)))}
        codes = np.full(len(values), -1)
        codes[~missing] = [levels[text] for text in texts]
        return Column(name, "discrete", codes, missing)
    filled = np.full(len(values), np.nan)
    filled[~missing] = keep_apart(name, numbers, present)
    return number_column(name, filled)


def clean_cells(values: Sequence[Any]) -> tuple[list, np.ndarray]:
    """Cells without surrounding spaces, and which of them are missing."""
    if set(map(type, values)) == {str}:  # each text is looked at once
        clean = {text: text.strip() for text in set(values)}
        gone = {text: is_missing(stripped) for text, stripped in clean.items()}
        values, missing = [clean[v] for v in values], [gone[v] for v in values]
    else:
        values = [v.strip() if isinstance(v, str) else v for v in values]
        missing = [is_missing(value) for value in values]
    return values, np.array(missing, dtype=bool)


def number_column(name: str, numbers: np.ndarray) -> Column:
    """Column of numbers, NaN where they are missing."""
    missing = np.isnan(numbers)
    present = numbers[~missing]
    if not np.isfinite(present).all():
        raise TableError(f"column {name!r} holds infinite values; replace or drop them")
    filled = np.where(missing, present.min() - 1 if len(present) else 0.0, numbers)
    distinct = np.unique(present)
    few = len(distinct) <= MAX_DISCRETE and (distinct == np.round(distinct)).all()
    return Column(name, "discrete" if few else "continuous", filled, missing)


def have_leading_zeros(values: Sequence[Any]) -> bool:
    """Whether some text is a whole number with leading zeros."""
    return any(
        isinstance(v, str) and v[:1] == "0" and len(v) > 1 and v.strip().isdecimal()
        for v in values
    )


def keep_apart(name: str, numbers: np.ndarray, values: Sequence[Any]) -> np.ndarray:
    """Return numbers, of whole ones that floats would merge as smaller ones."""
    if not np.nanmax(np.abs(numbers), initial=0) > LARGEST_EXACT:
        return numbers
    try:
        whole = [
            None if number != number else int(value)
            for number, value in zip(numbers.tolist(), values, strict=True)
        ]
    except (TypeError, ValueError, OverflowError):
        return numbers
    return distinct(np.array(whole, dtype=object), f"column {name!r}").astype(float)


def plain_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """Texts or floats as numbers where all of them are, at once; None otherwise."""
    kinds = set(map(type, values))
    if not kinds or not kinds <= {str, float}:
        return None
    try:
        return np.array(list(map(float, values)))
    except ValueError:
        return None


def is_missing(value: Any) -> bool:
    """Whether a value stands for a missing one."""
    if isinstance(value, str):
        return value.lower() in MISSING
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


def mostly_numbers(
    name: str, values: list, missing: np.ndarray, decimal_comma: bool
) -> np.ndarray | None:
    """Numbers of a column of which more than 95 % are, the others noted as missing.

    The mask `missing` is updated.
    """
    present = np.flatnonzero(~missing)
    times = Counter(values[row] for row in present)
    most_bad = (1 - MOSTLY) * len(present)
    for convert in number_formats(decimal_comma):
        numbers = convert_most(convert, times, most_bad)
        if numbers is None:
            continue
        bad = [row for row in present if values[row] not in numbers]
        named = [f"{values[row]!r} in row {row + 1}" for row in bad[:MOST_NAMED]]
        rest = f" and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
        warn(
            f"column {name!r}: {len(bad)} of {len(present)} cells are no numbers and "
            f"count as missing: {', '.join(named)}{rest}",
            SkmiWarning,
        )
        missing[bad] = True
        return np.array([numbers[values[row]] for row in present if not missing[row]])
    return None


def convert_most(
    convert: Callable[[Any], float], times: dict[Any, int], most_bad: float
) -> dict[Any, float] | None:
    """Numbers of distinct values, or None where `most_bad` cells do not convert."""
    numbers, n_bad = {}, 0
    for value, n_cells in times.items():
        number = try_number(convert, value)
        if number is None:
            n_bad += n_cells
            if n_bad >= most_bad:
                return None
        else:
            numbers[value] = number
    return numbers


def try_number(convert: Callable[[Any], float], value: Any) -> float | None:
    """Return the converted value, or None where it does not convert."""
    if isinstance(value, bool):
        return None
    try:
        return float(convert(with_sign(value)))
    except (AttributeError, OverflowError, TypeError, ValueError):
        return None


def as_numbers(values: list, decimal_comma: bool = False) -> np.ndarray | None:
    """Return values as floats, dates and durations as days, or None for neither."""
    if any(isinstance(value, bool) for value in values):
        return None
    for convert in number_formats(decimal_comma):
        try:
            return np.array([convert(with_sign(v)) for v in values], dtype=float)
        except (AttributeError, OverflowError, TypeError, ValueError):
            continue
    return None


def with_sign(value: Any) -> Any:
    """Return a value, a text with an ASCII minus sign."""
    return MINUS.sub("-", value) if isinstance(value, str) else value


def number_formats(decimal_comma: bool) -> list[Callable[[Any], float]]:
    """Conversions to numbers, in the order in which they are tried on a column."""
    plain = [as_decimal_comma] if decimal_comma else [float, as_amount]
    dates = [
        lambda text, layout=date + time: layout_days(text, layout)
        for date in DATE_FORMATS
        for time in TIME_FORMATS
    ]
    times = [lambda text, layout=f: layout_days(text, layout) for f in CLOCK_FORMATS]
    return [*plain, as_days, *dates, *times]


CLOCK_FORMATS = ("%H:%M:%S", "%H:%M", "%H.%M.%S")


def as_amount(text: str) -> float:
    """Return the number of a text such as $1,234.50, 12.3 % or 9,000."""
    if not re.fullmatch(AMOUNT, text):
        raise ValueError(text)
    return float(re.sub(r"[^-+.\d]", "", text))


def as_decimal_comma(value: Any) -> float:
    """Return the number of a text such as 1.234,5 or 0,625 or € 12."""
    if not isinstance(value, str):
        return float(value)
    if re.fullmatch(r"[^.,]*\d{1,3}(\.\d{3})+(,\d*)?[^.,]*", value):
        value = value.replace(".", "")
    value = value.replace(",", ".")
    try:
        return float(value)
    except ValueError:
        return as_amount(value)


def as_days(value: Any) -> float:
    """Return a date, its ISO text, or a duration, as days."""
    day = datetime.timedelta(days=1)
    if isinstance(value, datetime.timedelta):
        return value / day
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if isinstance(value, datetime.time):
        return clock_days(value)
    if not isinstance(value, datetime.datetime):
        return float((value - datetime.date(1970, 1, 1)).days)
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return (value - datetime.datetime(1970, 1, 1)) / day


def layout_days(text: str, layout: str) -> float:
    """Return a date or a time of day in a layout as days."""
    moment = datetime.datetime.strptime(text, layout)
    return as_days(moment) if "%Y" in layout else clock_days(moment.time())


def clock_days(moment: datetime.time) -> float:
    """Return a time of day as a part of a day."""
    return (moment.hour * 60 + moment.minute + moment.second / 60) / 1440
