"""Estimators of skmi and of other packages on the same samples of known information.

    python -m benchmarks run leaderboard

Each package runs in its environment on files of samples (see benchmarks/peers). One row
for each fit: the outcome ("answer", "not finite", "refused" where an error was raised,
"left out" where the estimator is not made for such columns), the estimate, the 95 %
interval where the package gives one, the status and warnings, CPU seconds. Rows that
are there already, by the same versions, are not computed again, so that a run that was
cut off goes on. Estimators of more than a second a fit run on ``FEW`` tasks.
"""

import argparse
import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import skmi
from benchmarks import tables
from benchmarks.accuracy import shapes, tied
from benchmarks.peers import install
from skmi.datasets import BENCHMARK_TASKS, make_correlated_normal

BENCHMARK = {
    "data": "drawn; digits of scikit-learn",
    "tables": {
        "leaderboard": {
            "small": "--groups 'forty tasks' --rows 100 --seconds 10 --few"
            " --modules ours scikit_learn",
            "cpu": "--rows 300 --seconds 60",
        },
    },
}
FEW = (
    "normal 1x1",
    "additive noise 0.75",
    "dense normal 5x5",
    "spiral 3x3",
    "student 3x3 dof 2",
    "normal 5x5, 5 nats",
    "independent normal 5x5",
    "cross 1x1",
)
JOB = ("group", "task", "rows", "seed", "estimator")
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(Path(skmi.__file__).parent.parent),
}
LEVELS = (0.5, 1.0, 2.0, 5.0, 10.0)


def normal(n_columns, mutual_info):
    """Return a task of normal columns of known mutual information."""
    return functools.partial(
        make_correlated_normal, n_features=n_columns, mutual_info=mutual_info
    )


def independent(kind, n_columns):
    """Return a task of independent blocks."""

    def draw(n_samples, random_state):
        rng = np.random.RandomState(random_state)
        shape = 2, n_samples, n_columns
        if kind == "normal":
            return *rng.standard_normal(shape), 0.0
        if kind == "uniform":
            return *rng.uniform(size=shape), 0.0
        return *rng.standard_t(2, size=shape), 0.0

    return draw


def altered(change, mutual_info=1.0):
    """Return a task of two normal columns that are changed without losing anything."""

    def draw(n_samples, random_state):
        X, y, truth = make_correlated_normal(
            n_samples, 1, mutual_info=mutual_info, random_state=random_state
        )
        return *change(X, y), truth

    return draw


ODD = {
    "large offset": altered(lambda X, y: (X + 1e7, y - 1e7)),
    "small scale": altered(lambda X, y: (1e-12 * X, 1e12 * y)),
    "repeated column": altered(lambda X, y: (np.hstack([X, X]), y)),
    "constant column": altered(lambda X, y: (np.hstack([X, np.ones_like(X)]), y)),
    "exponential scale": altered(lambda X, y: (np.exp(5 * X), y**3)),
    "only a constant": lambda n_samples, random_state: (
        np.ones((n_samples, 1)),
        np.random.RandomState(random_state).standard_normal((n_samples, 1)),
        0.0,
    ),
}


def digit_pairs(mutual_info):
    """Return a task of two images, of which the parities of the digits are dependent.

    The parity of y is that of x, flipped by a binary channel. An image shows its digit,
    so that the images share what the parities share (Lee and Rhee, 2024). No image is
    drawn twice on a side.
    """
    chances = np.linspace(1e-9, 0.5, 100_001)
    entropy = -chances * np.log(chances) - (1 - chances) * np.log1p(-chances)
    flip = np.interp(-mutual_info, -np.log(2) + entropy, chances)

    def draw(n_samples, random_state):
        rng = np.random.RandomState(random_state)
        images, digits = load_digits(return_X_y=True)
        x_odd = np.arange(n_samples) % 2
        y_odd = np.where(rng.uniform(size=n_samples) < flip, 1 - x_odd, x_odd)
        sides = []
        for odd in (x_odd, y_odd):
            rows = np.empty(n_samples, dtype=int)
            for parity in (0, 1):
                wanted = np.flatnonzero(odd == parity)
                found = np.flatnonzero(digits % 2 == parity)
                rows[wanted] = rng.choice(found, len(wanted), replace=False)
            sides.append(images[rows])
        return *sides, mutual_info

    return draw


def groups(rows):
    """Return the tasks by group, each with its numbers of samples."""
    one = [min(1000, max(rows))]
    kinds = ("normal", 1), ("normal", 5), ("normal", 20), ("uniform", 1), ("heavy", 5)
    return {
        "forty tasks": (BENCHMARK_TASKS, rows),
        "0.5 to 10 nats": (
            {
                f"normal {d}x{d}, {level:g} nats": normal(d, level)
                for d in (1, 5)
                for level in LEVELS
            },
            one,
        ),
        "10 to 100 samples": (
            {"normal 1x1": normal(1, 1.0), "normal 2x2": normal(2, 1.0)},
            [10, 30, 100],
        ),
        "independence": (
            {f"independent {kind} {d}x{d}": independent(kind, d) for kind, d in kinds},
            [min(300, max(rows))],
        ),
        "mixtures": (shapes.families(), one),
        "odd data": (tied.families() | ODD, [min(300, max(rows))]),
        "images": (
            {f"digits, {level:g} nats": digit_pairs(level) for level in (0, 0.2, 0.5)},
            one,
        ),
    }


def version_of(name, peer):
    """Return the version of a module's package in its environment, or None."""
    python = install.python_of(name)
    if python is None:
        return None
    if name == "ours":
        return tables.library_version()
    code = f"from importlib import metadata as m; print(m.version({peer['package']!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() or None


def jobs_of(peer, group, draws, rows, seeds):
    """Yield (task, n_samples, seed, estimator) for one module and group."""
    for task in draws:
        for n_samples in rows:
            for seed in seeds:
                for estimator in peer["quick"]:
                    yield group, task, n_samples, seed, estimator
                if task in FEW and n_samples == min(rows):
                    for estimator in peer["slow"]:
                        yield group, task, n_samples, seed, estimator


def as_numbers(block):
    """Return a block of two dimensions; labels become codes."""
    block = np.asarray(block)
    if block.dtype.kind in "OUS":
        block = np.unique(block, return_inverse=True)[1]
    return np.reshape(block, (len(block), -1))


def compute(name, draws, jobs, seconds):
    """Run jobs of one module in its environment; return their rows."""
    truths, files, lines = {}, [], {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for _, task, n_samples, seed, estimator in jobs:
            file = f"{list(draws).index(task)}_{n_samples}_{seed}.npz"
            if file not in truths:
                X, y, truths[file] = draws[task](n_samples=n_samples, random_state=seed)
                blocks = {"X": as_numbers(X), "y": as_numbers(y)}
                np.savez(folder / file, **blocks)
            files.append((file, estimator))
        (folder / "jobs.json").write_text(json.dumps(files), encoding="utf-8")
        files_of = [install.FOLDER / "worker.py", install.FOLDER / f"{name}.py", folder]
        command = [install.python_of(name), "-P", *files_of, str(seconds)]
        subprocess.run(command, env=ENVIRONMENT)
        results = folder / "results.jsonl"
        if results.exists():
            for line in results.read_text(encoding="utf-8").splitlines():
                file, estimator, found = json.loads(line)
                lines[file, estimator] = found
    for job, key in zip(jobs, files, strict=True):
        found = lines.get(key, {"outcome": "refused", "said": "the process ended"})
        yield job, truths[key[0]], found


def make_row(job, truth, found, version):
    """Return the row of one fit."""
    figures = {
        key: f"{found[key]:.5g}" if key in found else ""
        for key in ("estimate", "low", "high", "cpu_s")
    }
    said = {key: found.get(key, "") for key in ("outcome", "status", "said")}
    head = dict(zip(JOB, job, strict=True))
    return {**head, "truth": f"{truth:.4f}", **figures, **said, "version": version}


def main():
    """Run what is missing, module by module, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[300])
    parser.add_argument("--groups", nargs="+")
    parser.add_argument("--modules", nargs="+", default=list(install.peers()))
    parser.add_argument("--few", action="store_true", help="only the tasks of FEW")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    options = tables.parse(parser, BENCHMARK)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    rows = tables.read_table(options.out) if options.out.exists() else []
    for group, (draws, sizes) in groups(options.rows).items():
        if options.groups and group not in options.groups:
            continue
        if options.few:
            draws = {task: draw for task, draw in draws.items() if task in FEW}
        for name in options.modules:
            peer = install.peers()[name]
            version = version_of(name, peer)
            if version is None:
                print(f"{name} is not installed: left out", flush=True)
                continue
            own = {*peer["quick"], *peer["slow"]}
            rows = [
                row
                for row in rows
                if row["estimator"] not in own or row["version"] == version
            ]
            there = {tuple(str(row[key]) for key in JOB) for row in rows}
            jobs = [
                job
                for job in jobs_of(peer, group, draws, sizes, seeds)
                if tuple(map(str, job)) not in there
            ]
            for part in (jobs[i : i + 100] for i in range(0, len(jobs), 100)):
                found = compute(name, draws, part, options.seconds)
                rows += [make_row(*result, version) for result in found]
                tables.write_table(options.out, rows)
                print(group, name, len(part), "of", len(jobs), flush=True)
    tables.write_table(options.out, rows)


if __name__ == "__main__":
    main()
