"""Run one module of estimators on files of samples, in that module's environment.

python -P worker.py MODULE.py FOLDER SECONDS

FOLDER holds one .npz file with X and y for each fit and ``jobs.json``, a list of pairs
[file, estimator]. One line of JSON for each is written to ``results.jsonl``: the
estimate with the interval and the status that were given, the warnings, CPU seconds;
or the error. A fit of more than so many CPU SECONDS is stopped.
"""

import importlib.util
import json
import math
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np

NOTHING_SAID = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)


def stop(*_):
    """Interrupt a fit."""
    raise TimeoutError("not finished in time")


def fit(estimate, X, y):
    """Return what an estimator gave of two blocks."""
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = estimate(X, y)
        except NotImplementedError as error:
            return {"outcome": "left out", "said": str(error)}
        except Exception as error:
            said = traceback.format_exception_only(error)[-1].strip()[:200]
            return {"outcome": "refused", "said": said}
    found = found if isinstance(found, dict) else {"estimate": float(found)}
    said = {item.category for item in caught if item.category not in NOTHING_SAID}
    known = {key: text for key, text in found.items() if text is not None}
    return known | {
        "outcome": "answer" if math.isfinite(found["estimate"]) else "not finite",
        "said": " ".join(sorted(category.__name__ for category in said)),
        "cpu_s": time.process_time() - start,
    }


def main():
    """Carry out the jobs of a folder."""
    module, folder, seconds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    spec = importlib.util.spec_from_file_location("estimators", module)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    signal.signal(signal.SIGPROF, stop)
    jobs, warm = json.loads((folder / "jobs.json").read_text()), set()
    rng = np.random.RandomState(0)
    with open(folder / "results.jsonl", "w", encoding="utf-8") as file:
        for name, estimator in jobs:
            if estimator not in warm:  # what is imported or compiled by the first fit
                fit(loaded.ESTIMATORS[estimator], *rng.standard_normal((2, 100, 1)))
                warm.add(estimator)
            with np.load(folder / name) as data:
                X, y = data["X"], data["y"]
            signal.setitimer(signal.ITIMER_PROF, seconds)  # CPU time
            found = fit(loaded.ESTIMATORS[estimator], X, y)
            signal.setitimer(signal.ITIMER_PROF, 0)
            file.write(json.dumps([name, estimator, found]) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
