"""The contract that all transformers of skmi.encoders keep."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skmi
from tests.encoders.data import table
from tests.estimators import make_small, transformer_instances

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

each = pytest.mark.parametrize("instance", transformer_instances(), ids=str)


@each
def test_samples_are_encoded_one_by_one_and_pickled(instance, tmp_path):
    X, new = table(), table(seed=1)
    model = clone(instance).fit(X)
    codes = model.transform(new)
    np.testing.assert_allclose(model.transform(new[3:4]), codes[3:4], rtol=1e-8)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.transform(new), codes)
    again = clone(instance).fit(X)
    np.testing.assert_array_equal(again.transform(new), codes)


@each
def test_no_global_state(instance):
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    clone(instance).fit(table()).transform(table())
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)


@each
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(instance, frame):
    X = pd.DataFrame(table(), columns=["a", "b", "c"])
    given = X if frame is pd.DataFrame else pl.from_pandas(X)
    output = "pandas" if frame is pd.DataFrame else "polars"
    model = clone(instance).set_output(transform=output).fit(given)
    codes = model.transform(given)
    assert isinstance(codes, frame)
    assert list(codes.columns) == list(model.get_feature_names_out())
    expected = clone(instance).fit(X.to_numpy()).transform(X.to_numpy())
    np.testing.assert_allclose(codes.to_numpy(), expected)


@each
def test_a_failed_fit_leaves_it_unfitted(instance):
    model = clone(instance).fit(table())
    with pytest.raises(ValueError, match="1 sample"):
        model.fit(table(1))
    with pytest.raises(NotFittedError):
        model.transform(table())


@pytest.mark.parametrize("cls", [skmi.MIGEGradient, skmi.InfoMaxEncoder])
def test_in_a_pipeline_before_a_classifier(cls):
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(make_small(cls), LogisticRegression(max_iter=1000))
    labels = np.array(["a", "b", "c"])[y]
    assert model.fit(X, labels).score(X, labels) > 0.6
