"""One large fit from a memory map, and a stream: seconds and memory by rows.

    python -m benchmarks run large

InfoNCE with a separable critic on 100 columns of X in single precision, of which the
first tells 0.35 nats about y; one epoch. Each row of the table is a process of its own:
CPU seconds of the fit in one thread, and by how much it raised the peak of the memory
above that with all of the data read once. "stream" passes the same rows to
`partial_fit`, 10,000 at a time, without ever holding all. The last column is the
exponent by which the seconds grow from the row before.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np

from benchmarks import tables

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "large": {
            "small": "--rows 10000 20000 --ways map",
            "cpu": "",
        },
    },
}
N_COLUMNS = 100
BATCH = 10_000


def draw(n_rows, seed):
    """Draw normal rows and a noisy copy of the first column."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, N_COLUMNS), dtype=np.float32)
    return X, X[:, 0] + rng.standard_normal(n_rows, dtype=np.float32)


def write_map(path, n_rows):
    """Write X to a file part by part; return y."""
    X = np.memmap(path, np.float32, "w+", shape=(n_rows, N_COLUMNS))
    y = np.empty(n_rows, np.float32)
    for start in range(0, n_rows, BATCH):
        rows = slice(start, min(start + BATCH, n_rows))
        X[rows], y[rows] = draw(rows.stop - start, start)
    X.flush()
    return y


def peak():
    """Largest memory so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(way, n_rows):
    """Fit, and return what it took."""
    import torch

    from skmi import InfoNCE

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    estimator = InfoNCE(critic="separable", max_iter=1, random_state=0)
    if way == "stream":
        estimator.partial_fit(*draw(BATCH, 0))
        before, start = peak(), time.process_time()
        for batch in range(1, n_rows // BATCH):
            estimator.partial_fit(*draw(BATCH, batch * BATCH))
    else:
        with tempfile.NamedTemporaryFile() as file:
            y = write_map(file.name, n_rows)
            X = np.memmap(file.name, np.float32, "r", shape=(n_rows, N_COLUMNS))
            X.max()
            before, start = peak(), time.process_time()
            estimator.fit(X, y)
    return {
        "way": way,
        "rows": n_rows,
        "data_gib": round(n_rows * N_COLUMNS * 4 / 2**30, 2),
        "above_gib": round(peak() - before, 2),
        "cpu_seconds": round(time.process_time() - start, 1),
        "estimate": round(estimator.mutual_info_, 3),
        "error": round(estimator.standard_error_, 3),
    }


def main():
    """Measure each size in a process of its own and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[10**5, 3 * 10**5, 10**6]
    )
    parser.add_argument("--ways", nargs="+", default=["map", "stream"])
    parser.add_argument("--one", nargs=2)
    options = tables.parse(parser, BENCHMARK)
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]))))
        return
    rows = []
    for way in options.ways:
        for n_rows in options.rows:
            command = [
                sys.executable,
                "-m",
                "benchmarks.speed.large",
                "--one",
                way,
                str(n_rows),
            ]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            row = json.loads(done.stdout)
            exponent = ""
            if rows and rows[-1]["way"] == way:
                last = rows[-1]
                growth = math.log(row["cpu_seconds"] / last["cpu_seconds"])
                exponent = round(growth / math.log(n_rows / last["rows"]), 2)
            rows.append(row | {"exponent": exponent})
            print(*rows[-1].values(), flush=True)
    tables.write_table(options.out, rows)


if __name__ == "__main__":
    main()
