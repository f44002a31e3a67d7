"""skmi: mutual information as scikit-learn estimators.

How much does X tell about Y, is it real, and which columns carry it? Every estimator
has ``fit(X, Y)``, ``mutual_info_`` in nats and ``score(X, Y)``.
"""

import importlib

__version__ = "0.1.0"

_MODULE_OF_NAME = {
    "AutoMI": "auto",
    "BarberAgakov": "variational",
    "BoundsDisplay": "display",
    "CLUB": "variational",
    "CollapseWarning": "exceptions",
    "ConvergenceWarning": "exceptions",
    "DependentColumnsWarning": "exceptions",
    "DifferenceOfEntropies": "variational",
    "DiscreteTargetWarning": "exceptions",
    "DonskerVaradhan": "variational",
    "DuplicateRowsWarning": "exceptions",
    "EllipticalCopulaMI": "gaussian",
    "FeatureRankingDisplay": "display",
    "FewRowsWarning": "exceptions",
    "GaussianCopulaMI": "gaussian",
    "GaussianMI": "gaussian",
    "HistogramMI": "density",
    "IBEncoder": "bottleneck",
    "IBRegressor": "bottleneck",
    "InformationPlaneDisplay": "display",
    "InfoMaxEncoder": "encoders",
    "InfoNCE": "variational",
    "InterpolatedBound": "variational",
    "JensenShannon": "variational",
    "KSG": "neighbors",
    "KernelDensityMI": "density",
    "LeaveOneOutBound": "variational",
    "MIFeatureSelector": "feature_selection",
    "MIGEGradient": "gradient",
    "MINE": "variational",
    "MixedKSG": "neighbors",
    "NWJ": "variational",
    "NothingSelectedWarning": "exceptions",
    "PermutationTestDisplay": "display",
    "ReInfoNCE": "variational",
    "ReJensenShannon": "variational",
    "ReMINE": "variational",
    "ReNWJ": "variational",
    "ReSMILE": "variational",
    "ReTUBA": "variational",
    "SMILE": "variational",
    "SaturationWarning": "exceptions",
    "ScoreEstimator": "gradient",
    "SkmiWarning": "exceptions",
    "StudentCopulaMI": "gaussian",
    "TNCE": "variational",
    "TUBA": "variational",
    "TrainingCurveDisplay": "display",
    "mi_scorer": "base",
    "mutual_info_matrix": "feature_selection",
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
    "gradient",
    "inference",
    "neighbors",
    "reference",
    "scores",
    "statistics",
    "variational",
]

__all__ = ["__version__", *_MODULE_OF_NAME, *_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"skmi.{name}")
    if name in _MODULE_OF_NAME:
        module = importlib.import_module(f"skmi.{_MODULE_OF_NAME[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'skmi' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)
