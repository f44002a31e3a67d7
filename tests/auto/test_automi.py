import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import entr
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from torch import nn

import skmi
from skmi import AutoMI, GaussianMI
from skmi.datasets import (
    make_correlated_normal,
)
from skmi.exceptions import ConvergenceWarning, FewRowsWarning, ReliabilityWarning
from skmi.inference import confidence_interval, permutation_test

SMALL = {"hidden_layer_sizes": (16,), "cv": 3, "random_state": 0}


def turned(X):
    """Rotate the columns, so that no pair of them holds the dependence."""
    draws = np.random.RandomState(5).standard_normal((X.shape[1], X.shape[1]))
    return X @ np.linalg.qr(draws)[0]


def bump(n_samples, seed, n_columns=2):
    """The first column of y follows the distance of x from 0, on no slope."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_samples, n_columns))
    Y = rng.standard_normal((n_samples, n_columns))
    Y[:, 0] = np.abs(X[:, 0]) + 0.3 * Y[:, 0]
    return X, Y


def test_closed_form_is_enough():
    X, Y, truth = make_correlated_normal(400, 3, mutual_info=0.8, random_state=0)
    model = AutoMI(**SMALL).fit(X, Y)
    assert (model.chosen_, model.status_) == ("reference", "ok")
    assert model.mutual_info_ == model.reference_mutual_info_
    low, high = model.confidence_interval_
    assert low < truth < high
    assert model.lower_bound_ < model.mutual_info_ + 2 * model.standard_error_
    assert model.lower_bound_ == model.candidate_scores_["reference"]


@pytest.mark.filterwarnings("ignore::skmi.ConvergenceWarning")
def test_critic_adds_what_the_closed_form_misses():
    X, Y = bump(800, 0)
    model = AutoMI(**SMALL).fit(X, Y)
    assert model.chosen_ == "critic"
    assert model.reference_mutual_info_ < 0.1
    truth = bump_mutual_info()
    assert model.mutual_info_ == pytest.approx(truth, abs=0.12)
    X, Y = bump(1000, 1)
    assert model.score(X, Y) == pytest.approx(truth, abs=0.15)
    found = model.score_samples(X, Y)
    assert np.corrcoef(found, bump_log_ratio(X, Y))[0, 1] > 0.85


def test_neighbors_for_one_column_each():
    X, Y = (block[:, :1] for block in bump(800, 0))
    model = AutoMI(**SMALL).fit(X, Y)
    assert model.chosen_ == "neighbors"
    assert model.mutual_info_ == pytest.approx(bump_mutual_info(), abs=0.1)


@pytest.mark.parametrize("n_columns", [1, 5])
def test_independent_blocks(n_columns):
    for seed in range(3):
        X, Y = np.random.RandomState(seed).standard_normal((2, 300, n_columns))
        model = AutoMI(**SMALL).fit(X, Y)
        assert model.mutual_info_ <= 0.01
        assert model.mutual_info_ > -0.05
        assert model.status_ == "zero"


def test_labels():
    rng = np.random.RandomState(0)
    labels = np.array(["left", "middle", "right"])[rng.randint(3, size=900)]
    shift = {"left": -2.0, "middle": 0.0, "right": 2.0}
    X = np.array([shift[label] for label in labels])[:, np.newaxis]
    X = X + rng.standard_normal((900, 1))
    model = AutoMI(**SMALL).fit(X, labels)
    grid = np.linspace(-9, 9, 4001)
    density = np.exp(-((grid - np.array([[-2], [0], [2]])) ** 2) / 2)
    density /= np.sqrt(2 * np.pi)
    truth = entr(density.mean(axis=0)).sum() * (grid[1] - grid[0])
    truth -= (1 + np.log(2 * np.pi)) / 2
    assert model.chosen_ == "neighbors"
    assert model.bound_ == "none"
    low, high = model.confidence_interval_
    assert low < truth < high
    assert model.lower_bound_ == pytest.approx(truth, abs=0.08)
    assert model.lower_bound_ == pytest.approx(
        model.score(X, labels), abs=0.05
    )  # the same bound but for its sample of labels


def test_tables_with_labels_on_both_sides():
    rng = np.random.RandomState(0)
    kind = rng.randint(2, size=400)
    table = pd.DataFrame(
        {"kind": np.array(["a", "b"])[kind], "noise": rng.standard_normal(400)}
    )
    target = pd.DataFrame(
        {
            "flag": np.where(kind, "yes", "no"),
            "size": rng.standard_normal(400),
        }
    )
    model = AutoMI(**SMALL).fit(table, target)
    assert model.mutual_info_ == pytest.approx(np.log(2), abs=0.05)
    assert model.score(table, target) == pytest.approx(np.log(2), abs=0.05)
    np.testing.assert_allclose(
        model.score_samples(table[5:9], target[5:9]),
        model.score_samples(table, target)[5:9],
        atol=1e-6,
    )


def test_columns_that_are_constant_in_some_fold():
    X, Y, truth = make_correlated_normal(300, 2, mutual_info=0.8, random_state=0)
    rare = np.zeros((300, 2))
    rare[[7, 8], [0, 1]] = 1
    model = AutoMI(**SMALL).fit(np.hstack([rare[:, :1], X]), np.hstack([Y, rare]))
    assert model.mutual_info_ == pytest.approx(truth, abs=0.15)


def test_missing_labels_in_X_are_refused():
    table = pd.DataFrame({"kind": ["a", None] * 30})
    with pytest.raises(ValueError, match="X contains missing labels"):
        AutoMI(**SMALL).fit(table, np.arange(60.0))


def test_transformer_before_the_critic():
    rng = np.random.RandomState(0)
    hidden = rng.standard_normal((300, 1))
    X = hidden @ rng.standard_normal((1, 200)) + 0.1 * rng.standard_normal((300, 200))
    Y = hidden + 0.5 * rng.standard_normal((300, 1))
    model = AutoMI(encoder_x=PCA(1), **SMALL).fit(X, Y)
    assert model.mutual_info_ == pytest.approx(np.log(5) / 2, abs=0.15)
    assert model.score(X, Y) == pytest.approx(np.log(5) / 2, abs=0.15)


@pytest.mark.filterwarnings("ignore::skmi.ConvergenceWarning")
def test_module_before_the_critic():
    X, Y = bump(300, 0)
    model = AutoMI(
        max_iter=10,
        encoder_x=nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 2)),
        **SMALL,
    ).fit(X, Y)
    assert model.chosen_ == "critic"
    assert model.reference_mutual_info_ == 0
    assert model.mutual_info_ > 0.5 * bump_mutual_info()


@pytest.mark.filterwarnings("ignore::skmi.ConvergenceWarning")
def test_candidates_win_by_rows_held_out():
    X, Y, _ = make_correlated_normal(300, 2, mutual_info=1.0, random_state=0)
    model = AutoMI(reference=None, candidates=[GaussianMI()], **SMALL)
    model.set_params(max_iter=1).fit(X, Y)
    assert model.chosen_ == "GaussianMI 0"
    assert set(model.candidate_scores_) == {"critic", "GaussianMI 0"}
    assert model.mutual_info_ == GaussianMI().fit(X, Y).mutual_info_
    assert model.score(X, Y) == GaussianMI().fit(X, Y).score(X, Y)
    poor = AutoMI(candidates=[GaussianMI()], **SMALL).fit(*bump(400, 0))
    assert poor.chosen_ != "GaussianMI 0"


def test_candidates_know_labels():
    rng = np.random.RandomState(0)
    codes = rng.randint(3, size=300)
    X = np.array([0.0, 4.0, -4.0])[codes] + rng.standard_normal(300)
    labels = np.array(["a", "b", "c"])[codes]
    model = AutoMI(candidates=[skmi.KSG(random_state=0)], **SMALL)
    model.fit(X[:, np.newaxis], labels)
    alone = skmi.KSG(random_state=0).fit(X[:, np.newaxis], labels)
    assert model.candidate_scores_["KSG 0"] > 0.8  # as numbers: below .7
    if model.chosen_ == "KSG 0":
        assert model.mutual_info_ == pytest.approx(alone.mutual_info_)


def test_refusals():
    X, Y = bump(60, 0)
    with pytest.raises(ValueError, match="encoder_x is for a y of numbers"):
        AutoMI(encoder_x=PCA(1)).fit(X, ["a", "b"] * 30)
    with pytest.raises(TypeError, match="candidates must hold"):
        AutoMI(candidates=[PCA(1)]).fit(X, Y)


def test_labels_in_X_must_stay_labels():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"kind": ["a", "b"] * 40, "size": rng.standard_normal(80)})
    model = AutoMI(max_iter=1, **SMALL).fit(table, rng.standard_normal(80))
    with pytest.raises(ValueError, match="where it held numbers in fit"):
        model.score(table.assign(kind=1.0), np.arange(80.0))
    model.fit(rng.standard_normal((80, 2)), np.arange(80.0))  # forgets the labels
    assert model.score(rng.standard_normal((80, 2)), np.arange(80.0)) < 0.5


def test_saturation():
    X, Y, _ = make_correlated_normal(150, 5, mutual_info=15.0, random_state=0)
    with pytest.warns(ReliabilityWarning, match="the most that the test samples"):
        model = AutoMI(**SMALL).fit(X, Y)
    assert model.status_ == "saturated"


def test_cut_short():
    X, Y = bump(200, 0, n_columns=5)
    with pytest.warns(ConvergenceWarning, match="after 2 epochs"):
        model = AutoMI(max_iter=2, **SMALL).fit(turned(X), Y[:, :1])
    assert model.status_ == "not converged"


@pytest.mark.filterwarnings("ignore::skmi.ConvergenceWarning")
def test_few_rows_for_the_structure():
    """The critics fit the training samples far better; the interval is long."""
    X, Y = bump(200, 0, n_columns=5)
    model = AutoMI(**SMALL).fit(turned(X), Y[:, :1])
    assert model.chosen_ == "critic"
    low, high = model.confidence_interval_
    assert low < bump_mutual_info() < high
    assert high - low > 0.4
    assert model.lower_bound_ < model.mutual_info_


def test_mixtures_of_normals():
    """A cross of three columns each; the truth is .52 nats, by simulation."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1000, 3))
    sign = rng.choice([-1, 1], (1000, 1))
    Y = 0.7 * sign * X + np.sqrt(1 - 0.7**2) * rng.standard_normal((1000, 3))
    model = AutoMI(random_state=0).fit(X, Y)
    assert model.chosen_ == "mixture copula"
    assert model.reference_mutual_info_ < 0.2
    low, high = model.confidence_interval_
    assert low < 0.52 < high
    assert high - low < 0.25


def test_a_share_of_dependent_samples():
    """Half of the samples are independent; the truth is .83 nats, by simulation."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1500, 5))
    Y = 0.8 * X + 0.6 * rng.standard_normal((1500, 5))
    Y[::2] = rng.standard_normal((750, 5))
    order = rng.permutation(1500)
    model = AutoMI(random_state=0).fit(X[order], Y[order])
    assert model.chosen_ == "contaminated copula"
    assert model.mutual_info_ == pytest.approx(0.83, abs=0.1)
    assert model.score(X, Y) > 0.6


def test_samples_in_order_of_size():
    X, Y, truth = make_correlated_normal(500, 2, mutual_info=0.8, random_state=0)
    order = np.argsort(X[:, 0])
    model = AutoMI(**SMALL).fit(X[order], Y[order])
    assert model.chosen_ == "reference"
    assert model.mutual_info_ == pytest.approx(truth, abs=0.15)


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
@pytest.mark.parametrize("n_columns", [1, 3])
def test_never_above_the_ceiling(n_columns):
    X = np.random.RandomState(0).standard_normal((300, n_columns))
    model = AutoMI(**SMALL).fit(X, X)
    assert model.mutual_info_ <= model.ceiling_
    assert model.confidence_interval_.high <= model.ceiling_
    assert model.status_ == "saturated"


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
@pytest.mark.parametrize("seed", range(3))
def test_much_information_in_many_columns(seed):
    X, Y, truth = make_correlated_normal(1000, 20, mutual_info=12.0, random_state=seed)
    model = AutoMI(random_state=0).fit(X, Y)
    assert model.mutual_info_ == pytest.approx(truth, abs=1.0)


@pytest.mark.parametrize("n_labels", [2, 20])
@pytest.mark.parametrize("n_columns", [2, 6])
def test_interval_of_independent_labels(n_labels, n_columns):
    rng = np.random.RandomState(90210)
    X = rng.standard_normal((200, n_columns))
    labels = np.char.mod("%d", rng.randint(n_labels, size=200))
    model = AutoMI(random_state=0).fit(X, labels)
    low, high = model.confidence_interval_
    assert low <= 0 <= high
    assert abs(model.mutual_info_) < 0.15
    assert model.status_ == "zero"


def test_labels_of_intervals():
    """X is uniform on [y, y + 2]: log 5 less four fifths of log 2."""
    truth = np.log(5) - 0.8 * np.log(2)
    for seed in range(3):
        rng = np.random.RandomState(seed)
        codes = rng.randint(5, size=400)
        X = codes[:, np.newaxis] + rng.uniform(0, 2, size=(400, 1))
        model = AutoMI(random_state=0).fit(X, np.char.mod("%d", codes))
        low, high = model.confidence_interval_
        assert low < truth < high
        assert high - low < 0.3


@pytest.mark.filterwarnings("ignore::skmi.ConvergenceWarning")
def test_permutation_test():
    rng = np.random.RandomState(0)
    pvalues = []
    for _ in range(12):
        X, Y = rng.standard_normal((2, 120, 2))
        model = AutoMI(**SMALL).set_params(max_iter=2)
        found = permutation_test(
            model, X, Y, n_permutations=19, random_state=rng.randint(1000)
        )
        assert len(np.unique(found.null_distribution)) == 19
        pvalues.append(found.pvalue)
    assert np.mean(np.array(pvalues) <= 0.25) < 0.7  # 1 - 1e-3 of a binomial
    labels = np.where(X[:, 0] > 0, "high", "low")
    for target in (X + Y, labels):
        found = permutation_test(
            AutoMI(**SMALL), X, target, n_permutations=19, random_state=0
        )
        assert found.pvalue == 0.05


def test_interval():
    X, Y, truth = make_correlated_normal(300, 2, mutual_info=0.5, random_state=0)
    model = AutoMI(**SMALL)
    found = confidence_interval(model, X, Y, random_state=0)
    assert found.low < truth < found.high
    assert found.high - found.low < 0.4


def test_report():
    X, Y, _ = make_correlated_normal(300, 1, mutual_info=0.5, random_state=0)
    model = AutoMI(**SMALL).fit(X, Y)
    text = model.report()
    assert f"{model.mutual_info_:.3f} nats" in text
    assert "reference" in text
    assert "caveat" not in text
    assert "upper end" in text
    assert max(map(len, text.splitlines())) < 80


def test_report_of_labels_supports_no_more_than_their_entropy():
    X = np.random.RandomState(0).standard_normal((300, 2))
    text = AutoMI(**SMALL).fit(X, np.where(X[:, 0] > 0, "a", "b")).report()
    assert "up to 0.69 nats" in text


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
def test_report_warns_where_the_interval_is_not_to_be_trusted():
    X = np.random.RandomState(0).standard_normal((200, 1))
    text = AutoMI(**SMALL).fit(X, X).report()
    assert "do not trust the interval" in text
    assert max(map(len, text.splitlines())) < 80
    with pytest.raises(NotFittedError):
        AutoMI().report()


def test_few_samples_for_the_columns_warn():
    X, Y = np.random.RandomState(0).standard_normal((2, 23, 5))
    with pytest.warns(FewRowsWarning, match="23 samples are few for 10 columns"):
        model = AutoMI(random_state=0).fit(X, Y)
    assert model.status_ == "few samples"


@pytest.mark.parametrize("n_samples", [300, 1000])
def test_images_that_no_method_reads(n_samples):
    """The parities of two digits share .2 nats, which their pixels hide."""
    images, digits = load_digits(return_X_y=True)
    rng, flip = np.random.RandomState(0), 0.195  # log 2 - H(flip) = .2
    odd = rng.randint(2, size=n_samples)
    sides = odd, np.where(rng.uniform(size=n_samples) < flip, 1 - odd, odd)
    X, Y = (
        images[[rng.choice(np.flatnonzero(digits % 2 == value)) for value in side]]
        for side in sides
    )
    with pytest.warns(FewRowsWarning, match=f"{n_samples} samples are few"):
        model = AutoMI(random_state=0, discrete_target=False).fit(X, Y)
    assert model.mutual_info_ < 0.1
    assert model.status_ == "few samples"


def test_columns_that_others_determine_do_not_count():
    X, Y, truth = make_correlated_normal(400, 4, mutual_info=1.0, random_state=0)
    X, Y = (
        block @ np.random.RandomState(seed).standard_normal((4, 100))
        for seed, block in enumerate((X, Y))
    )
    model = AutoMI(random_state=0).fit(X, Y)
    low, high = model.confidence_interval_
    assert low < truth < high
    assert model.status_ == "ok"


def bump_density(x, y):
    """Joint density of the first columns of a bump."""
    return np.exp(-(x**2) / 2 - (y - np.abs(x)) ** 2 / 0.18) / (2 * np.pi * 0.3)


def bump_marginal(y):
    grid = np.linspace(-8, 8, 2001)
    return bump_density(grid, y[:, np.newaxis]).sum(axis=1) * (grid[1] - grid[0])


def bump_log_ratio(X, Y):
    x, y = X[:, 0], Y[:, 0]
    normal = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return np.log(bump_density(x, y) / normal / bump_marginal(y))


def bump_mutual_info():
    """Entropy of y less that of the noise."""
    grid = np.linspace(-3, 9, 2001)
    entropy = entr(bump_marginal(grid)).sum() * (grid[1] - grid[0])
    return entropy - (1 + np.log(2 * np.pi * 0.09)) / 2


@pytest.mark.parametrize(("n_samples", "seed"), [(300, 0), (300, 1), (1000, 0)])
@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
def test_ranks_of_nearly_exact_relations_can_be_the_same(n_samples, seed):
    """Of 12 nats the interval holds the truth, or the status says that it may not."""
    x, noise = np.random.RandomState(seed).standard_normal((2, n_samples, 1))
    model = AutoMI().fit(x, x + math.exp(-12) * noise)
    low, high = model.confidence_interval_
    assert low < 12 < high or model.status_ == "saturated"
    assert 4 < model.mutual_info_ <= model.ceiling_
