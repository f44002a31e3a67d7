"""IBEncoder and IBRegressor: the contract of estimators."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skmi
from skmi.bottleneck.information import INFORMATION
from skmi.bottleneck.plane import COLLAPSED
from tests.bottleneck.models import DIGITS, encoder_of_digits
from tests.estimators import predictor_instances
from tests.oracle import draw_normal
from tests.variational.cases import StopAt

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

each = pytest.mark.parametrize("instance", predictor_instances(), ids=str)


def small_task(instance, n_samples=80, seed=0):
    X, Y, _ = draw_normal(n_samples, 3, 1.5, seed)
    return X, np.where(Y[:, 0] > 0, "up", "down") if is_classifier(instance) else Y


@each
def test_the_best_epoch_improves_by_more_than_tol(instance):
    X, y = small_task(instance, 400)
    model = clone(instance).set_params(max_iter=12, n_iter_no_change=12)
    model.set_params(learning_rate_init=3e-3, tol=0.0).fit(X, y)
    assert model.best_iter_ == np.argmax(model.validation_scores_) + 1
    model.set_params(tol=100.0).fit(X, y)
    assert model.best_iter_ == 1  # the first, since no other one improves by as much
    assert np.argmax(model.validation_scores_) > 0


@each
def test_without_early_stopping_the_last_epoch_is_kept(instance):
    X, y = small_task(instance)
    model = clone(instance).set_params(early_stopping=False, max_iter=4).fit(X, y)
    assert model.best_iter_ == model.n_iter_ == 4


@each
def test_same_seed_same_bits_pickled_and_no_global_state(instance):
    X, y = small_task(instance)
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    first, second = (clone(instance).fit(X, y) for _ in range(2))
    copy = pickle.loads(pickle.dumps(first))
    for model in (second, copy):
        assert model.mutual_info_ == first.mutual_info_
        np.testing.assert_array_equal(model.predict(X), first.predict(X))
        np.testing.assert_array_equal(
            model.transform(X, sample=True), first.transform(X, sample=True)
        )
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)


@each
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(instance, frame):
    X, y = small_task(instance)
    given = frame(pd.DataFrame(X, columns=["a", "b", "c"]).to_dict("list"))
    model = clone(instance).fit(given, y)
    np.testing.assert_array_equal(
        model.score_samples(given), clone(instance).fit(X, y).score_samples(X)
    )
    assert list(model.feature_names_in_) == ["a", "b", "c"]


@each
def test_a_failed_fit_leaves_it_unfitted(instance):
    X, y = small_task(instance)
    model = clone(instance).fit(X, y)
    for n_rows, message in ((1, "1 sample"), (5, "n_samples=5 is too few")):
        with pytest.raises(ValueError, match=message):
            model.fit(X[:n_rows], y[:n_rows])
        with pytest.raises(NotFittedError):
            model.transform(X)


@each
def test_a_callback_stops_it_and_sees_a_fitted_model(instance):
    X, y = small_task(instance)
    callback = StopAt(3)
    model = clone(instance).set_callbacks(callback).fit(X, y)
    assert model.n_iter_ == callback.epochs == 3
    assert len(model.loss_curve_) == 3
    np.testing.assert_array_equal(callback.fitted.predict(X), model.predict(X))


def test_densities_that_are_not_known_are_refused():
    X, y = load_iris(return_X_y=True)
    for information in ("club", "leave_one_out"):
        model = skmi.IBEncoder(information=information, noise="additive")
        with pytest.raises(ValueError, match=r'pass noise="gaussian"'):
            model.fit(X, y)


def test_a_training_that_still_improves_warns():
    X, y = DIGITS
    with pytest.warns(skmi.ConvergenceWarning, match="max_iter=2 epochs"):
        encoder_of_digits(max_iter=2).fit(X, y)


def test_few_test_samples_warn():
    X, y, _ = draw_normal(60, 1, 0.5, seed=0)
    with pytest.warns(skmi.FewRowsWarning, match="from 6 samples is unreliable"):
        skmi.IBRegressor(max_iter=2, random_state=0).fit(X, y)


def test_columns_of_every_kind_in_a_pipeline():
    rng = np.random.RandomState(0)
    number, colour = rng.standard_normal(600), rng.choice(["red", "blue"], 600)
    y = np.where(number + 2 * (colour == "red") > 1, "yes", "no")
    frame = pd.DataFrame({"number": number, "colour": colour})
    columns = make_column_transformer(
        (StandardScaler(), ["number"]), (OneHotEncoder(sparse_output=False), ["colour"])
    )
    small = skmi.IBEncoder(learning_rate_init=0.01, max_iter=30, random_state=0)
    model = make_pipeline(columns, small)
    assert model.fit(frame, y).score(frame, y) > 0.9
    model.set_output(transform="pandas").fit(frame, y)
    codes = model[-1].transform(model[:-1].transform(frame))
    assert list(codes.columns) == [f"ibencoder{i}" for i in range(8)]


def test_search_over_beta_with_threads():
    X, y = load_iris(return_X_y=True)
    model = skmi.IBEncoder(learning_rate_init=0.01, max_iter=20, random_state=0)
    grid = {"beta": [1e-3, 30.0]}
    alone = GridSearchCV(model, grid, cv=3).fit(X, y)
    with joblib.parallel_config(backend="threading"):
        search = GridSearchCV(model, grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_params_ == {"beta": 1e-3}
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], alone.cv_results_[name])


@pytest.mark.parametrize("information", list(INFORMATION))
def test_the_prediction_is_never_worse_than_the_most_frequent_label(information):
    """Too much compression: the rate falls, and the prediction is that without X."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], y[:600]
    rates = []
    for beta in (1e-3, 0.3, 10.0):
        model = skmi.IBEncoder(
            information=information, beta=beta, max_iter=15, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", skmi.exceptions.SkmiWarning)
            rates.append(max(model.fit(X, y).rate_, COLLAPSED))
        assert model.score(X, y) >= np.bincount(y).max() / len(y)
        assert model.mutual_info_ > -0.2
    assert rates[0] > rates[1] >= rates[2]


def test_useless_codes_are_said_and_not_used():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((300, 3)), rng.rand(300) < 0.7
    with pytest.warns(skmi.CollapseWarning):
        model = skmi.IBEncoder(beta=1.0, random_state=0).fit(X, y)
    shares = np.tile([1 - y.mean(), y.mean()], (300, 1))
    assert model.predict_proba(X) == pytest.approx(shares, abs=0.01)
    with pytest.warns(skmi.CollapseWarning):
        model = skmi.IBRegressor(beta=10.0, random_state=0).fit(X, 5 + X[:, 0] / 9)
    assert model.predict(X) == pytest.approx(np.full(300, 5), abs=0.05)


@pytest.mark.filterwarnings("error::skmi.exceptions.SkmiWarning")
def test_defaults_converge_and_predict_as_well_as_another_network():
    gaps, spreads, hits = [], [], []
    for load in (load_iris, load_wine, load_breast_cancer):
        X, y = load(return_X_y=True)
        folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
        own = held_out_losses(skmi.IBEncoder(random_state=0), X, y, folds)
        other = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs = held_out_losses(other, X, y, folds)
        gaps.append(own[0].mean() - theirs[0].mean())
        spreads.append(theirs[0].std() / np.sqrt(len(y)))
        hits.append(own[1].mean() - theirs[1].mean())
    assert sum(gaps) < np.hypot.reduce(spreads)  # a standard error of their sum
    assert sum(hits) > -0.02


def held_out_losses(model, X, y, folds):
    """The log loss of each held-out sample, and whether its label is predicted."""
    losses, hits = [], []
    for train, test in folds:
        proba = clone(model).fit(X[train], y[train]).predict_proba(X[test])
        losses.append(-np.log(proba[np.arange(len(test)), y[test]].clip(1e-15)))
        hits.append(proba.argmax(axis=1) == y[test])
    return np.concatenate(losses), np.concatenate(hits)


def draw_flipped(n_samples=400):
    """A label that is the sign of a feature, a tenth of them flipped."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((n_samples, 5))
    positive = (X[:, 0] > 0) ^ (rng.uniform(size=n_samples) < 0.1)
    return X, np.where(positive, "yes", "no")


def test_weights_of_classes_that_ruin_the_information_are_warned_of():
    X, y = draw_flipped()
    model = skmi.IBEncoder(class_weight={"yes": 1, "no": 0}, random_state=0)
    with pytest.warns(skmi.CollapseWarning, match="class_weight"):
        model.fit(X, y)
    assert model.mutual_info_ < 0
    for weight in (-1, np.nan, "much"):
        model.set_params(class_weight={"yes": weight, "no": 1})
        with pytest.raises(ValueError, match=r"class_weight has .* for 'yes'"):
            model.fit(X, y)


def test_parameters_without_effect_are_warned_of():
    X, y = draw_flipped()
    for name, value in (("method", "nu_method"), ("learning_rate_init", (0.01, 0.01))):
        model = skmi.IBEncoder(
            max_iter=2, early_stopping=False, random_state=0, **{name: value}
        )
        with pytest.warns(skmi.exceptions.SkmiWarning, match=f"{name}.* no effect"):
            model.fit(X, y)


def test_numbers_for_the_classifier_name_the_regressor():
    X, _ = draw_flipped()
    with pytest.raises(ValueError, match="IBRegressor"):
        skmi.IBEncoder().fit(X, X[:, 0])


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ConvergenceWarning")
def test_saturation_of_a_regressor_is_said():
    X, _ = draw_flipped()
    model = skmi.IBRegressor(random_state=0, learning_rate_init=0.01)
    with pytest.warns(skmi.exceptions.SaturationWarning, match="test_size"):
        model.fit(X, X[:, :2])
    assert model.mutual_info_ <= model.ceiling_
