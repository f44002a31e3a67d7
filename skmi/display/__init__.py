"""Pictures of what the estimators find. Matplotlib is imported when one is drawn."""

from skmi.display.estimates import BoundsDisplay
from skmi.display.permutation import PermutationTestDisplay
from skmi.display.plane import InformationPlaneDisplay
from skmi.display.ranking import FeatureRankingDisplay
from skmi.display.training import TrainingCurveDisplay

__all__ = [
    "BoundsDisplay",
    "FeatureRankingDisplay",
    "InformationPlaneDisplay",
    "PermutationTestDisplay",
    "TrainingCurveDisplay",
]
