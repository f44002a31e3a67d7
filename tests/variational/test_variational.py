import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmi
from skmi import (
    CLUB,
    MINE,
    NWJ,
    SMILE,
    TNCE,
    TUBA,
    BarberAgakov,
    DifferenceOfEntropies,
    DonskerVaradhan,
    InfoNCE,
    InterpolatedBound,
    LeaveOneOutBound,
    ReJensenShannon,
    ReMINE,
    ReNWJ,
    SaturationWarning,
    bounds,
)
from skmi._data.splitting import contrast_blocks
from skmi.critics import MixtureConditional, SeparableCritic
from skmi.variational.base import stack_rows
from tests.estimators import all_estimators, is_neural, make_small
from tests.oracle import Oracle, OracleConditionalCritic, OracleCritic, draw_normal

NEURAL = [cls for cls in all_estimators() if is_neural(cls)]
# What each reports, as a function of the scores f of the report rows.
REPORTED = {
    "DonskerVaradhan": bounds.donsker_varadhan,
    "MINE": bounds.donsker_varadhan,
    "ReMINE": bounds.donsker_varadhan,
    "NWJ": lambda f: bounds.nwj(1 + f),
    "JensenShannon": lambda f: bounds.nwj(1 + f),
    "ReJensenShannon": lambda f: bounds.nwj(1 + f),
    "TUBA": bounds.tuba,
    "ReNWJ": lambda f: bounds.nwj(1 + f.clamp(-10, 10)),
    "ReTUBA": lambda f: bounds.tuba(f.clamp(-10, 10)),
    "SMILE": lambda f: bounds.smile(f, 5.0),
    "ReSMILE": lambda f: bounds.smile(f, 10.0),
    "InfoNCE": bounds.info_nce,
    "ReInfoNCE": bounds.info_nce,
    "InterpolatedBound": lambda f: bounds.interpolated_bound(f, 0.01),
    "TNCE": bounds.tnce,
    "CLUB": bounds.club,
    "LeaveOneOutBound": bounds.leave_one_out_bound,
    "DifferenceOfEntropies": lambda f: bounds.barber_agakov(f.diagonal(), 0.0),
}
OVER_X = {"TNCE", "CLUB", "LeaveOneOutBound", "DifferenceOfEntropies", "BarberAgakov"}
OVER_X |= {"InterpolatedBound"}
# Small fits are cut short on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.ConvergenceWarning")
each = pytest.mark.parametrize("cls", NEURAL, ids=lambda cls: cls.__name__)
# One for each way of training, where what is tested lies outside the bound.
kinds = pytest.mark.parametrize(
    "cls", [DonskerVaradhan, NWJ, InfoNCE, SMILE, TNCE], ids=lambda cls: cls.__name__
)


# -- what is reported --------------------------------------------------------------


def oracle_critic(cls, rho):
    """The exact critic: a log density for a decoder, else the log density ratio."""
    decoder = cls()._contrast == "x" and cls.__name__ != "InterpolatedBound"
    return (OracleConditionalCritic if decoder else OracleCritic)(rho)


def exact_entropy(cls, n_columns):
    """The entropy of standard normal columns, for the estimator that has to know."""
    value = n_columns * math.log(2 * math.pi * math.e) / 2
    return {"entropy": value} if cls is BarberAgakov else {}


@each
def test_oracle_critic_gives_the_truth(cls):
    """No training is involved, so every error is one of the estimate."""
    estimates, errors = [], []
    for seed in range(10):
        X, Y, rho = draw_normal(1500, 2, 1.0, seed)
        # The oracle knows columns of unit variance.
        X, Y = (block / block.std(axis=0) for block in (X, Y))
        critic = oracle_critic(cls, rho)
        estimator = cls(critic=critic, max_iter=1, **exact_entropy(cls, 2))
        estimator.set_params(early_stopping=False, random_state=0, test_size=1200)
        estimates.append(estimator.fit(X, Y).mutual_info_)
        errors.append(estimator.standard_error_)
    truth = 2 * rho**2 / (1 - rho**2) if cls is CLUB else 1.0
    assert np.mean(estimates) == pytest.approx(truth, rel=0.04)
    assert 0.6 < np.mean(errors) / np.std(estimates, ddof=1) < 1.8


@pytest.mark.parametrize("name", REPORTED)
@pytest.mark.parametrize("n_samples", [100, 512])
def test_one_block_is_the_bound_of_the_score_matrix(name, n_samples):
    X, Y, _ = draw_normal(n_samples, 2, 1.0, seed=0)
    estimator = make_small(getattr(skmi, name)).fit(X, Y)
    scores = torch.from_numpy(estimator._log_ratio(X, Y))
    expected = float(REPORTED[name](scores))
    assert estimator.mutual_info(X, Y) == pytest.approx(expected, abs=1e-9)


def test_scores_are_those_of_the_critic_on_standardised_columns():
    X, Y, rho = draw_normal(200, 2, 1.0, seed=0)
    module = Oracle(rho).double()
    estimator = make_small(NWJ, critic=module).fit(X, Y)
    x, y = (
        torch.from_numpy(scaler.transform(block))
        for scaler, block in zip(estimator._scores.inputs[0][:2], (X, Y), strict=True)
    )
    np.testing.assert_allclose(estimator._log_ratio(X, Y), module(x, y).detach())


@each
def test_score_is_info_nce_for_all(cls):
    X, Y, _ = draw_normal(400, 2, 1.0, seed=0)
    estimator = make_small(cls).fit(X[:200], Y[:200])
    scores = torch.from_numpy(estimator._log_ratio(X, Y))
    expected = bounds.info_nce(scores.mT if cls.__name__ in OVER_X else scores)
    assert estimator.score(X, Y) == pytest.approx(float(expected), abs=1e-9)


@each
def test_influence_is_what_leaving_a_row_out_changes(cls):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(40, 40, generator=generator, dtype=torch.float64)
    report = cls()._make_report()
    influence = report.influence(report.reduce(scores))
    value = float(report.estimate(report.reduce(scores)))
    for i in (0, 17, 39):
        rest = torch.arange(40) != i
        without = report.estimate(report.reduce(scores[rest][:, rest]))
        centred = float(influence[i] - influence.mean())
        assert 39 * (value - float(without)) == pytest.approx(centred, abs=0.12)


def test_averaging():
    X, Y, rho = draw_normal(2100, 2, 1.0, seed=0)
    module = Oracle(rho).double()

    def report(cls, averaging):
        estimator = make_small(cls, critic=module, averaging=averaging)
        return estimator.set_params(max_iter=1).fit(X, Y).mutual_info(X, Y)

    micro, macro = report(DonskerVaradhan, "micro"), report(DonskerVaradhan, "macro")
    # The mean of logarithms is below the logarithm of the mean.
    assert micro < macro < micro + 0.05
    for cls in (NWJ, InfoNCE):  # linear in the rows: nothing to tell apart
        assert report(cls, "micro") == pytest.approx(report(cls, "macro"), abs=1e-9)


@pytest.mark.parametrize("n_samples", [2, 511, 512, 513, 1300])
def test_contrast_blocks(n_samples):
    rows = []
    for own, columns in contrast_blocks(n_samples):
        assert len(columns) == min(512, n_samples) == len(set(columns))
        np.testing.assert_array_equal(columns[: len(own)], own)
        rows.extend(own)
    assert sorted(rows) == list(range(n_samples))


def test_bound_and_ceiling():
    X, Y, _ = draw_normal(80, 1, 0.5, seed=0)
    fitted = {cls.__name__: make_small(cls).fit(X, Y) for cls in NEURAL}
    lower = {"NWJ", "TUBA", "JensenShannon", "InfoNCE", "TNCE", "InterpolatedBound"}
    lower |= {"ReNWJ", "ReTUBA", "ReJensenShannon", "ReInfoNCE"}
    for name, estimator in fitted.items():
        assert estimator.bound_ == ("lower" if name in lower else "none"), name
    n_report = math.log(20)
    ceilings = dict.fromkeys(fitted, math.inf)
    ceilings |= dict.fromkeys(("InfoNCE", "ReInfoNCE", "TNCE"), n_report)
    ceilings |= dict.fromkeys(("DonskerVaradhan", "MINE", "ReMINE"), n_report)
    ceilings |= dict.fromkeys(("SMILE", "ReSMILE"), n_report)
    ceilings["InterpolatedBound"] = 1 + math.log(19 / 0.01)
    assert {name: e.ceiling_ for name, e in fitted.items()} == pytest.approx(ceilings)
    labelled = make_small(BarberAgakov).fit(X, Y[:, 0] > 0)
    assert labelled.bound_ == "lower"
    assert make_small(BarberAgakov, entropy=1.4).fit(X, Y).bound_ == "lower"


def test_saturation_names_the_ceiling():
    X, Y, rho = draw_normal(500, 1, 7.0, seed=0)
    estimator = make_small(InfoNCE, critic=OracleCritic(rho), test_size=20)
    with pytest.warns(SaturationWarning, match=r"3\.00, the largest value"):
        estimator.fit(X, Y)


# -- which rows it is reported on --------------------------------------------------


@each
@pytest.mark.parametrize("cv", [None, 3])
def test_report_rows_neither_train_nor_select(cls, cv):
    """Whatever stands in the report rows, the critic is the same."""
    X, Y, _ = draw_normal(120, 1, 0.5, seed=0)
    settings = {"cv": cv, "random_state": 5}
    plain = make_small(cls, **settings).fit(X, Y)
    folds = plain._split(X, Y, np.random.RandomState(5))
    critics = [plain.critic_] if cv is None else plain.critics_
    for i, (fold, critic) in enumerate(zip(folds, critics, strict=True)):
        parts = [set(part.tolist()) for part in fold]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 120
        changed_X, changed_Y = X.copy(), Y.copy()
        changed_X[fold.report] = 5 + 0.01 * np.arange(len(fold.report))[:, None]
        changed_Y[fold.report] = -changed_X[fold.report]
        changed = make_small(cls, **settings)
        changed.fit(changed_X, changed_Y)
        again = changed.critic_ if cv is None else changed.critics_[i]
        for one, other in zip(critic.parameters(), again.parameters(), strict=True):
            assert torch.equal(one, other)


@each
def test_a_critic_that_learns_by_heart_is_found_out(cls):
    """Independent rows, a network far too large, no early stopping."""
    X = np.random.RandomState(0).standard_normal((120, 10))
    Y = np.random.RandomState(1).standard_normal((120, 10))
    estimator = cls(
        max_iter=100, early_stopping=False, learning_rate_init=3e-3, random_state=0
    )
    estimator.fit(X, Y)
    trained_on = estimator._split(X, Y, np.random.RandomState(0))[0].train
    assert estimator.score(X[trained_on], Y[trained_on]) > 1.5
    assert estimator.mutual_info_ < 0.1


@each
def test_independent_rows_give_zero(cls):
    X = np.random.RandomState(2).standard_normal((1500, 3))
    Y = np.random.RandomState(3).standard_normal((1500, 3))
    estimator = cls(random_state=0, **exact_entropy(cls, 3)).fit(X, Y)
    spread = 3 * estimator.standard_error_ if cls is BarberAgakov else 0.0
    assert abs(estimator.mutual_info_) <= 0.03 + spread


def test_folds_report_each_row_once():
    X, Y, _ = draw_normal(90, 1, 0.5, seed=0)
    labels = np.where(Y[:, 0] > 1, "many", "few")
    estimator = make_small(NWJ, cv=4).fit(X, labels)
    assert len(estimator.critics_) == len(estimator.fold_scores_) == 4
    folds = estimator._split(X, labels == "many", np.random.RandomState(0))
    reported = np.concatenate([fold.report for fold in folds])
    assert sorted(reported) == list(range(90))
    shares = [np.mean(labels[fold.report] == "many") for fold in folds]
    assert max(shares) - min(shares) < 0.06  # stratified
    sizes = [len(fold.report) for fold in folds]
    assert estimator.mutual_info_ == pytest.approx(
        np.average(estimator.fold_scores_, weights=sizes)
    )
    splitter = make_small(NWJ, cv=KFold(3)).fit(X, Y)
    assert len(splitter.critics_) == 3


def test_folds_trained_together_are_folds_trained_alone():
    """A stack with one fold gives what cross-fitting on that split alone gives."""
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    split = [next(iter(KFold(4).split(X)))]
    one, again = (make_small(NWJ, cv=split).fit(X, Y) for _ in range(2))
    assert one.fold_scores_.tolist() == again.fold_scores_.tolist()
    assert one.mutual_info_ == pytest.approx(one.fold_scores_[0], rel=1e-12)


def test_ceiling_of_folds_is_that_of_their_rows():
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    for cls in (InfoNCE, DonskerVaradhan):
        assert make_small(cls, cv=10).fit(X, Y).ceiling_ == pytest.approx(math.log(10))


def test_folds_that_overlap_are_refused():
    X, Y, _ = draw_normal(40, 1, 0.5, seed=0)
    rows = np.arange(40)
    with pytest.raises(ValueError, match="cv gives folds whose training"):
        make_small(NWJ, cv=[(rows, rows)]).fit(X, Y)
    with pytest.raises(ValueError, match="cv gives row numbers beyond the 40 rows"):
        make_small(NWJ, cv=[(rows[:20], rows[20:] + 1)]).fit(X, Y)
    with pytest.raises(ValueError, match="cv gives no folds"):
        make_small(NWJ, cv=[]).fit(X, Y)


def test_rows_reported_twice_count_once_in_the_error():
    X, Y, rho = draw_normal(300, 1, 0.5, seed=0)
    settings = {"critic": OracleCritic(rho), "max_iter": 1, "early_stopping": False}
    once = NWJ(cv=KFold(5), **settings).fit(X, Y)
    repeated = RepeatedKFold(n_splits=5, n_repeats=6, random_state=0)
    often = NWJ(cv=repeated, **settings).fit(X, Y)
    assert often.standard_error_ == pytest.approx(once.standard_error_, rel=0.15)


def test_folds_of_other_sizes_keep_their_rows():
    small, large = np.arange(50), np.arange(50, 200)
    first, second = stack_rows([small, large]).tolist()
    assert (len(first), set(first)) == (150, set(small))
    assert second == large.tolist()
    nearly = stack_rows([np.arange(99), np.arange(100)])
    assert nearly.shape == (2, 99)  # nothing is seen twice


def test_folds_of_other_sizes_are_fitted():
    X, Y, _ = draw_normal(200, 1, 0.5, seed=0)
    split = PredefinedSplit(np.repeat([0, 1], [150, 50]))
    estimator = make_small(NWJ, cv=split).fit(X, Y)
    assert estimator.mutual_info_ == pytest.approx(
        np.average(estimator.fold_scores_, weights=[150, 50])
    )


def test_refitting_leaves_nothing_behind():
    X, Y, _ = draw_normal(60, 1, 0.5, seed=0)
    estimator = make_small(NWJ, cv=3).fit(X, Y).set_params(cv=None).fit(X, Y)
    assert not hasattr(estimator, "critics_")
    assert not hasattr(estimator, "fold_scores_")
    known = make_small(TNCE).fit(X, Y)
    known.set_params(conditional=lambda X, y: norm.logpdf(y, X).sum(axis=1)).fit(X, Y)
    assert not hasattr(known, "critic_")
    assert not hasattr(known, "n_iter_")


# -- accuracy ----------------------------------------------------------------------


@each
def test_accuracy_on_normals(cls):
    X, Y, rho = draw_normal(1500, 2, 0.7, seed=10)
    X, Y = (block / block.std(axis=0) for block in (X, Y))
    estimator = cls(random_state=0, test_size=700).fit(X, Y)
    truth = 2 * rho**2 / (1 - rho**2) if cls is CLUB else 0.7
    assert estimator.mutual_info_ == pytest.approx(truth, rel=0.12)


@pytest.mark.parametrize("critic", ["separable", "joint", "bilinear"])
def test_accuracy_of_critics(critic):
    X, Y, _ = draw_normal(2000, 1, 0.7, seed=20)
    estimator = InfoNCE(critic=critic, learning_rate_init=5e-3, random_state=0)
    assert estimator.fit(X, Y).mutual_info_ == pytest.approx(0.7, abs=0.12)


@kinds
def test_labels_are_bounded_by_their_entropy(cls):
    rng = np.random.RandomState(0)
    code = rng.randint(3, size=900)
    X = rng.standard_normal((900, 2)) * 0.1
    X[:, 0] += code
    labels = np.array(["a", "b", "c"])[code]
    estimate = cls(random_state=0).fit(X, labels)
    assert estimate.mutual_info_ == pytest.approx(math.log(3), abs=0.06)


@kinds
def test_pointwise_values_are_those_of_the_log_ratio(cls):
    X, Y, rho = draw_normal(3000, 1, 0.7, seed=30)
    estimator = cls(random_state=0).fit(X[:2500], Y[:2500])
    x, y = torch.from_numpy(X[2500:]), torch.from_numpy(Y[2500:])
    truth = Oracle(rho)(x, y).diagonal().detach().numpy()
    told = estimator.score_samples(X[2500:], Y[2500:])
    assert np.corrcoef(told, truth)[0, 1] > 0.9
    assert told.mean() == pytest.approx(truth.mean(), abs=0.1)
    about_x = estimator.score_samples(X[2500:]).mean()
    assert about_x == pytest.approx(0.7, abs=0.12)


@pytest.mark.parametrize("cls", [DonskerVaradhan, NWJ])
def test_outliers_and_skewed_columns(cls):
    X, Y, _ = draw_normal(1500, 1, 0.7, seed=40)
    plain = cls(random_state=0).fit(X, Y).mutual_info_
    skewed = cls(random_state=0).fit(np.exp(3 * X), Y).mutual_info_
    assert skewed == pytest.approx(plain, abs=0.12)
    X[7] = 1e9
    assert cls(random_state=0).fit(X, Y).mutual_info_ == pytest.approx(plain, abs=0.1)


# -- conditionals ------------------------------------------------------------------


def draw_bimodal(n_samples, seed):
    """y = sign * (2 + x) + noise: a mixture of two normals, given x."""
    rng = np.random.RandomState(seed)
    x = rng.standard_normal(n_samples)
    sign = rng.choice([-1, 1], n_samples)
    return x[:, None], sign * (2 + x) + 0.3 * rng.standard_normal(n_samples)


def test_a_mixture_follows_what_a_single_normal_cannot():
    X, y = draw_bimodal(3000, seed=0)
    single, mixture = (
        DifferenceOfEntropies(critic=critic, random_state=0).fit(X, y)
        for critic in ("gaussian", "mixture")
    )
    by_neighbours = skmi.KSG().fit(X, y).mutual_info_
    assert mixture.mutual_info_ == pytest.approx(by_neighbours, abs=0.1)
    assert single.mutual_info_ < by_neighbours - 0.3


def test_difference_of_entropies_is_not_held_by_the_logarithm_of_n():
    X, Y, _ = draw_normal(3000, 16, 18.4, seed=0)
    estimator = DifferenceOfEntropies(random_state=0).fit(X, Y)
    assert estimator.mutual_info_ == pytest.approx(18.4, abs=1.2)
    assert skmi.ReMINE(random_state=0, max_iter=20).fit(X, Y).ceiling_ < 7


@pytest.mark.parametrize("form", ["rows", "column", "pairs"])
@pytest.mark.parametrize("cls", [TNCE, CLUB, LeaveOneOutBound])
def test_known_conditional(cls, form):
    """Nothing is trained; the value is the bound of the exact log densities."""
    X, Y, rho = draw_normal(400, 1, 0.7, seed=0)
    scale = math.sqrt(1 - rho**2)

    def conditional(X, y):
        mean = X[:, None, :] if form == "pairs" else X
        values = norm.logpdf(y, rho * mean, scale)
        return values if form == "column" else values.sum(axis=-1)

    estimator = cls(conditional=conditional).fit(X, Y)
    scores = torch.from_numpy(norm.logpdf(Y[:, 0], rho * X, scale))
    expected = float(REPORTED[cls.__name__](scores))
    assert estimator.mutual_info_ == pytest.approx(expected, abs=1e-9)
    assert estimator.mutual_info(X, Y) == estimator.mutual_info_
    assert estimator.score(X, Y) == pytest.approx(float(bounds.tnce(scores)))
    assert estimator.bound_ == ("lower" if cls is TNCE else "upper")
    assert not hasattr(estimator, "critic_")
    truth = Oracle(rho)(torch.from_numpy(X), torch.from_numpy(Y)).diagonal().detach()
    assert np.abs(estimator.score_samples(X, Y) - truth.numpy()).mean() < 0.06


def test_known_conditional_of_labels():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((800, 1))
    labels = np.where(rng.uniform(size=800) < 1 / (1 + np.exp(-3 * X[:, 0])), "b", "a")

    def conditional(X, y):
        return -np.log1p(np.exp(np.where(y == "b", -3, 3) * X[:, 0]))

    lower = TNCE(conditional=conditional).fit(X, labels)
    upper = LeaveOneOutBound(conditional=conditional).fit(X, labels)
    log_conditional = torch.from_numpy(conditional(X, labels))
    exact = bounds.barber_agakov(log_conditional, math.log(2))
    assert lower.mutual_info_ == pytest.approx(float(exact), abs=0.02)
    assert lower.mutual_info_ < upper.mutual_info_ < lower.mutual_info_ + 0.01


def test_a_conditional_of_the_wrong_shape_says_so():
    X, Y, rho = draw_normal(50, 2, 0.7, seed=0)
    for y in (Y, Y[:, 0]):
        with pytest.raises(ValueError, match="Sum over the columns"):
            TNCE(conditional=lambda X, y: norm.logpdf(y.T, rho * X.T).T).fit(X, y)
    with pytest.raises(ValueError, match="rows y and columns x"):
        TNCE(conditional=lambda X, y: norm.logpdf(y, rho * X[:, 0])).fit(X, Y[:, :1])
    with pytest.raises(ValueError, match="returned NaN"):
        CLUB(conditional=lambda X, y: np.full(len(X), np.nan)).fit(X, Y)


def test_known_conditional_sees_y_as_it_was_given():
    X, Y, rho = draw_normal(600, 1, 0.7, seed=0)
    scale = math.sqrt(1 - rho**2)

    def natural(X, y):
        return norm.logpdf(y, rho * X[:, 0], scale)

    def by_column(X, y):
        return norm.logpdf(y[:, 0], rho * X[:, 0], scale)

    flat = TNCE(conditional=natural).fit(X, Y[:, 0])
    column = TNCE(conditional=by_column).fit(X, Y)
    assert flat.mutual_info_ == column.mutual_info_ == pytest.approx(0.7, abs=0.1)


def test_known_conditional_of_bounded_support():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 1))
    y = X[:, 0] + rng.uniform(-0.5, 0.5, 300)

    def conditional(X, y):
        return np.where(np.abs(y - X[:, 0]) <= 0.5, 0.0, -np.inf)

    estimator = TNCE(conditional=conditional).fit(X, y)
    about_x = estimator.score_samples(X).mean()
    assert about_x == pytest.approx(estimator.mutual_info_, abs=0.1)


@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies, TNCE])
def test_conditionals_fit_the_target(cls):
    X, Y, _ = draw_normal(400, 1, 0.7, seed=0)
    labels = np.where(Y[:, 0] > 0, "up", "down")
    given = make_small(cls, critic=MixtureConditional(hidden_layer_sizes=(8,)))
    named = make_small(cls, critic="mixture")
    assert given.fit(X, labels).mutual_info_ == named.fit(X, labels).mutual_info_
    for critic, y in (("Hybrid", Y), ("Categorical", Y), ("Hybrid", labels)):
        kind = "Conditional" if critic == "Categorical" else "Critic"
        wrong = make_small(cls, critic=getattr(skmi.critics, critic + kind)())
        with pytest.raises(ValueError, match="needs a log density"):
            wrong.fit(X, y)


@pytest.mark.parametrize("cls", [BarberAgakov, DifferenceOfEntropies])
def test_columns_without_density(cls):
    X, Y, _ = draw_normal(600, 1, 0.7, seed=0)
    plain = make_small(cls).fit(X, Y)
    constant = make_small(cls).fit(X, np.hstack([Y, np.full((600, 1), 3.0)]))
    assert constant.mutual_info_ == plain.mutual_info_
    coin = np.random.RandomState(0).randint(2, size=600) - 0.5
    estimator = cls(critic="mixture", random_state=0)
    with pytest.warns(skmi.DiscreteTargetWarning, match="repeats values"):
        estimator.fit(X, coin)
    assert abs(estimator.mutual_info_) < 0.1


def test_entropy_of_barber_agakov():
    X, Y, _ = draw_normal(3000, 2, 0.7, seed=0)
    told = {
        entropy: BarberAgakov(entropy=entropy, random_state=0).fit(3 * X, 5 * Y)
        for entropy in ("knn", "gaussian", math.log(2 * math.pi * math.e * 25))
    }
    for estimator in told.values():
        assert estimator.mutual_info_ == pytest.approx(0.7, abs=0.1)
    assert [estimator.bound_ for estimator in told.values()] == ["none"] * 2 + ["lower"]


def test_log_densities_are_in_the_units_of_y():
    X, Y, _ = draw_normal(2000, 1, 0.7, seed=0)
    Y[0] = 40.0  # beyond ten standard deviations
    estimator = BarberAgakov(random_state=0).fit(X, Y)
    grid = np.linspace(-20, 60, 20001)[:, None]
    density = np.exp(estimator._log_ratio(np.array([[0.5], [-1.0]]), grid))
    np.testing.assert_allclose(np.trapezoid(density, grid[:, 0]), 1, atol=0.01)


def test_classifier_bound_is_entropy_less_cross_entropy():
    X, Y, _ = draw_normal(600, 1, 0.7, seed=0)
    labels = np.where(Y[:, 0] > 0.5, "high", "low")
    estimator = make_small(BarberAgakov).fit(X, labels)
    codes = (labels == "low").astype(int)
    scores = estimator._log_ratio(X, codes)
    one_of_each = [np.argmin(codes), np.argmax(codes)]
    np.testing.assert_allclose(np.exp(scores[:, one_of_each]).sum(axis=1), 1)
    share = np.where(codes == 1, codes.mean(), 1 - codes.mean())
    expected = np.diagonal(scores).mean() - np.log(share).mean()
    assert estimator.mutual_info(X, labels) == pytest.approx(expected)


# -- variants of training ----------------------------------------------------------


@pytest.mark.parametrize("gradient", ["moving_average", "softplus", "penalized"])
def test_variants_of_the_gradient_estimate_the_same(gradient):
    X, Y, _ = draw_normal(1500, 1, 0.7, seed=50)
    exact = DonskerVaradhan(random_state=0).fit(X, Y).mutual_info_
    variant = DonskerVaradhan(gradient=gradient, random_state=0).fit(X, Y)
    assert variant.mutual_info_ == pytest.approx(exact, abs=0.05)
    assert variant.mutual_info_ != exact


def test_mine_is_donsker_varadhan_with_a_moving_average():
    X, Y, _ = draw_normal(200, 1, 0.7, seed=0)
    mine = make_small(MINE).fit(X, Y)
    same = make_small(DonskerVaradhan, gradient="moving_average").fit(X, Y)
    assert mine.mutual_info_ == same.mutual_info_
    assert make_small(MINE, decay=0.5).fit(X, Y).mutual_info_ != mine.mutual_info_


def test_gradients_are_clipped_model_by_model():
    X, Y, _ = draw_normal(200, 1, 0.7, seed=0)
    for critic in ("separable", OracleCritic(0.5)):
        free = make_small(NWJ, critic=critic, max_grad_norm=1e9).fit(X, Y)
        plain = make_small(NWJ, critic=critic).fit(X, Y)
        assert free.mutual_info_ == plain.mutual_info_
    held = make_small(NWJ, max_grad_norm=1e-12, alpha=0.0, learning_rate_init=1e-9)
    assert np.ptp(held.fit(X, Y).validation_scores_) < 1e-6


@pytest.mark.parametrize("target", [-2.0, 0.0, 3.0])
def test_drift_target_holds_the_level(target):
    X, Y, _ = draw_normal(1200, 1, 0.7, seed=0)
    settings = {"drift_target": target, "drift_weight": 1.0, "random_state": 0}
    estimator = ReMINE(**settings).fit(X, Y)
    scores = torch.from_numpy(estimator._log_ratio(X[:500], Y[:500]))
    assert float(bounds.log_partition(scores)) == pytest.approx(target, abs=0.15)
    plain = DonskerVaradhan(random_state=0).fit(X, Y)
    assert estimator.mutual_info_ == pytest.approx(plain.mutual_info_, abs=0.04)


def test_objectives_of_the_regularised_bounds():
    """Golden values, with the published critic of NWJ one above ours."""
    S = torch.tensor([[2, -1, 0.5], [0, 1.5, -0.5], [-1, 0.3, 3]], dtype=torch.float64)

    def objective(cls, scores, **settings):
        estimator = cls(drift_weight=0.1, **settings)
        pairs = bounds.split_pairs(scores)
        return float(estimator._make_objective().criterion(pairs))

    assert objective(ReMINE, S) == pytest.approx(2.281683, abs=1e-6)
    assert objective(ReNWJ, S - 1) == pytest.approx(1.714572, abs=1e-6)
    authors = objective(ReNWJ, S - 1, drift_target=-1)
    assert authors == pytest.approx(1.837846, abs=1e-6)
    assert objective(skmi.ReTUBA, S, clip=1) == pytest.approx(1.108501, abs=1e-6)
    assert objective(skmi.ReInfoNCE, S) == pytest.approx(0.725384, abs=1e-6)
    assert objective(skmi.ReSMILE, S, clip=1) == pytest.approx(2.281683, abs=1e-6)
    assert objective(ReJensenShannon, S) == pytest.approx(-0.765784, abs=1e-6)
    at_one = objective(ReJensenShannon, S, drift_target=1)
    assert at_one == pytest.approx(-0.745045, abs=1e-6)


@pytest.mark.parametrize("normalize", ["x", "both"])
def test_info_nce_over_x_and_over_both(normalize):
    X, Y, _ = draw_normal(300, 2, 1.0, seed=0)
    estimator = make_small(InfoNCE, normalize=normalize).fit(X, Y)
    scores = torch.from_numpy(estimator._log_ratio(X, Y))
    over_x, over_y = float(bounds.info_nce(scores.mT)), float(bounds.info_nce(scores))
    expected = over_x if normalize == "x" else (over_x + over_y) / 2
    assert estimator.mutual_info(X, Y) == pytest.approx(expected, abs=1e-9)
    accurate = InfoNCE(normalize=normalize, random_state=0)
    X, Y, _ = draw_normal(1500, 1, 0.7, seed=20)
    assert accurate.fit(X, Y).mutual_info_ == pytest.approx(0.7, abs=0.12)


def test_interpolation_moves_from_one_bound_to_the_other():
    def spread(interpolation):
        values = []
        for seed in range(10):
            X, Y, rho = draw_normal(300, 2, 5.0, seed)
            estimator = make_small(InterpolatedBound, critic=OracleCritic(rho))
            estimator.set_params(interpolation=interpolation, test_size=250)
            values.append(estimator.fit(X, Y).mutual_info_)
        return np.mean(values), np.std(values)

    (low_mean, low), (high_mean, high) = spread(0.001), spread(0.9)
    assert low > high
    assert high_mean < low_mean


def test_baseline_of_tuba_is_learned():
    """A critic that cannot follow y alone leaves it to the baseline."""

    class OffByY(Oracle):
        def forward(self, x, y):
            return super().forward(x, y) + 2 * y.mT + 0 * self.idle

    X, Y, rho = draw_normal(3000, 1, 0.7, seed=0)
    tuba = TUBA(critic=OffByY(rho), learning_rate_init=1e-2, random_state=0).fit(X, Y)
    nwj = NWJ(critic=OffByY(rho), random_state=0, max_iter=5).fit(X, Y)
    assert tuba.mutual_info_ == pytest.approx(0.7, abs=0.1)
    assert nwj.mutual_info_ < 0


# -- training ----------------------------------------------------------------------


def test_training_is_recorded():
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    estimator = NWJ(max_iter=30, n_iter_no_change=30, random_state=0).fit(X, Y)
    assert estimator.n_iter_ == 30
    assert len(estimator.loss_curve_) == len(estimator.validation_scores_) == 30
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
    assert estimator.validation_scores_[-1] > estimator.validation_scores_[0]
    assert estimator.device_ == ("cuda" if torch.cuda.is_available() else "cpu")
    without = make_small(NWJ, early_stopping=False).fit(X, Y)
    assert without.validation_scores_ is None


def test_not_converged():
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    with pytest.warns(skmi.ConvergenceWarning, match="max_iter=2"):
        NWJ(max_iter=2, random_state=0).fit(X, Y)


def test_values_beyond_all_bounds_are_never_reported():
    """A critic that is wrong by a thousand nats off the training rows."""
    X, Y, _ = draw_normal(120, 1, 0.5, seed=0)
    estimator = make_small(NWJ, critic="bilinear").fit(X, Y)
    for value in estimator.critic_.parameters():
        value *= 1e3
    with pytest.raises(FloatingPointError, match="estimate is -inf"):
        estimator.mutual_info(X, Y)


def test_divergence_names_the_epoch():
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    with pytest.raises(FloatingPointError, match="epoch"):
        NWJ(learning_rate_init=1e4, random_state=0).fit(X, Y)


def test_stops_when_a_callback_says_so():
    X, Y, _ = draw_normal(200, 1, 0.7, seed=0)
    callback = StopAt(3)
    estimator = NWJ(random_state=0).set_callbacks(callback).fit(X, Y)
    assert estimator.n_iter_ == 3
    assert callback.epochs == 3
    assert callback.fitted.score(X, Y) == pytest.approx(estimator.score(X, Y))


@pytest.mark.parametrize("labelled", [False, True])
def test_scores_are_monitored(labelled):
    X, Y, _ = draw_normal(120, 2, 0.7, seed=0)
    frame = pd.DataFrame(X, columns=["a", "b"])
    y = np.where(Y[:, 0] > 0, "up", "down") if labelled else Y
    monitor = ScoringMonitor(scoring={"mi": score_of})
    estimator = make_small(NWJ).set_callbacks(monitor).fit(frame, y)
    scores = monitor.get_logs().data_as_pandas["mi"]
    assert len(scores) == 1 + estimator.n_iter_  # each epoch, and the fit
    assert scores.iloc[-1] == pytest.approx(estimator.score(frame, y))


def score_of(estimator, X, y):
    return estimator.score(X, y)


def test_dropout_is_repeatable_and_keeps_to_itself():
    X, Y, _ = draw_normal(120, 2, 0.7, seed=0)

    class Dropping(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.map = torch.nn.Sequential(
                torch.nn.Linear(2, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
            )

        def forward(self, x, y):
            return self.map(x) @ y.mT

    state = torch.get_rng_state()
    first, second = (
        make_small(NWJ, critic=lambda n_x, n_y: Dropping()).fit(X, Y) for _ in range(2)
    )
    assert first.mutual_info_ == second.mutual_info_
    assert torch.equal(torch.get_rng_state(), state)


def test_small_batches_hold_two_rows():
    X, Y, _ = draw_normal(31, 1, 0.5, seed=0)
    estimator = make_small(DonskerVaradhan, batch_size=2, early_stopping=False)
    assert np.isfinite(estimator.fit(X, Y).loss_curve_).all()


def test_torch_settings_of_the_user_do_not_matter():
    X, Y, _ = draw_normal(80, 1, 0.5, seed=0)
    plain = make_small(NWJ).fit(X, Y).mutual_info_
    torch.set_default_dtype(torch.float64)
    try:
        assert make_small(NWJ).fit(X, Y).mutual_info_ == plain
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.no_grad():
        assert make_small(NWJ).fit(X, Y).mutual_info_ == plain


class StopAt:
    """A callback that ends training after some epochs."""

    def __init__(self, epoch):
        self.epoch, self.epochs, self.fitted = epoch, 0, None

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name != "epoch":
            return False
        self.epochs += 1
        self.fitted = fitted_estimator
        return self.epochs == self.epoch


def test_a_module_of_the_wrong_shape_is_refused_beside_a_baseline_too():
    X, Y, _ = draw_normal(60, 1, 0.7, seed=0)

    class OfXAlone(torch.nn.Linear):
        def forward(self, x, y):
            return super().forward(x)

    for cls in (NWJ, TUBA):
        with pytest.raises(ValueError, match="must map x"):
            make_small(cls, critic=OfXAlone(1, 1)).fit(X, Y)


def test_critics_of_all_kinds():
    X, Y, _ = draw_normal(150, 2, 0.7, seed=0)
    linear = torch.nn.Linear(2, 2)
    before = linear.weight.clone()

    class Inner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.map = linear

        def forward(self, x, y):
            return self.map(x) @ y.mT

    module = Inner()
    small = make_small(NWJ, critic=SeparableCritic(hidden_layer_sizes=(4,)))
    assert small.get_params()["critic__hidden_layer_sizes"] == (4,)
    assert small.fit(X, Y).critic_.x_tower.layers[0].weight.shape == (2, 4)
    by_module = make_small(NWJ, critic=module, cv=2).fit(X, Y)
    assert torch.equal(linear.weight, before)  # copied, not trained in place
    assert not torch.equal(by_module.critics_[0].map.weight, before)
    by_callable = make_small(NWJ, critic=lambda n_x, n_y: Inner()).fit(X, Y)
    assert by_callable.critic_(torch.ones(3, 2), torch.ones(4, 2)).shape == (3, 4)


@pytest.mark.parametrize("labelled", [False, True])
def test_grid_search_in_a_pipeline(labelled):
    X, Y, _ = draw_normal(240, 2, 1.0, seed=0)
    y = np.where(Y[:, 0] > 0, "up", "down") if labelled else Y
    cv = StratifiedKFold(3) if labelled else 3
    grid = {
        "infonce__critic": ["separable", "hybrid"],
        "infonce__hidden_layer_sizes": [(8,), (16,)],
        "infonce__learning_rate_init": [1e-3, 1e-2],
    }

    def search():
        model = make_pipeline(
            StandardScaler(), InfoNCE(early_stopping=False, max_iter=4, random_state=0)
        )
        return GridSearchCV(model, grid, cv=cv, n_jobs=2).fit(X, y)

    first, second = search(), search()
    assert first.best_params_ == second.best_params_
    scores = first.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, second.cv_results_["mean_test_score"])
    assert np.isfinite(scores).all()
    assert first.best_score_ == scores.max() > scores.min()


def test_too_few_rows_say_what_to_do():
    X, Y, _ = draw_normal(5, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match=r"n_samples=5 is too few.*skmi\.KSG"):
        NWJ().fit(X, Y)


@pytest.mark.parametrize("device", ["nonsense", "meta", ""])
def test_a_device_that_is_not_there(device):
    X, Y, _ = draw_normal(80, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="cannot be used here"):
        make_small(NWJ, device=device).fit(X, Y)


def test_device(device):
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    here = NWJ(device=device, random_state=0).fit(X, Y)
    there = NWJ(device="cpu", random_state=0).fit(X, Y)
    assert here.device_ == device
    assert here.mutual_info_ == pytest.approx(there.mutual_info_, abs=0.02)
    assert {value.device.type for value in here.critic_.parameters()} == {"cpu"}
