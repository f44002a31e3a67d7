"""Feature selection by mutual information."""

from skmi.feature_selection.matrix import mutual_info_matrix
from skmi.feature_selection.selector import Interaction, MIFeatureSelector

__all__ = ["Interaction", "MIFeatureSelector", "mutual_info_matrix"]
