"""torch-mist: SMILE, evaluated on the samples that it was trained on."""

import contextlib
import io

import numpy as np
import torch
from torch_mist import estimate_mi

PEER = {
    "slow_seeds": 3,
    "package": "torch-mist",
    "install": ["torch-mist", "pandas"],
    "quick": [],
    "slow": ["torch-mist SMILE"],
}
torch.set_num_threads(1)


def smile(X, y):
    """Return the mutual information by SMILE, with the settings of its examples."""
    torch.manual_seed(0)
    with contextlib.redirect_stdout(io.StringIO()):
        return estimate_mi(
            (X.astype(np.float32), y.astype(np.float32)),
            estimator="smile",
            hidden_dims=[64, 32],
            neg_samples=16,
            max_iterations=1000,
            verbose=False,
            logger=False,
        )


ESTIMATORS = {"torch-mist SMILE": smile}
