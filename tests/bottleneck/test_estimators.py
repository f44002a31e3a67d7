"""IBEncoder and IBRegressor: closed forms, planted truths and the contract."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.optimize import brentq
from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

import skmi
from skmi.bottleneck.information import INFORMATION, rate_of_rows
from skmi.bottleneck.network import SCHEDULES
from skmi.bottleneck.plane import Model
from skmi.entropy import discrete_entropy
from tests.estimators import predictor_instances
from tests.oracle import draw_normal
from tests.variational.test_variational import StopAt

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

each = pytest.mark.parametrize("instance", predictor_instances(), ids=str)
KINDS = [
    *((information, "gaussian") for information in INFORMATION),
    *((information, "additive") for information in ("variational", "mige", "mine")),
    *((information, "propagated") for information in ("variational", "infonce")),
]
DIGITS = load_digits(return_X_y=True)


def small_task(instance, n_samples=80, seed=0):
    X, Y, _ = draw_normal(n_samples, 3, 1.5, seed)
    return X, np.where(Y[:, 0] > 0, "up", "down") if is_classifier(instance) else Y


def encoder_of_digits(**parameters):
    settings = {
        "n_components": 16,
        "batch_size": 64,
        "learning_rate_init": 3e-3,
        "max_iter": 40,
        "test_size": 0.2,
        "random_state": 0,
    }
    return skmi.IBEncoder(**settings | parameters)


class Unit(nn.Module):
    """The row itself as the mean of its code, and noise of one size."""

    def __init__(self, log_scale=0.0):
        super().__init__()
        self.log_scale = log_scale
        self.idle = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + 0 * self.idle, torch.full_like(x, self.log_scale)


class Itself(nn.Identity):
    """The row itself as its code."""


# -- closed forms ------------------------------------------------------------------


def test_rate_is_the_divergence_from_a_standard_normal_distribution():
    mean, log_scale = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, log_scale.exp()),
        torch.distributions.Normal(0.0, 1.0),
    ).sum(-1)
    torch.testing.assert_close(rate_of_rows(mean, log_scale), expected)


def test_score_samples_is_minus_the_rate_of_each_row():
    """Few rows make the prior one normal distribution, and the rate a closed form."""
    X, y, _ = draw_normal(90, 3, 1.0, seed=0)
    model = skmi.IBRegressor(n_components=3, encoder=Unit(), max_iter=1, random_state=0)
    model.fit(X, y)
    scaled = model._model.x_scaler.transform(X)
    np.testing.assert_allclose(model.transform(X), scaled, rtol=1e-6)
    scale, mixture = model._model.prior
    assert mixture.n_components == 1
    prior = torch.distributions.Normal(
        torch.tensor(mixture.means_[0] * scale),
        torch.tensor(mixture.covariances_[0]).sqrt() * torch.tensor(scale),
    )
    own = torch.distributions.Normal(torch.tensor(scaled), 1.0)
    expected = torch.distributions.kl_divergence(own, prior).sum(-1)
    np.testing.assert_allclose(model.score_samples(X), -expected, rtol=1e-6)


def test_samples_are_codes_drawn_around_their_means():
    X, y, _ = draw_normal(2000, 2, 1.0, seed=0)
    model = skmi.IBRegressor(
        n_components=2, encoder=Unit(-1.0), max_iter=1, random_state=0
    ).fit(X, y)
    drawn = model.transform(X, sample=True)
    np.testing.assert_array_equal(drawn, model.transform(X, sample=True))
    gaps = (drawn - model.transform(X)) * np.e
    assert gaps.std(axis=0) == pytest.approx(1, abs=0.1)
    assert gaps.mean(axis=0) == pytest.approx(0, abs=0.1)


def test_the_prior_makes_the_rate_that_of_a_normal_channel():
    """I(Z; X) of normal rows in normal noise, whose density is known or is not."""
    X, y, _ = draw_normal(4000, 2, 1.0, seed=0)
    settings = {"n_components": 2, "max_iter": 1, "random_state": 0}
    settings |= {"test_size": 0.4}
    known = skmi.IBRegressor(encoder=Unit(-1.0), **settings)
    expected = 2 * np.log(1 + np.exp(2.0)) / 2
    error = known.fit(X, y).rate_standard_error_
    assert error < 0.05
    assert known.rate_ == pytest.approx(expected, abs=4 * error)
    settings |= {"information": "nwj", "learning_rate_init": 1e-6}
    for scale in (0.3, 1.0):
        unknown = skmi.IBRegressor(
            encoder=Itself(), noise="additive", noise_scale=scale, **settings
        )
        expected = np.log(1 + scale**-2.0)
        error = unknown.fit(X, y).rate_standard_error_
        assert unknown.rate_ == pytest.approx(expected, abs=4 * error)


def test_known_densities_give_the_bounds_of_a_normal_channel():
    """Upper bounds of I(Z; X) at a fixed channel: CLUB's closed form, and the truth."""
    x = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    channel = Unit(0.0)
    noise = torch.randn(2000, 1, generator=torch.Generator().manual_seed(1))
    mean, log_scale = channel(x)
    code = skmi.bottleneck.information.Code(mean + noise, mean, log_scale)
    shifts = torch.arange(500)
    partners = (torch.arange(2000).unsqueeze(1) + shifts) % 2000
    values = {
        name: INFORMATION[name].reduce(
            INFORMATION[name].columns(None, x, code, partners).unsqueeze(0)
        )[0]
        for name in ("club", "leave_one_out")
    }
    assert values["club"].item() == pytest.approx(1.0, abs=0.1)
    assert values["leave_one_out"].item() == pytest.approx(np.log(2) / 2, abs=0.03)


def gaussian_curve(correlations, beta):
    """Rate and relevance of the best code of normal pairs at a weight."""
    ratio = np.maximum((1 / beta - 1) * correlations**2 / (1 - correlations**2), 1)
    told = -np.log1p(-(correlations**2) * (1 - 1 / ratio)) / 2
    return np.log(ratio).sum() / 2, told.sum()


def best_relevance(correlations, rate):
    """Most that a code of some rate can tell of normal pairs."""
    largest = (correlations**2).max()
    beta = brentq(
        lambda beta: gaussian_curve(correlations, beta)[0] - rate, 1e-9, largest
    )
    return gaussian_curve(correlations, beta)[1]


@pytest.mark.slow
def test_the_plane_of_normal_pairs_lies_on_the_analytic_curve():
    correlations = np.array([0.9, 0.6])
    rng = np.random.RandomState(0)
    signal, noise = rng.standard_normal((2, 10000, 2))
    X = signal @ np.array([[1.0, 0.5], [-0.5, 1.0]])
    y = correlations * signal + np.sqrt(1 - correlations**2) * noise
    model = skmi.IBRegressor(
        n_components=2,
        encoder=nn.Linear,
        max_iter=12,
        n_iter_no_change=5,
        batch_size=100,
        learning_rate_init=0.01,
        alpha=0.0,
        n_samples_predict=2,
        test_size=0.5,
        random_state=0,
    )
    plane = model.information_plane(X, y, [0.5, 0.35, 0.2, 0.1, 0.05])
    np.testing.assert_array_equal(plane.betas, [0.05, 0.1, 0.2, 0.35, 0.5])
    best = [best_relevance(correlations, rate) for rate in plane.rate]
    np.testing.assert_allclose(plane.mutual_info, best, rtol=0.05)
    assert (plane.mutual_info < best + 3 * plane.standard_error).all()
    rates = [gaussian_curve(correlations, beta)[0] for beta in plane.betas]
    np.testing.assert_allclose(plane.rate[2:], rates[2:], rtol=0.2)


# -- what is reported --------------------------------------------------------------


def test_information_on_labels_is_their_entropy_less_the_distortion():
    X, y = DIGITS
    model = encoder_of_digits(max_iter=5).fit(X, y)
    random_state = np.random.RandomState(0)
    random_state.randint(np.iinfo(np.int32).max)  # the seed of the network
    report = random_state.permutation(len(X))[: round(0.2 * len(X))]
    assert model.mutual_info(X[report], y[report]) == model.mutual_info_
    entropy = discrete_entropy(y[report])
    assert model.ceiling_ == pytest.approx(entropy)
    assert model.mutual_info_ == pytest.approx(entropy - model.distortion_)
    rates = -model.score_samples(X[report])
    assert model.rate_ == pytest.approx(rates.mean(), rel=0.05)  # by other draws
    error = rates.std(ddof=1) / np.sqrt(len(report))
    assert model.rate_standard_error_ == pytest.approx(error, rel=0.2)


def test_information_on_numbers_is_a_lower_bound_and_in_their_units():
    X, y, rho = draw_normal(3000, 1, 0.8, seed=0)
    settings = {"encoder": Unit(-3.0), "n_components": 1, "learning_rate_init": 0.03}
    model = skmi.IBRegressor(**settings, random_state=0, beta=0.0, test_size=0.3)
    model.fit(X, y)
    truth = -np.log1p(-(rho**2)) / 2
    assert abs(model.mutual_info_ - truth) < 4 * model.standard_error_
    assert model.ceiling_ == pytest.approx(np.log(512))
    entropy = np.log(2 * np.pi * np.e * (1 - rho**2)) / 2
    assert model.distortion_ == pytest.approx(entropy, abs=0.1)
    wide = clone(model).fit(X, 1000 * y + 7)
    assert wide.distortion_ - model.distortion_ == pytest.approx(np.log(1000), abs=1e-3)
    assert wide.mutual_info_ == pytest.approx(model.mutual_info_, abs=1e-3)
    np.testing.assert_allclose(
        wide.predict(X), 1000 * model.predict(X) + 7, rtol=1e-3, atol=1
    )


def test_the_contrast_needs_noise_of_each_rows_own():
    """Noise common to all rows would cancel, and the codes seem to tell all of X."""
    X, y, _ = draw_normal(2000, 1, 2.0, seed=0)
    model = skmi.IBRegressor(
        n_components=1, encoder=Unit(1.0), random_state=0, learning_rate_init=0.03
    ).fit(X, y)
    truth = np.log1p(np.exp(-2.0)) / 2  # all that the code holds of the row
    assert model.mutual_info_ < truth + 4 * model.standard_error_


@pytest.mark.parametrize(("information", "noise"), KINDS)
def test_codes_tell_less_about_y_than_they_hold_of_the_row(information, noise):
    X, y = DIGITS
    model = encoder_of_digits(
        information=information,
        noise=noise,
        critic="separable",
        beta=0.03,
        max_iter=10,
    ).fit(X, y)
    assert model.score(X, y) > 0.85
    if model._model.network.channel.has_density:
        errors = model.standard_error_ + model.rate_standard_error_
        assert model.mutual_info_ < model.rate_ + 4 * errors


@pytest.mark.parametrize(
    "information", ["variational", "club", "leave_one_out", "infonce", "mige"]
)
def test_a_larger_beta_leaves_less_of_the_row(information):
    X, y = DIGITS

    def rate(beta):
        model = encoder_of_digits(
            information=information,
            critic="separable",
            beta=beta,
            max_iter=8,
            early_stopping=False,
        )
        return model.fit(X, y).rate_

    assert rate(0.5) < 0.75 * rate(0.0)


def test_plain_network_with_the_same_noise_is_beta_zero():
    """The same network and noise, trained by a loop of its own, on the same rows."""
    X, y = DIGITS
    gaps = []
    for seed in range(2):
        order = np.random.RandomState(seed).permutation(len(X))
        train, test = order[:1200], order[1200:]
        model = encoder_of_digits(
            beta=0.0,
            early_stopping=False,
            test_size=2,
            max_iter=20,
            random_state=seed,
        ).fit(X[train], y[train])
        gaps.append(model.score(X[test], y[test]) - plain_accuracy(train, test, seed))
    error = np.sqrt(2 * 0.04 * 0.96 / (2 * 597))
    assert abs(np.mean(gaps)) < 2 * error


def plain_accuracy(train, test, seed):
    X, y = DIGITS
    rows = torch.tensor((X - X[train].mean(0)) / (X[train].std(0) + 1e-9)).float()
    rows, labels = rows.clamp(-10, 10), torch.tensor(y)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = nn.Sequential(
            nn.Linear(64, 64),
            nn.SiLU(),
            nn.Linear(64, 64),
            nn.SiLU(),
            nn.Linear(64, 32),
        )
        decoder = nn.Linear(16, 10)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=1e-4)

        def logits(x):
            mean, log_scale = encoder(x).chunk(2, -1)
            return decoder(mean + torch.exp(log_scale - 2) * torch.randn_like(mean))

        for _ in range(20):
            for batch in torch.from_numpy(np.random.permutation(train)).split(64):
                loss = nn.functional.cross_entropy(logits(rows[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            draws = [torch.softmax(logits(rows[test]), -1) for _ in range(12)]
    return (sum(draws).argmax(1) == labels[test]).double().mean().item()


# -- collapse and schedules --------------------------------------------------------


@pytest.mark.filterwarnings("error::skmi.exceptions.CollapseWarning")
@pytest.mark.slow
def test_a_schedule_avoids_a_collapse_of_a_large_beta():
    X, y = DIGITS
    model = encoder_of_digits(beta=0.9, max_iter=40, early_stopping=False)
    with pytest.warns(skmi.CollapseWarning, match=r"beta=0\.9 is too large"):
        model.fit(X, y)
    assert model.mutual_info_ < 0.15
    model.set_params(beta_schedule="warm_up").fit(X, y)
    assert model.mutual_info_ > 0.25
    assert model.rate_ > 0.25


def test_nothing_to_tell_collapses():
    X, y, _ = draw_normal(600, 2, 0.1, seed=0)
    with pytest.warns(skmi.CollapseWarning, match="or X tells nothing about y"):
        model = skmi.IBRegressor(
            beta=1.0, learning_rate_init=0.03, random_state=0, test_size=0.3
        ).fit(X, y[::-1])
    assert abs(model.mutual_info_) < 4 * model.standard_error_ + 0.01


def test_schedules_move_the_weight_and_the_best_epoch_comes_after(monkeypatch):
    assert [SCHEDULES["warm_up"](p) for p in (0.0, 0.5, 1.0)] == [0.0, 0.5, 1.0]
    assert SCHEDULES["constant"](0.0) == 1.0
    assert [SCHEDULES["annealing"](p) for p in (0.0, 1.0)] == pytest.approx([1e-3, 1])
    X, y = load_iris(return_X_y=True)
    seen, best = [], []
    run_epochs = skmi.bottleneck._base.run_epochs

    def spy(estimator, training, reconstruct, prepare):
        def watch(epoch):
            prepare(epoch)
            seen.append(training.network.beta)
            best.extend(training.stopping.best_epoch)

        return run_epochs(estimator, training, reconstruct, watch)

    monkeypatch.setattr(skmi.bottleneck._base, "run_epochs", spy)
    settings = {"beta": 0.5, "beta_schedule": "warm_up", "random_state": 0}
    skmi.IBEncoder(max_iter=10, **settings).fit(X, y)
    np.testing.assert_allclose(seen, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert best[:7] == [0, 1, 2, 3, 4, 5, 6]


# -- targets -----------------------------------------------------------------------


def test_class_weight_finds_the_rare(monkeypatch):
    split, parts = skmi.IBEncoder._split, []

    def recording(model, *args):
        parts[:] = split(model, *args)
        return parts

    monkeypatch.setattr(skmi.IBEncoder, "_split", recording)
    rng = np.random.RandomState(0)
    y = np.where(np.arange(1000) % 20 == 0, "rare", "common")
    X = rng.standard_normal((1000, 2)) + 1.2 * (y == "rare")[:, np.newaxis]
    settings = {"learning_rate_init": 0.01, "max_iter": 40, "random_state": 0}

    def recall(class_weight):
        model = skmi.IBEncoder(class_weight=class_weight, **settings).fit(X, y)
        return recall_score(y, model.predict(X), pos_label="rare"), model

    plain, _ = recall(None)
    balanced, model = recall("balanced")
    train, _, report = parts
    names, counts = np.unique(y[train], return_counts=True)
    weights = len(train) / (2 * counts)
    given, again = recall(dict(zip(names, weights, strict=True)))
    assert balanced > plain + 0.2
    assert given == balanced  # the same weights
    assert model.classes_.tolist() == ["common", "rare"]
    assert again.distortion_ == model.distortion_
    other = np.where(np.isin(np.arange(len(y)), report), "rare", y)
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


# -- the contract ------------------------------------------------------------------


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


def test_encoders_of_the_users():
    X, y = load_iris(return_X_y=True)
    module = nn.Linear(4, 2)
    before = module.weight.clone()
    model = skmi.IBEncoder(n_components=2, encoder=module, max_iter=2, random_state=0)
    model.fit(X, y)
    assert torch.equal(module.weight, before)
    assert not torch.equal(model.encoder_.weight, before)
    with pytest.raises(ValueError, match=r"codes \(n, n_components=3\)"):
        model.set_params(n_components=3).fit(X, y)
    sizes = []

    def make(n_features, n_components):
        sizes.append((n_features, n_components))
        return nn.Linear(n_features, n_components)

    for noise, information in (("propagated", "infonce"), ("additive", "mige")):
        model.set_params(encoder=make, noise=noise, information=information)
        assert model.fit(X, y).transform(X).shape == (150, 3)
    assert sizes == [(7, 3), (4, 3)]


def test_labels_must_be_known_and_two():
    X, y = load_iris(return_X_y=True)
    model = skmi.IBEncoder(max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"labels that were not there in fit: \[7\]"):
        model.mutual_info(X[:2], [0, 7])
    with pytest.raises(ValueError, match="1 class"):
        model.fit(X, np.zeros(150, dtype=int))


def test_a_training_that_goes_on_says_so():
    X, y = DIGITS
    with pytest.warns(skmi.ConvergenceWarning, match="max_iter=2 epochs"):
        encoder_of_digits(max_iter=2).fit(X, y)


def test_few_rows_to_report_on_say_so():
    X, y, _ = draw_normal(60, 1, 0.5, seed=0)
    with pytest.warns(skmi.FewRowsWarning, match="from 6 rows says next to nothing"):
        skmi.IBRegressor(max_iter=2, random_state=0).fit(X, y)


# -- strange rows and the plane ----------------------------------------------------


def test_shuffled_pixels_are_strange():
    X, y = DIGITS
    model = encoder_of_digits(beta=0.1).fit(X[:1200], y[:1200])
    shuffled = np.random.default_rng(0).permuted(X[1200:], axis=1)
    known = np.repeat([1, 0], len(shuffled))
    scores = model.score_samples(np.vstack([X[1200:], shuffled]))
    assert roc_auc_score(known, scores) > 0.75


def test_the_path_starts_warm_and_leaves_the_estimator_alone():
    X, y = DIGITS
    model = encoder_of_digits(max_iter=3, early_stopping=False)
    plane = model.information_plane(X, y, [0.3, 1e-3, 1e-3])
    assert vars(model) == vars(clone(model))
    assert plane.betas.tolist() == [1e-3, 1e-3, 0.3]
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    first = clone(model).set_params(random_state=seed).fit(X, y)
    assert plane.mutual_info[0] == first.mutual_info_
    assert plane.distortion[1] < 0.8 * plane.distortion[0]  # equal from a cold start
    assert plane.rate[2] < plane.rate[1]
    np.testing.assert_allclose(plane.mutual_info + plane.distortion, plane.ceiling)
    for betas in ([], [-1.0], [np.nan]):
        with pytest.raises(ValueError, match="betas must be numbers of at least 0"):
            model.information_plane(X, y, betas)


def test_a_model_of_implicit_noise_needs_no_density():
    X, y = load_iris(return_X_y=True)
    model = skmi.IBEncoder(
        noise="propagated", information="jsd", max_iter=3, random_state=0
    ).fit(X, y)
    assert isinstance(model._model, Model)
    assert not model._model.network.channel.has_density
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(model.score_samples(X)).all()
