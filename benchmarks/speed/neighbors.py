"""Time and memory of KSG beside scikit-learn, NPEET and infomeasure, in one run.

    python -m benchmarks run neighbors

One row for each size and program: processor seconds of one fit on one thread, the best
of three, their ratio to ours, the growth exponent since the size before, and by how
much the fit raised the peak of the memory of a fresh process. Programs that are not
installed, here or by benchmarks.peers.install, are left out; where there is a CUDA
device, KSG on it is one more.
"""

import argparse
import importlib
import importlib.util
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import tables
from benchmarks.peers import install
from skmi.datasets import make_correlated_normal

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "neighbors": {
            "small": "--most-rows 1000",
            "cpu": "",
        },
    },
}
SIZES = {
    1: (1000, 10_000, 100_000, 1_000_000),
    5: (1000, 10_000, 100_000),
    25: (1000, 10_000),
}
LARGEST_FOR_PEERS = {1: 100_000, 5: 10_000, 25: 10_000}


def skmi(X, Y):
    """Fit ours."""
    return importlib.import_module("skmi").KSG().fit(X, Y)


def skmi_on_cuda(X, Y):
    """Fit ours on a CUDA device."""
    return importlib.import_module("skmi").KSG(device="cuda").fit(X, Y)


def scikit_learn(X, Y):
    """Fit scikit-learn's function, of one column with one."""
    module = importlib.import_module("sklearn.feature_selection")
    return module.mutual_info_regression(X, Y[:, 0], random_state=0)


def npeet(X, Y):
    """Fit NPEET, in the only form on the package index, npeet_plus."""
    return importlib.import_module("npeet_plus").mi(X, Y, k=3)


def infomeasure(X, Y):
    """Fit infomeasure."""
    call = importlib.import_module("infomeasure").mutual_information
    return call(X, Y, approach="ksg", k=3)


def find_peers():
    """Make what benchmarks.peers.install installed importable, after what is ours."""
    for name in ("npeet", "infomeasure"):
        python = install.python_of(name)
        if python:
            found = (python.parents[1] / "lib").glob("python*/site-packages")
            sys.path.extend(map(str, found))


def programs(d, n_rows):
    """Return the programs that can do the case."""
    find_peers()
    found = [skmi]
    if importlib.import_module("torch").cuda.is_available():
        found.append(skmi_on_cuda)
    if n_rows > LARGEST_FOR_PEERS[d]:
        return found
    for program, module in ((npeet, "npeet_plus"), (infomeasure, "infomeasure")):
        if importlib.util.find_spec(module):
            found.append(program)
    return [*found, scikit_learn] if d == 1 else found


def measure(program, d, n_rows):
    """Return the least processor time of some calls, and the memory in megabytes."""
    find_peers()
    X, Y, _ = make_correlated_normal(n_rows, d, random_state=0)
    with threadpool_limits(1):
        program(X[:50], Y[:50])  # imports
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        times = []
        while len(times) < 3 and sum(times) < 20:
            start = time.process_time()
            program(X, Y)
            times.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return min(times), (peak - before) / 1024


def measure_apart(*case):
    """Measure in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, *case).result()


def main():
    """Run all sizes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most-rows", type=int, default=10**9)
    options = tables.parse(parser, BENCHMARK)
    table = []
    for d, sizes in SIZES.items():
        before = {}
        for n_rows in sizes:
            if n_rows > options.most_rows:
                continue
            ours = None
            for program in programs(d, n_rows):
                taken, memory = measure_apart(program, d, n_rows)
                ours = ours or taken
                name, growth = program.__name__, ""
                if name in before:
                    last_rows, last = before[name]
                    growth = np.log(taken / last) / np.log(n_rows / last_rows)
                    growth = f"{growth:.2f}"
                before[name] = n_rows, taken
                table.append(
                    {
                        "columns": d,
                        "rows": n_rows,
                        "program": name,
                        "seconds": f"{taken:.4f}",
                        "ratio_to_ours": f"{taken / ours:.2f}",
                        "growth": growth,
                        "peak_megabytes": f"{memory:.0f}",
                    }
                )
                tables.write_table(options.out, table)
                print(*table[-1].values(), flush=True)


if __name__ == "__main__":
    main()
