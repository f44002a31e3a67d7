"""Labels and numbers as targets of the bottleneck."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import recall_score

import skmi
from skmi.bottleneck import _base
from tests.bottleneck.models import split_of

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def test_class_weight_raises_the_recall_of_a_rare_class(monkeypatch):
    rng = np.random.RandomState(0)
    y = np.where(np.arange(1000) % 20 == 0, "rare", "common")
    X = rng.standard_normal((1000, 2)) + 1.2 * (y == "rare")[:, np.newaxis]
    settings = {"learning_rate_init": 0.01, "max_iter": 40, "random_state": 0}

    def recall(class_weight):
        model = skmi.IBEncoder(class_weight=class_weight, **settings).fit(X, y)
        return recall_score(y, model.predict(X), pos_label="rare"), model

    plain, _ = recall(None)
    balanced, model = recall("balanced")
    fold = split_of(model, (y == "rare").astype(int))
    names, counts = np.unique(y[fold.train], return_counts=True)
    weights = len(fold.train) / (2 * counts)
    given, again = recall(dict(zip(names, weights, strict=True)))
    assert balanced > plain + 0.2
    assert given == balanced  # the same weights
    assert model.classes_.tolist() == ["common", "rare"]
    assert again.distortion_ == model.distortion_
    other = np.where(np.isin(np.arange(len(y)), fold.report), "rare", y)
    monkeypatch.setattr(_base, "train_stop_test", lambda *given, **options: fold)
    blind = skmi.IBEncoder(class_weight="balanced", **settings).fit(X, other)
    assert np.array_equal(blind.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y,
        lambda y: y.astype(object),
        lambda y: y.tolist(),
        pd.Series,
        lambda y: pd.Series(y, dtype="category"),
        lambda y: pl.Series(y.tolist()),
    ],
    ids=["str", "object", "list", "pandas", "category", "polars"],
)
def test_labels(convert):
    X, codes = load_iris(return_X_y=True)
    y = np.array(["setosa", "versicolor", "virginica"])[codes]
    settings = {"learning_rate_init": 0.01, "max_iter": 40, "random_state": 0}
    model = skmi.IBEncoder(**settings).fit(X, convert(y))
    plain = skmi.IBEncoder(**settings).fit(X, codes)
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X))
    assert model.score(X, convert(y)) == plain.score(X, codes) > 0.85
    assert model.predict_proba(X).sum(1) == pytest.approx(1)


def test_several_targets_in_their_shape():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((500, 4))
    Y = X[:, :3] @ np.diag([1.0, 10.0, 100.0]) + 0.1 * rng.standard_normal((500, 3))
    settings = {"learning_rate_init": 0.01, "max_iter": 40, "random_state": 0}
    model = skmi.IBRegressor(beta=1e-4, **settings).fit(X, Y)
    assert model.predict(X).shape == (500, 3)
    assert model.score(X, Y) > 0.9
    one = skmi.IBRegressor(**settings).fit(X, Y[:, 1])
    assert one.predict(X).shape == (500,)
    assert skmi.IBRegressor(**settings).fit(X, Y[:, 1:2]).predict(X).shape == (500, 1)
    with pytest.raises(ValueError, match=r"y has 1 columns, but .* fitted with 3"):
        model.mutual_info(X, Y[:, 0])


def test_labels_must_be_known_and_two():
    X, y = load_iris(return_X_y=True)
    model = skmi.IBEncoder(max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"labels that were not there in fit: \[7\]"):
        model.mutual_info(X[:2], [0, 7])
    with pytest.raises(ValueError, match="1 class"):
        model.fit(X, np.zeros(150, dtype=int))
