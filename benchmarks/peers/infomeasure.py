"""infomeasure: nearest neighbours."""

from infomeasure import mutual_information

PEER = {
    "package": "infomeasure",
    "install": ["infomeasure"],
    "quick": ["infomeasure"],
    "slow": [],
    "most_rows": {"infomeasure": 3000},
}
ESTIMATORS = {
    "infomeasure": lambda X, y: mutual_information(X, y, approach="ksg", k=3, base="e")
}
