"""latentmi: nearest neighbours on learnt representations."""

import contextlib
import io
import math

import numpy as np
import torch
from latentmi import lmi

PEER = {
    "slow_seeds": 3,
    "package": "latentmi",
    "install": ["latentmi"],
    "quick": [],
    "slow": ["latentmi"],
}
torch.set_num_threads(1)


def latent(X, y):
    """Return the mutual information, which the package gives in bits by sample."""
    torch.manual_seed(0)
    np.random.seed(0)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        by_sample, _, _ = lmi.estimate(X, y)
    return math.log(2) * float(np.nanmean(by_sample))


ESTIMATORS = {"latentmi": latent}
