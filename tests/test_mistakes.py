"""Common mistakes: each gets one answer that names the argument and the cure."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score

import skmi
from skmi import bounds
from skmi._core.params import parameters
from skmi.inference import (
    conditional_independence_test,
    confidence_interval,
    permutation_test,
)
from skmi.variational.base import RatioEstimator

rng = np.random.RandomState(0)
X = rng.standard_normal((60, 2))
y = X[:, 0] + rng.standard_normal(60)
labels = np.where(y > 0, "up", "down")
text = pd.DataFrame({"size": X[:, 0], "color": ["red", "blue"] * 30})
dates = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=60)})
FEW = {"max_iter": 2, "random_state": 0}

# What is done, the class of the answer, the argument that it names, the cure it tells.
MISTAKES = {
    "y and X in the wrong order": (
        lambda: skmi.GaussianMI().fit(labels.reshape(-1, 1), X),
        ValueError,
        "X holds text",
        "goes second: fit(X, y)",
    ),
    "one column as a list": (
        lambda: skmi.KSG().fit(X[:, 0], y),
        ValueError,
        "Expected 2D array",
        "array.reshape(-1, 1)",
    ),
    "labels as floats": (
        lambda: skmi.KSG().fit(X, np.digitize(y, [-0.5, 0.5]).astype(float)),
        skmi.DiscreteTargetWarning,
        "y holds integers",
        "discrete_target=True",
    ),
    "labels as integers": (
        lambda: skmi.GaussianMI().fit(X, (y > 0).astype(int)),
        skmi.DiscreteTargetWarning,
        "y holds integers",
        "discrete_target=True",
    ),
    "a name for each row as label": (
        lambda: skmi.KSG().fit(X, [f"row {i}" for i in range(60)]),
        skmi.DiscreteTargetWarning,
        "y holds 60 labels in 60 samples",
        "y.astype(float)",
    ),
    "labels for an estimator of numbers": (
        lambda: skmi.GaussianMI().fit(X, labels),
        ValueError,
        "y holds labels",
        "Use skmi.KSG",
    ),
    "numbers among labels": (
        lambda: skmi.KSG().fit(X, np.array(["up", 1] * 30, dtype=object)),
        ValueError,
        "y mixes text or labels with numbers",
        "y.astype(str)",
    ),
    "one row": (
        lambda: skmi.NWJ().fit(X[:1], y[:1]),
        ValueError,
        "1 sample",
        "minimum of 2 is required",
    ),
    "six rows": (
        lambda: skmi.KSG(n_neighbors=2).fit(X[:6], y[:6]),
        skmi.FewRowsWarning,
        "6 samples",
        "Pass more samples",
    ),
    "more neighbours than rows": (
        lambda: skmi.KSG(n_neighbors=100).fit(X, y),
        ValueError,
        "n_neighbors=100",
        "more rows than neighbours",
    ),
    "a missing number": (
        lambda: skmi.KSG().fit(np.where(X > 2, np.nan, X), y),
        ValueError,
        "X contains NaN",
        "imputer",
    ),
    "a missing label": (
        lambda: skmi.KSG().fit(X, np.array(["up", None] * 30, dtype=object)),
        ValueError,
        "y contains missing values",
        "drop those rows",
    ),
    "columns of text": (
        lambda: skmi.NWJ(**FEW).fit(text, y),
        ValueError,
        "X holds text",
        "OneHotEncoder",
    ),
    "columns of dates": (
        lambda: skmi.KSG().fit(dates, y),
        ValueError,
        "X holds dates",
        "(column - column.min()) / numpy.timedelta64(1, 'D')",
    ),
    "repeated rows": (
        lambda: skmi.KSG().fit(np.repeat(X, 5, axis=0), np.repeat(y, 5)),
        skmi.DuplicateRowsWarning,
        "300 of 300 rows",
        "drop the duplicates",
    ),
    "other columns in score": (
        lambda: skmi.KSG().fit(X, y).score(X[:, :1], y),
        ValueError,
        "X has 1 features",
        "expecting 2",
    ),
    "labels sorted in a search": (
        lambda: cross_val_score(
            skmi.KSG(),
            X[np.argsort(labels)],
            np.sort(labels),
            cv=2,
            error_score="raise",
        ),
        ValueError,
        "y holds the label",
        "cv=StratifiedKFold",
    ),
    "a critic that is not there": (
        lambda: skmi.NWJ(critic="mlp").fit(X, y),
        ValueError,
        "'critic' parameter",
        "'separable'",
    ),
    "a class for a critic": (
        lambda: skmi.NWJ(critic=skmi.critics.JointCritic).fit(X, y),
        TypeError,
        "critic is the class",
        "pass an instance, JointCritic()",
    ),
    "a module of one argument": (
        lambda: skmi.NWJ(critic=torch.nn.Linear(2, 1), **FEW).fit(X, y),
        TypeError,
        "critic must be a module",
        "x (n, n_x) and y (m, n_y)",
    ),
    "a step that is far too long": (
        lambda: skmi.NWJ(learning_rate_init=1e6, random_state=0).fit(X, y),
        FloatingPointError,
        "learning_rate_init",
        "Lower",
    ),
    "a device that is not there": (
        lambda: skmi.NWJ(device="gpu", **FEW).fit(X, y),
        ValueError,
        "device='gpu'",
        'pass "auto", "cpu" or "cuda"'
        if torch.cuda.is_available()
        else 'pass "auto" or "cpu"',
    ),
    "numpy's newer generator": (
        lambda: skmi.KSG(random_state=np.random.default_rng(0)).fit(X, y),
        ValueError,
        "'random_state' parameter",
        "must be an int",
    ),
    "a huge beta": (
        lambda: skmi.IBEncoder(beta=1e4, max_iter=30, random_state=0).fit(X, labels),
        skmi.CollapseWarning,
        "beta=10000.0 is too large",
        "Lower beta",
    ),
    "noise to select from": (
        lambda: skmi.MIFeatureSelector(random_state=0).fit(X[::-1], labels),
        skmi.NothingSelectedWarning,
        "No column",
        "min_features_to_select=1",
    ),
    "too few permutations to stop by": (
        lambda: skmi.MIFeatureSelector(n_permutations=10).fit(X, labels),
        ValueError,
        "n_permutations=10",
        "are needed",
    ),
    "more columns than there are": (
        lambda: skmi.MIFeatureSelector(n_features_to_select=9).fit(X, labels),
        ValueError,
        "n_features_to_select=9",
        "there are 2 columns",
    ),
    "an estimator's class in a test": (
        lambda: permutation_test(skmi.KSG, X, y),
        TypeError,
        "estimator must be an instance",
        "skmi.KSG()",
    ),
    "another estimator in a test": (
        lambda: permutation_test(PCA(), X, y),
        TypeError,
        "estimator must be an instance",
        "got PCA()",
    ),
    "a level in percent": (
        lambda: confidence_interval(skmi.KSG(), X, y, level=95),
        ValueError,
        "level=95",
        "between 0 and 1",
    ),
    "no condition": (
        lambda: conditional_independence_test(X, y, None),
        ValueError,
        "Z is None",
        "independence_test",
    ),
    "an array in place of a tensor": (
        lambda: bounds.info_nce(np.zeros((3, 3))),
        TypeError,
        "scores must be a torch tensor",
        "torch.as_tensor",
    ),
    "scores of joint pairs alone": (
        lambda: bounds.donsker_varadhan(torch.zeros(3)),
        ValueError,
        "scores must be of shape (..., n, n)",
        "got (3,)",
    ),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered(name):
    mistake, kind, argument, cure = MISTAKES[name]
    if issubclass(kind, Warning):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            mistake()
        messages = [str(item.message) for item in caught if item.category is kind]
        assert len(messages) == 1
    else:
        with pytest.raises(kind) as caught:
            mistake()
        messages = [str(caught.value)]
    assert argument in messages[0]
    assert cure in messages[0]


def test_the_cures_work():
    """What the messages advise is no mistake itself."""
    flags = {"up": 1.0, "down": 0.0}
    codes = np.array([flags[label] for label in labels])
    told = skmi.KSG(discrete_target=True, random_state=0).fit(X, codes)
    assert told.mutual_info_ == skmi.KSG(random_state=0).fit(X, labels).mutual_info_
    numbers = np.array([str(value) for value in y]).astype(float)
    skmi.KSG().fit(X, numbers)
    skmi.MixedKSG(random_state=0).fit(text, y)
    days = (dates - dates.min()) / np.timedelta64(1, "D")
    assert days["day"].tolist() == list(range(60))
    skmi.KSG().fit(days, y)
    clone(skmi.MIFeatureSelector(min_features_to_select=1)).fit(X[::-1], labels)


def test_twenty_mistakes_at_least():
    assert len(MISTAKES) >= 20
    answers = [(argument, cure) for _, _, argument, cure in MISTAKES.values()]
    assert all(re.search(r"\w", part) for answer in answers for part in answer)


@pytest.mark.parametrize(
    ("base", "told"),
    [
        (skmi.base.MutualInfoEstimator, "Mine must define _fit(X, y): Learn from"),
        (RatioEstimator, "Mine must define _make_objective(): Return what training"),
    ],
)
def test_a_method_that_is_not_defined_is_named(base, told):
    mine = skmi.base.estimator(type("Mine", (base,), {}))
    with pytest.raises(NotImplementedError, match=re.escape(told)):
        mine().fit(X, y)


def test_a_critic_without_a_network_is_named():
    critic = parameters(type("Mine", (skmi.critics.critics.Critic,), {}))
    with pytest.raises(NotImplementedError, match="Mine must define _build"):
        critic().build(1, 1)


@pytest.mark.parametrize(
    "cls",
    [
        skmi.KSG,
        skmi.HistogramMI,
        skmi.EllipticalCopulaMI,
        skmi.IBEncoder,
        skmi.InfoMaxEncoder,
        skmi.MIGEGradient,
        skmi.ScoreEstimator,
    ],
)
def test_wrong_arguments_of_fit_are_refused_by_the_public_class(cls):
    with pytest.raises(TypeError, match=rf"^{cls.__name__}\.fit\(\) takes no sample_w"):
        cls().fit(X, labels, sample_weight=np.ones(60))
    with pytest.raises(TypeError, match=rf"^{cls.__name__}\.fit\(\) got an unexpected"):
        cls().fit(X, labels, wrong=1)


@pytest.mark.parametrize("cls", [skmi.GaussianMI, skmi.KSG, skmi.MIFeatureSelector])
def test_a_missing_target_is_said_by_the_public_class(cls):
    with pytest.raises(
        TypeError, match=rf"^{cls.__name__}\.fit\(\) is missing y; pass"
    ):
        cls().fit(X)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"learning_rate_init": (1e-3, np.nan)}, "learning_rate_init must be a number"),
        ({"learning_rate_init": (1, np.inf)}, "learning_rate_init must be a number"),
        ({"method": {"method": "foo"}}, "names no score estimator; pass one of nu_m"),
        ({"method": {"method": "stein", "bar": 1}}, "bar, which stein does not take"),
        ({"method": {"bar": 1}}, "bar, which nu_method does not take"),
    ],
)
def test_settings_of_the_bottleneck_that_cannot_be_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        skmi.IBEncoder(information="mige", **FEW, **options).fit(X, labels)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_learning_rates_may_be_an_array():
    rates = 1e-3, 1e-2
    fits = [
        skmi.IBEncoder(information="mine", learning_rate_init=pair, **FEW)
        for pair in (rates, list(rates), np.array(rates))
    ]
    assert len({clone(fit).fit(X, labels).distortion_ for fit in fits}) == 1


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_folds_may_be_masks_and_weights_narrow_floats():
    test = np.arange(60) < 20
    folds = [
        [(~test, test)],
        [(np.flatnonzero(~test), np.flatnonzero(test))],
    ]
    weights = 1 + np.arange(60) % 4
    given = weights, torch.tensor(weights, dtype=torch.bfloat16)
    values = {
        skmi.InfoNCE(cv=cv, **FEW).fit(X, y, sample_weight=each).mutual_info_
        for cv in folds
        for each in given
    }
    assert len(values) == 1


@pytest.mark.parametrize("n_groups", [1, 2])
def test_too_few_groups_are_named(n_groups):
    with pytest.raises(ValueError, match=f"groups has {n_groups} labels, too few"):
        skmi.InfoNCE(**FEW).fit(X, y, groups=np.arange(60) % n_groups)
