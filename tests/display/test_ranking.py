"""Rankings of features are drawn in order, with p-values and selection."""

import numpy as np
from sklearn.datasets import load_iris

import skmi
from tests.display.texts import legend, texts


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
    chosen = selector.step_pvalues_[selector.support_]
    assert {"step p", *(f"{p:.4f}" for p in chosen)} <= set(texts(display.ax_))


def test_a_pvalue_is_never_written_as_zero_and_none_as_nothing():
    display = skmi.FeatureRankingDisplay(
        names=["a", "b"],
        scores=[0.2, 0.1],
        pvalues=[2e-5, np.nan],
        support=[True, False],
        step_pvalues=[np.nan, np.nan],
    ).plot()
    written = texts(display.ax_)
    assert "<0.0001" in written
    assert not {"nan", "0.0000", "step p"} & set(written)


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


def test_columns_without_names_and_groups_are_named():
    X = np.random.RandomState(0).randint(3, size=(200, 4)).astype(float)
    y = (X[:, 0] + X[:, 1]).astype(str)
    X[:, 2] = X[:, 0]
    display = skmi.FeatureRankingDisplay.from_estimator(
        skmi.MIFeatureSelector(random_state=0), X, y
    )
    assert list(display.names) == [f"feature {k}" for k in range(4)]
    assert display.redundant_with[2] == "feature 0"
    grouped = skmi.MIFeatureSelector(groups=[9, 9, 7, 7], random_state=0)
    display = skmi.FeatureRankingDisplay.from_estimator(grouped, X, y)
    assert set(display.redundant_with) <= {9, 7, None}
