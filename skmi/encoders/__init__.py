"""Transformers: encoders trained by mutual information, and score functions."""

from skmi.encoders._networks import OBJECTIVES
from skmi.encoders.infomax import InfoMaxEncoder
from skmi.encoders.mige import MIGEGradient
from skmi.encoders.score_estimator import ScoreEstimator

__all__ = ["OBJECTIVES", "InfoMaxEncoder", "MIGEGradient", "ScoreEstimator"]
