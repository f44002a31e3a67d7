"""Errors of KernelDensityMI by bandwidth, with kernels of one width or adaptive ones.

    python -m benchmarks run kernels

One row for each task of at most ten columns, among them independent ones, and each
setting: the mean error over seeds. The last rows hold the mean absolute error.
"""

import argparse
import itertools

import numpy as np

from benchmarks import tables
from skmi import KernelDensityMI
from skmi.datasets import BENCHMARK_TASKS

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "kernels": {
            "small": "--rows 100 --seeds 1",
            "cpu": "--rows 400 2000 --seeds 3",
        },
    },
}
MOST_COLUMNS = 10


def independent(n_columns):
    """Return a task of independent normal columns."""

    def draw(n_samples, random_state):
        rng = np.random.RandomState(random_state)
        return *rng.standard_normal((2, n_samples, n_columns)), 0.0

    return draw


def main():
    """Run all tasks and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[400, 2000])
    parser.add_argument("--seeds", type=int, default=3)
    options = tables.parse(parser, BENCHMARK)
    tasks = dict(BENCHMARK_TASKS)
    tasks |= {f"independent {d}x{d}": independent(d) for d in (1, 2, 5)}
    settings = list(itertools.product(("silverman", "likelihood"), (False, True)))
    fields, table = ["rows", "task", "bandwidth", "adaptive", "error"], []
    for n_rows in options.rows:
        means = {setting: [] for setting in settings}
        for task, draw in tasks.items():
            data = [
                draw(n_samples=n_rows, random_state=s) for s in range(options.seeds)
            ]
            if data[0][0].shape[1] + data[0][1].shape[1] > MOST_COLUMNS:
                continue
            for bandwidth, adaptive in settings:
                estimator = KernelDensityMI(bandwidth=bandwidth, adaptive=adaptive)
                error = np.mean(
                    [estimator.fit(X, Y).mutual_info_ - t for X, Y, t in data]
                )
                means[bandwidth, adaptive].append(abs(error))
                row = [n_rows, task, bandwidth, adaptive, f"{error:.4f}"]
                table.append(dict(zip(fields, row, strict=True)))
        for (bandwidth, adaptive), values in means.items():
            name = f"mean of {len(values)} tasks"
            row = [n_rows, name, bandwidth, adaptive, f"{np.mean(values):.4f}"]
            table.append(dict(zip(fields, row, strict=True)))
            print(*row, flush=True)
        tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
