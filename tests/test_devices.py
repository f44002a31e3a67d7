"""A fitted model answers where its device is not."""

import pickle

import numpy as np
import pytest
import torch

import skmi
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
            "skmi.variational.base.resolve_device", lambda device: torch.device("cpu")
        )
        moved = pickle.dumps(skmi.InfoNCE(device="cuda", **settings).fit(X, Y))
    model = pickle.loads(moved)
    assert model.score(X, Y) == pytest.approx(expected, abs=1e-12)
    assert np.isfinite(model.score_samples(X, Y)).all()
    with pytest.raises(ValueError, match="cannot be used here"):
        model.fit(X, Y)
