import math

import numpy as np
import pandas as pd
import pytest
import torch
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
from skmi import NWJ, DonskerVaradhan, InfoNCE, SaturationWarning, bounds
from skmi._neural import reduce_scores, stack_rows
from skmi.base import contrast_blocks
from skmi.critics import SeparableCritic
from tests.estimators import all_estimators, is_neural, make_small
from tests.oracle import Oracle, OracleCritic, draw_normal

NEURAL = [cls for cls in all_estimators() if is_neural(cls)]
BOUND_OF = {DonskerVaradhan: "donsker_varadhan", NWJ: "nwj", InfoNCE: "info_nce"}
# Small fits are cut short on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.ConvergenceWarning")
each = pytest.mark.parametrize("cls", NEURAL, ids=lambda cls: cls.__name__)


# -- what is reported --------------------------------------------------------------


@each
def test_oracle_critic_gives_the_truth(cls):
    """No training is involved, so every error is one of the estimate."""
    estimates, errors = [], []
    for seed in range(10):
        X, Y, rho = draw_normal(1500, 2, 1.0, seed)
        estimator = cls(critic=OracleCritic(rho), max_iter=1, early_stopping=False)
        estimator.set_params(random_state=0, test_size=1200).fit(X, Y)
        estimates.append(estimator.mutual_info_)
        errors.append(estimator.standard_error_)
    assert np.mean(estimates) == pytest.approx(1.0, abs=0.04)
    assert 0.6 < np.mean(errors) / np.std(estimates, ddof=1) < 1.7


@each
@pytest.mark.parametrize("n_samples", [100, 512])
def test_one_block_is_the_bound_of_the_score_matrix(cls, n_samples):
    X, Y, rho = draw_normal(n_samples, 2, 1.0, seed=0)
    module = Oracle(rho).double()
    estimator = make_small(cls, critic=module).fit(X, Y)
    x, y = (
        torch.from_numpy(scaler.transform(block))
        for scaler, block in zip(estimator._scalers[0], (X, Y), strict=True)
    )
    scores = module(x, y).detach() + (cls is NWJ)
    expected = float(getattr(bounds, BOUND_OF[cls])(scores))
    assert estimator.mutual_info(X, Y) == pytest.approx(expected, abs=1e-9)


@each
def test_score_is_info_nce_for_all(cls):
    X, Y, _ = draw_normal(700, 2, 1.0, seed=0)
    estimator = make_small(cls).fit(X[:200], Y[:200])
    other = InfoNCE()
    other.__dict__.update({**vars(estimator)})
    assert estimator.score(X, Y) == pytest.approx(other.mutual_info(X, Y), abs=1e-9)


@each
def test_influence_is_what_leaving_a_row_out_changes(cls):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(40, 40, generator=generator, dtype=torch.float64)
    estimator = cls()
    influence = estimator._influence(reduce_scores(scores))
    value = float(estimator._estimate(reduce_scores(scores)))
    for i in (0, 17, 39):
        rest = torch.arange(40) != i
        without = float(estimator._estimate(reduce_scores(scores[rest][:, rest])))
        centred = float(influence[i] - influence.mean())
        assert 39 * (value - without) == pytest.approx(centred, abs=0.12)


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
    fitted = {cls: make_small(cls).fit(X, Y) for cls in NEURAL}
    assert {cls: fitted[cls].bound_ for cls in NEURAL} == {
        DonskerVaradhan: "none",
        NWJ: "lower",
        InfoNCE: "lower",
    }
    assert fitted[InfoNCE].ceiling_ == pytest.approx(math.log(20))
    assert fitted[DonskerVaradhan].ceiling_ == pytest.approx(math.log(20))
    assert fitted[NWJ].ceiling_ == math.inf


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
    assert abs(cls(random_state=0).fit(X, Y).mutual_info_) <= 0.03


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
    assert one.mutual_info_ == one.fold_scores_[0]


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


# -- accuracy ----------------------------------------------------------------------


@each
def test_accuracy_on_normals(cls):
    estimates = []
    for seed in range(3):
        X, Y, _ = draw_normal(2000, 2, 0.7, seed=10 + seed)
        estimates.append(cls(random_state=seed).fit(X, Y).mutual_info_)
    assert np.mean(estimates) == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("critic", ["separable", "joint", "bilinear"])
def test_accuracy_of_critics(critic):
    X, Y, _ = draw_normal(2000, 1, 0.7, seed=20)
    estimator = InfoNCE(critic=critic, learning_rate_init=5e-3, random_state=0)
    assert estimator.fit(X, Y).mutual_info_ == pytest.approx(0.7, abs=0.12)


@each
def test_labels_are_bounded_by_their_entropy(cls):
    rng = np.random.RandomState(0)
    code = rng.randint(3, size=900)
    X = rng.standard_normal((900, 2)) * 0.1
    X[:, 0] += code
    labels = np.array(["a", "b", "c"])[code]
    estimate = cls(random_state=0).fit(X, labels)
    assert estimate.mutual_info_ == pytest.approx(math.log(3), abs=0.06)


@each
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


@each
def test_outliers_and_skewed_columns(cls):
    X, Y, _ = draw_normal(1500, 1, 0.7, seed=40)
    plain = cls(random_state=0).fit(X, Y).mutual_info_
    skewed = cls(random_state=0).fit(np.exp(3 * X), Y).mutual_info_
    assert skewed == pytest.approx(plain, abs=0.12)
    X[7] = 1e9
    assert cls(random_state=0).fit(X, Y).mutual_info_ == pytest.approx(plain, abs=0.1)


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
