r"""Bias and standard deviation of the bounds with the exact critic, by batch size.

    python -m benchmarks run bias_variance

Normal pairs of 20 columns, 2 to 10 nats; nothing is trained, so what is off is the
bound's own. One row for each bound, value and batch size: the mean over batches, its
bias, its deviation. For NWJ the deviation that theory gives for independent pairs
stands beside it, :math:`\sqrt{(e^{2I} - 1)/K}` and the same over K(K - 1) pairs.
"""

import argparse
import math
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import harness, tables
from skmi import bounds

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "bias_variance": {
            "small": "--seeds 2",
            "cpu": "--seeds 200",
        },
    },
}
BOUNDS = {
    "InfoNCE": bounds.info_nce,
    "InterpolatedBound(0.5)": partial(bounds.interpolated_bound, interpolation=0.5),
    "InterpolatedBound(0.01)": partial(bounds.interpolated_bound, interpolation=0.01),
    "NWJ": bounds.tuba,  # the exact critic is the log density ratio itself
    "DonskerVaradhan": bounds.donsker_varadhan,
    "SMILE(5)": partial(bounds.smile, clip=5.0),
    "SMILE(1)": partial(bounds.smile, clip=1.0),
}


def measure(value, batch_size, n_batches):
    """Return the values of each bound on many batches."""
    generator = torch.Generator().manual_seed(0)
    rho = math.sqrt(1 - math.exp(-2 * value / 20))
    found = {name: [] for name in BOUNDS}
    for _ in range(n_batches):
        x, y = harness.correlated_normal(value, 20, batch_size, generator=generator)
        scores = harness.log_density_ratio(x.double(), y.double(), rho)
        for name, bound in BOUNDS.items():
            found[name].append(float(bound(scores)))
    return found


def draw_picture(table, path):
    """Draw bias and deviation against the truth, a line for each bound."""
    sizes = sorted({row["batch_size"] for row in table})
    picture, axes = harness.figure(len(sizes), "Exact critic: mean and one deviation")
    for axis, size in zip(axes, sizes, strict=True):
        for name in BOUNDS:
            rows = [r for r in table if (r["bound"], r["batch_size"]) == (name, size)]
            truth = [row["truth"] for row in rows]
            mean, spread = ([float(row[key]) for row in rows] for key in ("mean", "sd"))
            axis.errorbar(truth, mean, spread, capsize=2, label=name)
        axis.plot(truth, truth, "k--")
        axis.set(title=f"batch {size}", xlabel="truth (nats)", ylim=(0, 14))
    axes[0].set_ylabel("estimate (nats)")
    axes[-1].legend(fontsize=6)
    picture.savefig(path)


def main():
    """Run all sizes and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200, help="batches")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    table = []
    for batch_size in (16, 64, 256):
        for value in harness.LEVELS:
            found = measure(value, batch_size, options.seeds)
            chi_square = math.expm1(2 * value)
            for name, values in found.items():
                theory = [
                    chi_square / batch_size / (batch_size - 1),
                    chi_square / batch_size,
                ]
                table.append(
                    {
                        "bound": name,
                        "batch_size": batch_size,
                        "truth": value,
                        "mean": f"{np.mean(values):.3f}",
                        "bias": f"{np.mean(values) - value:.3f}",
                        "sd": f"{np.std(values):.3f}",
                        "theory": " ".join(f"{math.sqrt(v):.2f}" for v in theory)
                        if name == "NWJ"
                        else "",
                    }
                )
    tables.write_table(options.out, table)
    draw_picture(table, Path(options.out).with_suffix(".png"))


if __name__ == "__main__":
    main()
