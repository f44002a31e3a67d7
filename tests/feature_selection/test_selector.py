import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from scipy.signal import lfilter
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

import skmi
from skmi import (
    KSG,
    TNCE,
    InfoNCE,
    MIFeatureSelector,
    MixedKSG,
    mutual_info_matrix,
)
from skmi.feature_selection.criteria import CRITERIA
from tests.cli.test_cli import TABULAR, load_table

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
            if instance.estimator is None or "sample_weight" not in name:
                yield pytest.param(estimator, check, id=f"{instance.estimator}-{name}")


@quiet
@pytest.mark.parametrize(("estimator", "check"), list(all_checks()))
def test_scikit_learn(estimator, check):
    check(estimator)


def xor(seed=0, n_rows=1000, n_columns=50, first=7, second=31):
    X = np.random.RandomState(seed).uniform(size=(n_rows, n_columns))
    return X, (X[:, first] > 0.5) ^ (X[:, second] > 0.5)


def additive(seed=0, n_rows=600, n_columns=12):
    """Columns 0, 1 and 2 count, 3 nearly repeats 0, the others are noise."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows, n_columns))
    X[:, 3] = X[:, 0] + 0.1 * rng.standard_normal(n_rows)
    return X, X[:, 0] + X[:, 1] + 0.7 * X[:, 2] + 0.5 * rng.standard_normal(n_rows)


# -- planted truths --------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_xor_pair_is_found_and_named(seed):
    X, y = xor(seed, n_columns=300)
    selector = MIFeatureSelector(random_state=seed).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [7, 31]
    (pair,) = selector.interactions_
    assert pair[:2] == (7, 31)
    assert pair.mutual_info == pytest.approx(np.log(2), abs=0.15)
    assert pair.synergy == pytest.approx(pair.mutual_info, abs=0.02)
    assert selector.ranking_[[7, 31]].max() == 2
    with pytest.warns(skmi.NothingSelectedWarning, match="min_features_to_select=1"):
        alone = MIFeatureSelector(interactions=False, random_state=seed).fit(X, y)
    assert not alone.support_.any()
    assert alone.path_.shape == (0, 7)
    assert alone.transform(X).shape == (1000, 0)


@pytest.mark.parametrize("seed", range(2))
def test_ring_and_xor_are_both_found(seed):
    X = np.random.RandomState(seed).uniform(size=(1000, 200))
    ring = np.abs(np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5) - 0.35) < 0.1151
    y = ring | ((X[:, 2] > 0.5) ^ (X[:, 3] > 0.5))
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3]
    assert {pair[:2] for pair in selector.interactions_} == {(0, 1), (2, 3)}


def test_scores_and_pvalues_of_planted_columns():
    X, y = additive()
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    labels = pd.qcut(y, 5, labels=False)
    for k in range(12):
        plain = mutual_info_score(pd.qcut(X[:, k], 5, labels=False), labels)
        assert selector.scores_[k] == pytest.approx(plain - 16 / 1200, abs=0.003)
    assert (selector.pvalues_[:4] == 1 / 201).all()
    assert (selector.pvalues_[4:] > 0.05).all()
    assert set(selector.get_support(indices=True)) <= {0, 1, 2, 3}
    assert {1, 2} <= set(selector.get_support(indices=True))
    first = 0 if selector.ranking_[0] < selector.ranking_[3] else 3
    assert selector.redundant_with_[3 - first] == first
    assert selector.redundant_with_[first] is None


def test_path_tells_what_each_step_brought():
    X, y = additive()
    selector = MIFeatureSelector(criterion="mrmr", interactions=False, random_state=0)
    path = selector.fit(X, y).path_
    order = np.argsort(selector.ranking_)[: len(path)]
    assert path["feature"].tolist() == order.tolist()
    np.testing.assert_allclose(path["relevance"], selector.scores_[path["feature"]])
    np.testing.assert_allclose(path["gain"], path["relevance"] - path["redundancy"])
    assert (np.diff(path["cumulative"]) > 0).all()
    assert path["pvalue"].max() <= 0.05


def test_noise_is_left_alone():
    """Binomial(40, 0.05): 6 or fewer with probability 0.997."""
    selected = 0
    for seed in range(40):
        rng = np.random.RandomState(seed)
        X, y = rng.standard_normal((200, 60)), rng.standard_normal(200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", skmi.NothingSelectedWarning)
            selector = MIFeatureSelector(n_permutations=39, random_state=seed)
            selected += selector.fit(X, y > 0 if seed % 2 else y).support_.any()
    assert selected <= 6


def test_false_discoveries_of_fdr_control():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((600, 100))
    y = X[:, :20].sum(axis=1) + rng.standard_normal(600)
    counts = {}
    for control in ("fwer", "fdr"):
        selector = MIFeatureSelector(
            criterion="mim", control=control, random_state=0
        ).fit(X, y)
        counts[control] = selector.support_[:20].sum()
        assert selector.support_[20:].sum() <= 3
    assert counts["fdr"] >= counts["fwer"]
    assert counts["fdr"] >= 12


@pytest.mark.parametrize("criterion", CRITERIA)
def test_each_criterion_finds_what_counts(criterion):
    X, y = additive()
    selector = MIFeatureSelector(
        criterion=criterion, n_features_to_select=4, random_state=0
    ).fit(X, y)
    support = set(selector.get_support(indices=True))
    if criterion in {"mim", "jmi", "jmim", "disr"}:
        assert support == {0, 1, 2, 3}
    else:
        assert {1, 2} < support
        assert support & {0, 3}
    if criterion in {"mifs", "mrmr", "mrmr_quotient", "cmim", "icap"}:
        assert not {0, 3} <= set(np.argsort(selector.ranking_)[:3])


def test_copies_of_a_column_are_left_out():
    X, y = additive()
    copies = np.column_stack(
        [X[:, :3], np.exp(X[:, 0]), X[:, 1] > np.quantile(X[:, 1], 0.6)]
    )
    selector = MIFeatureSelector(random_state=0).fit(copies, y)
    chosen = set(selector.get_support(indices=True))
    assert chosen in ({0, 1, 2}, {3, 1, 2})
    twin = 3 if 0 in chosen else 0
    assert selector.redundant_with_[twin] == 3 - twin
    assert selector.redundant_with_[4] == 1


def test_block_permutations_hold_the_level_in_series():
    """Binomial(60, 0.08): 9 or fewer with probability 0.98; without blocks far more."""
    hits = dict.fromkeys([None, 20], 0)
    for seed in range(60):
        noise = np.random.RandomState(seed).standard_normal((500, 6))
        Z = lfilter([1], [1, -0.9], noise, axis=0)[100:]
        for length in hits:
            selector = MIFeatureSelector(
                block_length=length,
                interactions=False,
                n_permutations=39,
                random_state=seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", skmi.NothingSelectedWarning)
                hits[length] += selector.fit(Z[:, 1:], Z[:, 0]).support_.any()
    assert hits[20] <= 9
    assert hits[None] > 30


def test_permutation_groups_take_out_what_lies_between_groups():
    rng = np.random.RandomState(0)
    site = np.repeat([0, 1], 200)
    X = rng.standard_normal((400, 5)) + 2 * site[:, np.newaxis]
    y = rng.standard_normal(400) + 2 * site
    plain = MIFeatureSelector(random_state=0).fit(X, y)
    assert (plain.pvalues_ < 0.05).all()
    within = MIFeatureSelector(random_state=0, interactions=False)
    with pytest.warns(skmi.NothingSelectedWarning):
        within.fit(X, y, permutation_groups=site)
    assert (within.pvalues_ > 0.05).all()


# -- targets, types, weights, groups ---------------------------------------------------


def test_vector_and_mixed_targets():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1000, 20))
    Y = X[:, :3] + 0.5 * rng.standard_normal((1000, 3))
    selector = MIFeatureSelector(random_state=0).fit(X, Y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2]
    mixed = pd.DataFrame({"number": Y[:, 0], "label": np.where(Y[:, 1] > 0, "a", "b")})
    selector = MIFeatureSelector(random_state=0).fit(X, mixed)
    assert selector.get_support(indices=True).tolist() == [0, 1]


def mixed_frame(n_rows=500):
    rng = np.random.RandomState(0)
    color = rng.choice(["red", "green", "blue"], size=n_rows)
    size = rng.standard_normal(n_rows)
    frame = pd.DataFrame(
        {
            "noise": rng.standard_normal(n_rows),
            "size": size,
            "color": color,
            "gone": np.where(rng.uniform(size=n_rows) < 0.5, np.nan, size * 0),
            "kind": pd.Categorical(rng.choice(["u", "v"], size=n_rows)),
        }
    )
    missing = frame["gone"].isna().to_numpy()
    y = size + 2 * (color == "red") + 2 * missing + 0.3 * rng.standard_normal(n_rows)
    frame.loc[::10, "size"] = np.nan
    frame.loc[::7, "color"] = None
    return frame, y


def test_frames_with_text_categories_and_holes():
    frame, y = mixed_frame()
    selector = MIFeatureSelector(random_state=0).set_output(transform="pandas")
    out = selector.fit_transform(frame, y)
    assert list(out.columns) == ["size", "color", "gone"]
    assert list(selector.get_feature_names_out()) == ["size", "color", "gone"]
    other = MIFeatureSelector(random_state=0).fit(pl.from_pandas(frame), y)
    np.testing.assert_array_equal(other.support_, selector.support_)
    np.testing.assert_allclose(other.scores_, selector.scores_)
    pairwise = MIFeatureSelector(missing="pairwise", random_state=0).fit(frame, y)
    assert list(pairwise.get_feature_names_out()) == ["size", "color"]


def test_order_of_columns_and_rows_does_not_matter():
    frame, y = mixed_frame()
    selector = MIFeatureSelector(random_state=0).fit(frame, y)
    rng = np.random.RandomState(0)
    for _ in range(3):
        columns = frame.columns[rng.permutation(5)]
        rows = rng.permutation(len(y))
        other = MIFeatureSelector(random_state=0)
        other.fit(frame[columns].iloc[rows], y[rows])
        assert set(other.get_feature_names_out()) == set(
            selector.get_feature_names_out()
        )
        names = frame.columns.get_indexer(columns)
        np.testing.assert_array_equal(other.pvalues_, selector.pvalues_[names])


def test_doubled_rows_are_weights_of_two():
    frame, y = mixed_frame()
    weights = np.random.RandomState(1).randint(0, 3, size=len(y))
    rows = np.repeat(np.arange(len(y)), weights)
    weighted = MIFeatureSelector(random_state=0).fit(frame, y, sample_weight=weights)
    repeated = MIFeatureSelector(random_state=0).fit(frame.iloc[rows], y[rows])
    np.testing.assert_allclose(weighted.scores_, repeated.scores_)
    np.testing.assert_array_equal(weighted.pvalues_, repeated.pvalues_)
    pd.testing.assert_frame_equal(weighted.path_, repeated.path_)
    shares = MIFeatureSelector(random_state=0).fit(
        frame, y, sample_weight=weights + 0.5 * (np.arange(len(y)) % 2)
    )
    assert set(shares.get_feature_names_out()) == {"size", "color", "gone"}


def test_sparse_is_dense():
    rng = np.random.RandomState(0)
    X = rng.poisson(0.7, size=(400, 30))
    y = X[:, 3] + X[:, 9] + rng.poisson(0.5, size=400)
    dense = MIFeatureSelector(random_state=0).fit(X, y)
    assert dense.get_support(indices=True).tolist() == [3, 9]
    for kind in (sparse.csr_array, sparse.csc_matrix):
        other = MIFeatureSelector(random_state=0).fit(kind(X), y)
        np.testing.assert_array_equal(other.scores_, dense.scores_)
        assert sparse.issparse(other.transform(kind(X)))


def test_groups_enter_and_leave_together():
    rng = np.random.RandomState(0)
    category = rng.randint(6, size=800)
    numbers = rng.standard_normal((800, 4))
    y = category % 3 + numbers[:, 2] + 0.3 * rng.standard_normal(800)
    X = np.column_stack([np.eye(6)[category], numbers])
    labels = ["category"] * 6 + ["a", "b", "c", "d"]
    selector = MIFeatureSelector(groups=labels, random_state=0).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3, 4, 5, 8]
    assert len(set(selector.pvalues_[:6])) == 1
    assert set(selector.path_["feature"]) == {"category", "c"}
    whole = MIFeatureSelector(random_state=0, discrete_features=[0]).fit(
        np.column_stack([category, numbers]), y
    )
    assert selector.scores_[0] == pytest.approx(whole.scores_[0])
    frame = pd.DataFrame(X, columns=[f"d{i}" for i in range(6)] + labels[6:])
    named = MIFeatureSelector(
        groups={"category": [f"d{i}" for i in range(6)]}, random_state=0
    ).fit(frame, y)
    np.testing.assert_array_equal(named.support_, selector.support_)


def test_refusals_name_the_cure():
    X, y = additive()
    for changes, data, message in (
        ({"groups": [0, 1]}, (X, y), "2 labels for 12 columns"),
        ({"groups": {"a": ["x"]}}, (X, y), "groups names a column 'x'"),
        ({"groups": {"a": [0], "b": [0]}}, (X, y), "more than once"),
        ({"n_features_to_select": 13}, (X, y), "but there are 12 columns"),
        ({"n_permutations": 5}, (X, y), "39 are needed"),
        ({"criterion": "joint"}, (X, y), r"pass an estimator such as skmi\.KSG"),
        ({"criterion": "disr", "estimator": KSG()}, (X, y), "only counts give"),
        ({}, (np.where(X > 3, np.inf, X), y), "infinity"),
        ({}, (X, np.where(y > 2, np.nan, y)), "y contains NaN"),
        ({}, (X.astype("datetime64[s]"), y), "X holds dates"),
    ):
        with pytest.raises(ValueError, match=message):
            MIFeatureSelector(**changes).fit(*data)
    with pytest.raises(ValueError, match=r"KSG\(\) takes no sample_weight"):
        MIFeatureSelector(estimator=KSG()).fit(X, y, sample_weight=np.arange(600))
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="groups has"):
        selector.set_params(groups=[0]).fit(X, y)
    with pytest.raises(NotFittedError):
        selector.get_support()


def test_numbers_of_columns():
    X, y = additive()
    for wanted, size in ((5, 5), (0.25, 3), (1.0, 12)):
        selector = MIFeatureSelector(n_features_to_select=wanted, random_state=0)
        assert selector.fit(X, y).support_.sum() == size
        assert sorted(selector.ranking_) == list(range(1, 13))
    noise = np.random.RandomState(0).standard_normal(600)
    selector = MIFeatureSelector(min_features_to_select=2, random_state=0)
    assert selector.fit(X, noise).support_.sum() == 2
    limited = MIFeatureSelector(interactions=1, random_state=0).fit(X, y)
    assert len(limited.interactions_) <= 1


def test_resamples_tell_how_steady_the_choice_is():
    X, y = xor(n_columns=40)
    selector = MIFeatureSelector(n_resamples=6, random_state=0, n_jobs=2).fit(X, y)
    assert (selector.selection_frequency_[[7, 31]] == 1).all()
    assert selector.selection_frequency_.sum() < 2.4
    assert selector.stability_ > 0.8
    again = MIFeatureSelector(n_resamples=6, random_state=0).fit(X, y)
    np.testing.assert_array_equal(
        again.selection_frequency_, selector.selection_frequency_
    )


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


# -- pipelines on real tables ----------------------------------------------------------


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
    assert expected <= set(names) or len(names) == 2
    best = search.best_estimator_[0]
    pair = pickle.loads(pickle.dumps(best)).transform(frame)
    pd.testing.assert_frame_equal(pair, best.transform(frame))


# -- other estimators ------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["joint", "jmi", "mrmr", "cmim"])
def test_neighbours_in_place_of_counts(criterion):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 3] ** 2 + 0.3 * rng.standard_normal(400)
    selector = MIFeatureSelector(
        criterion=criterion, estimator=KSG(), n_permutations=99, random_state=0
    ).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 3]
    both = KSG().fit(X[:, [0, 3]], y).mutual_info_
    if criterion == "joint":
        assert selector.path_["cumulative"].iloc[-1] == pytest.approx(both)
    else:
        alone = KSG(random_state=0).fit(X[:, [3]], y).mutual_info_
        assert selector.scores_[3] == pytest.approx(alone)
    two = MIFeatureSelector(
        criterion=criterion,
        estimator=KSG(),
        n_features_to_select=2,
        n_permutations=5,
        random_state=0,
    ).fit(X, y)
    assert two.get_support(indices=True).tolist() == [0, 3]


def test_labels_for_mixed_neighbours():
    frame, y = mixed_frame()
    frame = frame[["noise", "color", "kind"]].fillna("none")
    selector = MIFeatureSelector(
        estimator=MixedKSG(), n_permutations=39, random_state=0
    ).fit(frame, y)
    assert list(selector.get_feature_names_out()) == ["color"]


def test_noise_under_other_estimators_is_left_alone():
    rng = np.random.RandomState(1)
    X, y = rng.standard_normal((300, 6)), rng.standard_normal(300)
    for criterion in ("joint", "jmi"):
        selector = MIFeatureSelector(
            criterion=criterion, estimator=KSG(), n_permutations=39, random_state=0
        )
        with pytest.warns(skmi.NothingSelectedWarning):
            selector.fit(X, y)


@pytest.mark.slow
def test_parity_of_three_columns_by_critics():
    X = np.random.RandomState(0).standard_normal((2000, 64))
    y = (X[:, [3, 20, 50]] > 0).sum(axis=1) % 2 == 1
    critic = InfoNCE(critic="separable", n_negatives=16)
    selector = MIFeatureSelector(criterion="joint", estimator=critic, random_state=0)
    selector.fit(X, y)
    assert selector.get_support(indices=True).tolist() == [3, 20, 50]
    assert 0.4 < selector.path_["cumulative"].iloc[-1] < np.log(2)


@pytest.mark.parametrize(
    "critic",
    [
        InfoNCE(critic="bilinear", max_iter=60, learning_rate_init=0.01),
        TNCE(max_iter=60, learning_rate_init=0.01),
    ],
)
def test_stacked_critics_measure_what_one_does(critic):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((800, 3))
    y = X[:, 0] + 0.7 * X[:, 1] + rng.standard_normal(800)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skmi.SkmiWarning)
        selector = MIFeatureSelector(
            criterion="mim", estimator=critic, n_features_to_select=2, random_state=0
        ).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1]
    truth = [0.5 * np.log(2.49 / (2.49 - w**2)) for w in (1, 0.7, 0)]
    np.testing.assert_allclose(selector.scores_, truth, atol=0.06)


# -- the matrix of all pairs -----------------------------------------------------------


def test_matrix_of_mixed_columns():
    frame, _ = mixed_frame()
    frame["again"] = frame["color"].map({"red": 1, "green": 2, "blue": 3})
    matrix = mutual_info_matrix(frame)
    assert list(matrix.index) == list(matrix.columns) == list(frame.columns)
    known = frame["color"].notna()
    labels = frame.loc[known, "color"]
    entropy = skmi.entropy.discrete_entropy(labels)
    n = known.sum()
    assert matrix.loc["color", "again"] == pytest.approx(entropy - 4 / (2 * n))
    assert abs(matrix.loc["noise", "size"]) < 0.05
    assert matrix.loc["kind", "kind"] == pytest.approx(np.log(2), abs=0.01)


def test_matrix_of_normal_columns():
    covariance = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1.0]])
    X = np.random.RandomState(0).multivariate_normal(np.zeros(3), covariance, 4000)
    truth = -0.5 * np.log(1 - 0.81)
    counted, fitted = mutual_info_matrix(X), mutual_info_matrix(X, estimator=KSG())
    assert 0.85 * truth < counted[0, 1] < truth
    assert fitted[0, 1] == pytest.approx(truth, abs=0.03)
    assert np.abs([counted[2, :2], fitted[2, :2]]).max() < 0.03
    assert (fitted == fitted.T).all()
