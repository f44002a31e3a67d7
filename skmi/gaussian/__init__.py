"""Mutual information in closed form: estimators, log density ratios, their bias."""

from skmi.gaussian.closed_form import (
    EllipticalRatio,
    covariance_bias,
    elliptical_mutual_info,
    student_log_density,
    student_offset,
    student_scatter,
)
from skmi.gaussian.elliptical import EllipticalCopulaMI
from skmi.gaussian.errors import covariance_error
from skmi.gaussian.estimators import (
    GaussianCopulaMI,
    GaussianMI,
    StudentCopulaMI,
)

__all__ = [
    "EllipticalCopulaMI",
    "EllipticalRatio",
    "GaussianCopulaMI",
    "GaussianMI",
    "StudentCopulaMI",
    "covariance_bias",
    "covariance_error",
    "elliptical_mutual_info",
    "student_log_density",
    "student_offset",
    "student_scatter",
]
