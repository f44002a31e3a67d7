"""npeet_plus, the fork of NPEET on the package index: nearest neighbours."""

import math

from npeet_plus import mi

PEER = {
    "package": "npeet-plus",
    "install": ["npeet_plus"],
    "quick": ["npeet_plus"],
    "slow": [],
}
ESTIMATORS = {"npeet_plus": lambda X, y: mi(X, y, k=3, base=math.e)}
