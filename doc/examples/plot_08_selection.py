"""
Which columns tell? Selection on a real table
=============================================

Ten measurements of 442 patients, and how their diabetes had progressed a year later.
Five columns of noise are added, which should not be selected.
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
print("kept:", list(selector.get_feature_names_out()))
print(selector.path_.round(3))

# %%
# The p-value is that of the largest of all columns under permutation, so that it holds
# for the table as a whole. A column is redundant with one that holds more than half of
# what it tells; it is kept if the rest is significant.

FeatureRankingDisplay.from_estimator(selector, name="progression of diabetes")
plt.show()

# %%
# In a pipeline the selection is repeated on the training rows of each fold, so that the
# score is honest.

forest = RandomForestRegressor(50, min_samples_leaf=5, random_state=0)
chosen = MIFeatureSelector(min_features_to_select=1, n_permutations=99, random_state=0)
for name, model in {
    "all columns": forest,
    "selected columns": make_pipeline(chosen, forest),
}.items():
    scores = cross_val_score(model, X, y, cv=5)
    print(f"{name:<17} R2 {scores.mean():.2f} +- {scores.std() / 5**0.5:.2f}")
