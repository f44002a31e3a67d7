r"""Power of the tests of independence on nineteen relations, and size of all tests.

    python -m benchmarks run tests_power
    python -m benchmarks run tests_size

The shapes are those of Vogelstein et al. (eLife 2019) for one column on either side,
with noise, and two independent clusters as the null hypothesis. Beside
`independence_test`: distance correlation, HSIC with median bandwidths and, on fewer
seeds, MGC as of scipy, all with permutations of their own. A test rejects where its
p-value is at most 0.05. The error given is that of the share.
"""

import argparse
import math
import warnings

import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import cdist
from scipy.stats import multiscale_graphcorr

import skmi
from benchmarks import tables
from skmi.inference import (
    conditional_independence_test,
    independence_test,
    permutation_test,
)
from skmi.statistics import permutation_pvalue

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "tests_power": {
            "small": "power --rows 50 --seeds 2",
            "cpu": "power --rows 100 --seeds 100 --first-seed 20000",
        },
        "tests_size": {
            "small": "size --seeds 2",
            "cpu": "size --seeds 1000 --first-seed 30000",
        },
    },
}
LEVEL = 0.05

# -- the shapes ------------------------------------------------------------------------


def on_curve(draw_x, curve, noise):
    """Return a draw of y = curve(x) with normal noise."""

    def draw(rng, n):
        x = draw_x(rng, n)
        return x, curve(x) + noise * rng.standard_normal(n)

    return draw


def uniform(low, high):
    """Return a draw of a uniform column."""
    return lambda rng, n: rng.uniform(low, high, n)


def blurred(rng, n):
    """Draw the x of the sines."""
    return rng.uniform(-1, 1, n) + 0.02 * rng.standard_normal(n)


def cubic(x):
    """Return the polynomial of the cubic shape."""
    t = x - 1 / 3
    return 128 * t**3 + 48 * t**2 - 12 * t


def joint_normal(rng, n):
    """Draw normal pairs of covariance 1/2, with noise of variance 1/2 on y."""
    return rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1.5]], n).T


def w_shaped(rng, n):
    """Draw a W."""
    x, u = rng.uniform(-1, 1, n), rng.uniform(0, 1, n)
    bend = 4 * ((x**2 - 0.5) ** 2 + u / 500)
    return x, bend + 0.5 * rng.standard_normal(n)


def spiral(rng, n):
    """Draw a spiral of five half turns."""
    u = rng.uniform(0, 5, n)
    noise = 0.4 * rng.standard_normal(n)
    return u * np.cos(np.pi * u), u * np.sin(np.pi * u) + noise


def bernoulli(rng, n):
    """Draw pairs that are uncorrelated, by the toss of a coin."""
    sign, x = 2 * rng.randint(2, size=n) - 1, rng.randint(2, size=n)
    noise = 0.5 * rng.standard_normal((2, n))
    return x + noise[0], sign * x + noise[1]


def turned_square(angle):
    """Return a draw of a square that is turned."""

    def draw(rng, n):
        u, v = rng.uniform(-1, 1, (2, n))
        x = u * math.cos(angle) + v * math.sin(angle)
        noise = 0.05 * rng.standard_normal(n)
        return x + noise, v * math.cos(angle) - u * math.sin(angle)

    return draw


def two_parabolas(rng, n):
    """Draw a parabola that opens upwards, or downwards."""
    x, noise = rng.uniform(-1, 1, n), rng.uniform(0, 1, n)
    return x, (x**2 + 2 * noise) * (rng.randint(2, size=n) - 0.5)


def round_shape(radius):
    """Return a draw of a circle, or of an ellipse."""

    def draw(rng, n):
        angle = np.pi * rng.uniform(-1, 1, n)
        noise = 0.4 * rng.standard_normal(n)
        return radius * (np.cos(angle) + noise), np.sin(angle)

    return draw


def multiplicative_noise(rng, n):
    """Draw a product with noise."""
    x, u = rng.standard_normal((2, n))
    return x, x * u


def clusters(rng, n):
    """Draw independent columns with two clusters each."""
    u, v = rng.standard_normal((2, n)) / 3
    return u + 2 * rng.randint(2, size=n) - 1, v + 2 * rng.randint(2, size=n) - 1


def normal(rng, n):
    """Draw a normal column."""
    return rng.standard_normal(n)


SHAPES = {
    "linear": on_curve(uniform(-1, 1), lambda x: x, 1),
    "exponential": on_curve(uniform(0, 3), np.exp, 10),
    "cubic": on_curve(uniform(-1, 1), cubic, 80),
    "joint normal": joint_normal,
    "step": on_curve(uniform(-1, 1), lambda x: x > 0, 1),
    "quadratic": on_curve(uniform(-1, 1), np.square, 0.5),
    "W": w_shaped,
    "spiral": spiral,
    "Bernoulli": bernoulli,
    "logarithmic": on_curve(normal, lambda x: 2 * np.log2(np.abs(x)), 3),
    "fourth root": on_curve(uniform(-1, 1), lambda x: np.abs(x) ** 0.25, 0.25),
    "sine 4 pi": on_curve(blurred, lambda x: np.sin(4 * np.pi * x), 1),
    "sine 16 pi": on_curve(blurred, lambda x: np.sin(16 * np.pi * x), 0.5),
    "square": turned_square(-np.pi / 8),
    "two parabolas": two_parabolas,
    "circle": round_shape(1),
    "ellipse": round_shape(5),
    "diamond": turned_square(-np.pi / 4),
    "multiplicative noise": multiplicative_noise,
}

# -- the other tests -------------------------------------------------------------------


def centred(matrix):
    """Remove the means of rows and columns."""
    level = matrix.mean(axis=0)
    return matrix - level - level[:, np.newaxis] + level.mean()


def distances(column):
    """Return the distances of all rows, centred, as of distance correlation."""
    return centred(cdist(column[:, np.newaxis], column[:, np.newaxis]))


def normal_kernel(column):
    """Return a normal kernel of median bandwidth, centred, as of HSIC."""
    apart = cdist(column[:, np.newaxis], column[:, np.newaxis])
    width = np.median(apart[np.triu_indices(len(column), 1)])
    return centred(np.exp(-((apart / width) ** 2) / 2))


def product_test(matrix_of):
    """Return a permutation test of the product of two matrices."""

    def test(x, y, seed):
        rng = np.random.RandomState(seed)
        one, other = matrix_of(x), matrix_of(y)
        orders = [rng.permutation(len(x)) for _ in range(500)]
        null = [np.vdot(one, other[np.ix_(order, order)]) for order in orders]
        return permutation_pvalue(np.vdot(one, other), null)

    return test


def skmi_test(x, y, seed):
    """Return the p-value of the library's own test."""
    return independence_test(x, y, random_state=seed).pvalue


def mgc_test(x, y, seed):
    """Return the p-value of multiscale graph correlation."""
    sides = x[:, np.newaxis], y[:, np.newaxis]
    return multiscale_graphcorr(*sides, reps=200, random_state=seed).pvalue


TESTS = {
    "independence_test": skmi_test,
    "distance correlation": product_test(distances),
    "HSIC": product_test(normal_kernel),
    "MGC": mgc_test,
}


def share_row(pvalues):
    """Return the share of rejections, its error and how many tests there were."""
    share = np.mean(np.array(pvalues) <= LEVEL + 1e-9)
    error = math.sqrt(share * (1 - share) / len(pvalues))
    return {
        "rejected": f"{share:.3f}",
        "error": f"{error:.3f}",
        "tests": len(pvalues),
    }


def measure_power(options):
    """Yield rows of the table of power."""
    for n_rows in options.rows:
        for name, test in TESTS.items():
            if not name.startswith(tuple(options.tests)):
                continue
            n_seeds = options.mgc_seeds if name == "MGC" else options.seeds
            shares = []
            for shape, draw in {**SHAPES, "independent clusters": clusters}.items():
                pvalues = [
                    test(*draw(np.random.RandomState(seed), n_rows), seed)
                    for seed in range(options.first_seed, options.first_seed + n_seeds)
                ]
                if not pvalues:
                    continue
                row = share_row(pvalues)
                shares.append(float(row["rejected"]))
                yield {"rows": n_rows, "shape": shape, "test": name, **row}
            if shares:
                power = {"rejected": f"{np.mean(shares[:-1]):.3f}", "error": ""}
                row = {"rows": n_rows, "shape": "mean of nineteen", "test": name}
                yield {**row, **power, "tests": n_seeds * len(SHAPES)}


# -- size ------------------------------------------------------------------------------


def by_estimator(estimator, n_rows, n_permutations):
    """Return a test of independent normal columns with an estimator."""

    def pvalue(rng, seed):
        x, y = rng.standard_normal((2, n_rows, 1))
        options = {"n_permutations": n_permutations, "random_state": seed}
        return permutation_test(estimator, x, y, **options).pvalue

    return pvalue


def by_independence_test(draw):
    """Return the test of the library on independent sides."""
    return lambda rng, seed: (
        independence_test(*draw(rng), n_permutations=199, random_state=seed).pvalue
    )


def mixed_sides(rng):
    """Draw a frame of counts, numbers and labels, and labels that are independent."""
    frame = pd.DataFrame(
        {
            "count": rng.poisson(1.0, 100),
            "number": rng.standard_cauchy(100),
            "label": rng.choice(list("pqr"), 100),
        }
    )
    return frame, rng.choice(["yes", "no"], 100)


def given_mixed_columns(rng, seed):
    """Test columns that share five others, of three numbers and two labels."""
    Z = pd.DataFrame(rng.standard_normal((300, 3)), columns=["a", "b", "c"])
    Z["d"], Z["e"] = rng.choice(list("pqr"), 300), rng.rand(300) < 0.5
    shared = Z["a"] + 0.5 * Z["b"] + (Z["d"] == "p") - Z["e"]
    x, y = (shared + rng.standard_normal(300) for _ in range(2))
    options = {"n_permutations": 99, "random_state": seed}
    return conditional_independence_test(x, y, Z, **options).pvalue


NULLS = {
    "permutation_test, KSG": (by_estimator(skmi.KSG(), 100, 99), 1.0),
    "permutation_test, GaussianCopulaMI": (
        by_estimator(skmi.GaussianCopulaMI(), 100, 99),
        1.0,
    ),
    "permutation_test, StudentCopulaMI": (
        by_estimator(skmi.StudentCopulaMI(), 100, 99),
        0.2,
    ),
    "permutation_test, NWJ": (by_estimator(skmi.NWJ(), 200, 99), 0.2),
    "permutation_test, AutoMI": (by_estimator(skmi.AutoMI(), 200, 99), 0.2),
    "independence_test, columns": (
        by_independence_test(lambda rng: rng.standard_normal((2, 100))),
        1.0,
    ),
    "independence_test, five columns": (
        by_independence_test(lambda rng: rng.standard_normal((2, 100, 5))),
        1.0,
    ),
    "independence_test, mixed": (by_independence_test(mixed_sides), 1.0),
    "conditional_independence_test": (given_mixed_columns, 0.5),
}


def measure_size(options):
    """Yield rows of the table of size; slow tests take a share of the seeds."""
    for name, (test, share) in NULLS.items():
        if not name.startswith(tuple(options.tests)):
            continue
        last = options.first_seed + round(share * options.seeds)
        seeds = range(options.first_seed, last)
        pvalues = [test(np.random.RandomState(seed), seed) for seed in seeds]
        yield {"test": name, **share_row(pvalues)}


def main():
    """Run one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["power", "size"])
    parser.add_argument("--rows", type=int, nargs="+", default=[50, 100])
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--mgc-seeds", type=int, default=0)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--tests", nargs="+", default=[""])
    parser.add_argument("--append", action="store_true")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", skmi.SkmiWarning)
    measure = {"power": measure_power, "size": measure_size}[options.kind]
    table = tables.read_table(options.out) if options.append else []
    for row in measure(options):
        table.append(row)
        tables.write_table(options.out, table)
        print(row, flush=True)


if __name__ == "__main__":
    main()
