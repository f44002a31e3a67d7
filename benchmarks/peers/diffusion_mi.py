"""diffusion-mi: MINDE and MMG, by the score functions of diffusion models.

As its examples do, they are trained on one part of the samples and evaluated on the
other; the training runs for the package's default number of epochs.
"""

import contextlib
import io
import logging
import sys
import types
import warnings

import numpy as np
import pytorch_lightning  # noqa: F401
import torch

# MINDE and MMG do not use torchvision, whose usual build does not load beside the build
# of torch for CPUs: Lightning does without, and the package gets an empty module.
sys.modules["torchvision"] = types.ModuleType("torchvision")
sys.modules["torchvision"].transforms = None
from dmi import estimators  # noqa: E402

PEER = {
    "package": "diffusion-mi",
    "install": ["diffusion-mi"],
    "remove": ["torchvision", "torchaudio"],
    "quick": [],
    "slow": ["diffusion-mi MINDE", "diffusion-mi MMG"],
}
torch.set_num_threads(1)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def diffusion(kind, X, y):
    """Return the mutual information by an estimator fitted to four fifths."""
    torch.manual_seed(0)
    np.random.seed(0)
    blocks = [(block - block.mean(axis=0)) / block.std(axis=0) for block in (X, y)]
    n_train = 4 * len(X) // 5
    held_out = [block[n_train:] for block in blocks]
    silent = contextlib.redirect_stdout(io.StringIO())
    with silent, contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the trainer, not of the estimate
        model = kind()
        model.fit(*(block[:n_train] for block in blocks), *held_out)
        return float(model.estimate(*held_out))


ESTIMATORS = {
    "diffusion-mi MINDE": lambda X, y: diffusion(estimators.MINDEEstimator, X, y),
    "diffusion-mi MMG": lambda X, y: diffusion(estimators.MMGEstimator, X, y),
}
