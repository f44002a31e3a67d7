"""Noisy copies of texts of many levels."""

import numpy as np
import pandas as pd
import pytest

from skmi import MIFeatureSelector, mutual_info_matrix
from skmi.exceptions import ReliabilityWarning


def noisy_copy(n_rows, n_levels, seed, share=0.5):
    """Texts, copies of a share of them among uniform ones, and the information."""
    rng = np.random.default_rng(seed)
    x = rng.integers(n_levels, size=n_rows)
    copied = rng.random(n_rows) < share
    y = np.where(copied, x, rng.integers(n_levels, size=n_rows))
    other = (1 - share) / n_levels
    kept = share + other
    noise = -kept * np.log(kept)
    noise -= (n_levels - 1) * other * np.log(max(other, 1e-300))
    frame = pd.DataFrame({"x": x, "y": y}).map("k{}".format)
    return frame, np.log(n_levels) - noise


@pytest.mark.parametrize(("n_rows", "n_levels"), [(4000, 60), (4000, 100), (500, 24)])
@pytest.mark.parametrize("seed", range(3))
def test_noisy_copies_are_in_doubt(n_rows, n_levels, seed):
    frame, truth = noisy_copy(n_rows, n_levels, seed)
    with pytest.warns(ReliabilityWarning, match="Column x and the other column"):
        fitted = MIFeatureSelector(random_state=0).fit(frame[["x"]], frame["y"])
    assert abs(fitted.scores_[0] - truth) < 2 * fitted.standard_errors_[0]
    with pytest.warns(ReliabilityWarning, match="Column x, y and the other column"):
        matrix = mutual_info_matrix(frame)
    assert matrix.loc["x", "y"] == pytest.approx(fitted.scores_[0], abs=1e-6)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.NothingSelectedWarning")
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_independent_and_equal_levels_are_not(share):
    frame, truth = noisy_copy(4000, 60, 0, share)
    fitted = MIFeatureSelector(random_state=0).fit(frame[["x"]], frame["y"])
    assert fitted.scores_[0] == pytest.approx(truth, abs=0.02)
    assert mutual_info_matrix(frame).loc["x", "y"] == pytest.approx(truth, abs=0.02)


def test_many_samples_are_not_in_doubt():
    frame, truth = noisy_copy(20000, 24, 0)
    assert mutual_info_matrix(frame).loc["x", "y"] == pytest.approx(truth, abs=0.03)


def test_one_number_as_weights_is_named():
    frame, _ = noisy_copy(100, 3, 0)
    with pytest.raises(ValueError, match=r"sample_weight=2\.0 is one number"):
        MIFeatureSelector().fit(frame[["x"]], frame["y"], sample_weight=2.0)
