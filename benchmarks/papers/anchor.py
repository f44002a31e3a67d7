r"""Is InfoNCE with an anchor class a better trainer of a density ratio.

    python -m benchmarks.papers.anchor --seeds 3 --out benchmarks/results/anchor.csv

With an anchor class, "none of the K rows is the partner", of weight 1, the contrastive
likelihood (arXiv:2510.25983) has the log density ratio itself for its optimum, and with
K = 1 it is the Jensen-Shannon objective:

.. math:: E[f(x, y_1) - \log(1 + \tfrac1K \sum_{k=1}^K e^{f(x, y_k)})]
    - E[\log(1 + \tfrac1K \sum_{k=2}^{K+1} e^{f(x, y_k)})]

One row for each family: the mean error of NWJ's value, and the common score on fresh
rows, of critics trained by it and by the objectives that are there.
"""

import argparse
import warnings

import numpy as np
import torch

import skmi
from benchmarks import harness
from skmi.bounds import log_mean_exp
from skmi.datasets import BENCHMARK_TASKS
from skmi.variational.objective import Objective

TASKS = (
    "normal 1x1",
    "additive noise 0.1",
    "dense normal 5x5",
    "sparse normal 5x5",
    "spiral 3x3",
    "student 3x3 dof 2",
)


class Anchored(skmi.JensenShannon):
    """NWJ's value of a critic trained with an anchor class."""

    def _make_objective(self):
        return Objective(anchored)


def anchored(scores):
    """Return the contrastive likelihood with an anchor class."""
    joint, marginal = scores
    everything = torch.cat([joint.unsqueeze(-1), marginal], -1)
    with_partner = torch.nn.functional.softplus(log_mean_exp(everything))
    without = torch.nn.functional.softplus(log_mean_exp(marginal))
    return (joint - with_partner - without).mean(-1)


def models(seed):
    """Return the estimators by name, each with as many negatives."""
    settings = {"n_negatives": 64, "random_state": seed}
    return {
        "Anchored": Anchored(**settings),
        "JensenShannon": skmi.JensenShannon(**settings),
        "NWJ": skmi.NWJ(**settings),
        "InfoNCE": skmi.InfoNCE(**settings),
    }


def main():
    """Run all families and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    table = []
    for task in TASKS:
        found = {}
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            draw = BENCHMARK_TASKS[task]
            X, Y, truth = draw(n_samples=options.rows, random_state=seed)
            fresh_X, fresh_Y, _ = draw(n_samples=options.rows, random_state=seed + 100)
            for name, model in models(seed).items():
                model.fit(X, Y)
                figures = model.mutual_info_ - truth, model.score(fresh_X, fresh_Y)
                found.setdefault(name, []).append(figures)
        row = {"task": task, "truth": f"{truth:.3f}"}
        for name, figures in found.items():
            error, score = np.mean(figures, axis=0)
            row |= {f"{name}_error": f"{error:.3f}", f"{name}_score": f"{score:.3f}"}
        table.append(row)
        print(row, flush=True)
        harness.write_table(options.out, table)


if __name__ == "__main__":
    main()
