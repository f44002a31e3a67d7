"""The pictures show what was found, and say what they need."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris

import skmi
from skmi.bottleneck import InformationPlane

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def make_plane(ceiling=1.1):
    error = np.full(3, 0.02)
    rate, told = np.array([6.0, 3.0, 0.5]), np.array([1.0, 0.9, 0.3])
    return InformationPlane(
        np.array([0.01, 0.1, 0.9]),
        rate,
        error,
        told,
        2 * error,
        ceiling - told,
        error,
        np.full(3, ceiling),
    )


def test_the_plane_is_drawn_with_its_errors():
    plane = make_plane()
    display = skmi.InformationPlaneDisplay(plane=plane).plot(name="Plane")
    np.testing.assert_array_equal(display.line_.get_xdata(), plane.rate)
    np.testing.assert_array_equal(display.points_.get_offsets()[:, 1], [1.0, 0.9, 0.3])
    across, up = display.errorbar_.lines[2]
    assert across.get_segments()[0][:, 0] == pytest.approx([5.98, 6.02])
    assert up.get_segments()[2][:, 1] == pytest.approx([0.26, 0.34])
    assert "nats" in display.ax_.get_xlabel()
    assert "nats" in display.ax_.get_ylabel()
    assert display.ax_.get_title(loc="left") == "Plane"
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts == [
        "out of reach",
        "at most 1.10",
        r"$\beta$ = 0.01",
        r"$\beta$ = 0.1",
        r"$\beta$ = 0.9",
    ]
    matplotlib.pyplot.close(display.figure_)


def test_a_far_ceiling_is_left_out_and_axes_are_taken():
    figure, ax = matplotlib.pyplot.subplots()
    display = skmi.InformationPlaneDisplay(plane=make_plane(6.2)).plot(
        ax=ax, line_kwargs={"color": "red"}, scatter_kwargs={"s": 9}
    )
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_ylim()[1] < 2
    assert display.line_.get_color() == "red"
    assert display.points_.get_sizes() == [9]
    matplotlib.pyplot.close(figure)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_from_estimator_is_the_path_drawn():
    X, y = load_iris(return_X_y=True)
    model = skmi.IBEncoder(max_iter=3, random_state=0)
    display = skmi.InformationPlaneDisplay.from_estimator(
        model, X, y, betas=[0.1, 0.01]
    )
    expected = model.information_plane(X, y, [0.01, 0.1])
    np.testing.assert_array_equal(display.plane.rate, expected.rate)
    matplotlib.pyplot.close(display.figure_)


@pytest.fixture
def _closed():
    """Close the figures of a test."""
    yield
    matplotlib.pyplot.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.usefixtures("_closed")
@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("name", ["NWJ", "AutoMI", "InfoMaxEncoder", "IBEncoder"])
def test_training_is_drawn_as_it_went(name):
    X, y = load_iris(return_X_y=True)
    X, other = X[:, :2], X[:, 2:] if name != "IBEncoder" else y
    model = getattr(skmi, name)(max_iter=4, random_state=0).fit(X, other)
    display = skmi.TrainingCurveDisplay.from_estimator(model)
    source = model._model if name == "AutoMI" else model
    np.testing.assert_array_equal(
        display.line_.get_ydata(), -np.array(source.loss_curve_)
    )
    held_out = display.validation_line_.get_ydata()
    np.testing.assert_array_equal(held_out, source.validation_scores_)
    assert texts(display.ax_)[0] == f"kept, epoch {1 + np.argmax(held_out)}"
    if hasattr(model, "mutual_info_"):
        assert display.report_line_.get_ydata()[0] == model.mutual_info_
    else:
        assert display.report_line_ is None
    assert "nats" in display.ax_.get_ylabel()


@pytest.mark.usefixtures("_closed")
def test_a_ceiling_in_reach_is_drawn():
    curve = {"objective": [0.5, 1.5, 2.0], "mutual_info": 2.0}
    near = skmi.TrainingCurveDisplay(**curve, ceiling=2.3).plot()
    assert texts(near.ax_) == ["at most 2.30"]
    assert near.ax_.get_ylim()[1] > 2.3
    far = skmi.TrainingCurveDisplay(**curve, ceiling=9.0).plot()
    assert texts(far.ax_) == []
    assert far.ax_.get_ylim()[1] < 3


def test_training_of_what_does_not_train_is_refused():
    with pytest.raises(ValueError, match=r"KSG\(\) has no loss_curve_: fit it"):
        skmi.TrainingCurveDisplay.from_estimator(skmi.KSG())


@pytest.mark.usefixtures("_closed")
def test_bounds_are_drawn_with_kind_error_and_ceiling():
    display = skmi.BoundsDisplay(
        names=["a", "b", "c"],
        mutual_info=[1.0, 1.4, 1.2],
        standard_error=[0.1, 0.2, 0.0],
        bound=["lower", "upper", "none"],
        ceiling=[1.5, np.inf, 30.0],
    ).plot(truth=1.25)
    markers = [bar.lines[0].get_marker() for bar in display.errorbars_]
    assert markers == [">", "<", "o"]
    ends = display.errorbars_[1].lines[2][0].get_segments()[0][:, 0]
    np.testing.assert_allclose(ends, [1.4 - 0.392, 1.4 + 0.392])
    assert [stroke.get_xdata()[0] for stroke in display.ceilings_] == [1.5]
    assert texts(display.ax_) == ["truth 1.25"]
    assert legend(display.ax_)[:3] == ["ceiling", "lower bound", "upper bound"]
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["a", "b", "c"]
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]  # the first on top


@pytest.mark.usefixtures("_closed")
def test_bounds_of_estimators_are_theirs():
    X, y = load_iris(return_X_y=True)
    X, y = X[:, :2], X[:, 2]
    one, two = (skmi.KSG(n_neighbors=k, random_state=0) for k in (3, 9))
    display = skmi.BoundsDisplay.from_estimator([one, two, skmi.GaussianMI()], X, y)
    assert display.names == ["KSG 1", "KSG 2", "GaussianMI"]
    assert display.mutual_info[1] == two.fit(X, y).mutual_info_
    assert not hasattr(one, "mutual_info_")
    display = skmi.BoundsDisplay.from_estimator({"nine": two})
    assert display.names == ["nine"]
    assert display.mutual_info == [two.mutual_info_]


@pytest.mark.usefixtures("_closed")
@pytest.mark.parametrize("statistic", [0.3, 5.0, -4.0])
def test_dark_bars_are_the_pvalue(statistic):
    null = np.random.RandomState(0).standard_normal(400)
    pvalue = skmi.statistics.permutation_pvalue(statistic, null)
    display = skmi.PermutationTestDisplay(
        statistic=statistic, pvalue=pvalue, null_distribution=null
    ).plot()
    dark = [
        bar.get_height()
        for bar in display.bars_
        if bar.get_facecolor() == matplotlib.colors.to_rgba(skmi.display._style.INK)
    ]
    assert (1 + sum(dark)) / 401 == pytest.approx(pvalue)
    assert sum(bar.get_height() for bar in display.bars_) == 400
    assert display.line_.get_xdata()[0] == statistic
    assert f"p = {pvalue:.3g}" in texts(display.ax_)[0]


@pytest.mark.usefixtures("_closed")
def test_a_permutation_test_is_drawn_as_it_is():
    X, _ = load_iris(return_X_y=True)
    test = {"n_permutations": 19, "random_state": 0}
    display = skmi.PermutationTestDisplay.from_estimator(
        skmi.GaussianMI(), X[:, :1], X[:, 1], **test, n_bins=5
    )
    result = skmi.inference.permutation_test(
        skmi.GaussianMI(), X[:, :1], X[:, 1], **test
    )
    assert display.statistic == result.statistic
    np.testing.assert_array_equal(display.null_distribution, result.null_distribution)
    result = skmi.inference.independence_test(X[:, 0], X[:, 1], **test)
    display = skmi.PermutationTestDisplay.from_result(result, unit="deviations").plot()
    assert display.ax_.get_xlabel() == "statistic (deviations)"


@pytest.mark.usefixtures("_closed")
def test_the_ranking_is_drawn_in_order():
    X, y = load_iris(return_X_y=True, as_frame=True)
    X["noise"] = np.random.RandomState(0).uniform(size=150)
    X = X[["noise", *X.columns[:-1]]]
    selector = skmi.MIFeatureSelector(random_state=0)
    display = skmi.FeatureRankingDisplay.from_estimator(selector, X, y.astype(str))
    selector.fit(X, y.astype(str))
    lengths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_array_equal(lengths, np.sort(selector.scores_)[::-1])
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == list(X.columns[np.argsort(-selector.scores_)])
    assert labels[-1] == "noise"
    shades = [bar.get_facecolor() for bar in display.bars_]
    assert len(set(shades[:4])) == 1
    assert shades[4] != shades[0]
    assert legend(display.ax_) == ["selected", "not selected"]
    assert f"{selector.pvalues_[0]:.4f}" in texts(display.ax_)
    assert "redundant with" in texts(display.ax_)


@pytest.mark.usefixtures("_closed")
def test_only_the_strongest_and_the_selected_are_drawn():
    display = skmi.FeatureRankingDisplay(
        names=["a", "b", "c", "d" * 40],
        scores=[0.1, 0.4, 0.3, 0.0],
        pvalues=[1.0, 0.1, 0.2, 0.01],
        support=[False, False, False, True],
        standard_error=[0.01, 0.02, 0.03, 0.04],
    ).plot(max_features=2)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["b", "c", "d" * 23 + "…"]
    bars = display.bars_.errorbar.lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars][2], [-0.04, 0.04])


@pytest.mark.usefixtures("_closed")
def test_columns_without_names_and_groups_are_named():
    X = np.random.RandomState(0).randint(3, size=(200, 4)).astype(float)
    y = (X[:, 0] + X[:, 1]).astype(str)
    X[:, 2] = X[:, 0]
    display = skmi.FeatureRankingDisplay.from_estimator(
        skmi.MIFeatureSelector(random_state=0), X, y
    )
    assert list(display.names) == [f"column {k}" for k in range(4)]
    assert display.redundant_with[2] == "column 0"
    grouped = skmi.MIFeatureSelector(groups=[9, 9, 7, 7], random_state=0)
    display = skmi.FeatureRankingDisplay.from_estimator(grouped, X, y)
    assert set(display.redundant_with) <= {9, 7, None}


def test_without_matplotlib_it_says_who_needs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"plot needs matplotlib.*skmi\[plot\]"):
        skmi.InformationPlaneDisplay(plane=make_plane()).plot()
    with pytest.raises(ImportError, match=r"BoundsDisplay\.plot needs matplotlib"):
        skmi.BoundsDisplay.from_estimator([])
