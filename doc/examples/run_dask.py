"""
A permutation test on a cluster
===============================

The permutations run on the workers of a local Dask cluster, and the p-value is
bit-identical to that of a single process. This script is not run when the pages are
built, since it starts processes: ``python doc/examples/run_dask.py``, with the extra
``cluster`` installed.
"""

import joblib
from distributed import Client, LocalCluster

from skmi import KSG
from skmi.datasets import make_correlated_normal
from skmi.inference import permutation_test


def main():
    """Run the test in one process and on two workers."""
    X, Y, truth = make_correlated_normal(500, 2, mutual_info=0.1, random_state=0)
    settings = {"n_permutations": 99, "random_state": 0}
    serial = permutation_test(KSG(), X, Y, **settings)
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**workers) as cluster, Client(cluster):
        with joblib.parallel_config(backend="dask"):
            distributed = permutation_test(KSG(), X, Y, **settings)
    print(f"true value {truth:.2f}, estimate {distributed.statistic:.2f} nats")
    same = (distributed.null_distribution == serial.null_distribution).all()
    print(f"p = {distributed.pvalue:.2f}, identical results: {same}")


if __name__ == "__main__":
    main()
