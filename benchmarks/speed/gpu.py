"""Times and memory on a GPU: neighbours, stacks of critics, AutoMI, the bottleneck.

    bash benchmarks/gpu.sh

Each part is a process of its own with a time limit, so that one that fails or hangs
costs its own row alone; the script then ends with status 1. Every part is run once
before it is timed, except the bottleneck, whose data are looked for in the file that
the variable SKMI_MNIST names.
`value` is what the part measures, `goal` what it should reach, `peak_gib` the peak of
the memory that torch allocated on the GPU. The size "small" runs in a minute on a
machine without a GPU; its figures mean nothing but that the script works.

- tests: tests that fail of those marked `gpu`.
- neighbours: seconds of one fit of KSG on 10 columns a side.
- stack: seconds of 16 default critics of InfoNCE trained at once, over those of one.
- steps: steps per second of InfoNCE over those of a loop of a few lines over the same
  critic, batches and bound.
- automi: seconds of one fit of AutoMI on a pair of 5 columns a side with noise that is
  not normal; the estimate and its truth are in `note`.
- bottleneck: test error in percent on MNIST without its geometry, one seed.
"""

import argparse
import datetime
import json
import math
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import tables

BENCHMARK = {
    "data": "drawn; MNIST by the variable SKMI_MNIST",
    "tables": {
        "gpu": {
            "small": "",
            "gpu": "",
        },
    },
}
SIZES = {
    "small": {
        "neighbours": 2000,
        "stack": {"n_rows": 300, "max_iter": 1},
        "steps": {"n_rows": 512, "max_iter": 2},
        "automi": 300,
        "bottleneck": {"size": "cpu", "rows": 500, "epochs": 1},
    },
    "gpu": {
        "neighbours": 100_000,
        "stack": {"n_rows": 10_000, "max_iter": 20},
        "steps": {"n_rows": 51_200, "max_iter": 10},
        "automi": 100_000,
        "bottleneck": {"size": "full", "rows": 60_000, "epochs": 60},
    },
}
SECONDS = {  # at most, for each part
    "tests": 60,
    "neighbours": 40,
    "stack": 60,
    "steps": 60,
    "automi": 120,
    "bottleneck": 140,
}
MNIST = Path(os.environ.get("SKMI_MNIST", "mnist.npz"))


def device():
    """Return the device of torch that is measured."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def seconds(function):
    """Return the seconds that a call takes once everything it started is done."""
    import torch

    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def normal_pair(n_rows, n_columns, mutual_info=1.0, seed=0):
    """Draw normal rows of known mutual information, split equally over the columns."""
    rng = np.random.default_rng(seed)
    rho = math.sqrt(1 - math.exp(-2 * mutual_info / n_columns))
    X, noise = rng.standard_normal((2, n_rows, n_columns))
    return X, rho * X + math.sqrt(1 - rho**2) * noise


def tests(size):
    """Count the failures of the tests that need a GPU."""
    paths = "tests/test_array_api.py", "tests/variational/test_base.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "--tb=line", *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if failed:
        sys.stderr.write(done.stdout)
    note = " ".join(done.stdout.splitlines()[-1:]).strip(" =")
    return {"value": len(failed), "goal": "= 0", "note": note}


def neighbours(size):
    """Time KSG on a device."""
    from skmi import KSG

    X, Y = normal_pair(SIZES[size]["neighbours"], 10)
    model = KSG(device=device(), random_state=0)
    model.fit(X[:2000], Y[:2000])
    taken = seconds(lambda: model.fit(X, Y))
    note = f"n = {len(X)}, estimate {model.mutual_info_:.3f} of 1.000"
    return {"value": taken, "goal": "<= 1", "note": note}


def stack(size):
    """Time 16 critics beside one, on the same rows and for as many epochs."""
    from sklearn.model_selection import ShuffleSplit

    from skmi import InfoNCE

    settings = SIZES[size]["stack"]
    X, Y = normal_pair(settings["n_rows"], 5)
    taken = {}
    for n_models in (1, 16):
        model = InfoNCE(
            cv=ShuffleSplit(n_models, test_size=0.2, random_state=0),
            max_iter=settings["max_iter"],
            early_stopping=False,
            device=device(),
            random_state=0,
        )
        model.fit(X, Y)
        taken[n_models] = min(seconds(lambda m=model: m.fit(X, Y)) for _ in range(3))
    note = f"{taken[16]:.2f} s over {taken[1]:.2f} s"
    return {"value": taken[16] / taken[1], "goal": "<= 2", "note": note}


def plain_loop(x, y, n_epochs, batch_size=256):
    """Train InfoNCE's critic on InfoNCE's bound in as few lines as a user would."""
    import torch

    from skmi import bounds
    from skmi.critics import HybridCritic

    critic = HybridCritic().build(x.shape[1], y.shape[1]).to(x.device)
    optimizer = torch.optim.AdamW(critic.parameters(), lr=1e-3, fused=True)
    for _ in range(n_epochs):
        order = torch.randperm(len(x), device=x.device)
        for batch in order.split(batch_size):
            loss = -bounds.info_nce(critic(x[batch], y[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def steps(size):
    """Compare InfoNCE's steps per second with those of a plain loop."""
    import torch

    from skmi import InfoNCE

    settings = SIZES[size]["steps"]
    X, Y = normal_pair(settings["n_rows"], 5)
    # The difference of two fits: what a fit costs beside its epochs cancels.
    rows = int(len(X) * 0.8)
    x, y = (
        torch.tensor(a[:rows], dtype=torch.float32, device=device()) for a in (X, Y)
    )
    n_epochs = settings["max_iter"]

    def fit(n):
        InfoNCE(max_iter=n, early_stopping=False, device=device(), random_state=0).fit(
            X, Y
        )

    fit(1), plain_loop(x, y, 1)
    ours = theirs = math.inf
    for _ in range(3):
        ours = min(ours, seconds(lambda: fit(1 + n_epochs)) - seconds(lambda: fit(1)))
        theirs = min(theirs, seconds(lambda: plain_loop(x, y, n_epochs)))
    n_steps = n_epochs * math.ceil(rows / 256)
    per_second, plain_per_second = n_steps / ours, n_steps / theirs
    note = f"{per_second:.0f} against {plain_per_second:.0f} steps per second"
    return {"value": per_second / plain_per_second, "goal": ">= 0.9", "note": note}


def automi(size):
    """Time AutoMI on many rows whose dependence no closed form describes."""
    from skmi import AutoMI

    n_rows = SIZES[size]["automi"]
    rng = np.random.default_rng(0)
    X = rng.random((n_rows, 5))
    Y = X + rng.uniform(-0.5, 0.5, X.shape)  # I = 1/2 nat for each column
    AutoMI(device=device(), random_state=0).fit(X[:300], Y[:300])
    model = AutoMI(device=device(), random_state=0)
    taken = seconds(lambda: model.fit(X, Y))
    note = (
        f"n = {n_rows}, estimate {model.mutual_info_:.3f} +- "
        f"{model.standard_error_:.3f} of 2.500, status {model.status_}"
    )
    return {"value": taken, "goal": "", "note": note}


def bottleneck(size):
    """Train the deep variational bottleneck on MNIST, as papers/bottleneck.py does."""
    from benchmarks.papers import bottleneck

    if not MNIST.exists():
        return {
            "value": math.nan,
            "goal": "<= 1.1",
            "note": "not run: SKMI_MNIST names no file",
        }
    settings = SIZES[size]["bottleneck"]
    bottleneck.DATA = MNIST
    (X, y), _, (X_test, y_test) = bottleneck.load(settings["size"], seed=20)
    X, y = X[: settings["rows"]], y[: settings["rows"]]
    setting = 1e-3, "", settings["epochs"]
    model = bottleneck.make_model(X, "DVB", setting, settings["size"], seed=20)
    taken = seconds(lambda: model.fit(X, y))
    error = 100 * np.mean(model.predict_proba(X_test).argmax(1) != y_test)
    note = f"{len(X)} rows, {settings['epochs']} epochs in {taken:.0f} s"
    return {"value": error, "goal": "<= 1.1", "note": note}


PARTS = {f.__name__: f for f in (tests, neighbours, stack, steps, automi, bottleneck)}


def run(part, size):
    """Run a part in a process of its own; return its row of the table."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed.gpu",
        "--size",
        size,
        "--part",
        part,
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=SECONDS[part]
        )
        sys.stderr.write(done.stderr)
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        found = {"note": f"not finished in {SECONDS[part]} s"}
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        found = {"note": f"failed: {error.stderr.strip().splitlines()[-1][:120]}"}
    return {"part": part} | found


def measure(part, size):
    """Run a part in this process, and print what it found."""
    import torch

    torch.set_num_threads(1 if size == "small" else min(8, os.cpu_count()))
    found = PARTS[part](size)
    if torch.cuda.is_available():
        found["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    print(json.dumps(found))


def describe_machine():
    """Return the columns that are the same in all rows."""
    import sklearn
    import torch

    import skmi

    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "gpu": gpu,
        "skmi": f"{skmi.__version__} {os.environ.get('SKMI_COMMIT', commit)}".strip(),
        "torch": torch.__version__,
        "scikit_learn": sklearn.__version__,
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def main():
    """Run all parts and write the table; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    options = tables.parse(parser, BENCHMARK)
    if options.part:
        measure(options.part, options.size)
        return 0
    machine, names = describe_machine(), ["part", "value", "goal", "peak_gib", "note"]
    table, n_failed = [], 0
    for part in options.parts:
        row = run(part, options.size)
        n_failed += "value" not in row
        for name in {"value", "peak_gib"} & row.keys():
            row[name] = f"{row[name]:.3f}"
        table.append({name: row.get(name, "") for name in names} | machine)
        tables.write_table(options.out, table)
        print(*list(table[-1].values())[: len(names)], sep="  ", flush=True)
    return int(n_failed > 0)


if __name__ == "__main__":
    sys.exit(main())
