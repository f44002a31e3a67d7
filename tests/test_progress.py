"""Long fits say how far they are, and can be watched, stopped and searched."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skmi
from skmi.inference import (
    conditional_independence_test,
    confidence_interval,
    independence_test,
    permutation_test,
    self_consistency,
)
from tests.oracle import draw_normal

callback = pytest.importorskip("sklearn.callback")  # scikit-learn 1.9
ProgressBar, ScoringMonitor = callback.ProgressBar, callback.ScoringMonitor
pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


class Recorder:
    """A callback that notes all tasks, and stops after some epochs."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.begun, self.ended = [], []
        self.set_up = self.torn_down = 0
        self.fitted = None

    def setup(self, estimator, context):
        self.set_up += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.ended.append(context.task_name)
        if context.task_name == "epoch":
            self.fitted = fitted_estimator
            return self.ended.count("epoch") == self.stop_after
        return False

    def teardown(self, estimator, context):
        self.torn_down += 1


class Propagated(Recorder):
    """The same, for the estimators within as well."""

    max_propagation_depth = 1


def trained():
    """Everything that trains, with what it is fitted to."""
    X, Y, _ = draw_normal(80, 2, 0.8, seed=0)
    labels = np.where(Y[:, 0] > 0, "up", "down")
    few = {"max_iter": 4, "random_state": 0}
    return {
        "critic": (skmi.NWJ(**few), X, Y),
        "folds": (skmi.SMILE(cv=2, **few), X, Y),
        "infomax": (skmi.InfoMaxEncoder(n_components=2, **few), X, None),
        "two views": (skmi.InfoMaxEncoder(n_components=2, **few), X, Y),
        "mige": (skmi.MIGEGradient(n_components=1, **few), X, Y),
        "mige of labels": (skmi.MIGEGradient(n_components=1, **few), X, labels),
        "bottleneck": (skmi.IBEncoder(n_components=2, **few), X, labels),
        "regressor": (skmi.IBRegressor(n_components=2, **few), X, Y[:, 0]),
    }


@pytest.mark.parametrize("name", trained())
def test_every_epoch_is_told(name):
    model, X, y = trained()[name]
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, y)
    assert recorder.begun == ["fit", *["epoch"] * 4]
    assert recorder.ended == [*["epoch"] * 4, "fit"]
    assert recorder.set_up == recorder.torn_down == 1
    assert not hasattr(model, "_given")


@pytest.mark.parametrize("name", trained())
def test_a_callback_stops_and_sees_the_model_so_far(name):
    model, X, y = trained()[name]
    recorder = Recorder(stop_after=2)
    model.set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 2
    assert recorder.fitted.n_iter_ == 2
    if hasattr(model, "transform"):
        seen = recorder.fitted.transform(X)
        np.testing.assert_array_equal(seen, model.transform(X))
    assert recorder.fitted.score(X, y) == pytest.approx(model.score(X, y))


@pytest.mark.parametrize("name", ["infomax", "mige", "critic"])
def test_callbacks_change_nothing(name):
    model, X, y = trained()[name]
    watched, _, _ = trained()[name]
    watched.set_callbacks(Recorder()).fit(X, y)
    model.fit(X, y)
    assert watched.score(X, y) == model.score(X, y)


def test_a_failed_fit_forgets_its_rows():
    encoder = skmi.InfoMaxEncoder(n_components=2, max_iter=1)
    with pytest.raises(ValueError, match="NaN"):
        encoder.fit([[np.nan], [1.0]])
    assert not hasattr(encoder, "_given")


def test_automi_passes_bars_on_to_its_critic():
    X, Y, _ = draw_normal(80, 1, 0.8, seed=0)
    recorder = Propagated()
    model = skmi.AutoMI(max_iter=2, cv=2, reference=None, random_state=0)
    model.set_callbacks(recorder).fit(X, Y)
    assert recorder.ended.count("epoch") == 2


def test_the_selector_tells_of_its_steps():
    X, y = load_iris(return_X_y=True)
    recorder = Recorder()
    selector = skmi.MIFeatureSelector(n_features_to_select=2, random_state=0)
    selector.set_callbacks(recorder).fit(X, y.astype(str))
    assert recorder.ended == ["step", "step", "fit"]


@pytest.mark.parametrize(("wanted", "total"), [(2, 2), (0.75, 3), ("auto", 4)])
def test_the_steps_of_the_selector_have_a_total(wanted, total):
    X, y = load_iris(return_X_y=True)
    totals = []

    class Total(Recorder):
        def on_fit_task_begin(self, estimator, context, **kwargs):
            totals.append(context.max_subtasks)

    selector = skmi.MIFeatureSelector(n_features_to_select=wanted, random_state=0)
    selector.set_callbacks(Total()).fit(X, y.astype(str))
    assert totals[0] == total


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_permutations_go_to_the_estimators_callbacks(n_jobs):
    X, Y, _ = draw_normal(50, 1, 0.8, seed=0)
    settings = {"n_permutations": 9, "random_state": 0, "n_jobs": n_jobs}
    recorder = Recorder()
    estimator = skmi.GaussianMI().set_callbacks(recorder)
    found = permutation_test(estimator, X, Y, **settings)
    assert recorder.begun == ["permutations", *["fit"] * 10]
    assert recorder.ended == [*["fit"] * 10, "permutations"]
    assert recorder.set_up == recorder.torn_down == 1
    plain = permutation_test(skmi.GaussianMI(), X, Y, **settings)
    np.testing.assert_array_equal(found.null_distribution, plain.null_distribution)
    assert not hasattr(estimator, "mutual_info_")


@pytest.mark.parametrize(
    ("method", "name"), [("subsample", "halves"), ("reference", "draws")]
)
def test_resamples_go_to_the_estimators_callbacks(method, name):
    X, Y, _ = draw_normal(60, 1, 0.8, seed=0)
    settings = {"method": method, "n_resamples": 4, "random_state": 0}
    recorder = Recorder()
    estimator = skmi.KSG(random_state=0).set_callbacks(recorder)
    found = confidence_interval(estimator, X, Y, **settings)
    assert recorder.ended == [*["fit"] * 4, name]
    assert found == confidence_interval(skmi.KSG(random_state=0), X, Y, **settings)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_checks_go_to_the_estimators_callbacks(n_jobs):
    X, Y, _ = draw_normal(60, 2, 0.8, seed=0)
    recorder = Recorder()
    estimator = skmi.GaussianMI().set_callbacks(recorder)
    found = self_consistency(estimator, X, Y, random_state=0, n_jobs=n_jobs)
    assert recorder.ended == [*["fit"] * 6, "checks"]
    assert found == self_consistency(skmi.GaussianMI(), X, Y, random_state=0)


def test_tests_without_an_estimator_take_callbacks():
    X, Y, _ = draw_normal(60, 1, 0.8, seed=0)
    for test, rows in (
        (independence_test, (X, Y)),
        (conditional_independence_test, (X, Y, X[::-1])),
    ):
        recorder, options = Recorder(), {"n_permutations": 100, "random_state": 0}
        found = test(*rows, callbacks=[recorder], **options)
        assert recorder.ended[-1] == "permutations"
        assert recorder.ended[0] == "fit"
        assert recorder.set_up == recorder.torn_down == 1
        plain = test(*rows, **options)
        np.testing.assert_array_equal(found.null_distribution, plain.null_distribution)


def test_a_progress_bar_is_drawn(capsys):
    X, Y, _ = draw_normal(60, 1, 0.8, seed=0)
    pytest.importorskip("rich")
    skmi.NWJ(max_iter=2, random_state=0).set_callbacks(ProgressBar()).fit(X, Y)
    permutation_test(
        skmi.GaussianMI().set_callbacks(ProgressBar()), X, Y, n_permutations=3
    )
    drawn = capsys.readouterr().out
    assert "NWJ - fit" in drawn
    assert "GaussianMI - permutations" in drawn
    assert drawn.count("100%") >= 2


def test_a_monitor_records_the_score_of_each_epoch():
    X, Y, _ = draw_normal(60, 1, 0.8, seed=0)
    monitor = ScoringMonitor(scoring={"bound": skmi.mi_scorer})
    model = skmi.InfoNCE(max_iter=3, early_stopping=False, random_state=0)
    model.set_callbacks(monitor).fit(X, Y)
    scores = monitor.get_logs().data_as_pandas["bound"].dropna()
    assert len(scores) >= 3
    assert scores.iloc[-1] == pytest.approx(model.score(X, Y))


# -- the scorer ------------------------------------------------------------------------


def test_the_scorer_is_the_score_of_estimators():
    X, Y, _ = draw_normal(60, 1, 0.8, seed=0)
    model = skmi.GaussianMI().fit(X, Y)
    assert skmi.mi_scorer(model, X, Y) == model.score(X, Y)
    pipeline = make_pipeline(StandardScaler(), skmi.GaussianMI()).fit(X, Y)
    assert skmi.mi_scorer(pipeline, X, Y) == pipeline.score(X, Y)


def test_the_scorer_gives_nats_for_bottlenecks_and_encoders():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), skmi.IBEncoder(max_iter=3, random_state=0))
    model.fit(X, y)
    told = model[-1].mutual_info(model[:-1].transform(X), y)
    assert skmi.mi_scorer(model, X, y) == told
    assert told != model.score(X, y)
    encoder = skmi.InfoMaxEncoder(n_components=2, max_iter=2, random_state=0).fit(X)
    assert skmi.mi_scorer(encoder, X) == encoder.score(X)


def test_the_scorer_chooses_in_a_search():
    X, Y, _ = draw_normal(200, 1, 0.9, seed=0)
    grid = {"n_neighbors": [3, 60]}
    search = GridSearchCV(skmi.KSG(random_state=0), grid, scoring=skmi.mi_scorer, cv=3)
    expected = GridSearchCV(skmi.KSG(random_state=0), grid, cv=3).fit(X, Y)
    assert search.fit(X, Y).best_score_ == expected.best_score_


@pytest.mark.parametrize("model", [PCA(1), DecisionTreeClassifier()], ids=str)
def test_the_scorer_refuses_what_measures_something_else(model):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(TypeError, match="does not measure mutual information"):
        skmi.mi_scorer(model.fit(X, y), X, y)
