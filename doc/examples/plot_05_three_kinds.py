"""
Nearest neighbours, copula or critic?
=====================================

Three families of estimators on four data sets. None of the three is best on all:

- a *copula* in closed form is exact for elliptical dependence in any dimension, and
  cannot represent other dependence;
- *nearest neighbours* detect any dependence between one or two features; their bias
  grows with the dimension;
- a *critic* learns any dependence in high dimension, but needs many samples and time.

``reference="copula"`` adds a critic to a closed form with heavy tails, which reduces
the bias where the closed form is approximately right. ``AutoMI`` does the same with
cross-fitting.
"""

import matplotlib.pyplot as plt

from skmi import KSG, NWJ, BoundsDisplay, GaussianCopulaMI
from skmi.datasets import (
    make_additive_noise,
    make_dense_normal,
    make_sparse_normal,
    make_student_t,
)

tasks = {
    "normal, 10 x 10": make_dense_normal(1000, 10, random_state=0),
    "heavy tails, 3 x 3": make_student_t(1000, 3, degrees_of_freedom=1, random_state=0),
    "noise on a band, 1 x 1": make_additive_noise(1000, noise=0.1, random_state=0),
    "a spiral, 3 x 3": make_sparse_normal(
        1000, 3, transforms=["spiral"], random_state=0
    ),
}
fast = {"batch_size": 128, "learning_rate_init": 3e-3}
estimators = {
    "KSG": KSG(),
    "GaussianCopulaMI": GaussianCopulaMI(),
    "NWJ": NWJ(random_state=0, **fast),
    "NWJ on a copula": NWJ(reference="copula", random_state=0, **fast),
}

# %%
# Triangles that point right are lower bounds. The bars are 95 % intervals from the
# standard error: they show the variance of an estimate, not its bias.

fig, axes = plt.subplots(2, 2, figsize=(9.6, 5.6), layout="constrained")
for ax, (name, (X, Y, truth)) in zip(axes.flat, tasks.items(), strict=True):
    BoundsDisplay.from_estimator(estimators, X, Y, truth=truth, ax=ax, name=name)
    ax.set_xlabel("nats")
plt.show()
