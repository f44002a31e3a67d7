import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when scipy is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small fits on a shared machine

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_modules():
    """Give modules that tests make themselves the same weights in any order."""
    torch.manual_seed(0)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Every device there is."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return request.param
