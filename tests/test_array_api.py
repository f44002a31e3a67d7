"""Tensors in place of arrays, with scikit-learn's dispatch and without."""

import numpy as np
import pytest
import scipy
import sklearn
import torch

import skmi
from tests.estimators import all_instances, transformer_instances
from tests.oracle import draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

HAS_DISPATCH = tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 14)
DISPATCH = [False, True] if HAS_DISPATCH else [False]  # older ones have none


def pair(device="cpu"):
    X, Y, _ = draw_normal(60, 2, 1.0, seed=0)
    return X, Y, torch.tensor(X, device=device), torch.tensor(Y, device=device)


@pytest.mark.parametrize("dispatch", DISPATCH)
@pytest.mark.parametrize("instance", all_instances(), ids=repr)
def test_tensors_say_what_arrays_say(instance, dispatch):
    X, Y, tensor_X, tensor_Y = pair()
    expected = sklearn.clone(instance).fit(X, Y)
    with sklearn.config_context(array_api_dispatch=dispatch):
        found = sklearn.clone(instance).fit(tensor_X, tensor_Y)
        assert found.mutual_info_ == pytest.approx(expected.mutual_info_, abs=1e-6)
        assert isinstance(found.mutual_info_, float)
        score = found.score(tensor_X, tensor_Y)
        terms = found.score_samples(tensor_X, tensor_Y)
    assert isinstance(terms, torch.Tensor) == dispatch
    assert score == pytest.approx(expected.score(X, Y), abs=1e-6)
    np.testing.assert_allclose(
        np.asarray(terms), expected.score_samples(X, Y), atol=1e-6
    )


@pytest.mark.parametrize("dispatch", DISPATCH)
@pytest.mark.parametrize("instance", transformer_instances(), ids=repr)
def test_tensors_are_encoded_as_arrays_are(instance, dispatch):
    X, _, tensor_X, _ = pair()
    expected = sklearn.clone(instance).fit(X).transform(X)
    with sklearn.config_context(array_api_dispatch=dispatch):
        found = sklearn.clone(instance).fit(tensor_X).transform(tensor_X)
    assert isinstance(found, torch.Tensor) == dispatch
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("cls", [skmi.InfoNCE, skmi.KSG, skmi.GaussianMI])
def test_tensors_on_a_device(cls):
    X, Y, tensor_X, tensor_Y = pair("cuda")
    expected = cls().set_params(**seed(cls)).fit(X, Y).mutual_info_
    with sklearn.config_context(array_api_dispatch=True):
        found = cls().set_params(**seed(cls)).fit(tensor_X, tensor_Y).mutual_info_
    assert found == pytest.approx(expected, abs=1e-3)


def seed(cls):
    return {"random_state": 0} if "random_state" in cls._get_param_names() else {}
