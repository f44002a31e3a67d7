"""What holds for every estimator: scikit-learn's checks, and ours."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

import skmi
from skmi.base import estimator as declared
from skmi.base import parameter
from tests.estimators import (
    all_estimators,
    all_instances,
    all_with_parameters,
    is_neural,
    make_small,
    predictor_instances,
    takes_labels,
    transformer_instances,
)
from tests.oracle import draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

EXTRA_CHECKS = (
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
    "check_param_validation",
)


TRANSFORMER_CHECKS = (
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
    "check_set_output_transform",
)


def all_checks():
    transformers = *transformer_instances(), *predictor_instances()
    for instance in (*all_instances(), *transformers):
        name = type(instance).__name__
        more = TRANSFORMER_CHECKS if hasattr(instance, "transform") else ()
        checks = (*EXTRA_CHECKS, *more)
        extra = [partial(getattr(estimator_checks, c), name) for c in checks]
        for check in extra:
            yield pytest.param(instance, check, id=f"{instance}-{check.func.__name__}")
        for estimator, check in estimator_checks_generator(instance):
            yield pytest.param(estimator, check, id=f"{instance}-{check.func.__name__}")


@pytest.mark.parametrize(("estimator", "check"), list(all_checks()))
def test_scikit_learn(estimator, check):
    check(estimator)


each_with_parameters = pytest.mark.parametrize(
    "cls", all_with_parameters(), ids=lambda cls: cls.__name__
)


@each_with_parameters
def test_a_parameter_is_an_attribute(cls):
    instance = cls()
    for name, value in instance.get_params(deep=False).items():
        assert getattr(instance, name) is value
        given = object()
        assert getattr(cls(**{name: given}), name) is given
        instance.set_params(**{name: given})
        assert getattr(instance, name) is given


@each_with_parameters
def test_a_parameter_takes_its_default(cls):
    """Another value of the right kind would be refused in fit, not by the default."""
    cls()._validate_params()


@each_with_parameters
@pytest.mark.parametrize("decorate", [declared, lambda cls: cls])
def test_a_subclass_declares_its_parameters(cls, decorate):
    with pytest.raises(TypeError, match=r"Mine\.extra must be declared as `extra: .*`"):

        @decorate
        class Mine(cls):
            extra: int = 3

    with pytest.raises(TypeError, match=r"Mine defines __init__.*`name: type = .*`"):

        @decorate
        class Mine(cls):
            def __init__(self, extra=3):
                super().__init__()
                self.extra = extra


@each_with_parameters
def test_a_subclass_has_the_parameters_of_both(cls):
    @declared
    class Mine(cls):
        extra: int = parameter(default=3, constraints=[int])
        kind: ClassVar[str] = "mine"
        loose = 1.0

    assert set(Mine().get_params()) == {*cls().get_params(), "extra"}
    mine = clone(Mine(extra=5))
    assert mine.extra == 5
    assert "extra=5" in repr(mine)


def with_seed(instance, seed):
    """A copy with another random state, where it has one."""
    seeded = "random_state" in instance.get_params()
    return clone(instance).set_params(**{"random_state": seed} if seeded else {})


def small_pair(n_samples=60, seed=0):
    X, Y, _ = draw_normal(n_samples, 2, 1.0, seed)
    return X, Y


each = pytest.mark.parametrize("cls", all_estimators(), ids=lambda cls: cls.__name__)
takers = [cls for cls in all_estimators() if takes_labels(cls)]
each_taker = pytest.mark.parametrize("cls", takers, ids=lambda cls: cls.__name__)
tables = {  # take columns of labels as they are
    skmi.KSG,
    skmi.MixedKSG,
    skmi.HistogramMI,
    skmi.AutoMI,
}
numeric = [cls for cls in all_estimators() if cls not in tables]
each_numeric = pytest.mark.parametrize("cls", numeric, ids=lambda cls: cls.__name__)
each_instance = pytest.mark.parametrize("instance", all_instances(), ids=str)


@each_instance
def test_contract(instance):
    X, Y = small_pair()
    estimator = clone(instance).fit(X, Y)
    for name in ("mutual_info_", "standard_error_", "ceiling_"):
        assert isinstance(getattr(estimator, name), float)
    assert estimator.bound_ in {"lower", "upper", "none"}
    assert isinstance(estimator.score(X, Y), float)
    assert isinstance(estimator.mutual_info(X, Y), float)
    assert estimator.score(X, Y) <= np.log(len(X))
    assert estimator.score(X, Y) == estimator.score(X, Y)
    pointwise = estimator.score_samples(X, Y)
    assert pointwise.shape == (60,)
    np.testing.assert_allclose(
        estimator.score_samples(X[7:9], Y[7:9]), pointwise[7:9], atol=1e-10
    )
    divergence = estimator.score_samples(X)
    assert (divergence >= -1e-12).all()
    assert (divergence <= np.log(60) + 1e-12).all()


@each_instance
def test_same_seed_same_bits_and_no_global_state(instance):
    X, Y = small_pair()
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    n_threads = torch.get_num_threads()
    first, second = (with_seed(instance, 3).fit(X, Y) for _ in range(2))
    with_seed(instance, None).fit(X, Y)
    first.score(X, Y), first.score_samples(X)
    assert first.mutual_info_ == second.mutual_info_
    assert first.standard_error_ == second.standard_error_
    np.testing.assert_array_equal(first.score_samples(X, Y), second.score_samples(X, Y))
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert torch.get_num_threads() == n_threads


@each
def test_threads_do_not_change_the_result(cls):
    X, Y = small_pair()

    def fit(seed):
        return with_seed(make_small(cls), seed).fit(X, Y).mutual_info_

    alone = [fit(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(fit, range(4))) == alone


@each_instance
def test_scale_and_shift_do_not_matter(instance):
    X, Y = small_pair()
    plain = clone(instance).fit(X, Y).mutual_info_
    moved = clone(instance).fit(8 * X + 1024, Y / 4 - 16).mutual_info_
    assert moved == pytest.approx(plain, abs=1e-5)


@each_instance
def test_constant_side_carries_nothing(instance):
    X, Y = small_pair()
    for x, y in ((np.ones_like(X), Y), (X, np.zeros(len(X)))):
        estimator = clone(instance).fit(x, y)
        assert estimator.mutual_info_ == 0.0
        assert estimator.standard_error_ == 0.0
        assert np.isfinite(estimator.score(x, y))


@each_instance
def test_pickle_and_joblib(instance, tmp_path):
    X, Y = small_pair()
    estimator = clone(instance).fit(X, Y)
    joblib.dump(estimator, tmp_path / "estimator")
    for copy in (
        pickle.loads(pickle.dumps(estimator)),
        joblib.load(tmp_path / "estimator"),
    ):
        assert copy.mutual_info_ == estimator.mutual_info_
        assert copy.score(X, Y) == estimator.score(X, Y)


@each
@pytest.mark.parametrize(
    "convert",
    [
        lambda block: pd.DataFrame(block, columns=["a", "b"]),
        lambda block: pl.DataFrame(block, schema=["a", "b"]),
        lambda block: pa.table({"a": block[:, 0], "b": block[:, 1]}),
        lambda block: torch.from_numpy(block),
        lambda block: block.tolist(),
        lambda block: block.astype(np.float32).astype(np.float64),
    ],
    ids=["pandas", "polars", "pyarrow", "torch", "list", "float32"],
)
def test_containers(cls, convert):
    X, Y = small_pair()
    X, Y = (np.float32(block).astype(float) for block in (X, Y))
    expected = make_small(cls).fit(X, Y)
    estimator = make_small(cls).fit(convert(X), convert(Y))
    assert estimator.mutual_info_ == expected.mutual_info_
    assert estimator.score(convert(X), convert(Y)) == expected.score(X, Y)


LABELS = np.array(["no", "yes", "perhaps"])[np.arange(90) % 3]


@each_taker
@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        LABELS.astype(object),
        LABELS.tolist(),
        pd.Series(LABELS),
        pd.Series(LABELS, dtype="category"),
        pd.Series(LABELS, dtype="string"),
        pl.Series(LABELS.tolist()),
        pl.Series(LABELS.tolist(), dtype=pl.Categorical),
        pa.array(LABELS.tolist()),
        pd.Series(np.arange(90) % 3).astype("category"),
        pd.DataFrame({"label": LABELS}),
    ],
    ids=[
        "str",
        "object",
        "list",
        "pandas",
        "category",
        "string",
        "polars",
        "polars-categorical",
        "pyarrow",
        "category-of-numbers",
        "frame",
    ],
)
def test_labels(cls, labels):
    X = np.random.RandomState(0).standard_normal((90, 2))
    X[:, 0] += 3 * (np.arange(90) % 3)
    coded = make_small(cls, discrete_target=True).fit(X, np.arange(90) % 3)
    estimator = make_small(cls).fit(X, labels)
    assert len(estimator.classes_) == 3
    if (
        "critic" not in cls().get_params()
    ):  # labels sort in another order than their codes
        assert estimator.mutual_info_ == pytest.approx(coded.mutual_info_)
    assert np.isfinite(estimator.score(X, labels))


@each_taker
def test_booleans_are_labels(cls):
    X, Y = small_pair()
    estimator = make_small(cls).fit(X, Y[:, 0] > 0)
    assert estimator.classes_.tolist() == [False, True]
    two = make_small(cls).fit(X, Y > 0)
    assert len(two.classes_) == 4
    frame = pd.DataFrame({"a": pd.Categorical(Y[:, 0] > 0), "b": Y[:, 1] > 0})
    assert make_small(cls).fit(X, frame).mutual_info_ == two.mutual_info_


@each
def test_one_column_as_vector_or_matrix(cls):
    X, Y = small_pair()
    flat, column = make_small(cls).fit(X, Y[:, 0]), make_small(cls).fit(X, Y[:, :1])
    assert flat.mutual_info_ == column.mutual_info_


def test_labels_are_refused_where_they_have_no_place():
    X, Y = small_pair()
    for cls in set(all_estimators()) - set(takers):
        for changes, y in (({}, Y[:, 0] > 0), ({"discrete_target": True}, Y[:, 0])):
            with pytest.raises(ValueError, match=r"y holds labels.*skmi\.KSG"):
                make_small(cls, **changes).fit(X, y)


def fit_error(cls, X, y):
    with warnings.catch_warnings(), pytest.raises(ValueError) as caught:  # noqa: PT011
        make_small(cls).fit(X, y)
    return str(caught.value)


@each
def test_refusals_name_the_argument_and_the_cure(cls):
    X, Y = small_pair()
    broken = X.copy()
    broken[3, 1] = np.nan
    assert "X contains NaN" in fit_error(cls, broken, Y)
    broken[3, 1] = np.inf
    assert "X contains infinity" in fit_error(cls, broken, Y)
    assert "y contains NaN" in fit_error(cls, X, np.full(60, np.nan))
    assert "inconsistent numbers of samples: [60, 59]" in fit_error(cls, X, Y[:59])
    assert "1 sample" in fit_error(cls, X[:1], Y[:1])
    assert "requires y" in fit_error(cls, X, None)
    dates = np.arange(60).astype("datetime64[D]")
    for y in (dates, pd.Series(dates), pl.Series(dates), dates.astype(object)):
        assert "y holds dates" in fit_error(cls, X, y)
    mixed = ["a", 1] * 30
    for y in (mixed, np.array(mixed, dtype=object), pd.Series(mixed)):
        assert "y mixes text" in fit_error(cls, X, y)
    if cls is not skmi.AutoMI:
        frame = pd.DataFrame({"a": np.ones(60), "b": ["u", "v"] * 30})
        assert "y mixes text" in fit_error(cls, X, frame)
    for y in ([None, "a"] * 30, np.array([np.nan, "a"] * 30, dtype=object)):
        assert "y contains missing values" in fit_error(cls, X, y)
        assert "y contains missing values" in fit_error(cls, X, pd.Series(y))
    assert "y contains missing" in fit_error(cls, X, pd.Series([pd.NA, "a"] * 30))
    assert "y contains missing" in fit_error(cls, X, pl.Series([None, "a"] * 30))
    holes = pd.DataFrame({"a": [pd.NA, *Y[1:, 0]]})
    assert "X contains missing" in fit_error(cls, holes, Y)
    assert "X holds dates" in fit_error(cls, pd.DataFrame({"a": dates}), Y)
    assert "y is sparse" in fit_error(cls, X, sparse.eye(60))


@each_numeric
def test_text_in_X_is_refused_with_a_cure(cls):
    frame = pd.DataFrame({"a": ["u", "v"] * 30, "b": np.arange(60.0)})
    message = fit_error(cls, frame, np.arange(60.0))
    assert message.startswith("X holds text")
    assert "OneHotEncoder" in message


@each_taker
def test_new_rows_must_fit_the_fitted_ones(cls):
    X, Y = small_pair()
    estimator = make_small(cls).fit(X, np.where(Y[:, 0] > 0, "up", "down"))
    with pytest.raises(ValueError, match=r"label \('sideways',\).*StratifiedKFold"):
        estimator.score(X, ["sideways"] * 60)
    estimator = make_small(cls).fit(X, Y)
    with pytest.raises(ValueError, match=r"y has 1 columns, but .* fitted with 2"):
        estimator.score(X, Y[:, 0])
    with pytest.raises(ValueError, match="labels, but was continuous"):
        estimator.score(X, Y > 0)


@each
def test_a_failed_fit_leaves_it_unfitted(cls):
    X, Y = small_pair()
    estimator = make_small(cls).fit(X, Y)
    with pytest.raises(ValueError, match=r"too few|1 sample"):
        estimator.fit(X[:1], Y[:1])
    with pytest.raises(NotFittedError):
        estimator.score(X, Y)


@pytest.mark.filterwarnings("error::skmi.exceptions.SkmiWarning")
class TestWarnings:
    @each
    def test_integer_target_with_few_values(self, cls):
        X = np.random.RandomState(0).standard_normal((60, 1))
        y = np.arange(60) % 3
        settings = {"early_stopping": False} if is_neural(cls) else {}
        with pytest.warns(skmi.DiscreteTargetWarning, match="discrete_target=True"):
            make_small(cls, **settings).fit(X, y)
        for answer in (True, False) if takes_labels(cls) else (False,):
            make_small(cls, discrete_target=answer, **settings).fit(X, y)

    def test_few_rows(self):
        X, Y = small_pair(5)
        with pytest.warns(skmi.FewRowsWarning, match="5 samples is unreliable"):
            assert np.isfinite(skmi.KSG().fit(X, Y).mutual_info_)

    @each
    def test_duplicate_rows(self, cls):
        X, Y = small_pair(50)
        settings = {"early_stopping": False} if is_neural(cls) else {}
        with pytest.warns(skmi.DuplicateRowsWarning, match="500 of 500 rows"):
            make_small(cls, **settings).fit(np.tile(X, (10, 1)), np.tile(Y, (10, 1)))

    @pytest.mark.parametrize("times", [2, 10])
    @pytest.mark.parametrize(
        ("decimals", "labelled"),
        [(1, False), (2, False), (9, False), (2, True), (9, True)],
    )
    def test_copies_of_rounded_rows(self, times, decimals, labelled):
        X, Y, _ = draw_normal(150, 1, 0.5, seed=0)
        x, y = (np.tile(block.round(decimals), (times, 1)) for block in (X, Y))
        with pytest.warns(skmi.DuplicateRowsWarning):
            skmi.KSG(random_state=0).fit(x, y[:, 0] > 0 if labelled else y)

    def test_a_fifth_of_the_rows_twice(self):
        X, Y, _ = draw_normal(300, 2, 0.5, seed=0)
        with pytest.warns(skmi.DuplicateRowsWarning):
            skmi.KSG().fit(np.vstack([X, X[:60]]), np.vstack([Y, Y[:60]]))

    def test_discreteness_explains_repeated_rows(self):
        rng = np.random.RandomState(0)
        X, Y, _ = draw_normal(1000, 1, 0.5, seed=0)
        zeros = rng.uniform(size=(1000, 1)) < 0.4
        for x, y in (
            (np.where(zeros, 0, X), np.where(zeros, 0, Y)),
            (np.maximum(X, 0), np.maximum(Y, 0)),
            (X.round(1), Y.round(1)),
            (rng.randint(80, size=(1000, 1)), Y > 0),
            (X.round(1), Y > 0),
            (rng.randint(3, size=(1000, 4)), rng.randint(2, size=1000) > 0),
        ):
            skmi.KSG(random_state=0).fit(x, y)


@each
def test_extreme_scales_change_nothing(cls):
    X, Y = small_pair()
    plain = make_small(cls).fit(X, Y)
    for scale in (1e160, 1e300, 1e-160, 1e-300):
        scaled = make_small(cls).fit(X * scale, Y * scale)
        assert scaled.mutual_info_ == pytest.approx(plain.mutual_info_, abs=1e-4)


@each
def test_rows_far_from_all_others_are_not_taken_for_dependence(cls):
    """The score of new rows off by any factor is that of a bad guess, not log K."""
    X, Y = small_pair(100)
    estimator = make_small(cls).fit(X, Y)
    new_X, new_Y = small_pair(100, seed=1)
    for scale in (1e3, 1e30):
        assert estimator.score(new_X * scale, new_Y[::-1]) < 0.3


@each
def test_y_is_needed_but_for_pointwise_values(cls):
    X, Y = small_pair()
    estimator = make_small(cls).fit(X, Y)
    for method in (estimator.score, estimator.mutual_info):
        with pytest.raises(ValueError, match="requires y"):
            method(X, None)
    assert estimator.score_samples(X, None).shape == (60,)


@each
def test_objects_that_are_no_numbers_are_refused(cls):
    X, _ = small_pair()
    for y in (
        list(np.arange(60).astype("datetime64[D]")),
        list(np.arange(60).astype("timedelta64[D]")),
        pd.period_range("2020", periods=60, freq="D"),
        np.arange(60) * 1j,
    ):
        with pytest.raises(ValueError, match=r"y holds dates|[Cc]omplex"):
            make_small(cls).fit(X, y)
