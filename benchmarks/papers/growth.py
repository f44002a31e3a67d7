"""MINE and nearest neighbours by correlation (Belghazi et al. 2018).

    python -m benchmarks run growth

Normal columns, correlated one by one by rho, one or ten on each side: I = -d/2 log(1 -
rho^2). One row for each dimension, rho and estimator: the truth, the mean over seeds
and its spread. The picture beside the table draws them.
"""

import argparse
import math

import matplotlib.pyplot as plt
import numpy as np
import torch

import skmi
from benchmarks import tables
from skmi.datasets import make_correlated_normal

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "growth": {
            "small": "--rows 100 --seeds 1 --dimensions 1 2",
            "cpu": "--rows 2000 --seeds 1",
        },
    },
}
RHOS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
ESTIMATORS = {
    "MINE": lambda seed: skmi.MINE(random_state=seed),
    "MINE, exact gradient": lambda seed: skmi.DonskerVaradhan(random_state=seed),
    "KSG": lambda seed: skmi.KSG(),
    "AutoMI": lambda seed: skmi.AutoMI(random_state=seed),
}


def draw_picture(rows, path):
    """Draw the estimates over the truth, one panel for each dimension."""
    sizes = sorted({row["d"] for row in rows})
    figure, axes = plt.subplots(1, len(sizes), figsize=(10, 4), layout="constrained")
    for ax, d in zip(axes, sizes, strict=True):
        for name in ESTIMATORS:
            own = [row for row in rows if (row["d"], row["estimator"]) == (d, name)]
            truth, mean = (
                [float(row[key]) for row in own] for key in ("truth", "mean")
            )
            ax.plot(truth, mean, marker="o", ms=3, label=name)
        ax.plot(truth, truth, color="black", lw=0.8, label="truth")
        ax.set(title=f"{d} by {d} columns", xlabel="truth (nats)")
    axes[0].set_ylabel("estimate (nats)")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120)


def main():
    """Run all correlations; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1, 10])
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    table = []
    for d in options.dimensions:
        for rho in RHOS:
            truth = -d / 2 * math.log1p(-(rho**2))
            found = {name: [] for name in ESTIMATORS}
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                X, Y, _ = make_correlated_normal(
                    options.rows, d, mutual_info=truth, random_state=seed
                )
                for name, make in ESTIMATORS.items():
                    found[name].append(make(seed).fit(X, Y).mutual_info_)
            for name, values in found.items():
                table.append(
                    {
                        "d": d,
                        "rho": rho,
                        "estimator": name,
                        "truth": f"{truth:.3f}",
                        "mean": f"{np.mean(values):.3f}",
                        "spread": f"{np.std(values):.3f}",
                        "rows": options.rows,
                        "seeds": options.seeds,
                    }
                )
                print(table[-1], flush=True)
            tables.write_table(options.out, table)
    draw_picture(table, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
