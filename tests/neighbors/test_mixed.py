import math

import numpy as np
import pandas as pd
import pytest

from skmi import KSG, DiscreteTargetWarning, MixedKSG


@pytest.mark.parametrize(("k", "value"), [(1, 1.030357), (3, 0.467857)])
def test_golden_value_without_ties_is_that_of_ksg(k, value):
    x = np.array([0.1, 0.5, 0.9, 1.4, 2.0, 2.2, 3.1, 3.3]).reshape(-1, 1)
    y = np.array([0.3, 0.2, 1.1, 1.0, 2.4, 1.7, 2.9, 3.6])
    estimator = MixedKSG(n_neighbors=k, marginals=None)
    assert estimator.fit(x, y).mutual_info_ == pytest.approx(value, abs=1e-6)


@pytest.mark.filterwarnings("ignore:Many labels of:skmi.ReliabilityWarning")
def test_identifiers_are_not_informative():
    """Any pairing of labels that occur once looks the same."""
    labels = np.arange(60).astype(str)
    with pytest.warns(DiscreteTargetWarning, match="60 labels in 60 samples"):
        estimator = MixedKSG().fit(pd.DataFrame({"a": labels}), labels)
    assert estimator.ceiling_ == pytest.approx(math.log(60))  # the entropy of y
    assert estimator.mutual_info_ == pytest.approx(0.0)


def test_discrete_sides_are_counted():
    rng = np.random.RandomState(0)
    x = rng.randint(4, size=5000)
    y = np.where(rng.uniform(size=5000) < 0.7, x, rng.randint(4, size=5000))
    joint = np.full((4, 4), 0.3 / 16) + 0.7 / 4 * np.eye(4)
    truth = (joint * np.log(joint * 16)).sum()
    for X in (x.reshape(-1, 1), pd.DataFrame({"x": x.astype(str)})):
        estimate = MixedKSG().fit(X, y.astype(str)).mutual_info_
        assert estimate == pytest.approx(truth, abs=0.02)


def test_mixture_of_an_atom_and_a_density():
    """A zero-inflated column: I = share * I(uniform noise) + that of the atom."""
    rng = np.random.RandomState(0)
    present = rng.uniform(size=6000) < 0.6
    labels = rng.randint(2, size=6000)
    amount = rng.uniform(size=6000) + labels
    X = np.where(present, amount, 0.0).reshape(-1, 1)
    truth = 0.6 * math.log(2)
    estimate = MixedKSG().fit(X, labels.astype(str)).mutual_info_
    assert estimate == pytest.approx(truth, abs=0.02)


def test_discrete_features():
    rng = np.random.RandomState(0)
    code = rng.randint(3, size=1500)
    X = np.column_stack([code, rng.standard_normal(1500)])
    y = (code == 1) * 2.0 + rng.standard_normal(1500)
    by_mask, by_number, by_dtype = (
        MixedKSG(discrete_features=[True, False]).fit(X, y),
        MixedKSG(discrete_features=[0]).fit(X, y),
        MixedKSG().fit(pd.DataFrame({"a": code.astype(str), "b": X[:, 1]}), y),
    )
    assert by_mask.mutual_info_ == by_number.mutual_info_ == by_dtype.mutual_info_
    assert by_dtype.feature_names_in_.tolist() == ["a", "b"]
    # Codes permuted: labels have no order.
    permuted = np.column_stack([(code + 1) % 3, X[:, 1]])
    again = MixedKSG(discrete_features=[0]).fit(permuted, y)
    assert again.mutual_info_ == by_mask.mutual_info_


def test_missing_labels_and_impossible_choices_are_refused():
    frame = pd.DataFrame({"a": ["u", None] * 20, "b": np.arange(40.0)})
    for column in (frame["a"], frame["a"].astype("category")):
        with pytest.raises(ValueError, match="missing labels in column 'a'"):
            MixedKSG().fit(frame.assign(a=column), np.arange(40.0))
    X = np.arange(80.0).reshape(40, 2)
    for chosen in ([5], [True], ["b"], [0.5], [-3]):
        with pytest.raises(ValueError, match="discrete_features must be"):
            MixedKSG(discrete_features=chosen).fit(X, X[:, 0])


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_nested_lists_keep_their_types():
    rows = [[1.5 * i, "a" if i % 2 else "b"] for i in range(100)]
    by_list = MixedKSG().fit(rows, np.arange(100.0))
    by_array = MixedKSG().fit(np.array(rows, dtype=object), np.arange(100.0))
    assert by_list.mutual_info_ == by_array.mutual_info_ > 2


def test_labels_are_compared_by_value():
    code = np.arange(90) % 3
    y = code + np.random.RandomState(0).standard_normal(90)
    estimator = MixedKSG().fit(pd.DataFrame({"a": pd.Categorical(code)}), y)
    as_floats = pd.DataFrame({"a": pd.Categorical(code.astype(float))})
    assert estimator.score(as_floats, y) == estimator.score(
        pd.DataFrame({"a": pd.Categorical(code)}), y
    )


def test_unknown_labels_get_a_log_ratio_of_zero():
    frame = pd.DataFrame({"a": ["u", "v"] * 50})
    y = np.where(frame["a"] == "u", "up", "down")
    estimator = MixedKSG().fit(frame, y)
    new = pd.DataFrame({"a": ["w", "u"]})
    pointwise = estimator.score_samples(new, ["up", "up"])
    assert pointwise[0] == 0.0
    assert pointwise[1] == pytest.approx(math.log(2), abs=0.02)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_feature_names_are_checked():
    frame = pd.DataFrame({"a": ["u", "v"] * 20, "b": np.arange(40.0)})
    estimator = MixedKSG().fit(frame, np.arange(40.0))
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.score(frame.rename(columns={"b": "c"}), np.arange(40.0))


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_intervals_of_a_number_and_labels_of_few_samples():
    missed = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, labels = rng.standard_normal((60, 1)), rng.integers(30, size=60)
        model = KSG(random_state=0).fit(x, labels.astype(str))
        missed += abs(model.mutual_info_) > 1.96 * model.standard_error_
    assert missed <= 6
