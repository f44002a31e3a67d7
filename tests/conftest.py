import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when scipy is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small fits on a shared machine

import itertools

import numpy as np
import pytest
import torch

from skmi._core import sklearn_compat

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_modules():
    """Give modules that tests make themselves the same weights in any order."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _same_draws(monkeypatch):
    """Make what is drawn without a seed the same in every run, but not in every fit.

    Orders of ties and folds would else decide by chance whether a warning is given.
    """
    seeds = itertools.count()
    monkeypatch.setattr(
        sklearn_compat, "RandomState", lambda: np.random.RandomState(next(seeds))
    )


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Every device there is."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return request.param
