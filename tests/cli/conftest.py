import datetime

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def planted(tmp_path):
    """A table with columns of known strength, kinds of all sorts and holes."""
    rng = np.random.RandomState(0)
    n = 400
    strong, weak, noise, error = rng.standard_normal((4, n))
    group = rng.randint(3, size=n)
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(n)]
    frame = pd.DataFrame(
        {
            "weak": weak,
            "noise": noise,
            "strong": strong,
            "group": np.array(["red", "green", "blue"])[group],
            "rank": group + 1,
            "id": [f"row {i}" for i in range(n)],
            "day": days,
            "constant": "always",
            "empty": np.nan,
            "y": strong + 0.6 * weak + group + 0.5 * error,
        }
    )
    frame.loc[::7, "strong"] = np.nan
    frame.loc[::5, "group"] = None
    return frame
