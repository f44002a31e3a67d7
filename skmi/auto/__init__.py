"""AutoMI, the estimator to start with."""

from skmi.auto.automi import AutoMI

__all__ = ["AutoMI"]
