"""Estimators that train a critic to tighten a variational bound."""

from skmi.variational.conditional import BarberAgakov, DifferenceOfEntropies
from skmi.variational.contrastive import InfoNCE, InterpolatedBound
from skmi.variational.known import CLUB, TNCE, LeaveOneOutBound
from skmi.variational.ratio import (
    MINE,
    NWJ,
    SMILE,
    TUBA,
    DonskerVaradhan,
    JensenShannon,
)
from skmi.variational.regularized import (
    ReInfoNCE,
    ReJensenShannon,
    ReMINE,
    ReNWJ,
    ReSMILE,
    ReTUBA,
)

__all__ = [
    "CLUB",
    "MINE",
    "NWJ",
    "SMILE",
    "TNCE",
    "TUBA",
    "BarberAgakov",
    "DifferenceOfEntropies",
    "DonskerVaradhan",
    "InfoNCE",
    "InterpolatedBound",
    "JensenShannon",
    "LeaveOneOutBound",
    "ReInfoNCE",
    "ReJensenShannon",
    "ReMINE",
    "ReNWJ",
    "ReSMILE",
    "ReTUBA",
]
