"""Estimators of skmi and other packages on the same samples, with known true value.

    python -m benchmarks run leaderboard

Each package runs in its environment on files of samples (see benchmarks/peers). One row
for each fit: the outcome ("answer", "not finite", "refused" where an error was raised,
"left out" where the estimator is not made for such columns), the estimate, the 95 %
interval where the package gives one, the status and warnings, CPU seconds. Rows that
are there already, by the same versions, are not computed again, so that a run that was
cut off goes on; the small numbers of rows come first. There are ``--seeds`` seeds of up
to 300 rows, and fewer of more. Estimators of more than a second a fit run on ``FEW``
tasks, and on no more seeds than their module says.
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
            "small": "--groups 'forty tasks' --rows 100 --seconds 10 --few --seeds 1"
            " --modules ours scikit_learn",
            "cpu": "--rows 300 1000 3000 10000 --seconds 120 --seeds 10",
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


def flip_of(mutual_info):
    """Return how often a binary channel flips a fair bit of which it keeps so much."""
    chances = np.linspace(1e-9, 0.5, 100_001)
    entropy = -chances * np.log(chances) - (1 - chances) * np.log1p(-chances)
    return np.interp(-mutual_info, -np.log(2) + entropy, chances)


def digit_pairs(mutual_info):
    """Return a task of two images, of which the parities of the digits are dependent.

    The parity of y is that of x, flipped by a binary channel. An image shows its digit,
    so that the images share what the parities share (Lee and Rhee, 2024). No image is
    drawn twice on a side.
    """
    flip = flip_of(mutual_info)

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


TOPICS = 2
COMMON, OWN = 20, 40  # words of all texts, and of those of each topic


def text_pairs(mutual_info):
    """Return a task of two texts, of which the topics are dependent.

    The topic of y is that of x, changed by a binary channel. A text is a bag of about
    thirty words, which come from Zipf's law, and its columns are log(1 + count). It has
    a word of its topic at least, and none of the other: it shows its topic, so that the
    texts share what the topics share (Lee and Rhee, 2024).
    """
    flip = flip_of(mutual_info)
    chances = np.zeros((TOPICS, COMMON + TOPICS * OWN))
    for topic in range(TOPICS):
        own = COMMON + OWN * topic + np.arange(OWN)
        chances[topic, :COMMON] = 1 / (1 + np.arange(COMMON))
        chances[topic, own] = 1 / (1 + np.arange(OWN))
    chances /= chances.sum(axis=1, keepdims=True)

    def draw(n_samples, random_state):
        rng = np.random.RandomState(random_state)
        x_topic = rng.randint(TOPICS, size=n_samples)
        flips = rng.uniform(size=n_samples) < flip
        sides = []
        for topics in (x_topic, np.where(flips, 1 - x_topic, x_topic)):
            counts = rng.poisson(30 * chances[topics])
            first = COMMON + OWN * topics + rng.randint(OWN, size=n_samples)
            counts[np.arange(n_samples), first] += 1
            sides.append(np.log1p(counts))
        return *sides, mutual_info

    return draw


def groups(rows):
    """Return the tasks by group, each with its numbers of samples."""
    one = [min(1000, max(rows))]
    kinds = ("normal", 1), ("normal", 5), ("normal", 20), ("uniform", 1), ("heavy", 5)
    shared = (0, 0.2, 0.5)
    return {
        "forty tasks": (BENCHMARK_TASKS, rows),
        "thirteen mixtures": (shapes.published(), [n for n in rows if n >= min(one)]),
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
            {f"digits, {level:g} nats": digit_pairs(level) for level in shared},
            one,
        ),
        "texts": (
            {f"words, {level:g} nats": text_pairs(level) for level in shared},
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
    return done.stdout.strip() or "not known"


def jobs_of(peer, group, draws, n_samples, seeds, *, with_slow):
    """Yield (group, task, n_samples, seed, estimator) of one module and group."""
    most_rows = peer.get("most_rows", {})
    for task in draws:
        for place, seed in enumerate(seeds):
            for estimator in peer["quick"]:
                if n_samples <= most_rows.get(estimator, n_samples):
                    yield group, task, n_samples, seed, estimator
            if with_slow and task in FEW and place < peer.get("slow_seeds", 1):
                for estimator in peer["slow"]:
                    yield group, task, n_samples, seed, estimator


def n_seeds(options, n_samples):
    """Return the number of seeds: all of them up to 300 rows, fewer of more."""
    fewer = round(options.seeds * 300 / n_samples)
    return min(options.seeds, max(1, fewer))


def plan(options):
    """Return (group, tasks, n_samples, seeds, is_least), few samples first."""
    found = []
    for group, (draws, sizes) in groups(options.rows).items():
        if options.groups and group not in options.groups:
            continue
        if options.few:
            draws = {task: draw for task, draw in draws.items() if task in FEW}
        for n_samples in sizes:
            seeds = range(
                options.first_seed, options.first_seed + n_seeds(options, n_samples)
            )
            found.append((group, draws, n_samples, seeds, n_samples == min(sizes)))
    return sorted(found, key=lambda part: part[2])


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
    rows, peers = tables.kept_rows(options.out, of_any_version=True), install.peers()
    versions = {name: version_of(name, peers[name]) for name in options.modules}
    for name in options.modules:
        if versions[name] is None:
            print(f"{name} is not installed: left out", flush=True)
            continue
        own = {*peers[name]["quick"], *peers[name]["slow"]}
        rows = [
            row
            for row in rows
            if row["estimator"] not in own or row["version"] == versions[name]
        ]
    there = {tuple(str(row[key]) for key in JOB) for row in rows}
    for group, draws, n_samples, seeds, is_least in plan(options):
        for name in (name for name in options.modules if versions[name]):
            wanted = jobs_of(
                peers[name], group, draws, n_samples, seeds, with_slow=is_least
            )
            jobs = [job for job in wanted if tuple(map(str, job)) not in there]
            for part in (jobs[i : i + 100] for i in range(0, len(jobs), 100)):
                found = compute(name, draws, part, options.seconds)
                rows += [make_row(*result, versions[name]) for result in found]
                tables.write_table(options.out, rows)
                print(group, n_samples, name, len(part), "of", len(jobs), flush=True)
    tables.write_table(options.out, sorted(rows, key=in_order))


def in_order(row):
    """Return where a row stands in the table, however the run was cut off."""
    return row["group"], row["task"], int(row["rows"]), int(row["seed"])


if __name__ == "__main__":
    main()
