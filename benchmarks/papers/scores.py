"""Relative error of score functions estimated from 500 samples.

    python -m benchmarks run scores

"normal" is a normal distribution with a random covariance; "modes" has modes at +-2 in
the first column and is standard normal in the others; "mixed modes" is that under a
random linear map. One row for each shape, number of columns and estimator: the error at
the rows, relative to the root mean square of the true score, its mean and spread over
seeds, and the error at new rows over that at the old ones.
"""

import argparse
import functools
import itertools

import numpy as np
import torch

from benchmarks import tables
from skmi.scores import SCORES

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "scores": {
            "small": "--seeds 1 --dimensions 2",
            "cpu": "--seeds 5",
        },
    },
}
N_ROWS = 500


def fit_normal(rows):
    """Return the score function of the normal distribution fitted to rows."""
    mean, precision = rows.mean(0), torch.linalg.inv(torch.cov(rows.T))
    return lambda points=None: (
        -((rows if points is None else points) - mean) @ precision
    )


ESTIMATORS = {
    "nu_method": SCORES["nu_method"].fit,
    "nu_method, reference=None": functools.partial(
        SCORES["nu_method"].fit, reference=None
    ),
    "spectral_stein": SCORES["spectral_stein"].fit,
    "stein": SCORES["stein"].fit,
    "tikhonov": SCORES["tikhonov"].fit,
    "sliced": SCORES["sliced"].fit,
    "published SSGE": functools.partial(
        SCORES["spectral_stein"].fit, whiten=False, reference=None
    ),
    "normal distribution": fit_normal,
}


def draw(kind, n_columns, generator):
    """Return rows, as many for fitting as for evaluation, and their scores."""

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    rows = normal(2 * N_ROWS, n_columns)
    scores = -rows.clone()
    if kind != "normal":
        side = torch.randint(2, (len(rows),), generator=generator) * 2 - 1
        rows[:, 0] += 2 * side
        scores[:, 0] = -rows[:, 0] + 2 * torch.tanh(2 * rows[:, 0])
    if kind == "modes":
        return rows, scores
    mix = normal(n_columns, n_columns) + torch.eye(n_columns)
    return rows @ mix.T, (scores if kind != "normal" else -rows) @ torch.linalg.inv(mix)


def relative_error(estimate, truth):
    """Return the error relative to the truth."""
    return float((estimate - truth).norm() / truth.norm())


def main():
    """Run all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 5, 10])
    parser.add_argument(
        "--kinds", nargs="+", default=["normal", "modes", "mixed modes"]
    )
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    fields = ["data", "d", "estimator", "error", "spread", "new_over_old"]
    cases, table = itertools.product(options.kinds, options.dimensions, ESTIMATORS), []
    for kind, n_columns, name in cases:
        old, new = [], []
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            rows, truth = draw(kind, n_columns, generator)
            score = ESTIMATORS[name](rows[:N_ROWS])
            old.append(relative_error(score(), truth[:N_ROWS]))
            new.append(relative_error(score(rows[N_ROWS:]), truth[N_ROWS:]))
        figures = np.mean(old), np.std(old), np.mean(np.divide(new, old))
        line = [kind, n_columns, name, *(f"{v:.3f}" for v in figures)]
        table.append(dict(zip(fields, line, strict=True)))
        tables.write_table(options.out, table)
        print(*line, sep="  ", flush=True)


if __name__ == "__main__":
    main()
