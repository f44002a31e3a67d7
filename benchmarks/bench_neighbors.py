"""Time of KSG beside scikit-learn, NPEET and infomeasure, in one run.

    python benchmarks/bench_neighbors.py --out benchmarks/results/neighbors.csv

One row for each size: processor seconds of one fit on one thread, the best of three,
for us and for each peer that is installed, their ratio, and the growth exponent since
the size before. Peers that are not installed are left out.
"""

import argparse
import csv
import importlib
import time

import numpy as np
from sklearn.feature_selection import mutual_info_regression
from threadpoolctl import threadpool_limits

from skmi import KSG
from skmi.datasets import make_correlated_normal

SIZES = {1: (1000, 10_000, 100_000, 1_000_000), 5: (1000, 10_000, 30_000)}
LARGEST_FOR_PEERS = {1: 100_000, 5: 10_000}


def peers(d):
    """Return a function (X, Y) for each peer that can do the case."""
    found = {}
    if d == 1:
        found["scikit-learn"] = lambda X, Y: mutual_info_regression(
            X, Y[:, 0], random_state=0
        )
    for name, module, function in (
        ("NPEET", "npeet.entropy_estimators", "mi"),
        ("infomeasure", "infomeasure", "mutual_information"),
    ):
        try:
            call = getattr(importlib.import_module(module), function)
        except ImportError:
            continue
        if name == "NPEET":
            found[name] = lambda X, Y, call=call: call(X, Y, k=3)
        else:
            found[name] = lambda X, Y, call=call: call(X, Y, approach="ksg", k=3)
    return found


def seconds(call, repeats):
    """Return the least processor time of some calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def main():
    """Run all sizes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    fields = ["columns", "rows", "program", "seconds", "ratio_to_ours", "growth"]
    with (
        open(options.out, "w", newline="", encoding="utf-8") as file,
        threadpool_limits(1),
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        for d, sizes in SIZES.items():
            before = {}
            for n_rows in sizes:
                X, Y, _ = make_correlated_normal(n_rows, d, random_state=0)
                repeats = 3 if n_rows <= 100_000 else 1
                programs = {"skmi": lambda X, Y: KSG().fit(X, Y)}
                if n_rows <= LARGEST_FOR_PEERS[d]:
                    programs |= peers(d)
                ours = None
                for name, program in programs.items():
                    taken = seconds(lambda call=program: call(X, Y), repeats)  # noqa: B023
                    ours = taken if ours is None else ours
                    growth = ""
                    if name in before:
                        last_rows, last = before[name]
                        growth = np.log(taken / last) / np.log(n_rows / last_rows)
                        growth = f"{growth:.2f}"
                    before[name] = n_rows, taken
                    row = [
                        d,
                        n_rows,
                        name,
                        f"{taken:.4f}",
                        f"{taken / ours:.2f}",
                        growth,
                    ]
                    writer.writerow(row)
                    file.flush()
                    print(*row, flush=True)


if __name__ == "__main__":
    main()
