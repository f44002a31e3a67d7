"""Mutual information by nearest neighbours."""

from skmi.neighbors.conditional import conditional_mutual_info
from skmi.neighbors.ksg import KSG
from skmi.neighbors.mixed import MixedKSG

__all__ = ["KSG", "MixedKSG", "conditional_mutual_info"]
