"""Write the pages from their templates and the tables, so that no figure is typed.

A template holds references in double braces:

- ``{{growth: estimator=MINE, d=1: mean: .2f}}``: a cell of a table, by conditions and
  column; ``truth=2|4|6`` gives one figure for each, separated by slashes;
- ``{{mean growth: d=1: mean: .2f}}``: the same over all rows that match, by mean, min,
  max or count (of rows, or of the values of a column);
- ``{{rows growth: d=1: estimator, truth, mean}}``: the rows that match, as a table;
- ``{{means growth: d=1: estimator: mean, truth}}``: the means over the rows that agree
  in some columns, as a table;
- ``{{figure growth: CAPTION}}``: the picture of a table;
- ``{{papers}}``, ``{{inventory}}``, ``{{provenance}}``, ``{{versions}}``;
- ``{{leaderboard: GROUP: ROWS}}``, the estimators on the tasks of a group, or of "all",
  with so many rows or any; ``{{better by group}}`` and ``{{better by task}}``, where an
  estimator of another package has the smaller error than AutoMI.

A table or row that is missing gives "not run".
"""

import csv
import functools
import io
import math
import re
import textwrap
from collections import defaultdict
from pathlib import Path

from benchmarks import registry
from benchmarks.leaders import better_by_group, better_by_task, leader_rows
from benchmarks.peers.install import peers
from benchmarks.tables import RESULTS, read_header, read_table

ROOT = Path(__file__).parent.parent
TEMPLATES = Path(__file__).parent / "pages"
PAGES = {
    "papers.rst": ROOT / "doc" / "papers.rst",
    "leaderboard.rst": ROOT / "doc" / "leaderboard.rst",
    "README.rst": ROOT / "benchmarks" / "README.rst",
}
REFERENCE = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)
NOT_RUN = "not run"
OURS, REMARKS = 4, 6  # columns of papers.csv
OVER = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}


def is_same(text, wanted):
    """Whether a cell is what a condition asks for, as text or as a number."""
    try:
        return text == wanted or float(text) == float(wanted)
    except ValueError:
        return False


def formatted(value, spec):
    """Return a cell by a format; text stays as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        return "not finite"
    text = format(number, spec) if spec else str(value)
    return text.replace("-", "") if not float(text.strip("%")) else text


def mean_cell(cells):
    """Return the mean of cells with numbers, or the different texts."""
    found = [cell for cell in cells if cell]
    try:
        numbers = [float(cell) for cell in found]
    except ValueError:
        return ", ".join(dict.fromkeys(found))
    return formatted(OVER["mean"](numbers), ".3f") if numbers else ""


def csv_table(lines, options=(), classes="breakable"):
    """Return rows as a table of reStructuredText; the first one is the head."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    head = [
        ".. csv-table::",
        f"   :class: {classes}",
        "   :header-rows: 1",
        *(f"   :{o}" for o in options),
        "",
    ]
    return "\n".join([*head, *(f"   {line}" for line in text.getvalue().splitlines())])


class Page:
    """One page in the making: the folder of tables, and which were referred to."""

    def __init__(self, folder):
        self.folder = folder
        self.used = []
        self.read = functools.cache(read_table)

    def rows(self, name):
        """Return the rows of a table; none where it was not run."""
        if name not in self.used:
            self.used.append(name)
        path = self.folder / f"{name}.csv"
        return self.read(path) if path.exists() else []

    def matching(self, name, conditions):
        """Return the rows of a table that fulfil conditions, "key=value" each."""
        pairs = [text.split("=", 1) for text in conditions]
        return [
            row
            for row in self.rows(name)
            if all(is_same(self.at(name, row, key), wanted) for key, wanted in pairs)
        ]

    def at(self, name, row, key):
        """Return a cell of a row of a table."""
        if key not in row:
            raise ValueError(f"table {name!r} has no column {key!r}")
        return row[key]

    def figure(self, over, name, conditions, column, spec):
        """Return one figure of the rows that match."""
        rows = self.matching(name, conditions)
        if over == "count":
            found = {self.at(name, row, column) for row in rows} if column else rows
            return str(len(found)) if self.rows(name) else NOT_RUN
        cells = [self.at(name, row, column) for row in rows]
        cells = [cell for cell in cells if cell]
        if not cells:
            return NOT_RUN
        if over:
            return formatted(OVER[over]([float(cell) for cell in cells]), spec)
        if len(set(cells)) > 1:
            raise ValueError(f"{len(cells)} rows of {name!r} match {conditions}")
        return formatted(cells[0], spec)

    def cell(self, text):
        """Return what a reference to cells stands for."""
        head, *rest = (part.strip() for part in text.split(":"))
        *over, name = head.split()
        conditions, column, spec = [*rest, "", "", ""][:3]
        conditions = next(csv.reader([conditions], skipinitialspace=True), [])
        if over == ["rows"]:
            return self.raw_rows(name, conditions, column)
        if over == ["means"]:
            return self.mean_rows(name, conditions, column, spec)
        spread = [text for text in conditions if "|" in text]
        over = over[0] if over else ""
        if not spread:
            return self.figure(over, name, conditions, column, spec)
        key, values = spread[0].split("=", 1)
        others = [text for text in conditions if text != spread[0]]
        figures = [
            self.figure(over, name, [*others, f"{key}={value}"], column, spec)
            for value in values.split("|")
        ]
        return NOT_RUN if {*figures} == {NOT_RUN} else " / ".join(figures)

    def raw_rows(self, name, conditions, columns):
        """Return the rows that match as a table."""
        columns = [column.strip() for column in columns.split(",")]
        rows = self.matching(name, conditions)
        if not rows:
            return NOT_RUN
        lines = [[self.at(name, row, column) for column in columns] for row in rows]
        return csv_table([[c.replace("_", " ") for c in columns], *lines])

    def mean_rows(self, name, conditions, keys, columns):
        """Return the means over the rows that agree in the keys, as a table."""
        keys, columns = (
            [c.strip() for c in text.split(",")] for text in (keys, columns)
        )
        groups = defaultdict(list)
        for row in self.matching(name, conditions):
            groups[tuple(self.at(name, row, key) for key in keys)].append(row)
        if not groups:
            return NOT_RUN
        head = [column.replace("_", " ") for column in [*keys, "rows", *columns]]
        lines = [
            [*key, len(group)]
            + [mean_cell([self.at(name, row, c) for row in group]) for c in columns]
            for key, group in groups.items()
        ]
        return csv_table([head, *lines])

    def picture(self, text):
        """Return the picture of a table with its caption."""
        name, caption = text.split(":", 1)
        if not self.rows(name) or not (RESULTS / f"{name}.png").exists():
            return f"{' '.join(caption.split()).rstrip('.')}: {NOT_RUN}"
        head = f".. figure:: ../benchmarks/results/{name}.png\n   :width: 680\n\n"
        lines = textwrap.wrap(" ".join(caption.split()), 84)
        return head + textwrap.indent("\n".join(lines), "   ")

    def papers(self):
        """Return the published results beside ours; without ours, no remark on them."""
        text = (TEMPLATES / "papers.csv").read_text(encoding="utf-8")
        lines = []
        for line in csv.reader(io.StringIO(text)):
            filled = [self.fill_cell(cell) for cell in line]
            if filled[OURS] == NOT_RUN != line[OURS]:
                filled[REMARKS] = ""
            lines.append(filled)
        return csv_table(lines, ["widths: 12 11 15 13 21 13 15"])

    def origin(self, name):
        """Return how a table was made: size, commit, seconds, CPU seconds, date."""
        path = self.folder / f"{name}.csv"
        if not path.exists():
            return [NOT_RUN, "", "", "", ""]
        header = read_header(path)
        commit = header.get("skmi", "commit not recorded")
        size = header.get("size", "not recorded").split(":")[0]
        others = {row.get("size", size) for row in self.rows(name)} - {size}
        size = ", ".join(
            [size, *(f"rows of size {other} of another run" for other in others)]
        )
        size += ", unfinished" if header.get("state") == "unfinished" else ""
        size += ", with rows " + header["other rows"] if "other rows" in header else ""
        times = (header.get(key, "") for key in ("seconds", "cpu_seconds"))
        return [size, commit, *times, header.get("date", "")]

    def inventory(self, names):
        """Return a table of tables: what each is of, and how it was made."""
        known = registry.tables()
        lines = [["table", "of", "size", "skmi", "seconds", "CPU seconds", "date"]]
        lines += [
            [name, known[name].about if name in known else "", *self.origin(name)]
            for name in names
        ]
        return csv_table(lines, ["widths: 16 30 8 18 8 8 10"])

    def versions(self):
        """Return the packages of the leaderboard, their versions and estimators."""
        rows = self.rows("leaderboard")
        if not rows:
            return NOT_RUN
        lines = [["package", "version", "estimators"]]
        for peer in peers().values():
            names = {*peer["quick"], *peer["slow"]}
            found = {row["version"] for row in rows if row["estimator"] in names}
            if peer["package"] != "skmi":
                said = ", ".join(sorted(names))
            else:
                said = f"{len(names)} estimators"
            lines.append([peer["package"], ", ".join(sorted(found)) or NOT_RUN, said])
        return csv_table(lines)

    def leaders(self, group, n_rows=""):
        """Return a group of the leaderboard: tasks, samples, seeds, and its table."""
        rows = [
            row
            for row in self.rows("leaderboard")
            if group in ("all", row["group"]) and n_rows in ("", row["rows"])
        ]
        if not rows:
            return NOT_RUN
        seeds = defaultdict(set)
        for row in rows:
            seeds[row["rows"]].add(row["seed"])
        sizes = sorted(seeds, key=int)
        numbers = " / ".join(str(len(seeds[size])) for size in sizes)
        said = f"Tasks: {len({row['task'] for row in rows})}; "
        said += f"samples: {' / '.join(sizes)}; seeds: {numbers}."
        table = csv_table(leader_rows(rows), classes="breakable sortable leaders")
        return f"{said}\n\n{table}"

    def better(self, where):
        """Return where other packages are closer to the truth than AutoMI."""
        rows = self.rows("leaderboard")
        lines = where(rows)
        if not rows:
            return NOT_RUN
        classes = "breakable sortable better"
        return csv_table(lines, classes=classes) if lines[1:] else "None."

    def expand(self, text):
        """Return what any reference stands for."""
        if text == "papers":
            return self.papers()
        if text == "inventory":
            return self.inventory(registry.tables())
        if text == "provenance":
            return self.inventory(self.used)
        if text == "versions":
            return self.versions()
        if text == "better by group":
            return self.better(better_by_group)
        if text == "better by task":
            return self.better(better_by_task)
        if text.startswith("figure "):
            return self.picture(text.removeprefix("figure "))
        if text.startswith("leaderboard:"):
            return self.leaders(*(part.strip() for part in text.split(":")[1:]))
        return self.cell(" ".join(text.split()))

    def fill_cell(self, template):
        """Return a cell with its references filled in; "not run" where none was."""
        found = {self.expand(text.strip()) for text in REFERENCE.findall(template)}
        return NOT_RUN if found == {NOT_RUN} else self.fill(template)

    def fill(self, template):
        """Return a template with its references filled in."""
        return REFERENCE.sub(lambda match: self.expand(match[1].strip()), template)


def render(name, folder=RESULTS):
    """Return the text of a page, of the tables in a folder."""
    template = (TEMPLATES / name).read_text(encoding="utf-8")
    return Page(folder).fill(template)


def write_pages():
    """Write all pages, or none where one cannot be made."""
    texts = {path: render(name) for name, path in PAGES.items()}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
