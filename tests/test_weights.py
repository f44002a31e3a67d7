"""Weights of samples: a tilted distribution of known mutual information."""

import math
import warnings

import numpy as np
import pytest
import sklearn
import torch
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmi
from skmi import entropy
from skmi._data.weights import draw_in_proportion, thin
from skmi.exceptions import FewRowsWarning, ReliabilityWarning
from skmi.inference import confidence_interval, permutation_test
from skmi.variational.contrastive import contrastive_report
from skmi.variational.report import log_partition_report, partition_report
from tests.oracle import draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

CLOSED = [skmi.GaussianMI, skmi.GaussianCopulaMI, skmi.StudentCopulaMI]
TRAINED = [
    skmi.MINE,
    skmi.InfoNCE,
    skmi.SMILE,
    skmi.ReNWJ,
    skmi.InterpolatedBound,
    skmi.TNCE,
    skmi.BarberAgakov,
    skmi.DifferenceOfEntropies,
]
QUICK = {"max_iter": 3, "random_state": 0}


def log_density(x, y, correlation):
    """Of a standard normal pair."""
    gap = 1 - correlation**2
    square = x**2 - 2 * correlation * x * y + y**2
    return -math.log(gap) / 2 - square / (2 * gap)


def tilted_pair(n_samples, drawn, wanted, seed):
    """Normal pairs of one correlation, with weights that tilt them to another one."""
    rng = np.random.RandomState(seed)
    x, noise = rng.standard_normal((2, n_samples))
    y = drawn * x + math.sqrt(1 - drawn**2) * noise
    weights = np.exp(log_density(x, y, wanted) - log_density(x, y, drawn))
    return x[:, None], y[:, None], weights, -math.log(1 - wanted**2) / 2


def made(cls, **settings):
    """An instance with those of the settings that it has."""
    known = cls().get_params()
    return cls(**{name: v for name, v in settings.items() if name in known})


@pytest.mark.parametrize(
    ("cls", "drawn", "wanted"),
    [(cls, 0.3, 0.6) for cls in (*CLOSED, *TRAINED)]
    + [(cls, 0.3, 0.0) for cls in (*CLOSED, skmi.MINE)],
)
def test_the_estimate_is_that_of_the_tilted_distribution(cls, drawn, wanted):
    X, y, weights, truth = tilted_pair(2000, drawn, wanted, seed=0)
    settings = {"entropy": "gaussian", "random_state": 0}
    model = made(cls, **settings).fit(X, y, sample_weight=weights)
    assert abs(model.mutual_info_ - truth) < 3 * model.standard_error_ + 0.01
    plain = made(cls, **settings).fit(X, y).mutual_info_
    assert abs(model.mutual_info_ - truth) < abs(plain - truth)


def test_several_folds_are_weighted():
    X, y, weights, truth = tilted_pair(1500, 0.3, 0.6, seed=1)
    model = skmi.InfoNCE(cv=3, random_state=0).fit(X, y, sample_weight=weights)
    assert abs(model.mutual_info_ - truth) < 3 * model.standard_error_


def test_the_reference_is_weighted():
    X, y, weights, truth = tilted_pair(2000, -0.3, 0.3, seed=0)
    model = skmi.MINE(reference="copula", random_state=0)
    model.fit(X, y, sample_weight=weights)
    assert abs(model.mutual_info_ - truth) < 3 * model.standard_error_
    assert np.corrcoef(model.score_samples(X, y), X[:, 0] * y[:, 0])[0, 1] > 0.5


def test_labels_may_have_more_information_than_their_own_entropy():
    """Of two labels one is rare, and determined by X; tilted they are as frequent."""
    rng = np.random.RandomState(0)
    y = (rng.uniform(size=2000) < 0.05).astype(int)
    X = (y + 0.05 * rng.standard_normal(2000))[:, None]
    weights = np.where(y == 1, 1 / 0.05, 1 / 0.95)
    plain = skmi.BarberAgakov(random_state=0).fit(X, y)
    model = skmi.BarberAgakov(random_state=0).fit(X, y, sample_weight=weights)
    assert plain.mutual_info_ < 0.22
    assert model.mutual_info_ == pytest.approx(math.log(2), abs=0.05)
    assert model.mutual_info_ <= model.ceiling_ <= math.log(2) + 1e-9


@pytest.mark.parametrize("cls", CLOSED, ids=lambda cls: cls.__name__)
def test_a_condition_may_be_given_with_weights(cls):
    """Weights of z alone leave p(x, y | z) as it is, and I(X; y | Z)."""
    rng = np.random.RandomState(0)
    z, a, b = rng.standard_normal((3, 3000))
    X, y = (z + a)[:, None], z + 0.6 * a + 0.8 * b
    weights = np.exp(z)
    model = cls().fit(X, y, z, sample_weight=weights)
    truth = -math.log(1 - 0.36) / 2
    assert abs(model.mutual_info_ - truth) < 3 * model.standard_error_


@pytest.mark.parametrize("cls", CLOSED, ids=lambda cls: cls.__name__)
def test_the_standard_error_is_that_of_the_weighted_estimate(cls):
    found = []
    for seed in range(40):
        X, y, weights, _ = tilted_pair(1000, 0.0, 0.3, seed)
        model = cls().fit(X, y, sample_weight=weights)
        found.append((model.mutual_info_, model.standard_error_))
    values, errors = np.array(found).T
    assert 0.6 < values.std() / errors.mean() < 1.3


@pytest.mark.parametrize("cls", [*CLOSED, *TRAINED], ids=lambda cls: cls.__name__)
def test_equal_weights_change_nothing(cls):
    X, y, _, _ = tilted_pair(100, 0.5, 0.5, seed=0)
    plain = made(cls, **QUICK).fit(X, y)
    same = made(cls, **QUICK).fit(X, y, sample_weight=np.full(100, 2.0))
    assert plain.mutual_info_ == same.mutual_info_
    assert plain.standard_error_ == same.standard_error_


@pytest.mark.parametrize("cls", [skmi.GaussianMI, skmi.MINE, skmi.TNCE])
def test_only_ratios_count_and_a_weight_of_zero_removes_a_sample(cls):
    X, y, weights, _ = tilted_pair(200, 0.3, 0.6, seed=0)
    weights[::3] = 0
    kept = weights > 0
    pairs = [
        (X, y, weights),
        (X.tolist(), y.tolist(), 1e-300 * weights),
        (X[kept], y[kept], 7 * weights[kept]),
    ]
    found = [
        made(cls, **QUICK).fit(X, y, sample_weight=w).mutual_info_ for X, y, w in pairs
    ]
    assert found == pytest.approx([found[0]] * 3, rel=1e-6)


@pytest.mark.parametrize("cls", CLOSED, ids=lambda cls: cls.__name__)
def test_repeated_samples_have_the_value_of_whole_weights(cls):
    """Up to the bias, for which repeated samples count as independent ones."""
    X, y, _, _ = tilted_pair(600, 0.7, 0.7, seed=3)
    counts = np.random.RandomState(0).randint(1, 4, size=600)
    weighted = cls().fit(X, y, sample_weight=counts)
    repeated = cls().fit(np.repeat(X, counts, 0), np.repeat(y, counts, 0))
    assert weighted.mutual_info_ == pytest.approx(repeated.mutual_info_, abs=0.01)
    assert weighted.standard_error_ > 1.2 * repeated.standard_error_


@pytest.mark.parametrize(
    ("report", "bound"),
    [
        (
            log_partition_report(),
            lambda f, p, q: (p * np.diag(f)).sum() - np.log((q * np.exp(f)).sum()),
        ),
        (
            partition_report(),
            lambda f, p, q: 1 + (p * np.diag(f)).sum() - (q * np.exp(f)).sum(),
        ),
        (
            contrastive_report("y"),
            lambda f, p, q: p @ (np.diag(f) - np.log(np.exp(f) @ p)),
        ),
    ],
)
def test_the_report_is_the_weighted_bound(report, bound):
    """Of pairs (i, j), j different from i, weighted by w_i and w_j within its row."""
    rng = np.random.RandomState(0)
    scores = rng.standard_normal((30, 30))
    weights = rng.exponential(size=30)
    p = weights / weights.sum()
    others = p * (1 - np.eye(30))
    q = p[:, None] * others / others.sum(axis=1, keepdims=True)
    numbers = np.arange(30)[:, None].astype(float)

    def score(X, y):
        return torch.from_numpy(scores[X[:, 0].astype(int)][:, y[:, 0].astype(int)])

    value, _ = report.evaluate(score, numbers, numbers, "micro", weights)
    assert value == pytest.approx(bound(scores, p, q), abs=1e-9)


@pytest.mark.parametrize("contrast", ["x", "y", "both"])
def test_no_contrastive_estimate_exceeds_its_ceiling(contrast):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((800, 1))
    weights = rng.exponential(size=800) ** 2
    model = skmi.InfoNCE(normalize=contrast, random_state=0)
    model.fit(x, 1e3 * x, sample_weight=weights)
    assert 0.8 * model.ceiling_ < model.mutual_info_ <= model.ceiling_
    assert model.ceiling_ < math.log(200) - 0.5

    def perfect(X, y):
        return torch.from_numpy(np.where(X == y.T, 1e3, -1e3))

    report = contrastive_report(contrast)
    value, _ = report.evaluate(perfect, x, x, "micro", weights)
    assert value == pytest.approx(report.limits(800, weights)[0])


@pytest.mark.parametrize("cls", [skmi.GaussianMI, skmi.KSG, skmi.BarberAgakov])
def test_the_score_on_new_samples_takes_weights(cls):
    """It is that of samples drawn in proportion to them."""
    X, y, weights, _ = tilted_pair(1500, 0.3, 0.6, seed=0)
    model = made(cls, random_state=0).fit(X[:500], y[:500])
    X, y, weights = X[500:], y[500:], weights[500:]
    score = model.score(X, y, sample_weight=weights)
    kept = thin(weights, np.random.RandomState(0))
    assert score == pytest.approx(model.score(X[kept], y[kept]), abs=0.05)
    assert score > model.score(X, y) + 0.02
    assert model.score(X, y, sample_weight=np.full(1000, 3)) == model.score(X, y)


def test_weights_are_routed_through_a_pipeline_and_a_search():
    X, y, weights, truth = tilted_pair(2000, 0.3, 0.6, seed=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = skmi.GaussianMI().set_fit_request(sample_weight=True)
        model = model.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        chain = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
        expected = skmi.GaussianMI().fit(X, y, sample_weight=weights).mutual_info_
        assert chain[-1].mutual_info_ == pytest.approx(expected)
        search = GridSearchCV(model, {"shrinkage": [None, "auto"]}, cv=3)
        search.fit(X, y, sample_weight=weights)
        assert search.best_estimator_.mutual_info_ == pytest.approx(expected)
        assert search.best_score_ == pytest.approx(truth, abs=0.06)


@pytest.mark.parametrize("cls", [skmi.GaussianMI, skmi.MINE])
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(50, -1.0), "[Nn]egative"),
        (np.zeros(50), "non-zero|0 for all samples"),
        (np.ones(49), "inconsistent|shape"),
        (3.0, "one number"),
        (np.full(50, np.nan), "NaN"),
        (["a"] * 50, "not numbers"),
    ],
)
def test_what_are_no_weights_is_refused(cls, weights, message):
    X, y, _, _ = tilted_pair(50, 0.5, 0.5, seed=0)
    with pytest.raises(ValueError, match=message):
        cls().fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("with_groups", [False, True])
def test_folds_of_the_user_are_those_of_all_samples(with_groups):
    """Samples of weight 0, which are left out, are counted in them."""
    X, y, weights, _ = tilted_pair(120, 0.3, 0.6, seed=0)
    weights[::4] = 0
    kept = weights > 0
    groups = np.arange(120) // 4
    cv = PredefinedSplit(groups % 2)
    other = PredefinedSplit((groups % 2)[kept])
    options = {}, {}
    if with_groups:
        cv = other = LeaveOneGroupOut()
        options = {"groups": groups % 3}, {"groups": (groups % 3)[kept]}
    whole = skmi.MINE(cv=cv, **QUICK).fit(X, y, sample_weight=weights, **options[0])
    part = skmi.MINE(cv=other, **QUICK)
    part.fit(X[kept], y[kept], sample_weight=weights[kept], **options[1])
    assert whole.mutual_info_ == pytest.approx(part.mutual_info_, rel=1e-6)


@pytest.mark.parametrize("cls", CLOSED, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("weighted", [False, True])
def test_repeated_values_that_determine_each_other_have_their_entropy(cls, weighted):
    y = np.random.RandomState(0).randint(3, size=(300, 1)).astype(float)
    weights = np.where(y[:, 0] == 0, 2.0, 1.0) if weighted else None
    with pytest.warns(skmi.ReliabilityWarning, match="at most their entropy"):
        model = cls().fit(np.hstack([2 * y, y**2]), y, sample_weight=weights)
    shares = np.array([0.5, 0.25, 0.25]) if weighted else np.full(3, 1 / 3)
    truth = -(shares * np.log(shares)).sum()
    assert model.mutual_info_ == pytest.approx(truth, abs=0.03)


def test_a_student_copula_of_few_samples_is_normal():
    X, Y, _ = draw_normal(40, 10, 1.0, seed=0)
    with pytest.warns(skmi.ReliabilityWarning, match="a normal distribution is fitted"):
        model = skmi.StudentCopulaMI().fit(X, Y)
    expected = skmi.GaussianCopulaMI().fit(X, Y).mutual_info_
    assert model.mutual_info_ == pytest.approx(expected, abs=0.2)
    few = skmi.StudentCopulaMI().fit(X[:19], Y[:19])
    assert np.isfinite([few.mutual_info_, few.score(X[19:], Y[19:])]).all()


def test_batches_have_no_weights():
    X, y, weights, _ = tilted_pair(50, 0.5, 0.5, seed=0)
    with pytest.raises(ValueError, match="all samples at once"):
        skmi.MINE().fit(iter([(X, y)]), sample_weight=weights)


def test_weights_of_a_few_samples_are_warned_of():
    X, y, _, _ = tilted_pair(500, 0.5, 0.5, seed=0)
    weights = np.full(500, 1e-6)
    weights[:5] = 1
    with pytest.warns(FewRowsWarning, match=r"count as 5\.0 equally weighted"):
        skmi.GaussianMI().fit(X, y, sample_weight=weights)


def test_draws_are_in_proportion():
    weights = np.random.RandomState(0).exponential(size=300)
    drawn = draw_in_proportion(weights, 1000, np.random.RandomState(1))
    counts = np.bincount(drawn, minlength=300)
    assert np.abs(counts - 1000 * weights / weights.sum()).max() <= 1
    means = np.mean(
        [
            np.isin(np.arange(300), thin(weights, np.random.RandomState(seed)))
            for seed in range(300)
        ],
        axis=0,
    )
    assert np.corrcoef(means, np.minimum(weights, 2))[0, 1] > 0.95


@pytest.mark.parametrize(
    "surprise", [entropy.neighbor_surprise, entropy.gaussian_surprise]
)
def test_entropies_are_those_of_the_tilted_distribution(surprise):
    """Weights exp(x) move a standard normal distribution to the mean 1."""
    x = np.random.RandomState(0).standard_normal((5000, 1))
    weights = np.exp(x[:, 0] - 3 * x[:, 0] ** 2 / 2)  # to a variance of 1/4
    found = np.average(surprise(x, sample_weight=weights), weights=weights)
    assert found == pytest.approx(math.log(2 * math.pi * math.e / 4) / 2, abs=0.06)


@pytest.mark.parametrize("cls", CLOSED, ids=lambda cls: cls.__name__)
def test_a_negligible_weight_is_none(cls):
    X, Y, weights, _ = tilted_pair(200, 0.5, 0.6, seed=0)
    largest = X.argmax()
    for weight in (0.0, 1e-15, 5e-324):
        weights[largest] = weight
        with np.errstate(divide="raise", invalid="raise"):
            found = cls().fit(X, Y, sample_weight=weights)
        if not weight:
            expected = found.mutual_info_
        assert found.mutual_info_ == expected


@pytest.mark.parametrize("cls", [*CLOSED, skmi.InfoNCE], ids=lambda cls: cls.__name__)
def test_one_weight_beyond_all_others_is_refused(cls):
    X, Y, weights, _ = tilted_pair(200, 0.5, 0.6, seed=0)
    weights[0] = 1e9
    with pytest.raises(ValueError, match="Trim the largest weights"):
        cls().fit(X, Y, sample_weight=weights)


def test_folds_of_the_user_leave_out_negligible_weights():
    X, Y, _, _ = tilted_pair(200, 0.5, 0.6, seed=0)
    folds = PredefinedSplit(np.arange(200) % 2)
    values = []
    for weight in (0.0, 1e-15):
        weights = np.where(np.arange(200) % 5 == 0, weight, 1.0)
        fitted = skmi.InfoNCE(cv=folds, **QUICK).fit(X, Y, sample_weight=weights)
        values.append(fitted.mutual_info_)
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("make", "method"),
    [(cls, "influence") for cls in CLOSED]
    + [(skmi.GaussianMI, "subsample"), (skmi.InfoNCE, "auto")],
)
def test_the_interval_is_that_of_the_tilted_distribution(make, method):
    """It has the truth in most of the seeds; that without weights has it in none."""
    held, plain, wide = [], [], []
    for seed in range(4):
        X, y, weights, truth = tilted_pair(1500, 0.1, 0.8, seed)
        model = made(make, random_state=0)
        for found, options in ((held, {"sample_weight": weights}), (plain, {})):
            low, high = confidence_interval(
                model, X, y, method=method, level=0.99, random_state=0, **options
            )
            found.append(low <= truth <= high)
            wide.append(high - low)
    assert sum(held) >= 3
    assert not any(plain)
    assert max(wide) < 0.7


def test_halves_have_the_weights_of_their_samples():
    """Weights of 0 and 1 give the interval of the samples that count alone."""
    X, y, _, _ = tilted_pair(400, 0.6, 0.6, seed=0)
    weights = np.repeat([1.0, 0.0], 200)
    settings = {"method": "subsample", "n_resamples": 200, "random_state": 0}
    alone = confidence_interval(skmi.GaussianMI(), X[:200], y[:200], **settings)
    weighted = confidence_interval(
        skmi.GaussianMI(), X, y, sample_weight=weights, **settings
    )
    assert weighted == pytest.approx(alone, abs=0.06)


def test_the_permutation_test_of_tilted_independence_is_exact():
    """Weights turn dependent pairs into independent ones: uniform p-values."""
    pvalues = []
    for seed in range(100):
        X, y, weights, _ = tilted_pair(300, 0.3, 0.0, seed)
        test = permutation_test(
            skmi.GaussianMI(),
            X,
            y,
            n_permutations=19,
            sample_weight=weights,
            random_state=seed,
        )
        pvalues.append(test.pvalue)
    assert np.mean(np.array(pvalues) <= 0.05) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)
    assert abs(np.mean(pvalues) - 0.525) < 3 * 0.29 / math.sqrt(100)


@pytest.mark.parametrize("make", [skmi.GaussianMI, skmi.KSG, skmi.InfoNCE])
def test_the_permutation_test_finds_tilted_dependence(make):
    X, y, weights, _ = tilted_pair(1500, 0.0, 0.6, seed=0)
    test = permutation_test(
        make(), X, y, n_permutations=49, sample_weight=weights, random_state=0
    )
    assert test.pvalue == 0.02


def test_inference_with_weights_that_cannot_be_is_refused():
    X, y, weights, _ = tilted_pair(60, 0.3, 0.6, seed=0)
    with pytest.raises(TypeError, match=r"KSG takes no sample_weight.*GaussianMI"):
        confidence_interval(skmi.KSG(), X, y, sample_weight=weights)
    cases = [
        (confidence_interval, {"groups": np.arange(60) // 2}, "leave out one"),
        (confidence_interval, {"block_length": 5}, "leave out one"),
        (permutation_test, {"block_length": 5}, "leave out one"),
        (confidence_interval, {"method": "reference"}, "subsample"),
    ]
    for call, options, message in cases:
        with pytest.raises(ValueError, match=message):
            call(skmi.GaussianMI(), X, y, sample_weight=weights, **options)
    weights[0] = 1e6
    with pytest.raises(ValueError, match="too few to permute"):
        permutation_test(skmi.GaussianMI(), X, y, sample_weight=weights)


def test_intervals_and_tests_without_weights_say_so():
    X, Y, weights, _ = tilted_pair(100, 0.3, 0.0, seed=0)
    model = skmi.GaussianMI().fit(X, Y, sample_weight=weights)
    for call in (confidence_interval, permutation_test):
        with pytest.warns(ReliabilityWarning, match="without weights"):
            call(model, X, Y)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ReliabilityWarning)
            call(skmi.GaussianMI().fit(X, Y), X, Y)
