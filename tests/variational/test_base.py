"""Accuracy, folds, training, critics of the user's, callbacks and devices."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm
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
from skmi import NWJ, TNCE, TUBA, DonskerVaradhan, InfoNCE
from skmi.critics import SeparableCritic
from skmi.datasets import make_correlated_normal
from skmi.variational.base import stack_rows
from tests.estimators import make_small
from tests.oracle import Oracle, OracleCritic, draw_normal
from tests.variational.cases import (
    StopAt,
    cut_short,
    each,
    exact_value,
    folds_of,
    kinds,
)

pytestmark = [cut_short, pytest.mark.filterwarnings("ignore:The estimate of -")]


# -- accuracy ----------------------------------------------------------------------


@each
def test_accuracy_on_normals(cls):
    X, Y, rho = draw_normal(1500, 2, 0.7, seed=10)
    X, Y = (block / block.std(axis=0) for block in (X, Y))
    estimator = cls(random_state=0, test_size=700).fit(X, Y)
    assert estimator.mutual_info_ == pytest.approx(exact_value(cls, rho, 2), rel=0.12)


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
    found = estimator.score_samples(X[2500:], Y[2500:])
    assert np.corrcoef(found, truth)[0, 1] > 0.9
    assert found.mean() == pytest.approx(truth.mean(), abs=0.1)
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


# -- folds -------------------------------------------------------------------------


def test_folds_test_each_sample_once():
    X, Y, _ = draw_normal(90, 1, 0.5, seed=0)
    labels = np.where(Y[:, 0] > 1, "many", "few")
    estimator = make_small(NWJ, cv=4).fit(X, labels)
    assert len(estimator.critics_) == len(estimator.fold_scores_) == 4
    folds = folds_of(estimator, X, labels == "many", seed=0)
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


def test_a_fold_alone_is_repeatable():
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    split = [next(iter(KFold(4).split(X)))]
    one, again = (make_small(NWJ, cv=split).fit(X, Y) for _ in range(2))
    assert one.fold_scores_.tolist() == again.fold_scores_.tolist()
    assert one.mutual_info_ == pytest.approx(one.fold_scores_[0], rel=1e-12)


def test_folds_that_overlap_are_refused():
    X, Y, _ = draw_normal(40, 1, 0.5, seed=0)
    rows = np.arange(40)
    with pytest.raises(ValueError, match="cv gives folds whose training"):
        make_small(NWJ, cv=[(rows, rows)]).fit(X, Y)
    with pytest.raises(ValueError, match="cv gives row numbers beyond the 40 rows"):
        make_small(NWJ, cv=[(rows[:20], rows[20:] + 1)]).fit(X, Y)
    with pytest.raises(ValueError, match="cv gives no folds"):
        make_small(NWJ, cv=[]).fit(X, Y)


def test_samples_tested_twice_count_once_in_the_error():
    X, Y, rho = draw_normal(300, 1, 0.5, seed=0)
    settings = {"critic": OracleCritic(rho), "max_iter": 1, "early_stopping": False}
    once = NWJ(cv=KFold(5), **settings).fit(X, Y)
    repeated = RepeatedKFold(n_splits=5, n_repeats=6, random_state=0)
    often = NWJ(cv=repeated, **settings).fit(X, Y)
    assert often.standard_error_ == pytest.approx(once.standard_error_, rel=0.15)


def test_folds_of_other_sizes_keep_their_samples():
    small, large = np.arange(50), np.arange(50, 200)
    first, second = stack_rows([small, large]).tolist()
    assert (len(first), set(first)) == (150, set(small))
    assert second == large.tolist()
    nearly = stack_rows([np.arange(99), np.arange(100)])
    assert nearly.shape == (2, 99)  # without repeats


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


def test_too_few_samples_say_what_to_do():
    X, Y, _ = draw_normal(5, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match=r"n_samples=5 is too few.*skmi\.KSG"):
        NWJ().fit(X, Y)


# -- training ----------------------------------------------------------------------


def test_training_is_recorded():
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    estimator = NWJ(max_iter=30, n_iter_no_change=30, random_state=0).fit(X, Y)
    assert estimator.n_iter_ == 30
    assert len(estimator.loss_curve_) == len(estimator.validation_scores_) == 30
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
    assert estimator.validation_scores_[-1] > estimator.validation_scores_[0]
    found = "cuda" if torch.cuda.is_available() else "cpu"
    assert torch.device(estimator.device_).type == found
    without = make_small(NWJ, early_stopping=False).fit(X, Y)
    assert without.validation_scores_ is None


def test_not_converged():
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    with pytest.warns(skmi.ConvergenceWarning, match="max_iter=2"):
        NWJ(max_iter=2, random_state=0).fit(X, Y)


def test_divergence_names_the_epoch():
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    with pytest.raises(FloatingPointError, match="epoch"):
        NWJ(learning_rate_init=1e4, random_state=0).fit(X, Y)


def test_gradients_are_clipped_model_by_model():
    X, Y, _ = draw_normal(200, 1, 0.7, seed=0)
    for critic in ("separable", OracleCritic(0.5)):
        free = make_small(NWJ, critic=critic, max_grad_norm=1e9).fit(X, Y)
        plain = make_small(NWJ, critic=critic).fit(X, Y)
        assert free.mutual_info_ == plain.mutual_info_
    held = make_small(NWJ, max_grad_norm=1e-12, alpha=0.0, learning_rate_init=1e-9)
    assert np.ptp(held.fit(X, Y).validation_scores_) < 1e-6


def test_small_batches_have_two_samples():
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


# -- the closed-form reference -----------------------------------------------------


@pytest.mark.parametrize("cls", [skmi.NWJ, skmi.InfoNCE, skmi.JensenShannon])
def test_training_starts_from_the_closed_form(cls):
    X, Y, truth = make_correlated_normal(1000, 5, mutual_info=1.5, random_state=0)
    settings = {"max_iter": 2, "random_state": 0, "hidden_layer_sizes": (8,)}
    model = cls(reference="copula", tol=1.0, **settings)
    without = cls(**settings)
    for estimator in (model, without):
        with pytest.warns(skmi.ConvergenceWarning):
            estimator.fit(X, Y)
    assert model.mutual_info_ == pytest.approx(truth, abs=0.25)
    assert without.mutual_info_ < truth - 0.4


def test_labels_have_no_closed_form():
    with pytest.raises(ValueError, match="reference=None for labels"):
        skmi.NWJ(reference="copula").fit(np.ones((60, 1)), ["a", "b"] * 30)


# -- critics of the user's ---------------------------------------------------------


def test_dropout_is_repeatable_and_leaves_global_randomness_alone():
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


def test_a_module_of_the_wrong_shape_is_refused_beside_a_baseline_too():
    X, Y, _ = draw_normal(60, 1, 0.7, seed=0)

    class OfXAlone(torch.nn.Linear):
        def forward(self, x, y):
            return super().forward(x)

    for cls in (NWJ, TUBA):
        with pytest.raises(ValueError, match="must map x"):
            make_small(cls, critic=OfXAlone(1, 3)).fit(X, Y)


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


# -- searches, callbacks, devices --------------------------------------------------


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


def test_a_callback_ends_training():
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
    monitor = pytest.importorskip("sklearn.callback").ScoringMonitor(
        scoring={"mi": score_of}
    )
    estimator = make_small(NWJ).set_callbacks(monitor).fit(frame, y)
    scores = monitor.get_logs().data_as_pandas["mi"]
    assert len(scores) == 1 + estimator.n_iter_  # each epoch, and the fit
    assert scores.iloc[-1] == pytest.approx(estimator.score(frame, y))


def score_of(estimator, X, y):
    return estimator.score(X, y)


@pytest.mark.parametrize("device", ["nonsense", "meta", ""])
def test_a_device_that_is_not_there(device):
    X, Y, _ = draw_normal(80, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="cannot be used here"):
        make_small(NWJ, device=device).fit(X, Y)


def test_device(device):
    X, Y, _ = draw_normal(300, 1, 0.7, seed=0)
    here = NWJ(device=device, random_state=0).fit(X, Y)
    there = NWJ(device="cpu", random_state=0).fit(X, Y)
    assert torch.device(here.device_).type == device
    assert here.mutual_info_ == pytest.approx(there.mutual_info_, abs=0.02)
    assert {value.device.type for value in here.critic_.parameters()} == {"cpu"}
