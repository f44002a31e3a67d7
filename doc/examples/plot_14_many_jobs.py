"""
Parallel fits with joblib
=========================

Loops over fits (permutations, resamples, searches) run through joblib. ``n_jobs`` sets
how many fits run at once, and ``joblib.parallel_config`` runs the same code on threads,
processes or a cluster. Seeds are drawn before the work is distributed, so that the
results do not depend on the backend.
"""

import time

import joblib
import matplotlib.pyplot as plt

from skmi import KSG, PermutationTestDisplay
from skmi.datasets import make_correlated_normal
from skmi.inference import permutation_test

X, Y, truth = make_correlated_normal(400, 2, mutual_info=0.05, random_state=0)


def run():
    """Time a test of independence with 200 permutations."""
    start = time.perf_counter()
    result = permutation_test(KSG(), X, Y, n_permutations=200, random_state=0)
    return result, time.perf_counter() - start


serial, seconds = run()
print(f"one after the other: p = {serial.pvalue:.3f} in {seconds:.1f} s")
with joblib.parallel_config(backend="threading", n_jobs=2):
    threaded, seconds = run()
print(f"two threads:         p = {threaded.pvalue:.3f} in {seconds:.1f} s")
same = (serial.null_distribution == threaded.null_distribution).all()
print("identical results:", same)

# %%
# For a Dask cluster only the context changes::
#
#     from dask.distributed import Client
#
#     client = Client("tcp://scheduler:8786")
#     with joblib.parallel_config(backend="dask"):
#         result = permutation_test(KSG(), X, Y, n_permutations=10_000)
#
# Progress bars work on one machine only: the workers of a cluster do not send callback
# events back.

PermutationTestDisplay.from_result(serial).plot()
plt.show()
