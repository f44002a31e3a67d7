"""The four critics on families of known mutual information.

    python -m benchmarks run critics

InfoNCE and NWJ with default parameters but for the critic, 3000 rows. One row for each
family: the mean error of each critic over seeds and its mean time on one core; the last
row holds the mean absolute error over families.
"""

import argparse
import time
import warnings

import numpy as np
import torch

import skmi
from benchmarks import tables
from skmi.critics import CRITICS
from skmi.datasets import BENCHMARK_TASKS

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "critics": {
            "small": "--rows 200 --seeds 1 --tasks 'normal 1x1'",
            "cpu": "--rows 3000 --seeds 1",
        },
    },
}
TASKS = (
    "normal 1x1",
    "additive noise 0.1",
    "swiss_roll 1x1",
    "dense normal 5x5",
    "sparse normal 25x25",
    "normal_cdf 5x5",
    "half_cube 5x5",
    "spiral 3x3",
    "student 3x3 dof 2",
)


def main():
    """Run all families and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    table, span = [], (options.first_seed, options.first_seed + options.seeds)
    for name in ("InfoNCE", "NWJ"):
        absolute = []
        for task in options.tasks:
            row = {"estimator": name, "task": task}
            for critic in sorted(CRITICS):
                errors, start = [], time.process_time()
                for seed in range(*span):
                    X, Y, truth = BENCHMARK_TASKS[task](
                        n_samples=options.rows, random_state=seed
                    )
                    model = getattr(skmi, name)(critic=critic, random_state=seed)
                    try:
                        errors.append(model.fit(X, Y).mutual_info_ - truth)
                    except FloatingPointError:  # diverged, and says so
                        errors.append(np.nan)
                row |= {"truth": f"{truth:.3f}", critic: f"{np.mean(errors):.3f}"}
                seconds = (time.process_time() - start) / len(errors)
                row[f"{critic}_s"] = f"{seconds:.1f}"
            absolute.append([abs(float(row[critic])) for critic in sorted(CRITICS)])
            table.append(row)
            print(row, flush=True)
            tables.write_table(options.out, table)
        means = np.nanmean(absolute, axis=0)
        last = dict.fromkeys(row, "") | {"estimator": name, "task": "mean absolute"}
        last |= {c: f"{m:.3f}" for c, m in zip(sorted(CRITICS), means, strict=True)}
        table.append(last)
    tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
