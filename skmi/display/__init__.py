"""Figures of the results, in the style of scikit-learn's displays (matplotlib)."""

from skmi.display.estimate import EstimateDisplay
from skmi.display.estimates import BoundsDisplay
from skmi.display.lags import LaggedInformationDisplay
from skmi.display.matrix import ConditionalMatrixDisplay
from skmi.display.permutation import PermutationTestDisplay
from skmi.display.plane import InformationPlaneDisplay
from skmi.display.ranking import FeatureRankingDisplay
from skmi.display.training import TrainingCurveDisplay

__all__ = [
    "BoundsDisplay",
    "ConditionalMatrixDisplay",
    "EstimateDisplay",
    "FeatureRankingDisplay",
    "InformationPlaneDisplay",
    "LaggedInformationDisplay",
    "PermutationTestDisplay",
    "TrainingCurveDisplay",
]
