r"""Estimates of the score :math:`\nabla \log q` from samples, and gradients of MI.

Every estimator takes ``samples`` of shape (..., n, d) and, to be evaluated elsewhere,
``queries`` of shape (..., m, d); leading dimensions are independent problems. Unless
``whiten=False``, the samples are whitened by their covariance first, :math:`s(x) = W^T
\tilde s(W (x - \bar x))`, so that the estimate is equivariant under invertible linear
maps. With ``reference="gaussian"`` the score of the fitted normal distribution,
:math:`-z` after whitening, is taken as known and only the rest is estimated.

To evaluate one fit more than once, the attribute ``fit`` of each estimator takes the
same arguments without queries and returns a function of queries.
"""

from skmi.scores.information import (
    entropy_surrogate,
    mige_loss,
    mutual_info_gradient,
    project_randomly,
)
from skmi.scores.methods import (
    SCORES,
    nu_method,
    sliced,
    spectral_stein,
    stein,
    tikhonov,
)

__all__ = [
    "SCORES",
    "entropy_surrogate",
    "mige_loss",
    "mutual_info_gradient",
    "nu_method",
    "project_randomly",
    "sliced",
    "spectral_stein",
    "stein",
    "tikhonov",
]
