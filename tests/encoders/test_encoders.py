"""ScoreEstimator, MIGEGradient and InfoMaxEncoder: planted truths and the contract."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

import skmi
from skmi.encoders import OBJECTIVES
from skmi.scores import SCORES, mutual_info_gradient
from tests.estimators import make_small, transformer_instances
from tests.variational.test_variational import StopAt

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

each = pytest.mark.parametrize("instance", transformer_instances(), ids=str)


def table(n_samples=80, n_columns=3, seed=0):
    return np.random.RandomState(seed).standard_normal((n_samples, n_columns))


def canonical_pair(seed, n_samples=2000, n_columns=4, correlation=0.8):
    """X, y and the direction whose projection tells all that X does about y."""
    rng = np.random.RandomState(seed)
    mix = rng.standard_normal((n_columns, n_columns)) + np.eye(n_columns)
    X = rng.standard_normal((n_samples, n_columns)) @ mix
    direction = rng.standard_normal(n_columns)
    covariance = mix.T @ mix
    signal = X @ direction / np.sqrt(direction @ covariance @ direction)
    noise = rng.standard_normal(n_samples)
    return (
        X,
        correlation * signal + np.sqrt(1 - correlation**2) * noise,
        direction,
        covariance,
    )


# -- the contract ------------------------------------------------------------------


@each
def test_row_by_row_and_pickled(instance, tmp_path):
    X, new = table(), table(seed=1)
    model = clone(instance).fit(X)
    codes = model.transform(new)
    np.testing.assert_allclose(model.transform(new[3:4]), codes[3:4], rtol=1e-8)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.transform(new), codes)
    again = clone(instance).fit(X)
    np.testing.assert_array_equal(again.transform(new), codes)


@each
def test_no_global_state(instance):
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    clone(instance).fit(table()).transform(table())
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)


@each
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(instance, frame):
    X = pd.DataFrame(table(), columns=["a", "b", "c"])
    given = X if frame is pd.DataFrame else pl.from_pandas(X)
    output = "pandas" if frame is pd.DataFrame else "polars"
    model = clone(instance).set_output(transform=output).fit(given)
    codes = model.transform(given)
    assert isinstance(codes, frame)
    assert list(codes.columns) == list(model.get_feature_names_out())
    expected = clone(instance).fit(X.to_numpy()).transform(X.to_numpy())
    np.testing.assert_allclose(codes.to_numpy(), expected)


@each
def test_a_failed_fit_leaves_it_unfitted(instance):
    model = clone(instance).fit(table())
    with pytest.raises(ValueError, match="1 sample"):
        model.fit(table(1))
    with pytest.raises(NotFittedError):
        model.transform(table())


@pytest.mark.parametrize("cls", [skmi.MIGEGradient, skmi.InfoMaxEncoder])
def test_in_a_pipeline_before_a_classifier(cls):
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(make_small(cls), LogisticRegression(max_iter=1000))
    labels = np.array(["a", "b", "c"])[y]
    assert model.fit(X, labels).score(X, labels) > 0.6


def test_search_over_components_and_score_method():
    X, y, *_ = canonical_pair(0, 300)
    grid = {"n_components": [1, 2], "method": ["nu_method", "spectral_stein"]}
    model = skmi.MIGEGradient(max_iter=10, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert 0 < search.best_score_ < np.log(150)
    assert len(search.cv_results_["params"]) == 4


# -- ScoreEstimator ----------------------------------------------------------------


@pytest.mark.parametrize("method", ["nu_method", "spectral_stein", "stein"])
def test_score_estimator_is_the_function_at_new_rows(method):
    X, new = table(100), table(10, seed=1)
    model = skmi.ScoreEstimator(method=method, reference=None).fit(X)
    expected = SCORES[method](torch.tensor(X), torch.tensor(new), reference=None)
    np.testing.assert_allclose(model.transform(new), expected)


def test_score_estimator_keeps_a_thousand_rows():
    X = table(1500, 1)
    model = skmi.ScoreEstimator(method="spectral_stein", random_state=0).fit(X)
    rows = (model._score.rows @ torch.linalg.inv(model._score.inverse).mT).numpy()
    rows = rows + model._score.mean.numpy()
    assert len(np.unique(rows.round(9))) == 1000
    assert np.isin(rows.round(9), X.round(9)).all()
    expected = SCORES["spectral_stein"](torch.tensor(rows), torch.ones(1, 1))
    np.testing.assert_allclose(model.transform([[1.0]]), expected)


@pytest.mark.parametrize("method", SCORES)
@pytest.mark.parametrize("reference", [None, "gaussian"])
def test_the_score_is_estimated_once(method, reference, monkeypatch):
    X, new = table(60), table(5000, seed=1)
    model = skmi.ScoreEstimator(method=method, reference=reference).fit(X)
    model = pickle.loads(pickle.dumps(model))
    expected = SCORES[method](
        torch.tensor(X), torch.tensor(new[-3:]), reference=reference
    )
    monkeypatch.delitem(SCORES, method)
    values = model.transform(new)
    np.testing.assert_allclose(values[-3:], expected, rtol=1e-8, atol=1e-10)


def test_a_reference_needs_whitening():
    with pytest.raises(ValueError, match="needs whiten=True"):
        skmi.ScoreEstimator(whiten=False).fit(table())


# -- MIGEGradient ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_finds_the_canonical_direction(seed):
    X, y, direction, covariance = canonical_pair(seed, 1000)
    model = skmi.MIGEGradient(n_components=1, max_iter=40, random_state=seed)
    codes = model.fit(X, y).transform(X)
    assert codes.std() == pytest.approx(1)
    found = model.components_[0]
    np.testing.assert_allclose(np.corrcoef(X @ found, codes[:, 0])[0, 1], 1, atol=1e-6)
    cosine = found @ covariance @ direction
    cosine /= np.sqrt(found @ covariance @ found * (direction @ covariance @ direction))
    information = np.log(1 - (0.8 * cosine) ** 2) / np.log(1 - 0.8**2)
    assert information >= 0.95


def test_gradient_of_normal_pairs():
    X, noise = table(400, 2), table(400, 2, seed=1)
    y = 0.8 * X + 0.6 * noise
    model = skmi.MIGEGradient(max_iter=1, random_state=0).fit(X, y)
    gradient_X, gradient_y = model.mutual_info_gradient(X, y)
    slope = X - 0.8 / 0.6 * noise  # of y along rho
    true = 2 * 0.8 / (1 - 0.8**2)
    assert (gradient_y * slope).sum(1).mean() == pytest.approx(true, rel=0.1)
    # What x gives up where it moves to itself is what y gains, scale for scale.
    assert abs((gradient_X * X).sum(1).mean()) < 0.3
    expected = mutual_info_gradient(torch.tensor(X), torch.tensor(y))
    np.testing.assert_allclose(gradient_X, expected[0], rtol=1e-6, atol=1e-9)


def test_gradient_has_the_shape_of_y():
    X, y, *_ = canonical_pair(0, 100)
    model = skmi.MIGEGradient(max_iter=1, random_state=0).fit(X, y)
    assert model.mutual_info_gradient(X[:7], y[:7])[1].shape == (7,)
    with pytest.raises(ValueError, match="requires y"):
        skmi.MIGEGradient(max_iter=1).fit(X).mutual_info_gradient(X, y)


def test_gradient_of_labels_draws_the_classes_apart():
    rng = np.random.RandomState(0)
    y = np.arange(600) % 2
    X = rng.standard_normal((600, 1)) + 1.5 * y[:, np.newaxis]
    labels = np.array(["low", "up"])[y]
    model = skmi.MIGEGradient(n_components=1, max_iter=5, random_state=0)
    gradient, other = model.fit(X, labels).mutual_info_gradient(X, labels)
    assert other is None
    assert model.classes_.tolist() == ["low", "up"]
    sign = np.where(y == 1, 1, -1)
    assert (gradient[:, 0] * sign).mean() > 0.1
    assert 0 < model.score(X, labels) < np.log(2)
    with pytest.raises(ValueError, match="not there in fit"):
        model.score(X, ["sideways"] * 600)


def test_gradient_of_a_wide_block_comes_back_through_the_projection():
    X = table(200, 60)
    y = X[:, 0] + 0.1 * table(200, 1, seed=1)[:, 0]
    model = skmi.MIGEGradient(n_projections=8, max_iter=1, random_state=0).fit(X, y)
    gradient, _ = model.mutual_info_gradient(X, y)
    assert gradient.shape == X.shape
    assert np.linalg.matrix_rank(gradient) == 8


class Stochastic(nn.Module):
    def __init__(self, n_features, n_components):
        super().__init__()
        self.mean = nn.Linear(n_features, n_components)
        self.log_scale = nn.Parameter(torch.zeros(n_components))

    def forward(self, x):
        mean = self.mean(x)
        return mean, self.log_scale.expand_as(mean)


class TwoLayers(nn.Module):
    def __init__(self, n_features, n_components):
        super().__init__()
        self.first = nn.Linear(n_features, 4)
        self.second = nn.Linear(4, n_components)

    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        codes = self.second(hidden)
        return codes + 0.3 * torch.randn_like(codes) * self.training, hidden


def test_a_stochastic_encoder_lowers_its_noise():
    model = skmi.MIGEGradient(
        n_components=1, encoder=Stochastic, circumstance="III", random_state=0
    ).fit(table(500))
    assert model.encoder_.log_scale.item() < -0.5


def test_circumstance_two_raises_what_codes_tell_about_the_hidden_layer():
    X, module = table(300), TwoLayers(3, 1)
    with torch.no_grad():
        module.first.weight.copy_(torch.tensor(table(4) / 2))
        module.second.weight.copy_(torch.tensor([[0.3, 0.2, 0.1, 0.0]]))
    model = skmi.MIGEGradient(
        n_components=1, encoder=module, circumstance="II", random_state=0, max_iter=15
    ).fit(X)
    trained = model.encoder_
    assert not torch.equal(trained.first.weight, module.first.weight)
    rows = torch.from_numpy(X).float()
    with torch.no_grad():  # to noise of deviation .3
        before, after = (net.eval()(rows)[0].std() for net in (module, trained))
    assert after > 1.5 * before


# -- InfoMaxEncoder ----------------------------------------------------------------


def test_objectives_are_those_of_a_log_density_ratio():
    scores = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    assert OBJECTIVES["jsd"](scores) == pytest.approx(-0.729340, abs=1e-6)
    assert OBJECTIVES["nwj"](scores) == pytest.approx(2.276522, abs=1e-6)
    assert OBJECTIVES["nwj"](torch.zeros(4, 4)) == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("objective", [*OBJECTIVES, "mige"])
def test_two_views_find_what_they_share(objective):
    rng = np.random.RandomState(0)
    shared = rng.standard_normal(1000)
    X = np.column_stack([rng.standard_normal((1000, 2)), shared])
    X2 = np.column_stack([shared, rng.standard_normal((1000, 2))])
    X2[:, 0] += 0.2 * rng.standard_normal(1000)
    encoder = nn.Linear(3, 1)
    nn.init.constant_(encoder.weight, 0.5)  # begins with a correlation of .58
    model = skmi.InfoMaxEncoder(
        n_components=1,
        objective=objective,
        encoder=encoder,
        learning_rate_init=3e-3,
        max_iter=100,
        random_state=0,
    ).fit(X, X2)
    codes = model.transform(X)[:, 0]
    assert abs(np.corrcoef(codes, shared)[0, 1]) > 0.95
    assert codes.std() == pytest.approx(1)
    assert model.score(X, X2) > 0.8  # of log(1 + 1 / .2^2) / 2 = 1.63


def test_mige_parts_components_that_begin_alike():
    X = table(600, 4)
    encoder = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        encoder.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [1, 0.3, 0, 0]]))
        codes = encoder(torch.from_numpy(X).float())
    assert abs(np.corrcoef(codes.T)[0, 1]) > 0.9
    model = skmi.InfoMaxEncoder(
        n_components=2,
        objective="mige",
        encoder=encoder,
        learning_rate_init=1e-2,
        random_state=0,
        max_iter=30,
    ).fit(X)
    assert abs(np.corrcoef(model.transform(X).T)[0, 1]) < 0.3


@pytest.mark.slow
def test_prior_matching_draws_the_codes_to_the_normal():
    X = np.exp(1.5 * table(600, 1))

    def distance(weight):
        model = skmi.InfoMaxEncoder(
            n_components=1,
            prior_matching=weight,
            max_iter=30,
            batch_size=64,
            early_stopping=False,
            learning_rate_init=3e-3,
            random_state=0,
        )
        return kstest(model.fit(X).transform(X)[:, 0], "norm").statistic

    assert distance(3.0) < 0.75 * distance(0.0)


class Convolutional(nn.Module):
    """Codes and a feature map of images of 8 x 8."""

    def __init__(self):
        super().__init__()
        self.image = nn.Unflatten(1, (1, 8, 8))
        self.convolution = nn.Conv2d(1, 4, 4, stride=2, padding=1)
        self.last = nn.Linear(64, 2)

    def forward(self, x):
        places = torch.relu(self.convolution(self.image(x)))
        return self.last(places.flatten(1)), places


def test_local_objective_of_a_feature_map():
    X = table(200, 64)
    model = skmi.InfoMaxEncoder(
        n_components=2, encoder=Convolutional(), max_iter=3, random_state=0
    ).fit(X)
    assert model.transform(X).shape == (200, 2)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_a_module_is_copied_and_its_codes_are_checked():
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    model = skmi.InfoMaxEncoder(n_components=2, encoder=module, max_iter=2)
    model.fit(table())
    assert torch.equal(module.weight, before)
    with pytest.raises(ValueError, match=r"codes \(n, n_components=3\)"):
        model.set_params(n_components=3).fit(table())


def test_one_column_of_y_is_no_view():
    X, y = table(), table(80, 1)
    make = make_small(skmi.InfoMaxEncoder)
    alone = clone(make).fit(X).transform(X)
    for given in (y[:, 0], y, ["a", "b"] * 40, None):
        np.testing.assert_array_equal(clone(make).fit(X, given).transform(X), alone)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make.fit(X, table(79, 2))


def test_two_views_are_what_one_says():
    X, y = table(), table(80, 2, seed=1)
    make = make_small(skmi.InfoMaxEncoder)
    alone, both = clone(make).fit(X), clone(make).fit(X, y)
    assert alone.partner_ is None
    assert both.partner_ is not None
    ignored = clone(make).set_params(two_views=False).fit(X, y)
    np.testing.assert_array_equal(ignored.transform(X), alone.transform(X))
    asked = clone(make).set_params(two_views=True)
    np.testing.assert_array_equal(asked.fit(X, y).transform(X), both.transform(X))
    one_column = asked.fit(X, y[:, 0]).partner_
    assert one_column(torch.zeros(5, 1)).shape == (5, asked.n_components)
    with pytest.raises(ValueError, match="needs the second view"):
        asked.fit(X)
    with pytest.raises(ValueError, match="score needs both"):
        both.score(X)


def test_a_table_of_whole_numbers_may_be_targets():
    targets = np.eye(2)[np.arange(80) % 2]
    make = make_small(skmi.InfoMaxEncoder)
    with pytest.warns(skmi.DiscreteTargetWarning, match="two_views"):
        make.fit(table(), targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error", skmi.DiscreteTargetWarning)
        make.set_params(two_views=False).fit(table(), targets)


# -- callbacks ---------------------------------------------------------------------


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
