"""
Feature selection on a real data set
====================================

The data are ten measurements of 442 patients; the target is the progression of diabetes
after one year. Five noise features are added, which should not be selected.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skmi import FeatureRankingDisplay, MIFeatureSelector

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
rng = np.random.RandomState(0)
for k in range(5):
    X[f"noise {k}"] = rng.standard_normal(len(X))

selector = MIFeatureSelector(random_state=0).set_output(transform="pandas")
selector.fit(X, y)
print("selected:", list(selector.get_feature_names_out()))
shown = ["feature", "relevance", "gain", "pvalue", "evidence"]
print(selector.path_[shown].round(3))

# %%
# The p-values are adjusted for the number of features (maximum statistic under
# permutation). A feature is redundant with another, selected one if less than half of
# its information about the target remains given that one; it is selected too if the
# rest is significant.

FeatureRankingDisplay.from_estimator(selector, name="progression of diabetes")
plt.show()

# %%
# In a pipeline the selection is repeated on the training samples of each fold, so that
# nothing leaks from the test samples into the score.

forest = RandomForestRegressor(50, min_samples_leaf=5, random_state=0)
chosen = MIFeatureSelector(min_features_to_select=1, n_permutations=99, random_state=0)
for name, model in {
    "all features": forest,
    "selected features": make_pipeline(chosen, forest),
}.items():
    scores = cross_val_score(model, X, y, cv=5)
    print(f"{name:<18} R2 {scores.mean():.2f} +- {scores.std() / 5**0.5:.2f}")
