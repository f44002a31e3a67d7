"""
Neighbours, copula or critic?
=============================

Three families of estimators, four kinds of data. None of the three is best on all:

- a *copula* in closed form is exact where the dependence is elliptical, in any
  dimension, and blind where it is not;
- *nearest neighbours* see any shape in one or two columns, and fade with more;
- a *critic* learns any shape in many columns, but wants rows and time.

``reference="copula"`` adds a critic to a closed form with heavy tails, which helps
where that is nearly right. ``AutoMI`` does so with more care.
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
# Triangles that point right are lower bounds; bars are for the rows at hand and tell
# nothing of bias.

fig, axes = plt.subplots(2, 2, figsize=(9.6, 5.6), layout="constrained")
for ax, (name, (X, Y, truth)) in zip(axes.flat, tasks.items(), strict=True):
    BoundsDisplay.from_estimator(estimators, X, Y, truth=truth, ax=ax, name=name)
    ax.set_xlabel("nats")
plt.show()
