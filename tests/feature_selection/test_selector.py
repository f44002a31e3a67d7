import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmi import (
    KSG,
    MIFeatureSelector,
)
from tests.cli.runs import TABULAR, load_table
from tests.feature_selection.planted import (
    additive,
    xor,
)

EXTRA_CHECKS = (
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
)


quiet = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def all_checks():
    neighbours = MIFeatureSelector(
        estimator=KSG(n_neighbors=1), n_permutations=39, random_state=0
    )
    for instance in (MIFeatureSelector(random_state=0), neighbours):
        checks = [
            partial(getattr(estimator_checks, name), "MIFeatureSelector")
            for name in EXTRA_CHECKS
        ]
        checks = [(instance, check) for check in checks]
        for estimator, check in [*checks, *estimator_checks_generator(instance)]:
            name = check.func.__name__
            if instance.estimator is not None and "sample_weight" in name:
                continue
            if "sample_weight_equivalence" in name:
                # A weight of 2 equals a repeated sample by this option only.
                estimator = clone(estimator).set_params(weights="frequency")
            yield pytest.param(estimator, check, id=f"{instance.estimator}-{name}")


@quiet
@pytest.mark.parametrize(("estimator", "check"), list(all_checks()))
def test_scikit_learn(estimator, check):
    check(estimator)


def test_same_seed_same_bits_and_no_global_state():
    X, y = additive()
    state = np.random.get_state()[1].copy()
    first, second = (MIFeatureSelector(random_state=3).fit(X, y) for _ in range(2))
    pd.testing.assert_frame_equal(first.path_, second.path_)
    assert (np.random.get_state()[1] == state).all()
    copy = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(copy.transform(X), first.transform(X))
    assert copy.interactions_ == first.interactions_


def test_torch_device_gives_the_same():
    X, y = xor()
    plain = MIFeatureSelector(random_state=0).fit(X, y)
    other = MIFeatureSelector(random_state=0, device="cpu").fit(X, y)
    assert other.interactions_ == plain.interactions_


@pytest.mark.filterwarnings("ignore:Many labels of column Cabin")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("adult", {"relationship", "education"}),
        ("titanic", {"Sex"}),
        ("ames_housing", {"Overall Qual", "Gr Liv Area"}),
    ],
)
def test_real_tables_in_a_search(name, expected):
    if not (TABULAR / f"{name}.npz").is_file():
        pytest.skip(f"the table {name} is not beside the checkout")
    frame = load_table(TABULAR / f"{name}.npz")
    frame = frame[frame["TARGET"].notna()].sample(frac=1, random_state=0)[:800]
    y = frame.pop("TARGET")
    tree = DecisionTreeClassifier if y.dtype == "category" else DecisionTreeRegressor
    encoder = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
        remainder="passthrough",
    )
    selector = MIFeatureSelector(min_features_to_select=1, random_state=0)
    model = make_pipeline(
        selector.set_output(transform="pandas"), encoder, tree(max_depth=4)
    )
    grid = {"mifeatureselector__n_features_to_select": [2, "auto"]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(frame, y)
    assert search.best_score_ > 0.6
    names = search.best_estimator_[0].get_feature_names_out()
    names = [name.removesuffix("-num") for name in names]  # a copy of education
    assert expected <= set(names) or len(names) == 2
    best = search.best_estimator_[0]
    pair = pickle.loads(pickle.dumps(best)).transform(frame)
    pd.testing.assert_frame_equal(pair, best.transform(frame))


def test_fixed_features_stay_and_are_not_tested():
    X, y = additive()
    frame = pd.DataFrame(X, columns=[f"f{k}" for k in range(12)])
    for data, fixed in ((X, [7]), (frame, ["f7"]), (frame, 7)):
        selector = MIFeatureSelector(
            fixed_features=fixed, stopping="significance", random_state=0
        ).fit(data, y)
        assert set(selector.get_support(indices=True)) >= {1, 2, 7}
        assert selector.ranking_[7] == 1
        assert np.isnan(selector.step_pvalues_[7])
        assert selector.path_["evidence"].tolist()[0] == "fixed"
    with pytest.raises(ValueError, match="fixed_features contains 'f99'"):
        MIFeatureSelector(fixed_features=["f99"]).fit(frame, y)
    two = MIFeatureSelector(fixed_features=[4, 5], n_features_to_select=1)
    with pytest.raises(ValueError, match="fixed_features has 2"):
        two.fit(X, y)


def test_evidence_names_the_pair():
    X, y = xor(n_columns=12, first=7, second=11)
    path = MIFeatureSelector(random_state=0).fit(X, y).path_
    words = dict(zip(path["feature"], path["evidence"], strict=True))
    assert words[7] == "together with 11"
    assert words[11] == "together with 7"


def test_many_weak_features_are_kept_for_prediction():
    """Ten effects too weak for a test of each; more samples would show all of them."""
    rng = np.random.RandomState(1)
    X = rng.standard_normal((500, 12))
    chance = 1 / (1 + np.exp(-X[:, 0] - 0.35 * X[:, 1:10].sum(axis=1)))
    y = rng.uniform(size=500) < chance
    found = {
        stopping: MIFeatureSelector(stopping=stopping, random_state=0)
        .fit(X, y)
        .support_[:10]
        .sum()
        for stopping in ("significance", "information")
    }
    assert found["information"] > found["significance"]


def test_a_rule_of_all_columns_is_found():
    levels = np.array([3, 3, 2, 3, 4, 2])  # the second of the MONK's problems
    X = np.random.RandomState(3).randint(0, levels, size=(250, 6))
    y = (X == 0).sum(axis=1) == 2
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    assert selector.get_support().all()


@pytest.mark.parametrize(("n_rows", "seed"), [(5000, 0), (1000, 500)])
def test_trees_that_noise_makes_less_alike_add_none(n_rows, seed):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows, 12 if n_rows == 5000 else 20))
    y = X[:, :3].sum(axis=1) + rng.standard_normal(n_rows) > 0
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2]


def test_columns_asked_for_have_pvalues():
    """Truth: three terms of a sum and a pair; noise that fills up is at the level."""
    n_wrong = 0
    for seed in range(20):
        rng = np.random.RandomState(seed)
        X = rng.standard_normal((300, 12))
        y = X[:, :3].sum(axis=1) + 3 * (X[:, 3] * X[:, 4] > 0)
        y += 0.5 * rng.standard_normal(300)
        selector = MIFeatureSelector(
            n_features_to_select=7, fixed_features=[11], random_state=0
        ).fit(X, y)
        assert selector.support_[[0, 1, 2, 3, 4, 11]].all()
        assert (selector.step_pvalues_[:5] < 1e-4).all()
        assert np.isnan(selector.step_pvalues_[11])  # fixed
        rest = selector.step_pvalues_[5:11][selector.support_[5:11]]
        assert len(rest) == 1
        n_wrong += (rest <= 0.05).sum()
    assert n_wrong <= 4  # more have a probability of .003 at a rate of .05
