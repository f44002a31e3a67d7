r"""Accuracy and time of the estimators on pairs of known mutual information.

    python -m benchmarks.accuracy.accuracy --seeds 5 \
        --out benchmarks/results/accuracy.csv

One row for each estimator and task: the mean error over seeds, its spread, the mean
standard error that the estimator gave, and the longest fit on one core in seconds.
"""

import argparse
import csv
import time
import warnings

import numpy as np
import torch

import skmi
from skmi.datasets import make_correlated_normal

CRITICS = ("NWJ", "DonskerVaradhan", "InfoNCE")


def cases():
    """Return (estimator, settings, task, arguments) for each row of the table."""
    for name in CRITICS:
        for value in (0.0, 0.5, 1.0, 2.0):
            data = {"n_samples": 5000, "n_features": 5, "mutual_info": value}
            yield name, {}, f"normal 5x5, {value} nats, n=5000", data
    for name in CRITICS:
        data = {"n_samples": 1000, "n_features": 5, "mutual_info": 1.0}
        for cv in (None, 5):
            yield name, {"cv": cv}, f"normal 5x5, 1.0 nats, n=1000, cv={cv}", data
    for value in (0.0, 0.5, 2.0):
        data = {"n_samples": 3000, "n_features": 1, "mutual_info": value}
        yield "KSG", {}, f"normal 1x1, {value} nats, n=3000", data


def measure(name, settings, data, seeds, first_seed):
    """Fit once for each seed; return the row of figures."""
    errors, given, times = [], [], []
    for seed in range(first_seed, first_seed + seeds):
        X, Y, truth = make_correlated_normal(**data, random_state=seed)
        start = time.perf_counter()
        estimator = getattr(skmi, name)(random_state=seed, **settings).fit(X, Y)
        times.append(time.perf_counter() - start)
        errors.append(estimator.mutual_info_ - truth)
        given.append(estimator.standard_error_)
    return {
        "mean_error": f"{np.mean(errors):.4f}",
        "spread": f"{np.std(errors, ddof=1):.4f}",
        "standard_error": f"{np.mean(given):.4f}",
        "longest_fit_s": f"{max(times):.2f}",
    }


def main():
    """Run all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with (
        open(options.out, "w", newline="", encoding="utf-8") as file,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", skmi.ConvergenceWarning)
        writer = None
        for name, settings, task, data in cases():
            figures = measure(name, settings, data, options.seeds, options.first_seed)
            row = {"estimator": name, "task": task, "seeds": options.seeds, **figures}
            if writer is None:
                writer = csv.DictWriter(file, row, lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            print(row, flush=True)


if __name__ == "__main__":
    main()
