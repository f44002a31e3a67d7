"""Mutual information by estimated densities."""

from skmi.density.histogram import HistogramMI
from skmi.density.kernel import KernelDensityMI

__all__ = ["HistogramMI", "KernelDensityMI"]
