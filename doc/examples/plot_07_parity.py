"""
Three columns that tell only together
=====================================

The target is the parity of three columns: no column tells anything, and no pair does.
Counts cannot find them among many columns, since triples are too many to count. Critics
that look at many columns at once can.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import FeatureRankingDisplay, InfoNCE, MIFeatureSelector

rng = np.random.RandomState(0)
X = rng.uniform(-1, 1, size=(1500, 12))
y = np.where((X[:, [2, 5, 9]] > 0).sum(axis=1) % 2, "odd", "even")

# %%
# By counts, with all pairs searched, nothing is found, and a warning says so:

counts = MIFeatureSelector(random_state=0).fit(X, y)
print("by counts:", counts.get_support(indices=True))

# %%
# The neural step is switched on by ``criterion="joint"`` with a critic. It first tries
# triples of columns whose halves tell by their parity, and keeps what critics of all
# selected columns gain on rows held out.

critic = InfoNCE(critic="separable", n_negatives=16, max_iter=60, random_state=0)
neural = MIFeatureSelector(
    criterion="joint", estimator=critic, n_permutations=99, random_state=0
)
neural.fit(X, y)
print("by critics:", neural.get_support(indices=True))
print(neural.path_[["feature", "relevance", "gain", "cumulative"]])

# %%
# The bars are of columns one by one: nothing. The three dark names are selected all the
# same.

FeatureRankingDisplay.from_estimator(neural, name="parity of columns 2, 5 and 9")
plt.show()
