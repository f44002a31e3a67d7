"""infomeasure: nearest neighbours."""

from infomeasure import mutual_information

PEER = {
    "package": "infomeasure",
    "install": ["infomeasure"],
    "quick": ["infomeasure"],
    "slow": [],
}
ESTIMATORS = {
    "infomeasure": lambda X, y: mutual_information(X, y, approach="ksg", k=3, base="e")
}
