"""
A permutation test on a cluster
===============================

The permutations are fitted by the workers of a local cluster of Dask, and the p-value
is the same to the last bit as in one process. This script is not run with the others,
since it starts processes: ``python doc/examples/run_dask.py``, with the extra
``cluster`` installed.
"""

import joblib
from distributed import Client, LocalCluster

from skmi import KSG
from skmi.datasets import make_correlated_normal
from skmi.inference import permutation_test


def main():
    """Test in one process and on two workers."""
    X, Y, truth = make_correlated_normal(500, 2, mutual_info=0.1, random_state=0)
    settings = {"n_permutations": 99, "random_state": 0}
    alone = permutation_test(KSG(), X, Y, **settings)
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**workers) as cluster, Client(cluster):
        with joblib.parallel_config(backend="dask"):
            found = permutation_test(KSG(), X, Y, **settings)
    print(f"{truth:.2f} nats, found {found.statistic:.2f}, p = {found.pvalue:.2f}")
    print("same bits:", (found.null_distribution == alone.null_distribution).all())


if __name__ == "__main__":
    main()
