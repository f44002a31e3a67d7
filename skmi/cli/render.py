"""The report of the command line: as text, as a record for JSON, as a picture."""

import math
from pathlib import Path
from typing import Any, NamedTuple, Self

from skmi.cli.outputs import opened
from skmi.cli.reading import STREAM, TableError, one_line
from skmi.display import FeatureRankingDisplay
from skmi.display._style import require_matplotlib

__all__ = [
    "Finding",
    "Pair",
    "Report",
    "draw",
    "format_pvalue",
    "picture_format",
    "printable",
    "render_record",
    "render_text",
]

WIDEST_NAME, WIDEST_TWIN = 17, 10  # characters, for lines of 80; more on wider ones
COLUMNS = 80

MOST_PAIRS = 5  # pairs that are printed; the record has all of them

LEGEND = """\
MI: mutual information; se: its standard error; 0-1: sqrt(1 - exp(-2 MI)),
the correlation of normal variables with as much; p-value: of the feature
alone, the target permuted {n_permutations} times or more, for all features together;
step p: given those selected before it, or jointly with the other one of its
pair; *: selected by step p; a feature without one adds nothing significant to
the selected ones, even if significant alone; redundant: the feature that
shares most of its MI; label: text, or whole numbers of at most 10 values.
Missing values of a feature count as a value of their own."""

PAIR_LEGEND = "Synergy: MI of both together less the MI of each."


class Finding(NamedTuple):
    """One feature and its dependence with the target."""

    feature: str
    type: str  # "continuous" or "discrete"
    mutual_info: float
    standard_error: float
    ceiling: float  # largest value that the estimate can take
    scale: float  # from 0 to 1
    pvalue: float  # of the feature alone
    step_pvalue: float | None  # by which it was selected
    selected: bool
    redundant_with: str | None


class Pair(NamedTuple):
    """Two features that are more informative together than alone."""

    first: str
    second: str
    mutual_info: float
    synergy: float
    pvalue: float


class Report(NamedTuple):
    """Everything that is printed, written or drawn."""

    table: str
    n_rows: int
    n_dropped: int  # samples without a target
    target: str
    target_type: str
    n_permutations: int
    findings: list[Finding]  # the largest mutual information first
    pairs: list[Pair]
    unit: str = "nats"

    def in_bits(self) -> Self:
        """Return the same report with its amounts in bits."""
        return self._replace(
            findings=[_in_bits(finding) for finding in self.findings],
            pairs=[_in_bits(pair) for pair in self.pairs],
            unit="bits",
        )


def _in_bits(record: Any) -> Any:
    amounts = {"mutual_info", "standard_error", "ceiling", "synergy"}
    amounts &= set(record._fields)
    return record._replace(
        **{name: getattr(record, name) / math.log(2) for name in amounts}
    )


def render_text(report: Report, columns: int = COLUMNS) -> str:
    """Lay the report out as text, for a terminal of so many columns."""
    room = max(columns - COLUMNS, 0) // 2  # for each of the two names on a line
    dropped = ""
    if report.n_dropped:
        dropped = f", {report.n_dropped} without a target left out"
    parts = [
        f"{printable(report.table)}: {report.n_rows} rows{dropped}\n"
        f"target: {printable(report.target)} ({report.target_type})",
        format_findings(report.findings, report.unit, room),
    ]
    if report.pairs:
        parts.append(format_pairs(report.pairs, report.unit, room))
    legend = LEGEND.format(n_permutations=report.n_permutations)
    if report.pairs:
        legend = f"{legend}\n{PAIR_LEGEND}"
    return "\n\n".join([*parts, legend])


def format_findings(findings: list[Finding], unit: str, room: int = 0) -> str:
    """Lay the findings out as a table, with room beyond lines of 80 characters."""
    names = [shorten(f.feature, WIDEST_NAME + room) for f in findings]
    width = max(len("feature"), *map(len, names))
    head = f"{'feature':<{width}}  {'type':<6}  {f'MI ({unit})':>9}  {'se':>5}"
    lines = [f"{head}  {'0-1':>4}  {'p-value':>7}  {'step p':>7}   redundant"]
    for f, name in zip(findings, names, strict=True):
        kind = "number" if f.type == "continuous" else "label"
        step = "" if f.step_pvalue is None else format_pvalue(f.step_pvalue)
        line = (
            f"{name:<{width}}  {kind:<6}  {f.mutual_info:>9.3f}  "
            f"{f.standard_error:>5.3f}  {f.scale:>4.2f}  {format_pvalue(f.pvalue):>7}  "
            f"{step:>7}{'*' if f.selected else ' '}  "
            f"{shorten(f.redundant_with or '', WIDEST_TWIN + room)}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def format_pairs(pairs: list[Pair], unit: str, room: int = 0) -> str:
    """List the pairs of the largest synergy."""
    shown, width = pairs[:MOST_PAIRS], 21 + room
    texts = [f"{shorten(p.first, width)} and {shorten(p.second, width)}" for p in shown]
    width = max(map(len, texts))
    lines = [f"{'':<{width}}  {f'MI ({unit})':>9}  {'synergy':>7}  {'p-value':>7}"]
    for pair, text in zip(shown, texts, strict=True):
        lines.append(
            f"{text:<{width}}  {pair.mutual_info:>9.3f}  {pair.synergy:>7.3f}  "
            f"{format_pvalue(pair.pvalue):>7}"
        )
    return "\n".join(["More informative together than alone:", *lines])


def format_pvalue(pvalue: float) -> str:
    """Four decimals of a p-value, which is never printed as zero."""
    return "<0.0001" if pvalue < 1e-4 else f"{pvalue:.4f}"


def render_record(report: Report) -> dict[str, Any]:
    """Return the report as a dictionary that JSON can hold."""
    return {
        "table": report.table,
        "n_rows": report.n_rows,
        "target": report.target,
        "target_type": report.target_type,
        "unit": report.unit,
        "n_permutations": report.n_permutations,
        "features": [finding._asdict() for finding in report.findings],
        "interactions": [pair._asdict() for pair in report.pairs],
    }


def picture_format(path: str) -> str:
    """Format of a picture, by the suffix of its file; raise for unknown ones."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    suffix = Path(path).suffix[1:].lower() if path != STREAM else "png"
    if suffix and suffix not in known:
        raise TableError(
            f"cannot draw to {path}: its suffix is none of {', '.join(sorted(known))}"
        )
    return suffix or "png"


def draw(report: Report, path: str) -> None:
    """Draw the ranking of the features to a file, or to standard output for "-"."""
    columns = dict(
        zip(Finding._fields, zip(*report.findings, strict=True), strict=True)
    )
    display = FeatureRankingDisplay(
        names=[printable(name) for name in columns["feature"]],
        scores=columns["mutual_info"],
        pvalues=columns["pvalue"],
        support=columns["selected"],
        redundant_with=columns["redundant_with"],
        standard_error=columns["standard_error"],
        unit=report.unit,
        step_pvalues=[math.nan if p is None else p for p in columns["step_pvalue"]],
    )
    display.plot(name=f"Features informative about {shorten(report.target, 40)}")
    try:
        with opened(path) as file:
            display.figure_.savefig(file, dpi=150, format=picture_format(path))
    except ValueError as error:
        raise TableError(f"cannot draw to {path}: {one_line(error)}") from None
    finally:
        require_matplotlib("--plot").close(display.figure_)


def shorten(name: str, width: int) -> str:
    """Cut a name, its control characters escaped, to a width."""
    name = printable(name)
    return name if len(name) <= width else name[: width - 3] + "..."


def printable(text: str) -> str:
    """Escape the characters of a text that would act on a terminal."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )
