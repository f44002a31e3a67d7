"""Training of encoders: callbacks, early stopping, the epoch that is kept."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

import skmi
from tests.encoders.data import table
from tests.variational.cases import StopAt

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def test_the_best_epoch_improves_by_more_than_tol():
    X = table(400)
    settings = {"max_iter": 12, "n_iter_no_change": 12, "random_state": 0}
    model = skmi.InfoMaxEncoder(tol=0.0, **settings).fit(X)
    assert model.best_iter_ == np.argmax(model.validation_scores_) + 1
    model.set_params(tol=100.0).fit(X)
    assert model.best_iter_ == 1  # the first, since no other one improves by as much
    assert np.argmax(model.validation_scores_) > 0


def test_training_stops_without_improvement():
    model = skmi.InfoMaxEncoder(tol=100.0, n_iter_no_change=3, random_state=0)
    model.fit(table())
    assert (model.best_iter_, model.n_iter_) == (1, 4)


@pytest.mark.parametrize(
    "instance",
    [
        skmi.InfoMaxEncoder(early_stopping=False, random_state=0),
        skmi.InfoMaxEncoder(objective="mige", random_state=0),
        skmi.MIGEGradient(random_state=0),
    ],
    ids=str,
)
def test_without_early_stopping_the_last_epoch_is_kept(instance):
    model = clone(instance).set_params(max_iter=4).fit(table())
    assert model.best_iter_ == model.n_iter_ == 4
    assert getattr(model, "validation_scores_", None) is None


@pytest.mark.parametrize(
    "instance",
    [
        skmi.InfoMaxEncoder(hidden_layer_sizes=(8,), max_iter=5, random_state=0),
        skmi.InfoMaxEncoder(objective="mige", max_iter=5, random_state=0),
        skmi.MIGEGradient(max_iter=5, random_state=0),
    ],
    ids=str,
)
@pytest.mark.parametrize("labels", [False, True])
def test_a_callback_stops_it_and_sees_a_fitted_model(instance, labels):
    X = table()
    y = np.where(X[:, 0] > 0, "up", "down") if labels else None
    callback = StopAt(3)
    model = clone(instance).set_callbacks(callback).fit(X, y)
    assert model.n_iter_ == callback.epochs == 3
    seen = callback.fitted
    np.testing.assert_array_equal(seen.transform(X), model.transform(X))
    assert seen.score(X, y) == model.score(X, y)
    assert not hasattr(model, "_given")


@pytest.mark.parametrize(
    "model",
    [
        skmi.InfoMaxEncoder(max_iter=2, random_state=0),
        skmi.InfoMaxEncoder(max_iter=2, objective="mige", random_state=0),
        skmi.MIGEGradient(max_iter=2, random_state=0),
    ],
    ids=str,
)
def test_a_training_that_is_too_short_is_warned_of(model):
    with pytest.warns(skmi.ConvergenceWarning, match="Raise max_iter"):
        model.fit(table())


def test_the_critic_of_the_score_is_fitted_when_it_is_asked_for():
    model = skmi.InfoMaxEncoder(n_components=2, max_iter=5, random_state=0)
    model.fit(table())
    assert model._trained.judge.critic is None
    first = model.score(table())
    assert model.score(table()) == first
    assert pickle.loads(pickle.dumps(model)).score(table()) == first
