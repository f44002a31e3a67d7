"""Whether bounds lie on the stated side of the true value, over many seeds.

    python -m benchmarks run sides

The estimators that are bounds, with default parameters, on normal pairs of 0.5 to 4
nats. One row for each and value: the mean over seeds, its standard error, and whether
it holds what `bound_` says: a lower bound is at most the truth plus two standard errors
of the mean, an upper bound at least the truth minus two.
"""

import argparse
import math
import warnings

import numpy as np
import torch
from scipy.stats import norm

import skmi
from benchmarks import tables
from skmi.datasets import make_correlated_normal

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "sides": {
            "small": "--rows 100 --seeds 2",
            "cpu": "--rows 800 --seeds 20",
        },
    },
}
TRAINED = """
NWJ TUBA InfoNCE TNCE JensenShannon InterpolatedBound ReNWJ ReTUBA ReInfoNCE
ReJensenShannon
""".split()
KNOWN = ("TNCE", "CLUB", "LeaveOneOutBound")


def known_conditional(rho):
    """Return the log density of y given x for columns of correlation rho."""
    return lambda X, y: norm.logpdf(y, rho * X, math.sqrt(1 - rho**2)).sum(axis=1)


def cases(n_columns):
    """Return (name, label, settings of the value) for each row."""
    for name in TRAINED:
        yield name, name, lambda value: {}
    for name in KNOWN:
        yield (
            name,
            f"{name}, known conditional",
            lambda value: {
                "conditional": known_conditional(
                    math.sqrt(1 - math.exp(-2 * value / 2))
                )
            },
        )
    entropy = n_columns / 2 * math.log(2 * math.pi * math.e)
    yield (
        "BarberAgakov",
        "BarberAgakov, known entropy",
        lambda value: {"entropy": entropy},
    )


def measure(name, settings, value, options):
    """Return the figures of one estimator at one value."""
    estimates = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        X, Y, _ = make_correlated_normal(
            options.rows, 2, mutual_info=value, random_state=seed
        )
        model = getattr(skmi, name)(**settings)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        estimates.append(model.fit(X, Y).mutual_info_)
    mean = np.mean(estimates)
    error = np.std(estimates, ddof=1) / math.sqrt(options.seeds)
    side = 1 if model.bound_ == "lower" else -1
    return {
        "bound_": model.bound_,
        "truth": value,
        "mean": f"{mean:.3f}",
        "error_of_mean": f"{error:.3f}",
        "holds": side * (mean - value) <= 2 * error,
    }


def main():
    """Run all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    table = []
    for name, label, settings in cases(2):
        for value in (0.5, 1.0, 2.0, 4.0):
            figures = measure(name, settings(value), value, options)
            table.append({"estimator": label, "seeds": options.seeds, **figures})
            tables.write_table(options.out, table)
            print(table[-1], flush=True)


if __name__ == "__main__":
    main()
