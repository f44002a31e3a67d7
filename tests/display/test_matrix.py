"""Conditional mutual information of all pairs is drawn as a matrix."""

import numpy as np
import pandas as pd
import pytest

from skmi import ConditionalMatrixDisplay, GaussianMI, MixedKSG
from tests.display.texts import texts


def draw_chain(n_samples=4000):
    """Draw a chain of three normal columns; neighbours have correlation .8."""
    noise = np.random.RandomState(0).standard_normal((n_samples, 3))
    for k in (1, 2):
        noise[:, k] = 0.8 * noise[:, k - 1] + 0.6 * noise[:, k]
    return pd.DataFrame(noise, columns=["a", "b", "c"])


def partial_information(table):
    """Closed form by the inverse of the correlations."""
    inverse = np.linalg.inv(np.corrcoef(table.to_numpy().T))
    scale = np.sqrt(np.diag(inverse))
    squares = (inverse / np.outer(scale, scale)) ** 2
    np.fill_diagonal(squares, np.nan)
    return -np.log1p(-squares) / 2


def test_given_the_others_a_chain_has_two_links():
    table = draw_chain()
    display = ConditionalMatrixDisplay.from_data(table, estimator=GaussianMI())
    np.testing.assert_allclose(display.values, partial_information(table), atol=2e-3)
    assert display.names == ["a", "b", "c"]
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == display.names
    assert "0.00" in texts(display.ax_)
    assert len(texts(display.ax_)) == 6


def test_given_labels():
    table = draw_chain(600)
    label = np.where(table["b"] > 0, "p", "q")
    pair = table[["a", "c"]]
    display = ConditionalMatrixDisplay.from_data(pair, label, estimator=MixedKSG())
    alone = MixedKSG().fit(pair[["a"]], pair["c"], label).mutual_info_
    assert display.values[0, 1] == display.values[1, 0] == pytest.approx(alone)


def test_a_pair_needs_a_condition():
    with pytest.raises(ValueError, match="too few columns"):
        ConditionalMatrixDisplay.from_data(draw_chain()[["a", "b"]])


def test_columns_of_labels():
    """The label of the middle of a chain, which the ends are independent given."""
    table = draw_chain(600)
    table["b"] = np.where(table["b"] > 0, "p", "q")
    display = ConditionalMatrixDisplay.from_data(table)
    pair = MixedKSG(random_state=0).fit(table[["a"]], table["b"], table["c"])
    assert display.values[0, 1] == pytest.approx(pair.mutual_info_)
    table.loc[3, "b"] = None
    with pytest.raises(ValueError, match="X contains missing"):
        ConditionalMatrixDisplay.from_data(table)


def test_the_name_of_a_column_is_no_condition():
    with pytest.raises(TypeError, match=r"Z=X\[\['a'\]\]"):
        ConditionalMatrixDisplay.from_data(draw_chain(), "a")
