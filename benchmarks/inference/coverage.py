r"""Coverage of intervals of nominal 95 % on the tasks with known true value.

    python -m benchmarks run coverage
    python -m benchmarks run coverage_neighbors
    python -m benchmarks run coverage_wide

For each estimator the tasks where it is consistent: normal columns, a Gaussian copula,
a Student copula, and for neighbours and histograms all tasks of few columns. One row
for each task: how often the truth lies in the two-sided interval, and above the
one-sided limit; how often the fit warned that it is not converged, unreliable or
saturated, or said so by its `status_`; how often the interval held the truth or the fit
said no; the mean error, the spread of the estimates and the mean of the standard errors
given. The last rows of each estimator hold the number of tasks within 91 to 98 %, and
the coverage over all of them. Any estimator of skmi can be named in `--estimators`, and
in `--tasks` the mixtures of shapes.py and the families of tied.py too, these all
together by the word "tied", with the method "influence". The word "once" stands for the
forty tasks without those whose columns are increasing maps of those of another:
estimators that see ranks return the same there; "wide" for those of more than ten
columns in all.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from joblib import Parallel, delayed

import skmi
from benchmarks import tables
from benchmarks.accuracy import shapes, tied
from skmi.datasets import BENCHMARK_TASKS
from skmi.inference import confidence_interval

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "coverage": {
            "small": "--rows 100 --seeds 2 --resamples 5 --estimators GaussianMI"
            " --tasks 'normal 1x1'",
            "cpu": "--rows 300 1000 --seeds 30 --first-seed 50000 --estimators"
            " GaussianMI GaussianCopulaMI StudentCopulaMI",
        },
        "coverage_neighbors": {
            "small": "--rows 100 --seeds 2 --resamples 3 --estimators KSG"
            " HistogramMI --tasks 'normal 1x1' tied",
            "cpu": "--rows 200 1000 --seeds 10 --first-seed 70000"
            " --resamples 8 --estimators KSG MixedKSG HistogramMI --tasks"
            " once tied",
        },
        "coverage_wide": {
            "small": "--rows 100 --seeds 2 --estimators KSG --tasks wide"
            " --method influence",
            "cpu": "--rows 1000 --seeds 30 --first-seed 95000 --estimators KSG"
            " --tasks wide --method influence",
        },
    },
}
DOUBTS = skmi.ConvergenceWarning, skmi.SaturationWarning, skmi.ReliabilityWarning
TRUSTED = "ok", "zero"
TASKS = BENCHMARK_TASKS | shapes.families() | tied.families()
NORMAL = ("normal 1x1", "dense normal", "sparse normal")
COPULA = (*NORMAL, "normal_cdf", "bimodal", "wiggly", "half_cube")
ESTIMATORS = {
    "GaussianMI": skmi.GaussianMI(),
    "GaussianCopulaMI": skmi.GaussianCopulaMI(),
    "StudentCopulaMI": skmi.StudentCopulaMI(),
    "KSG": skmi.KSG(),
    "KSG weighted": skmi.KSG(variant="weighted", marginals="standard", n_neighbors=10),
}
MAPS = ("normal_cdf", "bimodal", "wiggly", "half_cube", "asinh")
CONSISTENT = {
    "GaussianMI": NORMAL,
    "GaussianCopulaMI": COPULA,
    "StudentCopulaMI": (*COPULA, "student", "asinh student"),
}
MOST_COLUMNS = {"KSG weighted": 10, "MixedKSG": 10, "HistogramMI": 4}
FEW_COLUMNS = 10
FOR_TIES = "MixedKSG", "HistogramMI"


def applies(name, task, n_columns):
    """Whether an estimator is consistent on a task, and meant for so many columns."""
    if n_columns > MOST_COLUMNS.get(name, np.inf):
        return False
    if name in FOR_TIES:
        return task.startswith("tied")
    return name not in CONSISTENT or (
        "spiral" not in task and task.startswith(CONSISTENT[name])
    )


def is_map(task):
    """Whether a task has the copula of another one of the forty."""
    return task.startswith(MAPS) and "spiral" not in task


def names_of(word):
    """Return the tasks that a word of `--tasks` stands for."""
    if word == "once":
        return [task for task in BENCHMARK_TASKS if not is_map(task)]
    if word == "wide":
        return [task for task in BENCHMARK_TASKS if count_columns(task) > FEW_COLUMNS]
    return list(tied.families()) if word == "tied" else [word]


def count_columns(task):
    """Return the number of columns of both sides of a task."""
    X, Y, _ = TASKS[task](n_samples=8, random_state=0)
    return X.shape[1] + (Y.shape[1] if Y.ndim > 1 else 1)


def make_estimator(name):
    """Return an estimator of the table, or one of skmi with default parameters."""
    return ESTIMATORS[name] if name in ESTIMATORS else getattr(skmi, name)()


def measure_once(name, task, n_rows, seed, options):
    """Return the figures of one estimator on one draw of a task."""
    torch.set_num_threads(1)
    X, Y, truth = TASKS[task](n_samples=n_rows, random_state=seed)
    tied_values = task.startswith("tied")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", skmi.SkmiWarning)
        interval = confidence_interval(
            make_estimator(name),
            X,
            Y,
            method="influence" if tied_values else options.method,
            n_resamples=options.resamples,
            random_state=seed,
        )
        estimator = make_estimator(name).fit(X, Y)
    doubt = any(issubclass(item.category, DOUBTS) for item in caught)
    doubt |= getattr(estimator, "status_", "ok") not in TRUSTED
    inside = interval.low <= truth <= interval.high
    return [
        doubt,
        inside,
        inside or doubt,
        interval.lower_limit <= truth,
        interval.mutual_info - truth,
        interval.standard_error,
    ]


def measure(name, task, n_rows, options):
    """Return the figures of one estimator on one task."""
    start = time.perf_counter()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    found = Parallel(options.jobs)(
        delayed(measure_once)(name, task, n_rows, seed, options) for seed in seeds
    )
    doubted, covered, held, above, errors, given = np.array(found, dtype=float).T
    return {
        "seeds": options.seeds,
        "covered": f"{covered.mean():.3f}",
        "above_limit": f"{above.mean():.3f}",
        "doubted": f"{doubted.mean():.3f}",
        "covered_or_doubted": f"{held.mean():.3f}",
        "bias": f"{errors.mean():.4f}",
        "spread": f"{errors.std(ddof=1):.4f}",
        "standard_error": f"{given.mean():.4f}",
        "seconds": f"{(time.perf_counter() - start) / options.seeds:.3f}",
    }


def summaries(rows):
    """Yield the rows that sum up those of one estimator."""
    covered, above = (
        np.array([float(row[key]) for row in rows])
        for key in ("covered", "above_limit")
    )
    common = {key: rows[0][key] for key in ("rows", "estimator", "seeds")}
    empty = dict.fromkeys(rows[0], "")
    within = int(((covered >= 0.91) & (covered <= 0.98)).sum())
    held = int((above >= 0.925).sum())
    yield {
        **empty,
        **common,
        "task": f"within, of {len(rows)} tasks",
        "covered": within,
        "above_limit": held,
    }
    yield {
        **empty,
        **common,
        "task": "mean",
        "covered": f"{covered.mean():.3f}",
        "above_limit": f"{above.mean():.3f}",
    }


def main():
    """Run all tasks and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--estimators", nargs="+", default=list(ESTIMATORS))
    parser.add_argument("--tasks", nargs="+", default=list(BENCHMARK_TASKS))
    parser.add_argument("--method", default="auto")
    parser.add_argument("--resamples", type=int, default=25)
    parser.add_argument("--jobs", type=int, default=1)
    options = tables.parse(parser, BENCHMARK)
    options.tasks = [name for task in options.tasks for name in names_of(task)]
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    table = []
    for n_rows in options.rows:
        for name in options.estimators:
            rows = []
            for task in options.tasks:
                if applies(name, task, count_columns(task)):
                    head = {"rows": n_rows, "estimator": name, "task": task}
                    rows.append({**head, **measure(name, task, n_rows, options)})
                    print(rows[-1], flush=True)
                    tables.write_table(options.out, [*table, *rows])
            table += [*rows, *(summaries(rows) if rows else [])]
            tables.write_table(options.out, table)


if __name__ == "__main__":
    main()
