"""Every public estimator on thousands of difficult tables: estimates and errors.

    python -m benchmarks run soak

A case is a pair of blocks of all shapes, types, scales and layouts, with ties, copies,
constants, missing values, text and objects. An answer is finite throughout; a refusal
is a ValueError, TypeError or FloatingPointError that skmi or scikit-learn's validation
has raised in words of its own. Everything else, a warning that is not of skmi and a fit
of more than a minute among it, is a fault and is printed. The table counts answers,
refusals by what they say, numbers left out, and faults.
"""

import argparse
import contextlib
import re
import signal
from collections import Counter

import numpy as np

from benchmarks import tables
from tests.oddities import draw_case, judge, soak_instances

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "soak": {
            "small": "--cases 40",
            "cpu": "--cases 2500 --seed 7",
        },
    },
}
SECONDS = 60


@contextlib.contextmanager
def time_limit():
    """Interrupt what takes too long."""

    def stop(*_):
        raise TimeoutError(f"no answer after {SECONDS} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def general(message, name):
    """Return a message without what depends on the case."""
    message = " ".join(message.split()).replace(name, "*")
    message = re.sub(r"(?<=not supported).*", "", message)
    message = re.sub(r"(\[[^]]*\]|\([^)]*\)|'[^']*')", "*", message)
    message = re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "N", message)
    return re.split(r"(?<=[.;:]) ", message)[0][:100]


def main():
    """Run the cases, each by the next estimator, and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = tables.parse(parser, BENCHMARK)
    rng = np.random.RandomState(options.seed)
    estimators = soak_instances()
    counts = Counter()
    for i in range(options.cases):
        estimator, case = estimators[i % len(estimators)], draw_case(rng)
        with time_limit():
            outcome, message, fault = judge(estimator, case)
        if fault is not None:
            print(estimator, case, fault, sep="\n", end="\n\n", flush=True)
            outcome = "fault"
        counts[outcome, general(message, type(estimator).__name__)] += 1
    rows = [
        {"outcome": outcome, "message": message, "cases": count}
        for (outcome, message), count in counts.most_common()
    ]
    total = Counter()
    for row in rows:
        total[row["outcome"]] += row["cases"]
    for outcome in ("answer", "ValueError", "TypeError", "FloatingPointError", "fault"):
        rows.append({"outcome": outcome, "message": "in all", "cases": total[outcome]})
        print(outcome, total[outcome])
    tables.write_table(options.out, rows)


if __name__ == "__main__":
    main()
