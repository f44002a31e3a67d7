"""
Permutation test of independence
================================

A small estimate may be due to dependence or to sampling error. Permuting Y removes its
dependence on X and leaves both marginal distributions unchanged; the estimates on
permuted data are the null distribution.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import KSG, PermutationTestDisplay
from skmi.inference import independence_test

rng = np.random.RandomState(0)
angle = rng.uniform(0, 2 * np.pi, 200)
noise = 0.25 * rng.standard_normal((2, 200))
x, y = np.cos(angle) + noise[0], np.sin(angle) + noise[1]
unrelated = rng.standard_normal(200)
print(f"correlation of x and y: {np.corrcoef(x, y)[0, 1]:.2f}")

# %%
# Left: samples around a circle, dependent but uncorrelated. Right: independent samples.
# The line is the estimate of the samples; the share of permutations that reach it, to
# its right, is the p-value.

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
PermutationTestDisplay.from_estimator(
    KSG(),
    x.reshape(-1, 1),
    y,
    n_permutations=300,
    random_state=0,
    ax=left,
    name="dependent: samples around a circle",
)
PermutationTestDisplay.from_estimator(
    KSG(),
    x.reshape(-1, 1),
    unrelated,
    n_permutations=300,
    random_state=0,
    ax=right,
    name="independent samples",
)
plt.show()

# %%
# ``independence_test`` needs no choice of an estimator and detects any form of
# dependence:

for name, other in {"circle": y, "independent": unrelated}.items():
    p = independence_test(x, other, random_state=0).pvalue
    print(f"{name}: p = {p:.3f}")
