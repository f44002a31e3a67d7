"""Tables of more features than samples: all that are informative alone are kept."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, rankdata
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skmi import MIFeatureSelector
from skmi.feature_selection.significance import overall_pvalue, pooled_pvalues

N_SHIFTED = 40


def shifted(seed, n_classes=2, n_rows=60, n_columns=400, shift=1.3):
    """Columns whose means differ between classes, then noise."""
    rng = np.random.RandomState(seed)
    y = np.arange(n_rows) % n_classes
    X = rng.standard_normal((n_rows, n_columns))
    means = rng.choice([-1.0, 1.0], (n_classes, N_SHIFTED))
    if n_classes == 2:
        means[1] = -means[0]
    X[:, :N_SHIFTED] += shift / 2 * means[y]
    return X, y


def test_most_of_many_informative_columns_are_selected():
    false, right = [], []
    for seed in range(5):
        X, y = shifted(seed)
        selector = MIFeatureSelector(random_state=0).fit(X, y)
        chosen = selector.get_support(indices=True)
        right.append((chosen < N_SHIFTED).sum())
        false.append((chosen >= N_SHIFTED).mean())
        assert (selector.step_pvalues_[chosen] <= 0.05).all()
        assert len(selector.path_["evidence"]) == len(chosen)
        assert "alone (false discovery rate)" in set(selector.path_["evidence"])
    assert min(right) >= 30
    assert np.mean(false) <= 0.1


def test_they_predict_better_than_those_that_are_significant_beside_each_other():
    X, y = shifted(7)
    scores = {}
    for stopping in ("information", "significance"):
        selector = MIFeatureSelector(stopping=stopping, random_state=0)
        forest = RandomForestClassifier(100, random_state=0)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        model = make_pipeline(selector.set_params(min_features_to_select=1), forest)
        scores[stopping] = cross_val_score(model, X, y, cv=folds).mean()
    assert scores["information"] > scores["significance"] + 0.05


@pytest.mark.filterwarnings("ignore::skmi.exceptions.NothingSelectedWarning")
def test_noise_is_selected_at_the_level():
    n_wrong = 0
    for seed in range(60):
        rng = np.random.RandomState(seed)
        X = rng.standard_normal((40, 80)) + rng.standard_normal((40, 1))
        selector = MIFeatureSelector(random_state=0).fit(X, rng.randint(0, 2, 40))
        n_wrong += selector.support_.any()
    assert n_wrong <= 8  # more have a probability of .007 at a rate of .05


def test_the_numbers_of_classes_and_the_order_of_samples_do_not_matter():
    X, y = shifted(3, n_classes=4)
    first = MIFeatureSelector(random_state=0).fit(X, y)
    assert first.support_.sum() >= 20
    for other in (np.array([2, 0, 3, 1])[y], np.array(list("dacb"))[y]):
        found = MIFeatureSelector(random_state=0).fit(X, other)
        overlap = found.support_ & first.support_
        assert overlap.sum() >= 0.9 * (found.support_ | first.support_).sum()
    rows = np.random.RandomState(0).permutation(len(y))
    again = MIFeatureSelector(random_state=0).fit(X[rows], y[rows])
    assert (again.support_ == first.support_).all()


def test_the_names_of_classes_do_not_matter():
    X, y = shifted(3, n_classes=9, n_rows=96)
    y = np.where(y == 8, 0, y)
    y[:2] = 8  # a rare class
    expected = MIFeatureSelector(random_state=0).fit(X, y)
    assert expected.support_.sum() >= 20
    for names in (list("abcdefghi"), list("hbgaficde"), [4, 1, 8, 0, 5, 2, 7, 3, 6]):
        found = MIFeatureSelector(random_state=0).fit(X, np.array(names)[y])
        assert (found.support_ == expected.support_).all()
        assert found.pvalues_ == pytest.approx(expected.pvalues_)


def test_the_seed_hardly_matters():
    """Correlated columns, of which many are informative by chance alike."""
    rng = np.random.RandomState(0)
    y = np.arange(60) % 2
    X = rng.standard_normal((60, 8)) @ rng.standard_normal((8, 1000))
    X += rng.standard_normal(X.shape)
    X[y == 1, :200] += rng.uniform(0, 2, 1000)[:200]
    chosen = [MIFeatureSelector(random_state=s).fit(X, y).support_ for s in range(5)]
    assert chosen[0].sum() >= 10
    for one in chosen:
        for other in chosen:
            assert (one & other).sum() >= 0.9 * (one | other).sum()


def test_columns_without_terms_are_no_hindrance():
    X, y = shifted(0)
    names = np.arange(len(y)).astype(str).astype(object)
    found = MIFeatureSelector(random_state=0).fit(
        np.column_stack([X.astype(object), names]), y
    )
    assert found.support_[:N_SHIFTED].sum() >= 30
    assert not found.support_[-1]


def test_columns_asked_for_and_fixed_ones_stay():
    X, y = shifted(1)
    selector = MIFeatureSelector(n_features_to_select=5, random_state=0).fit(X, y)
    assert selector.support_.sum() == 5
    selector = MIFeatureSelector(fixed_features=[399], random_state=0).fit(X, y)
    assert selector.support_[399]
    assert selector.path_["evidence"][0] == "fixed"
    assert np.isnan(selector.step_pvalues_[399])


@pytest.mark.parametrize("n_columns", [60, 500])
def test_number_of_columns_begins_with_the_significant_ones(n_columns):
    n_found = 0
    for seed in range(3):
        rng = np.random.RandomState(seed)
        X = rng.standard_normal((100, n_columns))
        X[:, 10:20] = X[:, :1] + 0.3 * X[:, 10:20]
        y = X[:, :4].sum(axis=1) + 0.5 * rng.standard_normal(100)
        selector = MIFeatureSelector(n_features_to_select=4, random_state=0).fit(X, y)
        assert selector.support_.sum() == 4
        n_found += selector.support_[[0, *range(10, 20)]].any()  # a copy stands for it
        n_found += selector.support_[1:4].sum()
    assert n_found >= (11 if n_columns == 60 else 9)


@pytest.mark.filterwarnings("ignore::skmi.NothingSelectedWarning")
@pytest.mark.parametrize("kind", ["constant", "one label", "whole beyond 2**53"])
def test_targets_without_terms(kind):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 100))
    y = np.zeros(40)
    if kind == "one label":
        y = np.full(40, "a")
    elif kind != "constant":
        X, y = X[:9, :20], 1e30 * rng.standard_normal(9)
    assert not MIFeatureSelector(random_state=0).fit(X, y).support_.any()
    chosen = MIFeatureSelector(n_features_to_select=2, random_state=0).fit(X, y)
    assert chosen.support_.sum() == 2


@pytest.mark.parametrize("n_classes", [3, 6])
def test_numbered_classes_are_classes(n_classes):
    rng = np.random.RandomState(n_classes)
    y = rng.randint(n_classes, size=300)
    X = rng.standard_normal((300, 40))
    X[:, :5] += rng.standard_normal((n_classes, 5))[y]
    named = MIFeatureSelector(random_state=0).fit(X, np.array(list("fbdace"))[y])
    numbered = MIFeatureSelector(random_state=0).fit(X, y)
    assert numbered.support_[:5].sum() >= 4
    assert numbered.support_.tolist() == named.support_.tolist()


def test_number_of_columns_takes_a_pair_only_where_it_fits():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((500, 20))
    y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    for wanted in (1, 2, 3):
        selector = MIFeatureSelector(n_features_to_select=wanted, random_state=0)
        support = selector.fit(X, y).support_
        assert support.sum() == wanted
        assert wanted == 1 or support[:2].all()


@pytest.mark.parametrize("seed", range(3))
def test_pooled_pvalues_are_those_of_benjamini_and_hochberg(seed):
    rng = np.random.RandomState(seed)
    draws = rng.chisquare(1, size=(51, 30))
    draws[0, :5] += 15
    null = draws[1:].ravel()
    plain = [(1 + (null >= value).sum()) / (1 + len(null)) for value in draws[0]]
    found = pooled_pvalues(draws[0], draws[1:])
    assert found == pytest.approx(false_discovery_control(plain))
    overall = overall_pvalue(draws)
    best = np.array([np.mean(sorted(row)[-5:]) for row in draws])
    assert overall == pytest.approx(1 - (rankdata(best)[0] - 1) / 51)


def weak_sum(seed, n_rows, n_columns, n_informative):
    """A label of the sum of many columns of equal weight; 2000 samples are held out."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows + 2000, n_columns))
    total = X[:, :n_informative].sum(axis=1) / np.sqrt(n_informative)
    y = (total + 0.3 * rng.standard_normal(len(X)) > 0).astype(int)
    return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


@pytest.mark.parametrize("seed", range(2))
def test_more_are_kept_than_are_tried_one_by_one_where_more_are_informative(seed):
    X, y, new_X, new_y = weak_sum(seed, 1500, 150, 100)
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    chosen = selector.get_support()
    assert chosen[:100].sum() >= 80
    scores = [
        LogisticRegression(C=0.1).fit(X[:, columns], y).score(new_X[:, columns], new_y)
        for columns in (chosen, np.argsort(selector.ranking_)[:50])
    ]
    assert scores[0] > scores[1] + 0.02
    significant = MIFeatureSelector(stopping="significance", random_state=0).fit(X, y)
    assert significant.get_support().sum() < 50


def test_a_sum_of_few_columns_gets_no_others():
    X, y, _, _ = weak_sum(0, 1000, 150, 8)
    chosen = MIFeatureSelector(random_state=0).fit(X, y).get_support()
    assert chosen[:8].all()
    assert chosen.sum() <= 10
