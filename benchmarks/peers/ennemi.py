"""ennemi: nearest neighbours between single columns."""

from ennemi import estimate_mi

PEER = {"package": "ennemi", "install": ["ennemi"], "quick": ["ennemi"], "slow": []}


def neighbors(X, y):
    """Return the mutual information of one column with one."""
    if X.shape[1] + y.shape[1] > 2:
        raise NotImplementedError("one column with one")
    return estimate_mi(y[:, 0], X[:, 0], max_threads=1).item()


ESTIMATORS = {"ennemi": neighbors}
