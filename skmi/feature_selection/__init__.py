"""Feature selection by mutual information, and the matrix of all pairs."""

from skmi.feature_selection.matrix import mutual_info_matrix
from skmi.feature_selection.results import Interaction
from skmi.feature_selection.selector import MIFeatureSelector

__all__ = ["Interaction", "MIFeatureSelector", "mutual_info_matrix"]
