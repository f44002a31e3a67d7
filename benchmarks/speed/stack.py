"""Critics trained as one stack: seconds relative to one critic, and to a loop.

    python -m benchmarks run stack

All train the same epochs on 2000 rows of normal pairs, in one thread. "default" is a
critic of default size on two columns each side, "small" has one hidden layer of 16 and
one column each side, as the selector uses them. The time is the shortest of the repeats
of so many epochs, of the stack, of one critic and of a loop over as many critics (of
at most 16, the rest by proportion).
"""

import argparse
import time

import torch

from benchmarks import tables
from skmi import NWJ
from skmi._core.sklearn_compat import make_random_state
from skmi._core.torch_utils import make_generator, resolve_device
from skmi.variational.inputs import Inputs

BENCHMARK = {
    "data": "drawn",
    "tables": {
        "stack": {
            "small": "--models 1 4 --critics default --epochs 1 --repeats 1",
            "cpu": "",
        },
    },
}
N_ROWS = 2000
LONGEST_LOOP = 16
CRITICS = {
    "default": (2, {}),
    "small": (1, {"hidden_layer_sizes": (16,)}),
}


def make_training(estimator, n_columns, n_models, seed, device):
    """Return the training of so many critics, each on pairs of its own."""
    generator = make_generator(make_random_state(seed))
    x, noise = torch.randn(2, n_models, N_ROWS, n_columns, generator=generator)
    y = (x + noise).to(device)
    order = torch.randperm(N_ROWS, generator=generator).expand(n_models, -1)
    size = N_ROWS * 3 // 20
    plain = [Inputs(None, None)]
    return estimator._train_stack(
        x.to(device), y, order[:, size:], order[:, :size], plain, generator
    )


def seconds(trainings, epochs):
    """Return the time that all of them take for an epoch."""
    for training in trainings:
        training.run_epoch()
    start = time.process_time()
    for training in trainings:
        for _ in range(epochs):
            training.run_epoch()
        torch.tensor(training.losses[-1])
    return (time.process_time() - start) / epochs


def main():
    """Time all sizes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, nargs="+", default=[1, 4, 5, 16, 64, 256])
    parser.add_argument("--critics", nargs="+", default=list(CRITICS))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = tables.parse(parser, BENCHMARK)
    torch.set_num_threads(1)
    device = resolve_device(options.device)
    rows = []
    for name in options.critics:
        n_columns, settings = CRITICS[name]
        estimator = NWJ(device=options.device, **settings)
        for n_models in options.models:
            n_looped = min(n_models, LONGEST_LOOP)
            stacks, loops = [], []
            for seed in range(options.repeats):
                make = (
                    make_training(estimator, n_columns, 1, 100 * seed + i, device)
                    for i in range(n_looped)
                )
                loops.append(seconds(list(make), options.epochs))
                stack = make_training(estimator, n_columns, n_models, seed, device)
                stacks.append(seconds([stack], options.epochs))
            loop, stack = min(loops) * n_models / n_looped, min(stacks)
            row = {
                "device": str(device),
                "critic": name,
                "models": n_models,
                "stack_ms": round(1e3 * stack, 1),
                "loop_ms": round(1e3 * loop, 1),
                "to_one": round(stack / (loop / n_models), 2),
                "faster_than_loop": round(loop / stack, 2),
            }
            rows.append(row)
            print(*row.values(), flush=True)
    tables.write_table(options.out, rows)


if __name__ == "__main__":
    main()
