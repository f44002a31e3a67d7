"""
A leaderboard of estimators
===========================

Errors of seven estimators on six data sets of known mutual information, all in one
picture. The sign is shown as well: a blue cell is too low, a red one too high.

The full comparison, with ten times as many tasks and the estimators of other packages,
is the :doc:`leaderboard </leaderboard>`.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import (
    KSG,
    AutoMI,
    EllipticalCopulaMI,
    GaussianMI,
    HistogramMI,
    InfoNCE,
    KernelDensityMI,
)
from skmi.datasets import (
    make_additive_noise,
    make_correlated_normal,
    make_dense_normal,
    make_sparse_normal,
    make_student_t,
)

n = {"n_samples": 1000, "random_state": 0}
tasks = {
    "normal\n1 x 1": make_correlated_normal(**n, mutual_info=1.0),
    "normal\n5 x 5": make_dense_normal(**n, n_features=5),
    "heavy tails\n2 x 2": make_student_t(**n, n_features=2, degrees_of_freedom=1),
    "band\n1 x 1": make_additive_noise(**n, noise=0.1),
    "spiral\n3 x 3": make_sparse_normal(**n, n_features=3, transforms=["spiral"]),
    "independent\n2 x 2": make_correlated_normal(**n, n_features=2, mutual_info=0.0),
}
estimators = [AutoMI(random_state=0), EllipticalCopulaMI(), GaussianMI(), KSG()]
estimators += [KernelDensityMI(), HistogramMI(), InfoNCE(random_state=0, max_iter=50)]

# %%
# ``AutoMI`` tests its closed form on each data set and goes on where it does not suit.

errors = np.array(
    [
        [estimator.fit(X, Y).mutual_info_ - truth for X, Y, truth in tasks.values()]
        for estimator in estimators
    ]
)
order = np.abs(errors).mean(axis=1).argsort()

fig, ax = plt.subplots(figsize=(8.2, 4.2), layout="constrained")
ax.imshow(errors[order], cmap="coolwarm", vmin=-1, vmax=1, aspect="auto")
ax.set_xticks(range(len(tasks)), list(tasks), fontsize="small")
ax.set_yticks(range(len(order)), [type(estimators[k]).__name__ for k in order])
for (row, column), value in np.ndenumerate(errors[order]):
    shade = "white" if abs(value) > 0.6 else "black"
    ax.text(column, row, f"{value:+z.2f}", ha="center", va="center", color=shade)
ax.set_title("estimate less true value (nats), the smallest mean error on top")
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
plt.show()
