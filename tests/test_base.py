"""Ceilings of labels, and what an estimator says before it is fitted."""

import inspect
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import entr
from sklearn.exceptions import NotFittedError

import skmi
from skmi.base import MutualInfoEstimator
from skmi.inference import confidence_interval
from tests.estimators import (
    all_estimators,
    all_predictors,
    all_transformers,
    is_neural,
    make_small,
    takes_labels,
)

RNG = np.random.RandomState(0)
SIDES = np.repeat([0, 1], [60, 140])  # entropy .611
ENTROPY = -0.3 * math.log(0.3) - 0.7 * math.log(0.7)
BIAS = 0.003  # of the entropy of 200 samples of two labels: 1 / 400
X = 20.0 * SIDES[:, np.newaxis] + RNG.standard_normal((200, 1))
LABELLED = [cls for cls in all_estimators() if takes_labels(cls)]


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("cls", LABELLED)
@pytest.mark.parametrize("y", [np.array(["no", "yes"])[SIDES], 5.0 * SIDES])
def test_the_entropy_of_labels_is_the_ceiling(cls, y):
    model = make_small(cls).fit(X, y)
    assert model.ceiling_ <= ENTROPY + BIAS
    assert model.mutual_info_ <= model.ceiling_
    if cls is not skmi.HistogramMI:  # its bins may have less
        assert model.ceiling_ == pytest.approx(ENTROPY, abs=BIAS)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("cls", [skmi.KSG, skmi.MixedKSG, skmi.InfoNCE, skmi.AutoMI])
def test_the_entropy_of_discrete_features_is_a_ceiling(cls):
    y = RNG.standard_normal(200)
    for side in (
        pd.DataFrame({"x": pd.Categorical(SIDES)}),
        SIDES[:, np.newaxis].astype(float),
        pd.DataFrame({"x": SIDES == 0}),
    ):
        assert make_small(cls).fit(side, y).ceiling_ == pytest.approx(ENTROPY, abs=BIAS)
    many = RNG.randint(20, size=200).astype(str)
    few = pd.DataFrame({"x": pd.Categorical(SIDES)})
    assert make_small(cls).fit(few, many).ceiling_ == pytest.approx(ENTROPY, abs=BIAS)


def test_features_that_are_said_to_be_discrete():
    y = RNG.standard_normal(200)
    model = skmi.MixedKSG(discrete_features=True).fit(SIDES[:, np.newaxis] * 3, y)
    assert model.ceiling_ == pytest.approx(ENTROPY, abs=BIAS)


def test_new_samples_have_the_ceiling_of_their_labels():
    y = np.array(["no", "yes"])[SIDES]
    model = skmi.MixedKSG().fit(X, y)
    assert model.mutual_info(X[40:80], y[40:80]) <= math.log(2)


@pytest.mark.parametrize("cls", [skmi.MINE, skmi.SMILE, skmi.DonskerVaradhan])
@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_numbers_have_no_such_ceiling(cls):
    y = X[:, 0] + RNG.standard_normal(200)
    assert make_small(cls).fit(X, y).ceiling_ == math.inf


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("method", ["influence", "subsample"])
def test_intervals_stop_at_the_ceiling(method):
    y = np.array(["no", "yes"])[SIDES]
    for estimator in (skmi.MixedKSG(random_state=0), make_small(skmi.NWJ)):
        interval = confidence_interval(
            estimator, X, y, method=method, n_resamples=5, random_state=0
        )
        assert interval.low <= interval.mutual_info <= interval.high <= math.log(2)


def test_an_interval_of_automi_stops_at_the_ceiling():
    model = skmi.AutoMI(random_state=0).fit(X, np.array(["no", "yes"])[SIDES])
    low, high = model.confidence_interval_
    assert low <= model.mutual_info_ <= high <= math.log(2)
    assert model.status_ == "ok"


SHARES = {
    "two": [0.5, 0.5],
    "five": [0.2] * 5,
    "rare": [0.05, 0.95],
    "skewed": [0.5, 0.25, 0.15, 0.07, 0.03],
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("n_samples", [60, 300])
def test_intervals_of_labels_with_themselves_hold_their_entropy(name, n_samples):
    """The entropy of the sample is as often below that of the distribution as above."""
    shares = np.array(SHARES[name])
    truth, inside = entr(shares).sum(), {"MixedKSG": [], "HistogramMI": []}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = rng.choice(len(shares), size=n_samples, p=shares).astype(str)
        for cls, found in inside.items():
            model = getattr(skmi, cls)()
            low, high = confidence_interval(
                model, y[:, np.newaxis], y, method="influence", random_state=0
            )
            assert high <= math.log(len(shares)) + 1e-9
            found.append(low <= truth <= high + 1e-9)
    assert min(map(np.mean, inside.values())) >= 0.85


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_intervals_of_automi_hold_the_entropy_of_labels():
    inside = []
    for seed in range(8):
        x = np.random.default_rng(seed).integers(10, size=200)
        model = skmi.AutoMI(random_state=0).fit(x[:, None].astype(str), x % 2 == 0)
        low, high = model.confidence_interval_
        inside.append(low <= math.log(2) <= high + 1e-9)
    assert np.mean(inside) >= 0.75


def test_labels_that_are_determined_are_not_saturated(recwarn):
    skmi.MixedKSG().fit(X, np.array(["no", "yes"])[SIDES])
    assert not [w for w in recwarn if w.category is skmi.SaturationWarning]


def test_the_matrix_does_not_exceed_its_entropies():
    table = np.column_stack([SIDES, SIDES, RNG.randint(4, size=200)])
    matrix = skmi.mutual_info_matrix(table)
    entropies = np.minimum.outer(np.diag(matrix), np.diag(matrix))
    assert (matrix <= entropies + 1e-12).all()


def test_a_stream_of_labels_has_their_ceiling():
    model = make_small(skmi.NWJ)
    y = np.array(["no", "yes"])[SIDES]
    model.partial_fit(X, y)
    assert model.mutual_info_ <= model.ceiling_ <= math.log(2)


# -- before fit ------------------------------------------------------------------------

FITTED = [*all_estimators(), *all_predictors(), *all_transformers()]
BEFORE_FIT = {"fit", "partial_fit", "fit_transform", "information_plane"}


def is_own(name):
    return not name.startswith(("_", "set_", "get_")) and name not in BEFORE_FIT


@pytest.mark.parametrize("cls", [*FITTED, skmi.MIFeatureSelector])
def test_everything_public_asks_for_a_fit(cls):
    model = make_small(cls)
    y = X[:, 0]
    for name, member in inspect.getmembers(cls):
        if not is_own(name) or name in cls().get_params():
            continue
        if isinstance(member, property):
            with pytest.raises(NotFittedError):
                getattr(model, name)
        elif inspect.isfunction(member) and name != "critic_to_test":
            n_required = len(
                [
                    p
                    for p in inspect.signature(member).parameters.values()
                    if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
                ]
            )
            with pytest.raises(NotFittedError):
                getattr(model, name)(*(X, y)[: n_required - 1])


def test_every_estimator_is_tried():
    assert {skmi.AutoMI, skmi.KSG} <= set(FITTED)
    assert all(issubclass(cls, MutualInfoEstimator) for cls in LABELLED)
    assert any(map(is_neural, LABELLED))
