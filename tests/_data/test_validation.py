"""One rule for kinds of columns, at every entry point."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import skmi
from skmi._data.validation import numbers_and_codes
from skmi.exceptions import DiscreteTargetWarning, ReliabilityWarning
from skmi.inference import conditional_independence_test, independence_test
from tests.estimators import all_estimators, make_small, takes_labels

RNG = np.random.RandomState(0)
N = 1200
CODES = RNG.randint(6, size=N)
# A code determines a bit that is not monotone in it; a tenth of the bits is flipped.
BITS = CODES * 5 % 6 % 2 ^ (RNG.uniform(size=N) < 0.1)
TRUTH = np.log(2) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9)
CATEGORIES = pd.DataFrame({"code": pd.Categorical(CODES)})
WORDS = np.where(BITS, "a", "b")
LEARNED = [skmi.InfoNCE, skmi.NWJ, skmi.SMILE, skmi.BarberAgakov, skmi.AutoMI]
COUNTED = [skmi.KSG, skmi.MixedKSG]


def with_seed(cls):
    return cls(random_state=0)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("cls", LEARNED + COUNTED)
@pytest.mark.parametrize("y", [WORDS, BITS.astype(float), 3 * BITS - 7])
def test_categories_of_whole_numbers_are_labels(cls, y):
    model = with_seed(cls).fit(CATEGORIES, y)
    error = max(0.04, 3 * model.standard_error_)
    assert model.mutual_info_ == pytest.approx(TRUTH, abs=error)


@pytest.mark.parametrize("cls", all_estimators())
def test_categories_are_read_or_refused_as_text_is(cls):
    model = make_small(cls)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if takes_labels(cls) and cls is not skmi.HistogramMI:
            codes = model.fit(CATEGORIES, WORDS).mutual_info_
            renamed = CATEGORIES["code"].cat.rename_categories(list("abcdef"))
            again = model.fit(renamed.to_frame(), WORDS).mutual_info_
            assert again == pytest.approx(codes, abs=1e-9)
        elif cls is not skmi.HistogramMI:
            with pytest.raises(ValueError, match="X holds categories in column 'code'"):
                model.fit(CATEGORIES, CODES)
            with pytest.raises(ValueError, match="X holds text in column 'code'"):
                model.fit(CATEGORIES.astype(str), CODES)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("cls", [c for c in all_estimators() if takes_labels(c)])
def test_two_distinct_values_are_labels(cls):
    X = BITS[:, np.newaxis] + 0.5 * RNG.standard_normal((N, 1))
    numbers = make_small(cls).fit(X, 4.0 * BITS - 1)
    assert numbers.classes_.tolist() == [-1.0, 3.0]
    text = make_small(cls).fit(X, np.where(BITS, "up", "down"))
    assert numbers.mutual_info_ == pytest.approx(text.mutual_info_, abs=1e-9)
    told = make_small(cls, discrete_target=False).fit(X, 4.0 * BITS - 1)
    assert not hasattr(told, "classes_")


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_a_block_of_two_distinct_rows_is_a_label():
    two = np.column_stack([BITS, 1 - BITS, np.ones(N)])
    assert len(skmi.KSG().fit(CODES[:, np.newaxis], two).classes_) == 2
    four = np.column_stack([BITS, CODES > 2]).astype(float)
    assert not hasattr(skmi.KSG().fit(CODES[:, np.newaxis], four), "classes_")


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_two_numbers_remain_numbers_where_labels_cannot_be():
    X = BITS[:, np.newaxis] + RNG.standard_normal((N, 1))
    for model in (
        make_small(skmi.SMILE, reference="copula"),
        make_small(skmi.AutoMI, encoder_x=torch.nn.Linear(1, 2)),
        skmi.GaussianMI(),
    ):
        assert not hasattr(model.fit(X, BITS.astype(float)), "classes_")


@pytest.mark.parametrize("as_text", [list, np.array, lambda t: np.array(t, object)])
def test_digits_as_text_are_labels_for_all_neighbours(as_text):
    digits = as_text([[str(code)] for code in CODES])
    expected = skmi.MixedKSG(random_state=0).fit(CATEGORIES, WORDS).mutual_info_
    for cls in COUNTED:
        found = with_seed(cls).fit(digits, WORDS).mutual_info_
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize(
    "estimator", [None, *(make_small(cls, max_iter=60) for cls in [skmi.InfoNCE])]
)
def test_categories_in_tables(estimator):
    n_rows = 500
    table = CATEGORIES[:n_rows].assign(z=RNG.standard_normal(n_rows))
    selector = skmi.MIFeatureSelector(
        estimator=estimator, n_features_to_select=1, random_state=0
    )
    scores = selector.fit(table, WORDS[:n_rows]).scores_
    assert scores[0] > 0.1
    assert abs(scores[1]) < 0.06
    matrix = skmi.mutual_info_matrix(
        table.assign(y=pd.Categorical(BITS[:n_rows].astype(int))), estimator=estimator
    )
    assert matrix.loc["code", "y"] > 0.1


def test_the_matrix_by_an_estimator_reads_categories_as_labels():
    table = CATEGORIES.assign(y=pd.Categorical(BITS.astype(int) + 4))
    for estimator in (None, skmi.MixedKSG(random_state=0), skmi.KSG(random_state=0)):
        matrix = skmi.mutual_info_matrix(table, estimator=estimator)
        assert matrix.loc["code", "y"] == pytest.approx(TRUTH, abs=0.03)


def test_tests_read_two_values_and_categories_as_labels():
    for data in (CATEGORIES, CATEGORIES["code"], CATEGORIES.astype(str)):
        assert independence_test(data, BITS, random_state=0).pvalue < 0.01
    numbers, codes = numbers_and_codes(np.column_stack([BITS, CODES]), "X")
    np.testing.assert_array_equal(numbers[:, 0], CODES)
    assert abs(np.corrcoef(codes, BITS)[0, 1]) == pytest.approx(1.0)


def test_codes_as_a_condition_are_noted_where_they_are_numbers():
    with pytest.warns(DiscreteTargetWarning, match=r"Z holds .* Z.astype\(str\)"):
        conditional_independence_test(
            RNG.standard_normal(N), BITS, CODES, n_permutations=5, random_state=0
        )


def test_labels_of_intervals_and_of_two_types():
    interval = pd.cut(RNG.standard_normal(N), 3)
    assert len(skmi.MixedKSG().fit(CATEGORIES, interval).classes_) == 3
    mixed = np.array([True, "a"], dtype=object)[BITS]
    with pytest.raises(ValueError, match=r"y mixes text and booleans.*astype\(str\)"):
        skmi.MixedKSG().fit(CATEGORIES, mixed)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_messages_name_the_column_of_a_frame():
    numbers = np.random.RandomState(0).standard_normal((60, 2))
    table = pd.DataFrame({"size": numbers[:, 0], "kind": ["a", None] * 30})
    for call in (
        lambda: skmi.AutoMI().fit(table, numbers),
        lambda: skmi.MixedKSG().fit(table, numbers[:, 0]),
        lambda: independence_test(numbers, table),
        lambda: conditional_independence_test(numbers[:, 0], numbers[:, 1], table),
    ):
        with pytest.raises(ValueError, match="missing labels in column 'kind'"):
            call()
    with pytest.raises(ValueError, match="in column 'kind', which are labels"):
        skmi.GaussianMI().fit(table.fillna("b"), numbers)
    mixed = pd.DataFrame({"size": numbers[:, 0], "age": [1.5, "n/a"] * 30})
    with pytest.raises(ValueError, match="mixes text with numbers in column 'age'"):
        skmi.KSG().fit(mixed, numbers)
    mixed["age"] = [f"{value:.3f}" for value in numbers[:, 1]]
    with pytest.warns(ReliabilityWarning, match="numbers as text in column 'age'"):
        skmi.MIFeatureSelector(n_permutations=19).fit(mixed, numbers[:, 0])
