"""The columns of the leaderboard, from its table of single fits."""

import statistics
from collections import defaultdict

from benchmarks.peers.install import peers

HEAD = [
    "estimator",
    "fits",
    "mean absolute error",
    "AutoMI, same samples",
    "closer than AutoMI, %",
    "deviation over seeds",
    "CPU seconds",
    "interval covers true value, %",
    "wrong without warning, %",
    "errors",
    "not applicable",
]
FAR = 0.1  # wrong: off by more than this and as large a part of the truth, added
SAYS_RIGHT = ("", "ok", "zero")
LARGE = 1000  # above it a mean is written with an exponent
ROUNDING = 0.0005  # what the digits of a mean do not show
MARGIN = 0.02  # nats by which a task counts as one where another estimator is better


def task_of(row):
    """Return the key of a comparison: task, samples and seed."""
    return row["task"], row["rows"], row["seed"]


def error(row):
    """Return the error of an answer."""
    return float(row["estimate"]) - float(row["truth"])


def is_covered(row):
    """Whether the interval covers the true value; None without an interval."""
    if not row["low"]:
        return None
    return float(row["low"]) <= float(row["truth"]) <= float(row["high"])


def is_silent_fault(row):
    """Whether a fit is wrong without a warning, status or interval that shows it."""
    if row["outcome"] == "not finite":
        return not row["said"] and row["status"] in SAYS_RIGHT
    is_wrong = abs(error(row)) > FAR * (1 + float(row["truth"]))
    is_doubted = row["said"] or row["status"] not in SAYS_RIGHT or is_covered(row)
    return is_wrong and not is_doubted


def share(flags):
    """Return a share in percent, or "n/a" where nothing was counted."""
    return f"{100 * sum(flags) / len(flags):.0f}" if flags else "n/a"


def mean(values, digits):
    """Return a mean as text, or "n/a"."""
    if not values:
        return "n/a"
    found = statistics.fmean(values)
    return f"{found:.{digits}f}" if found < LARGE else f"{found:.1e}"


def spread(answers):
    """Return the mean over tasks of the deviation over seeds, or "n/a"."""
    by_task = defaultdict(list)
    for row in answers:
        by_task[row["task"], row["rows"]].append(error(row))
    found = [statistics.stdev(errors) for errors in by_task.values() if len(errors) > 1]
    return mean(found, 3)


def summarise(name, rows, reference):
    """Return the line of one estimator."""
    answers = [row for row in rows if row["outcome"] == "answer"]
    fits = [row for row in rows if row["outcome"] in ("answer", "not finite")]
    pairs = [
        (abs(error(row)), reference[task_of(row)])
        for row in answers
        if task_of(row) in reference
    ]
    covered = [is_covered(row) for row in answers if row["low"]]
    outcomes = [row["outcome"] for row in rows]
    return [
        name,
        len(fits),
        mean([abs(error(row)) for row in answers], 3),
        mean([other for _, other in pairs], 3),
        "n/a" if name == "AutoMI" else share([own < other for own, other in pairs]),
        spread(answers),
        mean([float(row["cpu_s"]) for row in answers], 3),
        share(covered),
        share([is_silent_fault(row) for row in fits]),
        outcomes.count("refused"),
        outcomes.count("left out"),
    ]


def errors_of_auto(rows):
    """Return the absolute errors of AutoMI by task, samples and seed."""
    return {
        task_of(row): abs(error(row))
        for row in rows
        if row["estimator"] == "AutoMI" and row["outcome"] == "answer"
    }


def leader_rows(rows):
    """Return the header and one line for each estimator, AutoMI first."""
    by_name = defaultdict(list)
    for row in rows:
        by_name[row["estimator"]].append(row)
    reference = errors_of_auto(rows)
    lines = [summarise(name, own, reference) for name, own in by_name.items() if own]
    lines.sort(key=lambda line: (line[0] != "AutoMI", str(line[0]).lower()))
    return [HEAD, *lines]


def compare(rows, part_of):
    """Yield (part, estimator, pairs of errors) of other packages on AutoMI's samples.

    A pair is the absolute error of an estimator and that of AutoMI on the same sample.
    """
    ours = {*peers()["ours"]["quick"], *peers()["ours"]["slow"]}
    reference, found = errors_of_auto(rows), defaultdict(list)
    for row in rows:
        is_other = row["estimator"] not in ours and row["outcome"] == "answer"
        if is_other and task_of(row) in reference:
            pair = abs(error(row)), reference[task_of(row)]
            found[part_of(row), row["estimator"]].append(pair)
    order = sorted(found, key=lambda key: (key[0][0], int(key[0][-1]), key))
    for part, name in order:
        yield part, name, found[part, name]


def better_rows(rows, part_of, margin=0.0):
    """Return a line wherever another package's mean error is below AutoMI's."""
    lines = []
    for part, name, pairs in compare(rows, part_of):
        own, other = (statistics.fmean(errors) for errors in zip(*pairs, strict=True))
        if own < other - max(margin, ROUNDING):
            lines.append([*part, name, len(pairs), f"{own:.3f}", f"{other:.3f}"])
    return lines


LAST = ["estimator", "fits", "mean absolute error", "AutoMI, same samples"]


def better_by_group(rows):
    """Return the groups and samples on which another package has the smaller error."""
    lines = better_rows(rows, lambda row: (row["group"], row["rows"]))
    return [["group", "samples", *LAST], *lines]


def better_by_task(rows):
    """Return the tasks on which another package is better by more than ``MARGIN``."""
    lines = better_rows(
        rows, lambda row: (row["group"], row["task"], row["rows"]), MARGIN
    )
    return [["group", "task", "samples", *LAST], *lines]
