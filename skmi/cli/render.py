"""The report as text."""

import math

import numpy as np

import skmi
from skmi.exceptions import warn

MOST_PAIRS = 5


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
            warn(
                f"column {column.name!r} holds text that is mostly different in each "
                "row; as labels it tells little but which values are missing. If it "
                "holds numbers, write them plainly.",
                skmi.SkmiWarning,
            )
