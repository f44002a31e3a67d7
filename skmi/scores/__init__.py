r"""Score functions :math:`\nabla \log q` from samples, and the gradients built on them.

Every estimator takes ``samples`` of shape (..., n, d) and, to be evaluated elsewhere,
``queries`` of shape (..., m, d); leading dimensions are independent problems. All but
``whiten=False`` see the samples through their own covariance, :math:`s(x) = W^T
\tilde s(W (x - \bar x))`, so that the estimate follows any invertible linear map. With
``reference="gaussian"`` the score of the fitted normal distribution, :math:`-z` there,
is taken as known and only what is left is estimated.
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
