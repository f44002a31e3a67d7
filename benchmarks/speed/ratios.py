"""Seconds of skmi over those of scikit-learn, npeet_plus and an earlier version.

    python -m benchmarks run ratios
    python -m benchmarks.speed.ratios --earlier FOLDER

Everything is timed in one run, in turns, each the least of some CPU times of one thread
in a process of its own, npeet_plus in the environment that benchmarks.peers.install
makes. FOLDER is a tree of an earlier version, as ``git archive`` or
``git worktree`` give it. A ratio to it above 1.2 is named at the end, and the exit
status is 1.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks import tables
from benchmarks.peers import install

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "ratios": {
            "small": "--rows 300 --rounds 1",
            "cpu": "--rows 1000 --rounds 3",
        },
    },
}
CASES = {
    "KSG 1x1": "skmi.KSG().fit(X, y)",
    "KSG 5x5": "skmi.KSG().fit(X5, y5)",
    "GaussianCopulaMI 5x5": "skmi.GaussianCopulaMI().fit(X5, y5)",
    "AutoMI 1x1": "skmi.AutoMI(random_state=0).fit(X, y)",
    "InfoNCE 5x5": "skmi.InfoNCE(max_iter=20, random_state=0).fit(X5, y5)",
}
PEERS = {
    "over_scikit_learn": {
        "KSG 1x1": "mutual_info_regression(X, y[:, 0], random_state=0)",
    },
    "over_npeet_plus": {"KSG 1x1": "mi(X, y, k=3)", "KSG 5x5": "mi(X5, y5, k=3)"},
}
IMPORTS = {
    "skmi": "import skmi",
    "over_scikit_learn": (
        "from sklearn.feature_selection import mutual_info_regression"
    ),
    "over_npeet_plus": "from npeet_plus import mi",
}
SLOWER = 1.2
HERE = Path(__file__).parent.parent.parent


def measure_apart(code, imports, n_rows, tree, python):
    """Measure in a fresh process of an interpreter, with skmi from a tree."""
    command = [
        python,
        Path(__file__).with_name("timed.py"),
        json.dumps([code, imports, n_rows]),
    ]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def least(jobs, rounds, n_rows):
    """Return the least time of each job, taken in turns."""
    taken = {key: [] for key in jobs}
    for _ in range(rounds):
        for key, job in jobs.items():
            taken[key].append(measure_apart(*job[:2], n_rows, *job[2:]))
    return {key: min(times) for key, times in taken.items()}


def main():
    """Time all cases and write the table; return 1 if one is slower than before."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--earlier", type=Path, help="the tree of an earlier version")
    options = tables.parse(parser, BENCHMARK)
    table, slower = [], []
    npeet = install.python_of("npeet")
    for case, code in CASES.items():
        jobs = {"seconds": (code, IMPORTS["skmi"], HERE, sys.executable)}
        for key, peers in PEERS.items():
            python = npeet if key == "over_npeet_plus" else sys.executable
            if case in peers and python:
                jobs[key] = peers[case], IMPORTS[key], HERE, python
        if options.earlier:
            earlier = options.earlier.resolve()
            jobs["over_earlier"] = code, IMPORTS["skmi"], earlier, sys.executable
        found = least(jobs, options.rounds, options.rows)
        row = {"case": case, "rows": options.rows, "seconds": f"{found['seconds']:.4f}"}
        for key in ("over_scikit_learn", "over_npeet_plus", "over_earlier"):
            row[key] = f"{found['seconds'] / found[key]:.2f}" if key in found else ""
        slower += [case] if float(row["over_earlier"] or 0) > SLOWER else []
        table.append(row)
        tables.write_table(options.out, table)
        print(*row.values(), sep="  ", flush=True)
    if slower:
        print("slower than the earlier version:", *slower)
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
