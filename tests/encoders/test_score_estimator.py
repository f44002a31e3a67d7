"""ScoreEstimator: the functions of skmi.scores as a transformer."""

import pickle

import numpy as np
import pytest
import torch

import skmi
from skmi.scores import SCORES
from tests.encoders.data import table

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


@pytest.mark.parametrize("method", ["nu_method", "spectral_stein", "stein"])
def test_score_estimator_is_the_function_at_new_samples(method):
    X, new = table(100), table(10, seed=1)
    model = skmi.ScoreEstimator(method=method, reference=None).fit(X)
    expected = SCORES[method](torch.tensor(X), torch.tensor(new), reference=None)
    np.testing.assert_allclose(model.transform(new), expected)


def test_score_estimator_keeps_a_thousand_samples():
    X = table(1500, 1)
    model = skmi.ScoreEstimator(method="spectral_stein", random_state=0).fit(X)
    kept = np.sort(np.random.RandomState(0).permutation(1500)[:1000])
    expected = SCORES["spectral_stein"](torch.tensor(X[kept]), torch.ones(1, 1))
    np.testing.assert_allclose(model.transform([[1.0]]), expected)


@pytest.mark.parametrize("method", SCORES)
@pytest.mark.parametrize("reference", [None, "gaussian"])
def test_the_score_is_estimated_once(method, reference, monkeypatch):
    X, new = table(60), table(5000, seed=1)
    model = skmi.ScoreEstimator(method=method, reference=reference).fit(X)
    model = pickle.loads(pickle.dumps(model))
    expected = SCORES[method](
        torch.tensor(X), torch.tensor(new[-3:]), reference=reference
    )
    monkeypatch.delitem(SCORES, method)
    values = model.transform(new)
    np.testing.assert_allclose(values[-3:], expected, rtol=1e-8, atol=1e-10)


def test_a_reference_needs_whitening():
    with pytest.raises(ValueError, match="needs whiten=True"):
        skmi.ScoreEstimator(whiten=False).fit(table())
