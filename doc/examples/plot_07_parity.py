"""
An interaction of three features
================================

The target is the parity of three features, which are informative about it only jointly:
each feature and each pair is independent of the target. A search by counts covers
features and pairs, since there are too many triples. Critics evaluate many features at
once.
"""

import matplotlib.pyplot as plt
import numpy as np

from skmi import FeatureRankingDisplay, InfoNCE, MIFeatureSelector

rng = np.random.RandomState(0)
X = rng.uniform(-1, 1, size=(1500, 12))
y = np.where((X[:, [2, 5, 9]] > 0).sum(axis=1) % 2, "odd", "even")

# %%
# By counts, with a search of all pairs, nothing is significant, and a warning is given:

counts = MIFeatureSelector(random_state=0).fit(X, y)
print("by counts:", counts.get_support(indices=True))

# %%
# ``criterion="joint"`` with a critic switches to a neural search. It starts from
# triples of binarised features whose parity is informative, then adds the features that
# increase the estimate of a critic of all selected features on held-out samples.

critic = InfoNCE(critic="separable", n_negatives=16, max_iter=60, random_state=0)
neural = MIFeatureSelector(
    criterion="joint", estimator=critic, n_permutations=99, random_state=0
)
neural.fit(X, y)
print("by critics:", neural.get_support(indices=True))
print(neural.path_[["feature", "relevance", "gain", "cumulative"]])

# %%
# The bars are the mutual information of single features with the target: about 0. The
# three features of the parity are selected for their joint information.

FeatureRankingDisplay.from_estimator(neural, name="parity of features 2, 5 and 9")
plt.show()
