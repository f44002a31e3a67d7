"""Mutual information by density estimation: histograms and kernels."""

from skmi.density.histogram import HistogramMI
from skmi.density.kernel import KernelDensityMI

__all__ = ["HistogramMI", "KernelDensityMI"]
