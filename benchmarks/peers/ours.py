"""Estimators of skmi, with default parameters."""

import torch

import skmi

PEER = {
    "slow_seeds": 3,
    "most_rows": {"KernelDensityMI": 3000},
    "package": "skmi",
    "install": [],
    "quick": [
        "AutoMI",
        "EllipticalCopulaMI",
        "GaussianMI",
        "GaussianCopulaMI",
        "StudentCopulaMI",
        "KSG",
        "MixedKSG",
        "HistogramMI",
        "KernelDensityMI",
    ],
    "slow": [
        "InfoNCE",
        "NWJ",
        "TUBA",
        "JensenShannon",
        "InterpolatedBound",
        "DonskerVaradhan",
        "MINE",
        "SMILE",
        "ReMINE",
        "ReNWJ",
        "ReTUBA",
        "ReInfoNCE",
        "ReJensenShannon",
        "ReSMILE",
        "TNCE",
        "BarberAgakov",
        "LeaveOneOutBound",
        "CLUB",
        "DifferenceOfEntropies",
    ],
}
MOST_COLUMNS = {"HistogramMI": 4, "KernelDensityMI": 10}
NAMES = [*PEER["quick"], *PEER["slow"]]
torch.set_num_threads(1)


def fit(name, X, y):
    """Fit an estimator; return its estimate, its 95 % interval and its status."""
    if X.shape[1] + y.shape[1] > MOST_COLUMNS.get(name, float("inf")):
        raise NotImplementedError(f"made for {MOST_COLUMNS[name]} columns")
    kind = getattr(skmi, name)
    seeded = "random_state" in kind().get_params()
    model = (kind(random_state=0) if seeded else kind()).fit(X, y)
    value, margin = model.mutual_info_, 1.96 * model.standard_error_
    low, high = getattr(model, "confidence_interval_", (value - margin, value + margin))
    return {
        "estimate": float(value),
        "low": float(low),
        "high": float(high),
        "status": getattr(model, "status_", None),
    }


ESTIMATORS = {name: lambda X, y, name=name: fit(name, X, y) for name in NAMES}
