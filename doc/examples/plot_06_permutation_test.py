"""
Is it real? A permutation test
==============================

An estimate of 0.04 nats may be dependence, or chance. Permuting the rows of Y breaks
every tie to X and leaves all else as it is; the estimates on permuted rows show what
chance alone gives.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import KSG, PermutationTestDisplay
from skmi.inference import independence_test

rng = np.random.RandomState(0)
angle = rng.uniform(0, 2 * np.pi, 200)
noise = 0.25 * rng.standard_normal((2, 200))
x, y = np.cos(angle) + noise[0], np.sin(angle) + noise[1]
stranger = rng.standard_normal(200)
print(f"correlation of the two columns: {np.corrcoef(x, y)[0, 1]:.2f}")

# %%
# On the left two columns that lie around a circle, without correlation; on the right
# two that have nothing to do with each other. Dark bars are permutations that reach
# the observed value: their share is the p-value.

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
PermutationTestDisplay.from_estimator(
    KSG(),
    x.reshape(-1, 1),
    y,
    n_permutations=300,
    random_state=0,
    ax=left,
    name="around a circle",
)
PermutationTestDisplay.from_estimator(
    KSG(),
    x.reshape(-1, 1),
    stranger,
    n_permutations=300,
    random_state=0,
    ax=right,
    name="strangers",
)
plt.show()

# %%
# Without an estimator, looking for dependence of any shape:

print("circle:   ", independence_test(x, y, random_state=0).pvalue)
print("strangers:", independence_test(x, stranger, random_state=0).pvalue)
