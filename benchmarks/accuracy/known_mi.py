"""Errors of AutoMI, of the estimators without training and of peers on forty tasks.

    python -m benchmarks.accuracy.known_mi --rows 300 1000 3000 10000 --seeds 3 \
        --out benchmarks/results/known_mi.csv

One row for each task, number of rows and estimator: the mean error over seeds, its
spread, the mean absolute error of single fits and the most CPU seconds of one. The last
rows hold means over tasks, of each estimator and of the best of all on each task, which
no user could know. ``--estimators`` and ``--tasks`` run some of them.
"""

import argparse
import contextlib
import csv
import importlib.util
import io
import time

import numpy as np
from sklearn.feature_selection import mutual_info_regression

import skmi
from skmi.datasets import BENCHMARK_TASKS


class Peer:
    """The estimate of another package, behind the interface of ours."""

    def __init__(self, estimate):
        self.estimate = estimate

    def fit(self, X, Y):
        """Estimate the mutual information."""
        self.mutual_info_ = float(self.estimate(X, Y))
        return self


def scikit_learn(X, Y):
    """Return the estimate of scikit-learn, for one column on each side."""
    return mutual_info_regression(X, Y[:, 0], random_state=0)[0]


def infomeasure(X, Y):
    """Return the estimate of infomeasure by nearest neighbours."""
    call = importlib.import_module("infomeasure").mutual_information
    return call(X, Y, approach="ksg", k=3)


def torch_mist(X, Y):
    """Return the estimate of torch-mist by SMILE, on the rows that it trained on."""
    call = importlib.import_module("torch_mist").estimate_mi
    with contextlib.redirect_stdout(io.StringIO()):
        return call(
            (X.astype(np.float32), Y.astype(np.float32)),
            estimator="smile",
            hidden_dims=[64, 32],
            neg_samples=16,
            max_iterations=5000,
            verbose=False,
            logger=False,
        )


ESTIMATORS = {
    "AutoMI": skmi.AutoMI(random_state=0),
    "EllipticalCopulaMI": skmi.EllipticalCopulaMI(random_state=0),
    "KSG": skmi.KSG(random_state=0),
    "KSG weighted": skmi.KSG(
        variant="weighted", marginals="standard", n_neighbors=10, random_state=0
    ),
    "GaussianMI": skmi.GaussianMI(),
    "GaussianCopulaMI": skmi.GaussianCopulaMI(),
    "StudentCopulaMI": skmi.StudentCopulaMI(),
    "HistogramMI": skmi.HistogramMI(),
    "HistogramMI adaptive": skmi.HistogramMI(strategy="adaptive"),
    "KernelDensityMI": skmi.KernelDensityMI(),
    "scikit-learn": Peer(scikit_learn),
}
if importlib.util.find_spec("infomeasure"):
    ESTIMATORS["infomeasure"] = Peer(infomeasure)
if importlib.util.find_spec("torch_mist"):
    ESTIMATORS["torch-mist"] = Peer(torch_mist)
MOST_COLUMNS = {
    "scikit-learn": 2,
    "infomeasure": 10,
    "HistogramMI": 4,
    "HistogramMI adaptive": 4,
    "KernelDensityMI": 10,
    "KSG weighted": 10,
}
MOST_ROWS = {"KernelDensityMI": 3000}


def fits(name, n_rows, n_columns):
    """Whether an estimator is meant for so many rows and columns."""
    return n_columns <= MOST_COLUMNS.get(name, np.inf) and n_rows <= MOST_ROWS.get(
        name, np.inf
    )


def measure(task, n_rows, seeds, names):
    """Return the errors and times of each estimator on one task."""
    errors, times = {}, {}
    for seed in seeds:
        X, Y, truth = BENCHMARK_TASKS[task](n_samples=n_rows, random_state=seed)
        for name in names:
            estimator = ESTIMATORS[name]
            if fits(name, n_rows, X.shape[1] + Y.shape[1]):
                start = time.process_time()
                value = estimator.fit(X, Y).mutual_info_
                times.setdefault(name, []).append(time.process_time() - start)
                errors.setdefault(name, []).append(value - truth)
    return truth, errors, times


def main():
    """Run all tasks and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--estimators", nargs="+", default=list(ESTIMATORS))
    parser.add_argument("--tasks", nargs="+", default=list(BENCHMARK_TASKS))
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    fields = ["rows", "task", "truth", "estimator", "error", "spread"]
    fields += ["absolute_error", "most_cpu_s"]
    with open(options.out, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        for n_rows in options.rows:
            means = {}
            for task in options.tasks:
                truth, errors, times = measure(task, n_rows, seeds, options.estimators)
                for name, values in errors.items():
                    means.setdefault(name, []).append(abs(np.mean(values)))
                    row = [n_rows, task, f"{truth:.4f}", name, f"{np.mean(values):.4f}"]
                    row += [f"{np.std(values):.4f}", f"{np.abs(values).mean():.4f}"]
                    row += [f"{max(times[name]):.2f}"]
                    writer.writerow(dict(zip(fields, row, strict=True)))
                best = min(abs(np.mean(values)) for values in errors.values())
                means.setdefault("best of all", []).append(best)
                if "spiral" not in task:
                    means.setdefault("best of all, no spiral", []).append(best)
                file.flush()
                print(n_rows, task, f"best {best:.4f}", flush=True)
            for name, values in means.items():
                row = [n_rows, f"mean of {len(values)} tasks", "", name]
                row += [f"{np.mean(values):.4f}", "", "", ""]
                writer.writerow(dict(zip(fields, row, strict=True)))


if __name__ == "__main__":
    main()
