"""Bounds on the staircase of Poole et al.: 20 normal columns, 2 to 10 nats, batch 64.

    python -m benchmarks run staircase_separable
    python -m benchmarks run staircase_joint
    python -m benchmarks run staircase_cubic

One critic lives through all levels, a fresh batch at each step. One row for each bound
and level, over the last half of its steps: the mean value, its bias, its standard
deviation per step, all averaged over seeds; and the bias over all steps, the window of
published figures. A picture of the levels is written beside the table.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch

import skmi
from benchmarks import harness, tables

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "staircase_separable": {
            "small": "--critic separable --steps 5 --seeds 1 --levels 2 4",
            "cpu": "--critic separable --steps 1000 --seeds 1",
        },
        "staircase_joint": {
            "small": "--critic joint --steps 5 --seeds 1 --levels 2 --bounds"
            " InfoNCE SMILE",
            "cpu": "--critic joint --steps 4000 --seeds 1 --levels 2 4 6"
            " --bounds SMILE InfoNCE NWJ MINE ReMINE ReSMILE",
        },
        "staircase_cubic": {
            "small": "--cubic --steps 5 --seeds 1 --levels 2 --bounds InfoNCE SMILE",
            "cpu": "--cubic --steps 1000 --seeds 1 --bounds InfoNCE"
            " InterpolatedBound DonskerVaradhan MINE NWJ SMILE ReMINE"
            " ReNWJ ReSMILE",
        },
    },
}
BOUNDS = """
InfoNCE TNCE NWJ TUBA JensenShannon InterpolatedBound DonskerVaradhan MINE SMILE CLUB
ReMINE ReNWJ ReTUBA ReInfoNCE ReJensenShannon ReSMILE
""".split()
LEARNED_DENSITY = ("TNCE", "CLUB")


def climb(name, critic, options):
    """Train through all levels; return the values (levels, steps, seeds)."""
    settings = {} if name in LEARNED_DENSITY else {"critic": critic}
    estimator = getattr(skmi, name)(
        hidden_layer_sizes=(256, 256), activation="relu", **settings
    )
    generator = torch.Generator().manual_seed(options.first_seed)
    network = harness.make_network(estimator, 20, options.seeds, generator)

    def draw(step):
        level = options.levels[step // options.steps]
        shape = (options.seeds, 64)
        return harness.correlated_normal(
            level, 20, *shape, generator=generator, cubic=options.cubic
        )

    n_steps = options.steps * len(options.levels)
    steps = harness.train(estimator, network, draw, n_steps, learning_rate=5e-4)
    values = [harness.value_of(estimator, scores) for _, scores in steps]
    return np.reshape(values, (len(options.levels), options.steps, -1))


def summarise(name, values, options):
    """Return one row of figures for each level."""
    for level, whole in zip(options.levels, values, strict=True):
        steps = whole[options.steps // 2 :]
        yield {
            "bound": name,
            "critic": "conditional" if name in LEARNED_DENSITY else options.critic,
            "data": "cubic" if options.cubic else "normal",
            "steps_per_level": options.steps,
            "seeds": options.seeds,
            "truth": level,
            "mean": f"{steps.mean():.3f}",
            "bias": f"{steps.mean() - level:.3f}",
            "bias_all_steps": f"{whole.mean() - level:.3f}",
            "sd_per_step": f"{steps.std(axis=0).mean():.3f}",
        }


def draw_picture(table, path):
    """Draw the mean of each bound over the truth, with a band of one deviation."""
    names = list(dict.fromkeys(row["bound"] for row in table))
    picture, axes = harness.figure(len(names), "Staircase, batch 64")
    for axis, name in zip(axes, names, strict=True):
        rows = [row for row in table if row["bound"] == name]
        truth, mean, spread = (
            np.array([float(row[key]) for row in rows])
            for key in ("truth", "mean", "sd_per_step")
        )
        axis.plot(truth, truth, "k--", label="truth")
        axis.axhline(math.log(64), color="0.6", linestyle=":", label="log 64")
        axis.plot(truth, mean)
        axis.fill_between(truth, mean - spread, mean + spread, alpha=0.3)
        axis.set(title=name, xlabel="mutual information (nats)", ylim=(-1, 14))
    axes[0].set_ylabel("estimate (nats)")
    axes[0].legend()
    picture.savefig(path)


def main():
    """Run all bounds and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--critic", default="separable")
    parser.add_argument("--bounds", nargs="+", default=BOUNDS)
    parser.add_argument("--levels", type=float, nargs="+", default=harness.LEVELS)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--cubic", action="store_true")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    table = []
    for name in options.bounds:
        table += summarise(name, climb(name, options.critic, options), options)
        tables.write_table(options.out, table)
        print(*table[-len(options.levels) :], sep="\n", flush=True)
    draw_picture(table, Path(options.out).with_suffix(".png"))


if __name__ == "__main__":
    main()
