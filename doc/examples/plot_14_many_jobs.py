"""
Many fits at once, with joblib
==============================

Loops over fits (permutations, resamples, searches) go through joblib. ``n_jobs`` sets
how many run at once, and ``joblib.parallel_config`` carries the same code, unchanged,
to threads, processes or a cluster. Seeds are drawn before the work is handed out, so
the numbers do not depend on where it was done.
"""

import time

import joblib
import matplotlib.pyplot as plt

from skmi import KSG, PermutationTestDisplay
from skmi.datasets import make_correlated_normal
from skmi.inference import permutation_test

X, Y, truth = make_correlated_normal(400, 2, mutual_info=0.05, random_state=0)


def run():
    """Test for independence by 200 fits, and take the time."""
    start = time.perf_counter()
    result = permutation_test(KSG(), X, Y, n_permutations=200, random_state=0)
    return result, time.perf_counter() - start


alone, seconds = run()
print(f"one after the other: p = {alone.pvalue:.3f} in {seconds:.1f} s")
with joblib.parallel_config(backend="threading", n_jobs=2):
    together, seconds = run()
print(f"two threads:         p = {together.pvalue:.3f} in {seconds:.1f} s")
print(
    "the same numbers:", (alone.null_distribution == together.null_distribution).all()
)

# %%
# For a Dask cluster only the context changes::
#
#     from dask.distributed import Client
#
#     client = Client("tcp://scheduler:8786")
#     with joblib.parallel_config(backend="dask"):
#         result = permutation_test(KSG(), X, Y, n_permutations=10_000)
#
# Progress bars are for one machine: from the workers of a cluster nothing comes back
# before the end.

PermutationTestDisplay.from_result(alone).plot()
plt.show()
