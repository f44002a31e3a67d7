"""What AutoMI gives of independent columns.

    python -m benchmarks.accuracy.nothing --seeds 10 --first-seed 4000 \
        --out benchmarks/results/nothing.csv

The truth is 0. One row for each number of rows and of columns a side: the mean over
seeds, the least and the largest estimate, and how many fits say "zero".
"""

import argparse

import numpy as np
import torch

from benchmarks.harness import write_table
from skmi import AutoMI


def main():
    """Run all sizes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1000, 3000])
    parser.add_argument("--columns", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = []
    for n_rows in options.rows:
        for n_columns in options.columns:
            values, said = [], 0
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                rng = np.random.RandomState(seed)
                X, Y = rng.standard_normal((2, n_rows, n_columns))
                model = AutoMI(random_state=seed).fit(X, Y)
                values.append(model.mutual_info_)
                said += model.status_ == "zero"
            table.append(
                {
                    "rows": n_rows,
                    "columns": n_columns,
                    "seeds": options.seeds,
                    "mean": f"{np.mean(values):.4f}",
                    "least": f"{np.min(values):.4f}",
                    "largest": f"{np.max(values):.4f}",
                    "said_zero": said,
                }
            )
            print(table[-1], flush=True)
            write_table(options.out, table)


if __name__ == "__main__":
    main()
