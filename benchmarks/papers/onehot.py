"""Drift and exploding scores on one-hot data, with and without the penalty.

    python -m benchmarks run onehot

x is one of 16 symbols and y = x: log 16 = 2.773 nats. A network of 32 inputs, 64 hidden
units and one output without bias is trained by plain gradient descent at a rate of 0.1
on batches of fresh joint pairs and as many fresh independent ones, as by Choi & Lee
(2022). One row for each bound, batch size, weight and target: the median over seeds of
the value, of its deviation per step and of the log-partition in the last 500 steps, its
medians at thirds of the way, and how many seeds became infinite. A picture shows both
terms.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch

import skmi
from benchmarks import harness, tables
from skmi.bounds import log_partition
from skmi.critics._layers import MultiLayer

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "onehot": {
            "small": "--seeds 1 --steps 20",
            "cpu": "--seeds 10",
        },
    },
}
N_SYMBOLS = 16


def cases():
    """Return (bound, settings, batch size, steps) for each row."""
    twins = {"NWJ": "ReNWJ", "TUBA": "ReTUBA", "JensenShannon": "ReJensenShannon"}
    for batch_size in (100, 32, 10):
        yield "DonskerVaradhan", {}, batch_size, 3000
        yield "ReMINE", {"drift_weight": 0.1}, batch_size, 3000
        yield "ReMINE", {"drift_weight": 1.0}, batch_size, 3000
        for original, twin in twins.items():
            yield original, {}, batch_size, 3000
            yield twin, {"drift_weight": 0.1}, batch_size, 3000
            yield twin, {"drift_weight": 1.0}, batch_size, 3000
        yield "ReSMILE", {"drift_weight": 0.0}, batch_size, 3000
        yield "ReSMILE", {"drift_weight": 0.1}, batch_size, 3000
    yield "ReNWJ", {"drift_weight": 1.0, "drift_target": -1.0}, 32, 3000
    for twin in ("ReNWJ", "ReTUBA"):
        yield twin, {"drift_weight": 3.0}, 10, 3000
    for target in (-5.0, -2.0, 0.0, 2.0, 5.0):
        settings = {"drift_weight": 0.1, "drift_target": target}
        yield "ReMINE", settings, 100, 1500


def descend(name, settings, batch_size, n_steps, n_seeds):
    """Train one network for each seed; return values and log-partitions by step."""
    estimator = getattr(skmi, name)(**settings)
    generator = torch.Generator().manual_seed(0)
    network = MultiLayer((2 * N_SYMBOLS, 64, 1), "relu", (n_seeds,), generator)
    first, last = network.layers
    weights = [first.weight, first.bias, last.weight]
    objective = harness.objective_of(estimator)
    symbols = torch.eye(N_SYMBOLS)
    history = []
    for _ in range(n_steps):
        x, other, drawn = torch.randint(
            N_SYMBOLS, (3, n_seeds, batch_size), generator=generator
        )
        rows = torch.cat(
            [
                torch.cat([symbols[x], symbols[x]], -1),
                torch.cat([symbols[other], symbols[drawn]], -1),
            ],
            -2,
        )
        hidden = torch.relu(rows @ weights[0] + weights[1])
        joint, marginal = (hidden @ weights[2]).squeeze(-1).chunk(2, -1)
        pairs = joint, marginal.unsqueeze(-1)
        history.append(torch.stack([values_of(estimator, pairs), log_partition(pairs)]))
        gradients = torch.autograd.grad(objective(pairs).sum(), weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight += 0.1 * gradient
    return torch.stack(history).detach().numpy()  # (steps, 2, seeds)


def values_of(estimator, pairs):
    """Return the estimate from pairs, one value for each network."""
    if estimator._make_report().bound == "lower":
        return skmi.bounds.tuba(clipped(estimator, pairs))
    return skmi.bounds.donsker_varadhan(clipped(estimator, pairs))


def clipped(estimator, pairs):
    """Clip pairs as the estimator does in its estimate."""
    joint, marginal = pairs
    limit = getattr(estimator, "clip", math.inf)
    marginal = marginal.clamp(-limit, limit)
    is_smile = isinstance(estimator, (skmi.SMILE, skmi.ReSMILE))
    return (joint if is_smile else joint.clamp(-limit, limit)), marginal


def summarise(name, settings, batch_size, history):
    """Return the row of figures of one case."""
    n_steps = len(history)
    values, levels = history[:, 0], history[:, 1]
    infinite = ~np.isfinite(values).all(axis=0)
    thirds = [np.median(levels[n_steps * part // 3 - 1]) for part in (1, 2, 3)]
    with np.errstate(all="ignore"):
        late = values[-500:]
        return {
            "bound": name,
            "drift_weight": settings.get("drift_weight", ""),
            "drift_target": settings.get("drift_target", ""),
            "batch_size": batch_size,
            "steps": n_steps,
            "value": f"{np.median(late.mean(axis=0)):.3f}",
            "sd_per_step": f"{np.median(late.std(axis=0)):.3f}",
            "log_partition": f"{np.median(levels[-500:].mean(axis=0)):.3f}",
            "at_thirds": " ".join(f"{level:.2f}" for level in thirds),
            "infinite_seeds": int(infinite.sum()),
            "beyond_100_seeds": int((np.abs(values) > 100).any(axis=0).sum()),
        }


def draw_picture(histories, path):
    """Draw the two terms of the bound by step, for the first seed."""
    picture, axes = harness.figure(len(histories), "One-hot data, batch 100")
    for axis, (name, history) in zip(axes, histories.items(), strict=True):
        values, levels = history[:, 0, 0], history[:, 1, 0]
        axis.plot(values + levels, label="mean joint score")
        axis.plot(levels, label="log-partition")
        axis.plot(values, label="their difference")
        axis.axhline(math.log(N_SYMBOLS), color="k", linestyle="--", label="truth")
        axis.set(title=name, xlabel="step")
    axes[0].set_ylabel("nats")
    axes[0].legend()
    picture.savefig(path)


def main():
    """Run all cases and write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=3000, help="at most")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    table, histories = [], {}
    for name, settings, batch_size, n_steps in cases():
        n_steps = min(n_steps, options.steps)
        history = descend(name, settings, batch_size, n_steps, options.seeds)
        table.append(summarise(name, settings, batch_size, history))
        tables.write_table(options.out, table)
        print(table[-1], flush=True)
        if batch_size == 100 and name in ("DonskerVaradhan", "ReMINE"):
            histories.setdefault(name, history)
    draw_picture(histories, Path(options.out).with_suffix(".png"))


if __name__ == "__main__":
    main()
