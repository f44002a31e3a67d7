"""A fitted model answers where its device is not."""

import pickle
import sys
import warnings

import numpy as np
import pytest
import torch

import skmi
from skmi._core.torch_utils import device_at_hand, resolve_device
from tests.estimators import all_with_parameters, make_small
from tests.oracle import draw_normal


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("cv", [None, 2])
def test_a_fit_on_a_gpu_scores_on_a_cpu(monkeypatch, cv):
    """The fit is made where "cuda" means the CPU, and used where it means nothing."""
    X, Y, _ = draw_normal(120, 1, 0.5, seed=0)
    settings = {"max_iter": 2, "early_stopping": False, "cv": cv, "random_state": 0}
    expected = skmi.InfoNCE(**settings).fit(X, Y).score(X, Y)
    with monkeypatch.context() as patch:
        patch.setattr(
            "skmi.variational.base.resolve_device",
            lambda device, dtype: torch.device("cpu"),
        )
        moved = pickle.dumps(skmi.InfoNCE(device="cuda", **settings).fit(X, Y))
    model = pickle.loads(moved)
    assert model.score(X, Y) == pytest.approx(expected, abs=1e-12)
    assert np.isfinite(model.score_samples(X, Y)).all()
    with pytest.raises(ValueError, match="cannot be used here"):
        model.fit(X, Y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize(
    "cls", [cls for cls in all_with_parameters() if hasattr(cls, "device")]
)
def test_whatever_has_a_device_answers_without_it(monkeypatch, cls):
    X, Y, _ = draw_normal(120, 2, 0.5, seed=0)
    if cls in (skmi.IBEncoder, skmi.MIGEGradient):
        Y = np.where(Y[:, 0] > 0, "up", "down")
    elif cls is skmi.MIFeatureSelector:
        Y = Y[:, 0]
    model = make_small(cls).set_params(device="cuda")
    with monkeypatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("skmi.") and hasattr(module, "resolve_device"):
                patch.setattr(
                    module, "resolve_device", lambda *given: torch.device("cpu")
                )
        state = pickle.dumps(model.fit(X, Y))
    model = pickle.loads(state)
    answers = [
        getattr(model, name)(X, Y)
        for name in ("score", "mutual_info", "mutual_info_gradient")
        if hasattr(model, name)
    ]
    answers += [
        getattr(model, name)(X)
        for name in ("transform", "predict")
        if hasattr(model, name)
    ]
    assert answers


def test_a_device_of_single_precision_trains_and_the_cpu_reports(monkeypatch):
    """As Apple's: what is computed in double precision moves to the CPU."""
    zeros = torch.zeros

    def refusing(*shape, dtype=None, device=None, **options):
        if device == "cpu:0" and dtype == torch.float64:
            raise TypeError("Cannot convert a tensor to float64")
        return zeros(*shape, dtype=dtype, device=device, **options)

    monkeypatch.setattr("skmi._core.torch_utils.torch.zeros", refusing)
    assert resolve_device("cpu:0", torch.float32) == torch.device("cpu:0")
    assert device_at_hand("cpu:0") == torch.device("cpu")
    X, Y, _ = draw_normal(120, 1, 0.5, seed=0)
    settings = {"max_iter": 2, "early_stopping": False, "random_state": 0}
    other = skmi.InfoNCE(**settings).fit(X, Y)
    model = skmi.InfoNCE(device="cpu:0", **settings).fit(X, Y)
    assert model.mutual_info_ == other.mutual_info_
    with pytest.raises(ValueError, match="float64"):
        skmi.KSG(device="cpu:0").fit(X, Y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_not_advised():
    with pytest.raises(ValueError, match='pass "auto" or "cpu"'):
        resolve_device("cuda")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e5m2])
@pytest.mark.parametrize("cls", [skmi.KSG, skmi.InfoNCE, skmi.GaussianMI])
def test_tensors_of_low_precision_are_taken(cls, dtype):
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    X, Y = torch.from_numpy(X).to(dtype), torch.from_numpy(Y).to(dtype)
    model = cls()
    settings = {"max_iter": 2, "random_state": 0}
    names = settings.keys() & model.get_params().keys()
    model.set_params(**{name: settings[name] for name in names})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skmi.exceptions.SkmiWarning)
        rounded = model.fit(X, Y).mutual_info_
        expected = model.fit(X.double().numpy(), Y.double().numpy()).mutual_info_
    assert rounded == expected
