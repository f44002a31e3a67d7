"""Tables of the command line as columns of cells: files, streams and archives."""

import bz2
import csv
import gzip
import io
import re
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skmi._data.integers import LARGEST_EXACT

__all__ = [
    "STREAM",
    "TableError",
    "bundled_table",
    "one_line",
    "read_table",
]

STREAM = "-"  # standard input or output in place of a file

DELIMITERS = ",;\t|"

CHUNK = 10_000  # rows that pandas parses at once

UNNAMED = "column {}"  # a column whose header is empty


class TableError(Exception):
    """The request or the table cannot be used."""


def read_table(path: str | Path) -> tuple[dict[str, Any], str | None]:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        Delimited text, also as gzip, bzip2 or a zip archive of one file, or a Parquet,
        Feather or Excel file; "-" reads standard input.

    Returns
    -------
    columns : dict of str to (list or ndarray)
        Cells of each column, an array where all are numbers.
    delimiter : str or None
        Delimiter of a text.
    """
    if str(path) == STREAM:
        data, name = sys.stdin.buffer.read(), "standard input"
    elif Path(path).is_file():
        data, name = Path(path).read_bytes(), str(path)
    else:
        raise TableError(f"there is no file {path}")
    data = unpack(data, name)
    kind = binary_kind(data, Path(name).suffix.lower())
    if kind:
        return read_frame(data, kind, name), None
    text = decode(data, name)
    del data  # large
    return read_delimited(text, name)


def unpack(data: bytes, name: str) -> bytes:
    """Unpack gzip, bzip2 and zip archives, told by their first bytes."""
    try:
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        if data[:3] == b"BZh":
            return bz2.decompress(data)
        if data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = [f for f in archive.namelist() if not f.endswith("/")]
                files = [f for f in files if not f.startswith("__MACOSX/")]
                if "[Content_Types].xml" in files:  # an Excel file
                    return data
                if len(files) != 1:
                    raise TableError(f"{name} has {len(files)} files; pack one table")
                return archive.read(files[0])
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise TableError(f"{name} cannot be unpacked: {one_line(error)}") from None
    return data


def binary_kind(data: bytes, suffix: str) -> str | None:
    """Format of a file that is no text, by its first bytes or its suffix."""
    if data[:4] == b"PAR1" or suffix in {".parquet", ".pq"}:
        return "parquet"
    if data[:6] == b"ARROW1" or data[:4] == b"FEA1":
        return "feather"
    return "excel" if data[:4] == b"PK\x03\x04" else None


def read_frame(data: bytes, kind: str, name: str) -> dict[str, list]:
    """Read a Parquet, Feather or Excel file through pandas; a named index is kept."""
    try:
        import pandas as pd

        frame = getattr(pd, f"read_{kind}")(io.BytesIO(data))
    except ImportError as error:
        cure = 'pip install "skmi[table]"'
        if kind == "excel":
            cure = "pip install pandas openpyxl, or save the sheet as CSV"
        raise TableError(f"reading {kind} needs more packages: {cure}") from error
    except (OSError, ValueError, KeyError) as error:
        raise TableError(f"{name} is not a {kind} file: {one_line(error)}") from None
    if not len(frame):
        raise TableError(f"{name} has no rows")
    if any(label is not None for label in frame.index.names):
        clash = set(frame.index.names) & set(frame.columns)
        frame = frame.reset_index(drop=bool(clash))
    names = [str(label) for label in frame.columns]
    refuse_repeated(names, name)
    columns = {label: cells_of(frame.iloc[:, k]) for k, label in enumerate(names)}
    for label, values in columns.items():
        if any(isinstance(value, (list, dict, np.ndarray)) for value in values):
            raise TableError(f"column {label!r} holds lists; give each part a column")
    return columns


def cells_of(column: Any) -> Sequence[Any]:
    """Cells of a column of pandas: of many floats or small integers an array."""
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
    is_long = len(column) > CHUNK  # a list of numbers takes five times the memory
    if kind in "iu":
        is_long = is_long and column.abs().max() <= LARGEST_EXACT
    return (
        column.to_numpy(dtype=float) if is_long and kind in "fiu" else column.tolist()
    )


def decode(data: bytes, name: str) -> str:
    """Decode a text by its byte-order mark, or as UTF-8, UTF-16 or Windows-1252."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = data.decode("utf-16", errors="replace")
    elif b"\0" in data[:400]:
        # Without a mark every other byte of mostly Latin text is zero.
        ends = [data[i:400:2].count(0) / max(len(data[i:400:2]), 1) for i in (0, 1)]
        if max(ends) < 0.7:
            raise TableError(f"{name} is not a text file")
        encoding = "utf-16-be" if ends[0] > ends[1] else "utf-16-le"
        text = data.decode(encoding, errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    if "\0" in text:
        raise TableError(f"{name} is not a text file")
    return text


def read_delimited(text: str, name: str) -> tuple[dict[str, Any], str]:
    """Read a text whose first line names the columns; return its delimiter as well."""
    refuse_json(text, name)
    text, delimiter = without_preamble(text)
    if delimiter not in text:
        text, delimiter = spaces_as_tabs(text), "\t"
    columns = read_regular(text, delimiter)
    if columns is not None:
        return columns, delimiter
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise TableError(f"{name} cannot be read as CSV: {one_line(error)}") from None
    # Lines of delimiters alone are the end of a sheet.
    numbered = [(i, row) for i, row in enumerate(lines, 1) if any(map(str.strip, row))]
    blank = sum(1 for row in lines if row) - len(numbered)
    if not numbered:
        raise TableError(f"{name} is empty: it has no rows and no header")
    if len(numbered) < 2 and not blank:
        raise TableError(f"{name} has no rows below its header")
    header = [label.strip() for label in numbered[0][1]]
    if len(header) == 1:  # an empty line is then a missing value
        numbered = [(i, row) for i, row in enumerate(lines, 1) if row]
    rows = [fitted_row(row, len(header), line, name) for line, row in numbered[1:]]
    if not rows:
        raise TableError(f"{name} has no rows below its header")
    columns = list(map(list, zip(*rows, strict=True)))
    kept = [
        k for k, label in enumerate(header) if label or any(map(str.strip, columns[k]))
    ]
    names = [header[k] or UNNAMED.format(k + 1) for k in kept]
    refuse_repeated(names, name)
    return {names[i]: columns[k] for i, k in enumerate(kept)}, delimiter


def refuse_json(text: str, name: str) -> None:
    """Raise for JSON, by its beginning."""
    start = text[:400].lstrip()
    is_named = Path(name).suffix.lower() in {".json", ".jsonl", ".ndjson"}
    if re.match(r"[\[{]" if is_named else r'\{\s*["}]|\[\s*[\[{]', start):
        raise TableError(
            f"{name} is JSON, which is not read; save it as CSV first: "
            "pandas.read_json(FILE).to_csv(TABLE, index=False), with lines=True where "
            "each line is a record"
        )


def read_regular(text: str, delimiter: str) -> dict[str, Any] | None:
    """Read a text through pandas, where it is installed and nothing is unusual.

    Usual are named columns, no quotes, and lines of equally many fields. Whole numbers
    with leading zeros are texts.
    """
    end = text.find("\n")
    n_delimiters = text.count(delimiter, 0, end)
    if not n_delimiters or '"' in text or text.count("\r") != text.count("\r\n"):
        return None
    names = [name.strip() for name in text[:end].split(delimiter)]
    if not all(names) or len(set(names)) < len(names):
        return None
    if not are_regular(text, delimiter, n_delimiters):
        return None
    try:
        import pandas as pd
    except ImportError:
        return None

    options = {
        "sep": delimiter,
        "names": names,
        "header": 0,
        "keep_default_na": False,
        "na_values": [""],
        "quoting": csv.QUOTE_NONE,
        "chunksize": CHUNK,
    }

    def parse(wanted: Sequence[str], **kinds: Any) -> dict[str, list[np.ndarray]]:
        parts: dict[str, list[np.ndarray]] = {name: [] for name in wanted}
        with pd.read_csv(
            TextFile(text), usecols=set(wanted).__contains__, **options, **kinds
        ) as file:
            for frame in file:
                for name, column in frame.items():
                    parts[str(name)].append(column.to_numpy())
        return parts

    try:
        texts = {names[k] for k in padded_columns(text, delimiter)}
        parts = parse([name for name in names if name not in texts])
        numbers = {name: joined(parts.pop(name)) for name in list(parts)}
        # Of text, and of whole numbers with gaps that are too large for floats.
        numbers = {name: column for name, column in numbers.items() if is_exact(column)}
        texts = [name for name in names if name not in numbers]
        parts = parse(texts, dtype=str) if texts else {}
    except ValueError:
        return None
    cells = {name: joined(parts.pop(name)).tolist() for name in texts}
    for column in cells.values():
        column[:] = ["" if value != value else value for value in column]
    found = numbers | cells
    return {name: found[name] for name in names}


class TextFile:
    """A text that is read by parts, for less memory than `io.StringIO` takes."""

    def __init__(self, text: str):
        self.text, self.place = text, 0

    def read(self, size: int) -> str:
        """Return the next characters."""
        part = self.text[self.place : self.place + size]
        self.place += len(part)
        return part

    def __iter__(self) -> Iterator[str]:
        return iter(self.text.splitlines(keepends=True))


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Return the parts of a column as one; of objects where only some are numbers."""
    if any(part.dtype.kind not in "iuf" for part in parts):
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts)


def is_exact(column: np.ndarray) -> bool:
    """Whether a column holds numbers of which none was rounded to a float."""
    if column.dtype.kind != "f":
        return column.dtype.kind in "iu"
    return not np.nanmax(np.abs(column), initial=0) > LARGEST_EXACT


def are_regular(text: str, delimiter: str, n_delimiters: int) -> bool:
    """Whether there are rows, and all lines have so many delimiters and more."""
    start, n_lines = 0, 0
    while 0 <= start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        length = end - start - (text[end - 1] == "\r")
        n_fields = text.count(delimiter, start, end)
        if n_fields != n_delimiters or length <= n_delimiters:
            return False
        start, n_lines = end + 1, n_lines + 1
    return n_lines > 1


def padded_columns(text: str, delimiter: str) -> set[int]:
    """Numbers of the columns in which a whole number has leading zeros."""
    field = rf"0\d+[^\S\n]*(?:{re.escape(delimiter)}|\n|$)"
    found = set()
    for before in (re.escape(delimiter), r"\n"):  # a literal start makes it quick
        for match in re.finditer(before + field, text):
            start = text.rfind("\n", 0, match.start() + 1) + 1
            found.add(text.count(delimiter, start, match.start() + 1))
    return found


def without_preamble(text: str) -> tuple[str, str]:
    """Drop comment lines before the header and a line that names the delimiter."""
    said = re.match(r'\s*"?sep=(.)"?[^\S\n]*\r?\n', text)
    if said:
        return text[said.end() :], said[1]
    while text.startswith(("#", "\n", "\r")):
        line, _, rest = text.partition("\n")
        following = rest.lstrip("\r\n")
        delimiter, times = find_delimiter(following)
        # A header may begin with the sign, as in "#id;name".
        same = line.count(delimiter) == times > 0 and not following.startswith("#")
        if same and line[1:2].strip():
            break
        text = rest
    return text, find_delimiter(text)[0]


def spaces_as_tabs(text: str) -> str:
    """Replace spaces by tabs where they separate as many fields in all lines."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    sizes = set(map(len, rows))
    if len(rows) < 2 or len(sizes) > 1 or sizes == {1} or '"' in text:
        return text
    return "\n".join(map("\t".join, rows)) + "\n"


def find_delimiter(text: str) -> tuple[str, int]:
    """Delimiter of the first line, quoted parts left out, and how often it occurs."""
    unquoted = "".join(text.split("\n", 1)[0].split('"')[::2])
    delimiter = max(DELIMITERS, key=unquoted.count)
    return delimiter, unquoted.count(delimiter)


def fitted_row(row: list[str], n_fields: int, line: int, name: str) -> list[str]:
    """Row with the fields of the header; empty fields at its end are left out."""
    while len(row) > n_fields and not row[-1].strip():
        row = row[:-1]
    if len(row) != n_fields:
        raise TableError(
            f"{name}: record {line} has {len(row)} fields, the header {n_fields}"
        )
    return row


def refuse_repeated(names: list[str], table: str) -> None:
    """Raise where two columns have the same name."""
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise TableError(f"{table} has two columns of the name {min(repeated)!r}")


def bundled_table() -> dict[str, list]:
    """Return a table that comes with scikit-learn."""
    from sklearn.datasets import load_diabetes  # takes long to import

    data = load_diabetes(scaled=False)
    columns = dict(zip(data.feature_names, data.data.T.tolist(), strict=True))
    return {**columns, "target": data.target.tolist()}


def one_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
