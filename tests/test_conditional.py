"""Conditional mutual information with every family: fit(X, y, Z)."""

import math

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

import skmi
from tests.estimators import all_instances

QUIET = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def draw_triple(rng, n_samples, d, mutual_info):
    """Normal columns with d on each side: I(X; Y | Z) is as given, in nats."""
    Z = rng.standard_normal((n_samples, d))
    noise, other = rng.standard_normal((2, n_samples, d))
    rho = math.sqrt(1 - math.exp(-2 * mutual_info / d))
    X = Z @ rng.standard_normal((d, d)) + noise
    y = Z @ rng.standard_normal((d, d)) + rho * noise + math.sqrt(1 - rho**2) * other
    return X, y, Z


@pytest.mark.parametrize(
    ("cls", "mutual_info"),
    [
        (skmi.GaussianMI, 0.0),
        (skmi.GaussianMI, 0.5),
        (skmi.GaussianMI, 2.0),
        (skmi.GaussianCopulaMI, 0.0),
        (skmi.GaussianCopulaMI, 0.5),
        (skmi.GaussianCopulaMI, 2.0),
    ],
)
@pytest.mark.parametrize("d", [1, 3, 5])
def test_closed_forms_are_those_of_partial_covariances(cls, d, mutual_info):
    values, covered = [], []
    for seed in range(10):
        rows = draw_triple(np.random.RandomState(seed), 3000, d, mutual_info)
        model = cls().fit(*rows)
        values.append(model.mutual_info_)
        covered.append(abs(values[-1] - mutual_info) < 3 * model.standard_error_ + 0.01)
    assert np.mean(values) == pytest.approx(mutual_info, abs=0.02)
    assert np.mean(covered) >= 0.9


def test_labels_given_are_means_of_groups():
    """The estimate of residuals from the means of the labels."""
    rng = np.random.RandomState(0)
    label = rng.choice(["a", "b", "c"], 600)
    frame = pd.DataFrame({"number": rng.standard_normal(600), "label": label})
    shift = 3.0 * (label == "a") + frame["number"].to_numpy()
    x, y = shift + rng.standard_normal((2, 600))
    model = skmi.GaussianMI().fit(x.reshape(-1, 1), y, frame)
    assert model.mutual_info_ == pytest.approx(0.0, abs=0.02)
    design = np.column_stack([label == name for name in "abc"]).astype(float)
    design = np.column_stack([design, frame["number"]])
    rests = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y)]
    plain = -0.5 * math.log(1 - np.corrcoef(rests)[0, 1] ** 2)
    assert model.mutual_info_ == pytest.approx(plain, abs=0.002)


@QUIET
@pytest.mark.parametrize("instance", all_instances(), ids=str)
def test_every_estimator_takes_a_condition(instance):
    rows = draw_triple(np.random.RandomState(0), 90, 1, 0.5)
    model = clone(instance).fit(*rows)
    assert math.isfinite(model.mutual_info_)
    assert model.standard_error_ >= 0
    assert math.isfinite(model.mutual_info(*rows))
    assert math.isfinite(model.score(*rows))
    assert model.score_samples(*rows).shape == (90,)
    assert model.n_features_in_ == 1
    for method in (model.score, model.mutual_info, model.score_samples):
        with pytest.raises(ValueError, match="fitted with Z"):
            method(*rows[:2])
    plain = clone(instance).fit(*rows[:2])
    with pytest.raises(ValueError, match="fitted without Z"):
        plain.score(*rows)


def test_a_condition_that_differs_from_that_of_the_fit_is_refused():
    X, y, Z = draw_triple(np.random.RandomState(0), 60, 2, 0.5)
    model = skmi.GaussianMI().fit(X, y, Z)
    with pytest.raises(ValueError, match="Z has 1 columns"):
        model.score(X, y, Z[:, 0])
    with pytest.raises(ValueError, match="Z holds labels"):
        model.score(X, y, Z > 0)
    with pytest.raises(ValueError, match="Z has 9 rows"):
        model.score(X, y, Z[:9])
    with pytest.raises(ValueError, match="Z contains NaN"):
        model.fit(X, y, np.where(Z > 2, np.nan, Z))
    assert not hasattr(model, "mutual_info_")


def test_a_known_density_of_y_given_x_alone_is_refused():
    X, y, Z = draw_triple(np.random.RandomState(0), 60, 1, 0.5)
    model = skmi.CLUB(conditional=lambda X, y: -((X - y) ** 2).sum(axis=1))
    with pytest.raises(ValueError, match="conditional= is the density"):
        model.fit(X, y, Z)


def test_a_second_fit_forgets_the_condition():
    X, y, Z = draw_triple(np.random.RandomState(0), 60, 1, 0.5)
    model = skmi.GaussianMI().fit(X, y, Z).fit(X, y)
    assert model.score(X, y) == skmi.GaussianMI().fit(X, y).score(X, y)


def test_pointwise_values_are_the_log_ratio_of_conditional_densities():
    """Exact for normal columns of which all moments are known."""
    X, y, Z = draw_triple(np.random.RandomState(0), 20_000, 1, 0.5)
    model = skmi.GaussianMI().fit(X, y, Z)
    values = model.score_samples(X, y, Z)
    design = np.column_stack([Z, np.ones(len(Z))])
    a, b = (
        v - design @ np.linalg.lstsq(design, v, rcond=None)[0]
        for v in (X[:, 0], y[:, 0])
    )
    a, b = a / a.std(), b / b.std()
    rho = (a * b).mean()
    gap = 1 - rho**2
    exact = (2 * rho * a * b - rho**2 * (a**2 + b**2)) / (2 * gap) - math.log(gap) / 2
    np.testing.assert_allclose(values, exact, atol=1e-3)


def test_pipelines_and_searches_route_the_condition():
    X, y, Z = draw_triple(np.random.RandomState(0), 300, 1, 0.5)
    with sklearn.config_context(enable_metadata_routing=True):
        last = skmi.GaussianMI().set_fit_request(Z=True).set_score_request(Z=True)
        model = make_pipeline(StandardScaler(), last).fit(X, y, Z=Z)
        found = skmi.GaussianMI().fit(X, y, Z)
        assert model[-1].mutual_info_ == pytest.approx(found.mutual_info_)
        assert model.score(X, y, Z=Z) == pytest.approx(found.score(X, y, Z))
        if parse_version(sklearn.__version__) < parse_version("1.8"):
            return  # the search of 1.7 routes nothing to the score of a pipeline
        grid = {"gaussianmi__shrinkage": [None, 0.5]}
        search = GridSearchCV(model, grid, cv=3).fit(X, y, Z=Z)
        assert search.best_params_["gaussianmi__shrinkage"] is None


@QUIET
def test_the_scorer_takes_the_condition_in_a_search():
    """The score of each fold is that of the fold's own fit on its test samples."""
    X, y, Z = draw_triple(np.random.RandomState(0), 300, 1, 0.5)
    folds = list(KFold(3).split(X))
    expected = [
        skmi.KSG(random_state=0).fit(X[a], y[a], Z[a]).score(X[b], y[b], Z[b])
        for a, b in folds
    ]
    with sklearn.config_context(enable_metadata_routing=True):
        model = skmi.KSG(random_state=0).set_fit_request(Z=True)
        for scoring in (skmi.mi_scorer, skmi.mi_scorer.set_score_request(Z="Z")):
            grid = {"n_neighbors": [3, 20]}
            search = GridSearchCV(model, grid, cv=folds, scoring=scoring)
            search.fit(X, y, Z=Z)
            scores = [search.cv_results_[f"split{k}_test_score"][0] for k in range(3)]
            assert scores == pytest.approx(expected)
        piped = make_pipeline(StandardScaler(), model)
        found = cross_val_score(piped, X, y, scoring=skmi.mi_scorer, params={"Z": Z})
        assert np.isfinite(found).all()
        with pytest.raises(TypeError, match="pass Z or sample_weight"):
            skmi.mi_scorer.set_score_request(groups=True)


def test_the_scorer_takes_weights_on_request():
    X, y, _ = draw_triple(np.random.RandomState(0), 200, 1, 0.5)
    weights = np.where(np.arange(200) % 2, 1.0, 0.0)
    model = skmi.GaussianMI().fit(X, y)
    assert skmi.mi_scorer(model, X, y, sample_weight=weights) == pytest.approx(
        skmi.mi_scorer(model, X[1::2], y[1::2])
    )
    with sklearn.config_context(enable_metadata_routing=True):
        model = skmi.GaussianMI().set_fit_request(sample_weight=False)
        scorer = skmi.mi_scorer.set_score_request(sample_weight=True)
        options = {"scoring": scorer, "params": {"sample_weight": weights}, "cv": 2}
        found = cross_val_score(model, X, y, **options)
        assert not np.allclose(found, cross_val_score(model, X, y, cv=2))


@pytest.mark.parametrize(
    "model", [skmi.HistogramMI(), skmi.KernelDensityMI(), skmi.KSG(random_state=0)]
)
def test_the_verdict_is_that_of_the_conditional_estimate(model):
    """X and y share much, and nothing given Z."""
    labels = isinstance(model, skmi.HistogramMI)
    for seed in range(3):
        rng = np.random.RandomState(seed)
        if labels:
            Z = rng.randint(3, size=2000)
            X, y = (np.where(rng.rand(2000) < 0.7, Z, rng.permutation(Z)) for _ in "xy")
            X, y, Z = pd.DataFrame({"x": X.astype(str)}), y.astype(str), Z.astype(str)
        else:
            X, y, Z = draw_triple(rng, 1000, 1, 0.0)
        found = clone(model).fit(X, y, Z)
        if found.mutual_info_ <= found.standard_error_:
            assert found.status_ == "zero"
    with_information = draw_triple(np.random.RandomState(0), 1000, 1, 1.0)
    assert labels or clone(model).fit(*with_information).status_ != "zero"


def test_messages_name_the_condition():
    X, y, Z = draw_triple(np.random.RandomState(0), 60, 1, 0.5)
    label = np.where(Z[:, 0] > 0, "a", None)
    with pytest.raises(ValueError, match="Z contains missing values"):
        skmi.KSG().fit(X, y, label)
    with pytest.raises(ValueError, match="Z has 59 rows, but X and y have 60"):
        skmi.GaussianMI().fit(X, y, Z[1:])
    with pytest.raises(ValueError, match="given Z, of X and Z together"):
        skmi.GaussianMI().fit(X, X + Z, Z)


@pytest.mark.parametrize(
    "cls",
    [
        skmi.GaussianMI,
        skmi.GaussianCopulaMI,
        skmi.EllipticalCopulaMI,
        skmi.StudentCopulaMI,
    ],
)
def test_nothing_is_left_of_a_column_that_z_determines(cls):
    """Of the columns of y one is a function of Z, and adds nothing to the other."""
    X, y, Z = draw_triple(np.random.RandomState(0), 300, 1, 0.5)
    for same in (Z, 1e-6 * Z + 3.0, 1e300 * Z):
        assert cls().fit(X, same, Z).mutual_info_ == pytest.approx(0.0, abs=1e-12)
        assert cls().fit(X, Z, same).mutual_info_ == pytest.approx(0.0, abs=1e-12)
    model, both = cls().fit(X, y, Z), cls().fit(X, np.hstack([Z, y]), Z)
    assert both.mutual_info_ == pytest.approx(model.mutual_info_, abs=0.02)
    assert np.isfinite(both.score(X, np.hstack([Z, y]), Z))


def test_shared_noise_cancels_in_the_standard_error():
    """Z explains y well, X adds little: both terms are large, their difference not."""
    rng = np.random.RandomState(0)
    values, errors = [], []
    for _ in range(40):
        Z, X, noise = rng.standard_normal((3, 500, 1))
        model = skmi.GaussianMI().fit(X, 5 * Z + 0.3 * X + noise, Z)
        values.append(model.mutual_info_)
        errors.append(model.standard_error_)
    spread = np.std(values, ddof=1)
    assert np.mean(errors) == pytest.approx(spread, rel=0.3)


def test_an_interval_of_what_is_independent_given_z_holds_0():
    """The influence of samples vanishes there, the variance does not."""
    held = 0
    for seed in range(40):
        X, y, Z = draw_triple(np.random.RandomState(seed), 500, 1, 0.0)
        model = skmi.GaussianMI().fit(X, y, Z)
        held += abs(model.mutual_info_) < 1.96 * model.standard_error_
    assert held >= 36


@pytest.mark.parametrize(
    "name", ["GaussianCopulaMI", "StudentCopulaMI", "EllipticalCopulaMI"]
)
def test_copulas_given_labels_are_warned_of(name):
    X, y, Z = draw_triple(np.random.RandomState(0), 200, 1, 0.5)
    labels = np.where(Z[:, 0] > 0, "up", "down")
    with pytest.warns(skmi.ReliabilityWarning, match="given labels"):
        getattr(skmi, name)().fit(X, y, labels)


@QUIET
@pytest.mark.parametrize("name", ["NWJ", "CLUB", "BarberAgakov", "AutoMI"])
def test_curves_of_the_condition_are_no_information(name):
    """Z explains nearly all of X and of y, and nothing else is shared."""
    z, a, b = np.random.RandomState(0).standard_normal((3, 800))
    rows = (np.sin(3 * z) + 0.2 * a).reshape(-1, 1), z**2 + 0.2 * b, z
    model = getattr(skmi, name)(random_state=0).fit(*rows)
    assert abs(model.mutual_info_) < 0.03


@QUIET
@pytest.mark.parametrize("name", ["NWJ", "AutoMI"])
def test_noise_beside_curves_of_the_condition_is_found(name):
    z, a, b = np.random.RandomState(0).standard_normal((3, 800))
    y = z**2 + 0.2 * (0.8 * a + 0.6 * b)
    rows = (np.sin(3 * z) + 0.2 * a).reshape(-1, 1), y, z
    model = getattr(skmi, name)(random_state=0).fit(*rows)
    truth = -0.5 * math.log(1 - 0.8**2)
    assert truth - 0.16 < model.mutual_info_ < truth + 0.1
    new = np.random.RandomState(1).standard_normal((3, 400))
    y = new[0] ** 2 + 0.2 * (0.8 * new[1] + 0.6 * new[2])
    rows = (np.sin(3 * new[0]) + 0.2 * new[1]).reshape(-1, 1), y, new[0]
    assert truth - 0.25 < model.score_samples(*rows).mean() < truth + 0.15


def test_labels_given_labels_are_counted():
    """The truth is a sum over the table of probabilities."""
    for seed in range(2):
        rng = np.random.RandomState(seed)
        table = rng.dirichlet(np.full(512, 0.2)).reshape(8, 8, 8)
        cells = rng.choice(512, 2000, p=table.ravel())
        sides = [
            np.array(list("abcdefgh"))[code]
            for code in np.unravel_index(cells, table.shape)
        ]
        margins = [table.sum(axis, keepdims=True) for axis in (1, 0, (0, 1))]
        ratio = table * margins[2] / (margins[0] * margins[1])
        truth = (table * np.log(ratio, where=table > 0, out=np.zeros((8, 8, 8)))).sum()
        model = skmi.AutoMI(random_state=0, max_iter=5)
        model.fit(sides[0].reshape(-1, 1), *sides[1:])
        assert model.mutual_info_ == pytest.approx(truth, abs=0.08)
        low, high = model.confidence_interval_
        assert low < truth < high


@QUIET
def test_kernels_given_a_condition_doubt_edges():
    """Half of the uniform noise of y is as wide as X."""
    truth, known = math.log(2) + 0.25, []
    for seed in range(6):
        rng = np.random.RandomState(seed)
        z, (x, noise) = rng.standard_normal(1000), rng.uniform(size=(2, 1000))
        model = skmi.KernelDensityMI().fit(x.reshape(-1, 1), z + x + noise / 2, z)
        is_near = abs(model.mutual_info_ - truth) < 2 * model.standard_error_
        known.append(is_near or model.status_ == "not converged")
    assert np.mean(known) >= 0.8
