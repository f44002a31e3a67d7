"""Mutual information as scikit-learn estimators.

How much information X carries about Y, whether it is significant, and which features
carry it. Every estimator has ``fit(X, Y)``, ``mutual_info_`` in nats and
``score(X, Y)``. Submodules and the names below are imported on first use, so that
``import skmi`` does not import torch.
"""

import importlib

TYPE_CHECKING = False  # true to type checkers; `typing` itself takes time to import

__version__ = "0.1.0"

_MODULES_OF_NAMES = {
    "auto": ["AutoMI"],
    "base": ["mi_scorer"],
    "bottleneck": ["IBEncoder", "IBRegressor"],
    "density": ["HistogramMI", "KernelDensityMI"],
    "display": [
        "BoundsDisplay",
        "ConditionalMatrixDisplay",
        "EstimateDisplay",
        "FeatureRankingDisplay",
        "InformationPlaneDisplay",
        "LaggedInformationDisplay",
        "PermutationTestDisplay",
        "TrainingCurveDisplay",
    ],
    "encoders": ["InfoMaxEncoder", "MIGEGradient", "ScoreEstimator"],
    "exceptions": [
        "CollapseWarning",
        "ConvergenceWarning",
        "DependentColumnsWarning",
        "DiscreteTargetWarning",
        "DuplicateRowsWarning",
        "FewRowsWarning",
        "NothingSelectedWarning",
        "ReliabilityWarning",
        "SaturationWarning",
        "SerialDependenceWarning",
        "SkmiWarning",
    ],
    "feature_selection": ["MIFeatureSelector", "mutual_info_matrix"],
    "gaussian": [
        "EllipticalCopulaMI",
        "GaussianCopulaMI",
        "GaussianMI",
        "StudentCopulaMI",
    ],
    "neighbors": ["KSG", "MixedKSG"],
    "variational": [
        "BarberAgakov",
        "CLUB",
        "DifferenceOfEntropies",
        "DonskerVaradhan",
        "InfoNCE",
        "InterpolatedBound",
        "JensenShannon",
        "LeaveOneOutBound",
        "MINE",
        "NWJ",
        "ReInfoNCE",
        "ReJensenShannon",
        "ReMINE",
        "ReNWJ",
        "ReSMILE",
        "ReTUBA",
        "SMILE",
        "TNCE",
        "TUBA",
    ],
}
_MODULES = [
    "auto",
    "bottleneck",
    "bounds",
    "critics",
    "datasets",
    "density",
    "display",
    "encoders",
    "entropy",
    "exceptions",
    "feature_selection",
    "gaussian",
    "inference",
    "multivariate",
    "neighbors",
    "scores",
    "series",
    "statistics",
    "variational",
]
_MODULE_OF_NAME = {
    name: module for module, names in _MODULES_OF_NAMES.items() for name in names
}

if TYPE_CHECKING:  # what type checkers and editors see; a test compares the two lists
    from skmi import auto as auto
    from skmi import bottleneck as bottleneck
    from skmi import bounds as bounds
    from skmi import critics as critics
    from skmi import datasets as datasets
    from skmi import density as density
    from skmi import display as display
    from skmi import encoders as encoders
    from skmi import entropy as entropy
    from skmi import exceptions as exceptions
    from skmi import feature_selection as feature_selection
    from skmi import gaussian as gaussian
    from skmi import inference as inference
    from skmi import multivariate as multivariate
    from skmi import neighbors as neighbors
    from skmi import scores as scores
    from skmi import series as series
    from skmi import statistics as statistics
    from skmi import variational as variational
    from skmi.auto import AutoMI as AutoMI
    from skmi.base import mi_scorer as mi_scorer
    from skmi.bottleneck import IBEncoder as IBEncoder
    from skmi.bottleneck import IBRegressor as IBRegressor
    from skmi.density import HistogramMI as HistogramMI
    from skmi.density import KernelDensityMI as KernelDensityMI
    from skmi.display import BoundsDisplay as BoundsDisplay
    from skmi.display import ConditionalMatrixDisplay as ConditionalMatrixDisplay
    from skmi.display import EstimateDisplay as EstimateDisplay
    from skmi.display import FeatureRankingDisplay as FeatureRankingDisplay
    from skmi.display import InformationPlaneDisplay as InformationPlaneDisplay
    from skmi.display import LaggedInformationDisplay as LaggedInformationDisplay
    from skmi.display import PermutationTestDisplay as PermutationTestDisplay
    from skmi.display import TrainingCurveDisplay as TrainingCurveDisplay
    from skmi.encoders import InfoMaxEncoder as InfoMaxEncoder
    from skmi.encoders import MIGEGradient as MIGEGradient
    from skmi.encoders import ScoreEstimator as ScoreEstimator
    from skmi.exceptions import CollapseWarning as CollapseWarning
    from skmi.exceptions import ConvergenceWarning as ConvergenceWarning
    from skmi.exceptions import DependentColumnsWarning as DependentColumnsWarning
    from skmi.exceptions import DiscreteTargetWarning as DiscreteTargetWarning
    from skmi.exceptions import DuplicateRowsWarning as DuplicateRowsWarning
    from skmi.exceptions import FewRowsWarning as FewRowsWarning
    from skmi.exceptions import NothingSelectedWarning as NothingSelectedWarning
    from skmi.exceptions import ReliabilityWarning as ReliabilityWarning
    from skmi.exceptions import SaturationWarning as SaturationWarning
    from skmi.exceptions import SerialDependenceWarning as SerialDependenceWarning
    from skmi.exceptions import SkmiWarning as SkmiWarning
    from skmi.feature_selection import MIFeatureSelector as MIFeatureSelector
    from skmi.feature_selection import mutual_info_matrix as mutual_info_matrix
    from skmi.gaussian import EllipticalCopulaMI as EllipticalCopulaMI
    from skmi.gaussian import GaussianCopulaMI as GaussianCopulaMI
    from skmi.gaussian import GaussianMI as GaussianMI
    from skmi.gaussian import StudentCopulaMI as StudentCopulaMI
    from skmi.neighbors import KSG as KSG
    from skmi.neighbors import MixedKSG as MixedKSG
    from skmi.variational import CLUB as CLUB
    from skmi.variational import MINE as MINE
    from skmi.variational import NWJ as NWJ
    from skmi.variational import SMILE as SMILE
    from skmi.variational import TNCE as TNCE
    from skmi.variational import TUBA as TUBA
    from skmi.variational import BarberAgakov as BarberAgakov
    from skmi.variational import DifferenceOfEntropies as DifferenceOfEntropies
    from skmi.variational import DonskerVaradhan as DonskerVaradhan
    from skmi.variational import InfoNCE as InfoNCE
    from skmi.variational import InterpolatedBound as InterpolatedBound
    from skmi.variational import JensenShannon as JensenShannon
    from skmi.variational import LeaveOneOutBound as LeaveOneOutBound
    from skmi.variational import ReInfoNCE as ReInfoNCE
    from skmi.variational import ReJensenShannon as ReJensenShannon
    from skmi.variational import ReMINE as ReMINE
    from skmi.variational import ReNWJ as ReNWJ
    from skmi.variational import ReSMILE as ReSMILE
    from skmi.variational import ReTUBA as ReTUBA
else:

    def __getattr__(name):
        if name in _MODULES:
            return importlib.import_module(f"skmi.{name}")
        if name in _MODULE_OF_NAME:
            module = importlib.import_module(f"skmi.{_MODULE_OF_NAME[name]}")
            return getattr(module, name)
        raise AttributeError(f"module 'skmi' has no attribute '{name}'")


__all__ = [
    "CLUB",
    "KSG",
    "MINE",
    "NWJ",
    "SMILE",
    "TNCE",
    "TUBA",
    "AutoMI",
    "BarberAgakov",
    "BoundsDisplay",
    "CollapseWarning",
    "ConditionalMatrixDisplay",
    "ConvergenceWarning",
    "DependentColumnsWarning",
    "DifferenceOfEntropies",
    "DiscreteTargetWarning",
    "DonskerVaradhan",
    "DuplicateRowsWarning",
    "EllipticalCopulaMI",
    "EstimateDisplay",
    "FeatureRankingDisplay",
    "FewRowsWarning",
    "GaussianCopulaMI",
    "GaussianMI",
    "HistogramMI",
    "IBEncoder",
    "IBRegressor",
    "InfoMaxEncoder",
    "InfoNCE",
    "InformationPlaneDisplay",
    "InterpolatedBound",
    "JensenShannon",
    "KernelDensityMI",
    "LaggedInformationDisplay",
    "LeaveOneOutBound",
    "MIFeatureSelector",
    "MIGEGradient",
    "MixedKSG",
    "NothingSelectedWarning",
    "PermutationTestDisplay",
    "ReInfoNCE",
    "ReJensenShannon",
    "ReMINE",
    "ReNWJ",
    "ReSMILE",
    "ReTUBA",
    "ReliabilityWarning",
    "SaturationWarning",
    "ScoreEstimator",
    "SerialDependenceWarning",
    "SkmiWarning",
    "StudentCopulaMI",
    "TrainingCurveDisplay",
    "__version__",
    "auto",
    "bottleneck",
    "bounds",
    "critics",
    "datasets",
    "density",
    "display",
    "encoders",
    "entropy",
    "exceptions",
    "feature_selection",
    "gaussian",
    "inference",
    "mi_scorer",
    "multivariate",
    "mutual_info_matrix",
    "neighbors",
    "scores",
    "series",
    "statistics",
    "variational",
]


def __dir__():
    return sorted(__all__)
