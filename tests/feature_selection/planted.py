"""Data with known dependence, and slower second implementations."""

import numpy as np
import pandas as pd
from sklearn.metrics import mutual_info_score


def xor(seed=0, n_rows=1000, n_columns=50, first=7, second=31):
    X = np.random.RandomState(seed).uniform(size=(n_rows, n_columns))
    return X, (X[:, first] > 0.5) ^ (X[:, second] > 0.5)


def additive(seed=0, n_rows=600, n_columns=12):
    """Columns 0, 1 and 2 count, 3 nearly repeats 0, the others are noise."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows, n_columns))
    X[:, 3] = X[:, 0] + 0.1 * rng.standard_normal(n_rows)
    return X, X[:, 0] + X[:, 1] + 0.7 * X[:, 2] + 0.5 * rng.standard_normal(n_rows)


def mixed_frame(n_rows=500):
    rng = np.random.RandomState(0)
    color = rng.choice(["red", "green", "blue"], size=n_rows)
    size = rng.standard_normal(n_rows)
    frame = pd.DataFrame(
        {
            "noise": rng.standard_normal(n_rows),
            "size": size,
            "color": color,
            "gone": np.where(rng.uniform(size=n_rows) < 0.5, np.nan, size * 0),
            "kind": pd.Categorical(rng.choice(["u", "v"], size=n_rows)),
        }
    )
    missing = frame["gone"].isna().to_numpy()
    y = size + 2 * (color == "red") + 2 * missing + 0.3 * rng.standard_normal(n_rows)
    frame.loc[::10, "size"] = np.nan
    frame.loc[::7, "color"] = None
    return frame, y


def draw_codes(seed=0, n_rows=300):
    rng = np.random.RandomState(seed)
    codes = np.column_stack([rng.randint(k, size=n_rows) for k in (2, 5, 3, 5, 4)])
    return codes, (codes[:, 0] + codes[:, 2] + rng.randint(2, size=n_rows)) % 3


def corrected(x, y):
    """The plug-in value less Miller's correction."""
    freedom = (len(set(x)) - 1) * (len(set(y)) - 1)
    return mutual_info_score(x, y) - freedom / (2 * len(x))


def conditional(x, z, y):
    """I(x; z | y), the correction made in each class."""
    return sum((y == c).mean() * corrected(x[y == c], z[y == c]) for c in set(y))
