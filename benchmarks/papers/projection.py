r"""Gradient of mutual information of many features, by projection dimension.

    python -m benchmarks run projection

Wen et al. (2020) estimate the score of (x, z) after x was projected to fewer columns,
lengths kept. Here x is normal with 100 to 1000 columns and z = rho u + sqrt(1 - rho^2)
e has three, u being three linear functions of x of unit covariance, so that the
gradient of I with respect to each row of z is known:

.. math:: g_i = z_i - (z_i - \rho u_i) / (1 - \rho^2)

In "spread" all columns of x are independent and u is any rotation; in "factors" x is
five factors and a tenth of noise, as images are nearly, and u the largest three.

One row for each shape, width, size and estimator: the error of the gradient relative to
the truth at the rows, its mean and spread over seeds; dI/drho over the true one; the
error of the exact gradient of I(Rx; z), which is what the projection alone loses;
seconds. The published estimator sees x scaled to the total variance of z, without which
its kernel hardly sees z. Unprojected, 1000 columns of 512 rows have no density, which
the estimator warns of. The picture beside the table draws the errors.
"""

import argparse
import math
import time
import warnings

import numpy as np
import torch

from benchmarks import harness, tables
from skmi import SkmiWarning
from skmi.scores import mutual_info_gradient, project_randomly

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "projection": {
            "small": "--widths 20 --rows 64 --seeds 1",
            "cpu": "--seeds 3",
        },
    },
}
SIZES = (4, 8, 16, 32, 64, 128, 256)
N_CODES = 3
RHO = 0.7
ESTIMATORS = {
    "default": {},
    "published SSGE": {
        "method": "spectral_stein",
        "reference": None,
        "whiten": False,
    },
}


def make_covariance(kind, n_columns, generator):
    """Return the covariance of x and the directions of u."""
    options = {"generator": generator, "dtype": torch.float64}
    if kind == "spread":
        directions, _ = torch.linalg.qr(torch.randn(n_columns, N_CODES, **options))
        return torch.eye(n_columns, dtype=torch.float64), directions
    loadings = torch.randn(n_columns, 5, **options)
    loadings = loadings / loadings.norm(dim=1, keepdim=True)
    covariance = 0.9 * loadings @ loadings.T
    covariance += 0.1 * torch.eye(n_columns, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(covariance)
    return covariance, vectors[:, -N_CODES:] / values[-N_CODES:].sqrt()


def draw(covariance, directions, n_rows, generator):
    """Return x, z, the gradient with respect to z, and dz/drho."""
    options = {"generator": generator, "dtype": torch.float64}
    x = torch.randn(n_rows, len(covariance), **options)
    x = x @ torch.linalg.cholesky(covariance).T
    noise = torch.randn(n_rows, N_CODES, **options)
    u, rest = x @ directions, math.sqrt(1 - RHO**2)
    z = RHO * u + rest * noise
    return x, z, z - (z - RHO * u) / rest**2, u - RHO / rest * noise


def projected_gradient(x, z, covariance, directions, size, seed):
    """Return the exact gradient of I(Rx; z) with respect to z."""
    matrix = project_randomly(torch.eye(len(covariance)).double(), size, seed)
    shared = RHO * matrix.T @ covariance @ directions
    weights = torch.linalg.solve(matrix.T @ covariance @ matrix, shared)
    left = torch.eye(N_CODES, dtype=torch.float64) - shared.T @ weights
    return z - (z - x @ matrix @ weights) @ torch.linalg.inv(left)


def measure(kind, n_columns, n_rows, seed, sizes):
    """Yield (size, estimator, figures) for one draw."""
    generator = torch.Generator().manual_seed(seed)
    covariance, directions = make_covariance(kind, n_columns, generator)
    x, z, truth, slope = draw(covariance, directions, n_rows, generator)

    def error(gradient):
        return float((gradient - truth).norm() / truth.norm())

    for size in sizes:
        lost = error(projected_gradient(x, z, covariance, directions, size, seed))
        for name, settings in ESTIMATORS.items():
            start = time.process_time()
            block = project_randomly(x, size, seed)
            if name.startswith("published"):
                block = block * (z.var(0).sum() / block.var(0).sum()).sqrt()
            _, gradient = mutual_info_gradient(block, z, **settings)
            seconds = time.process_time() - start
            share = (gradient * slope).sum(1).mean() * (1 - RHO**2) / (N_CODES * RHO)
            yield size, name, (error(gradient), float(share), lost, seconds)


def draw_picture(table, path):
    """Draw the errors over the size, a panel for each shape and width."""
    cases = list(dict.fromkeys((row["data"], row["d_x"]) for row in table))
    picture, axes = harness.figure(len(cases), "Error of the gradient", n_columns=2)
    for axis, case in zip(axes, cases, strict=True):
        own = [row for row in table if (row["data"], row["d_x"]) == case]
        for name in ESTIMATORS:
            rows = [row for row in own if row["estimator"] == name]
            sizes, errors, lost = (
                [float(row[key]) for row in rows]
                for key in ("n_projections", "error", "lost_by_projection")
            )
            axis.plot(sizes, errors, marker="o", ms=3, label=name)
        axis.plot(sizes, lost, color="black", lw=0.8, label="projection alone")
        axis.set_xscale("log")
        axis.set(title=f"{case[0]}, {case[1]} columns", xlabel="projected columns")
    axes[0].set_ylabel("relative error")
    axes[0].legend(fontsize=6)
    picture.savefig(path, dpi=120)


def main():
    """Run all sizes; write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", SkmiWarning)
    table = []
    for kind in ("spread", "factors"):
        for width in options.widths:
            sizes = [size for size in SIZES if size < width] + [width]
            found = {}
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                for *case, figures in measure(kind, width, options.rows, seed, sizes):
                    found.setdefault(tuple(case), []).append(figures)
            for (size, name), figures in found.items():
                error, share, lost, seconds = np.mean(figures, 0)
                table.append(
                    {
                        "data": kind,
                        "d_x": width,
                        "n_projections": size,
                        "estimator": name,
                        "error": f"{error:.3f}",
                        "spread": f"{np.std(figures, 0)[0]:.3f}",
                        "slope_over_truth": f"{share:.3f}",
                        "lost_by_projection": f"{lost:.3f}",
                        "seconds": f"{seconds:.2f}",
                        "rows": options.rows,
                        "seeds": options.seeds,
                    }
                )
                print(*table[-1].values(), sep="  ", flush=True)
            tables.write_table(options.out, table)
    draw_picture(table, options.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
