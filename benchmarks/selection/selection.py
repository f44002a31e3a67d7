"""Feature selection by skmi and scikit-learn: features found and CPU seconds.

    python -m benchmarks run selection
    python -m benchmarks run selection_tables

One row for each task and method: in how many draws all carriers were found, carriers
found, other columns selected, seconds. With a directory of tables, madelon, the MONK
problems and accuracy by number of columns as well.
"""

import argparse
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import make_friedman1, make_friedman2, make_friedman3
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import (
    SelectKBest,
    mutual_info_classif,
    mutual_info_regression,
)
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from benchmarks import tables
from skmi import InfoNCE, MIFeatureSelector

BENCHMARK = {
    "data": "drawn; a folder of tables by --tables",
    "tables": {
        "selection": {
            "small": "--draws 1 --most-columns 100",
            "cpu": "",
        },
        "selection_tables": {
            "cpu": "--tables feature_selection",
        },
    },
}


def ring(X):
    """Return whether points lie on a ring that holds half of the unit square."""
    radius = np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5)
    return np.abs(radius - 0.35) <= 0.1151


def xor(X):
    """Return whether one and only one of two values is above a half."""
    return (X[:, 0] > 0.5) ^ (X[:, 1] > 0.5)


def planted(name, n_columns, seed):
    """Return X, y and the number of columns, the first ones, that count."""
    rng = np.random.RandomState(seed)
    n_rows = 2000 if name == "parity" else 1000
    X = rng.uniform(size=(n_rows, n_columns))
    if name == "xor":
        return X, xor(X), 2
    if name == "ring":
        return X, ring(X), 2
    if name == "ring+xor":
        return X, ring(X) | xor(X[:, 2:]), 4
    if name == "ring+xor+sum":
        votes = ring(X).astype(int) + xor(X[:, 2:]) + (X[:, 4] + X[:, 5] > 1)
        return X, votes >= 2, 6
    if name == "parity":
        return X, (X[:, :3] > 0.5).sum(axis=1) % 2 == 1, 3
    if name == "additive":
        Z = rng.standard_normal((n_rows, n_columns))
        return Z, np.exp(-2 * np.sin(2 * Z[:, 0]) + Z[:, 1]) > 1, 2
    if name == "noise":
        return X[:500], rng.standard_normal(500), 0
    return (*friedman(name, n_columns, seed, X), 5 if name == "friedman1" else 4)


def friedman(name, n_columns, seed, X):
    """Return one of Friedman's problems with columns of noise appended."""
    if name == "friedman1":
        return make_friedman1(1000, n_columns, noise=1.0, random_state=seed)
    make = make_friedman2 if name == "friedman2" else make_friedman3
    given, y = make(1000, random_state=seed)
    return np.column_stack([given, X[:, 4:]]), y


def has_labels(y):
    """Whether a target is one of classes."""
    return y.dtype.kind in "biu"


def forest(X, y):
    """Return a random forest for the kind of target."""
    kind = RandomForestClassifier if has_labels(y) else RandomForestRegressor
    return kind(100, random_state=0).fit(X, y)


def by_neighbours(X, y, size):
    """Return the best columns by scikit-learn's mutual information."""
    measure = mutual_info_classif if has_labels(y) else mutual_info_regression
    return np.argsort(-measure(X, y, random_state=0))[:size]


def by_forest(X, y, size):
    """Return the best columns by the importance of a random forest."""
    return np.argsort(-forest(X, y).feature_importances_)[:size]


def by_default(X, y, size):
    """Return what the selector finds with nothing set."""
    return MIFeatureSelector(random_state=0).fit(X, y).get_support(indices=True)


def by_critics(X, y, size):
    """Return what the selector finds with critics of many columns."""
    critic = InfoNCE(critic="separable", n_negatives=16)
    selector = MIFeatureSelector(criterion="joint", estimator=critic, random_state=0)
    return selector.fit(X, y).get_support(indices=True)


def by_mrmr(X, y, size):
    """Return the columns of mrmr-selection, by F statistic and correlation."""
    from mrmr import mrmr_classif, mrmr_regression

    search = mrmr_classif if has_labels(y) else mrmr_regression
    frame = pd.DataFrame(X, columns=range(X.shape[1]))
    return search(frame, pd.Series(y), K=size, n_jobs=1, show_progress=False)


def by_feature_engine(X, y, size):
    """Return the columns of feature-engine's MRMR, by mutual information."""
    from feature_engine.selection import MRMR

    frame = pd.DataFrame(X, columns=[str(k) for k in range(X.shape[1])])
    search = MRMR(method="MIQ", max_features=size, regression=not has_labels(y))
    kept = search.fit(frame, pd.Series(y)).get_feature_names_out()
    return [int(name) for name in kept]


def by_boruta(X, y, size):
    """Return the columns that Boruta confirms; it chooses how many."""
    from boruta import BorutaPy

    kind = RandomForestClassifier if has_labels(y) else RandomForestRegressor
    search = BorutaPy(
        kind(max_depth=5, n_jobs=1), n_estimators=100, max_iter=50, random_state=0
    )
    return np.flatnonzero(search.fit(X, y).support_)


PEERS = {
    "mrmr-selection": ("mrmr", by_mrmr),
    "feature-engine MRMR": ("feature_engine", by_feature_engine),
    "Boruta": ("boruta", by_boruta),
}
METHODS = {
    "MIFeatureSelector": by_default,
    "mutual_info of scikit-learn": by_neighbours,
    "random forest": by_forest,
}
METHODS |= {
    name: select for name, (module, select) in PEERS.items() if find_spec(module)
}
MOST_COLUMNS_OF_PEERS = 512
DEFAULT = ("MIFeatureSelector", by_default)
TASKS = [
    ("ring+xor", 2048),
    ("ring+xor", 512),
    ("xor", 2048),
    ("ring", 512),
    ("ring+xor+sum", 512),
    ("additive", 512),
    ("friedman1", 100),
    ("friedman2", 100),
    ("friedman3", 100),
]


def recover(name, n_columns, n_draws, method, select):
    """Return the row of one method on one planted task."""
    found, others, full, seconds = [], [], 0, []
    for seed in range(n_draws):
        X, y, size = planted(name, n_columns, seed)
        start = time.perf_counter()
        chosen = set(np.asarray(select(X, y, size)).tolist())
        seconds.append(time.perf_counter() - start)
        right = len(chosen & set(range(size)))
        found.append(right)
        others.append(len(chosen) - right)
        full += right == size
    return {
        "task": f"{name}, {n_columns} columns",
        "method": method,
        "draws": n_draws,
        "all_found": full if size else "",
        "found": f"{np.mean(found):.2f} of {size}",
        "others": f"{np.mean(others):.2f}",
        "draws_with_others": sum(map(bool, others)),
        "seconds": f"{np.mean(seconds):.2f}",
        "score": "",
    }


def planted_rows(most_draws, most_columns):
    """Yield the rows of all planted tasks; the peers, which are slow, in two draws."""
    if most_columns >= 500:
        yield targets_row()
        yield from carriers_rows()
    plan = [("noise", 200, 100, *DEFAULT)]
    plan += [("parity", 64, 6, "joint, critics", by_critics)]
    plan += [(*task, 6, *DEFAULT) for task in [*TASKS, ("parity", 64)]]
    plan += [
        (*task, 2, *method)
        for task in TASKS
        for method in list(METHODS.items())[1:]
        if task[1] <= MOST_COLUMNS_OF_PEERS
    ]
    for name, n_columns, n_draws, method, select in plan:
        if n_columns <= most_columns:
            yield recover(name, n_columns, min(n_draws, most_draws), method, select)


def targets_row():
    """Time 500 columns against three targets with 200 permutations."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1000, 500))
    Y = X[:, :3] + rng.standard_normal((1000, 3))
    return {
        **recover_given("3 targets, 500 columns, n=1000", X, Y, 3, *DEFAULT),
        "score": "",
    }


def carriers_rows():
    """Time twenty of 200 columns on 5000 rows beside scikit-learn."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((5000, 200))
    y = X[:, :20].sum(axis=1) + rng.standard_normal(5000) > 0
    for method, select in (
        ("MIFeatureSelector(n_features_to_select=20)", by_number),
        DEFAULT,
        ("mutual_info of scikit-learn", by_neighbours),
    ):
        yield recover_given("20 carriers of 200, n=5000", X, y, 20, method, select)


def by_number(X, y, size):
    """Return as many columns as there are carriers."""
    selector = MIFeatureSelector(n_features_to_select=size, random_state=0)
    return selector.fit(X, y).get_support(indices=True)


def recover_given(task, X, y, size, method, select):
    """Return the row of one method on given data whose first columns count."""
    start = time.perf_counter()
    chosen = np.asarray(select(X, y, size))
    seconds = time.perf_counter() - start
    return {
        "task": task,
        "method": method,
        "draws": 1,
        "all_found": int((chosen < size).sum() == size),
        "found": f"{(chosen < size).sum()} of {size}",
        "others": f"{(chosen >= size).sum()}",
        "draws_with_others": int((chosen >= size).any()),
        "seconds": f"{seconds:.2f}",
        "score": "",
    }


def table_rows(directory):
    """Yield rows for known columns and for accuracy on tables."""
    for name in ("madelon", "monk1", "monk2", "monk3"):
        data = np.load(directory / f"{name}.npz")
        X, y = data["X_train"].astype(float), data["y_train"].astype(int)
        if name == "madelon":
            X = np.vstack([X, data["X_valid"].astype(float)])
            y = np.append(y, data["y_valid"].astype(int))
        known = data["relevant"]
        rest = np.setdiff1d(np.arange(X.shape[1]), known)
        X = X[:, [*known, *rest]]
        for method, select in METHODS.items():
            row = recover_given(name, X, y, len(known), method, select)
            if name == "madelon" and method == "MIFeatureSelector":
                model = make_pipeline(
                    MIFeatureSelector(random_state=0),
                    RandomForestClassifier(300, random_state=0),
                )
                folds = StratifiedKFold(5, shuffle=True, random_state=0)
                area = cross_val_score(model, X, y, cv=folds, scoring="roc_auc")
                row["score"] = f"AUROC {area.mean():.3f}"
            yield row
    for name in ("colon", "leukemia", "lung_small", "lymphoma", "ALLAML"):
        data = np.load(directory / f"{name}.npz")
        X, y = data["X"].astype(float), data["y"].astype(int).ravel()
        for size in (5, 10, 20):
            yield from accuracy_rows(name, X, y, size)


def accuracy_rows(name, X, y, size):
    """Yield the accuracy of a forest on so many columns, chosen inside the folds."""
    rng = np.random.RandomState(0)
    selectors = {
        "MIFeatureSelector(k)": MIFeatureSelector(
            n_features_to_select=size, random_state=0
        ),
        "SelectKBest(mutual_info)": SelectKBest(mutual_info_classif, k=size),
        "random columns": SelectKBest(
            lambda X, y: rng.uniform(size=X.shape[1]), k=size
        ),
    }
    for method, selector in selectors.items():
        model = make_pipeline(selector, RandomForestClassifier(200, random_state=0))
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
        start = time.perf_counter()
        scores = cross_val_score(model, X, y, cv=folds)
        yield {
            "task": f"{name}, k={size}",
            "method": method,
            "draws": 3,
            "all_found": "",
            "found": "",
            "others": "",
            "draws_with_others": "",
            "seconds": f"{(time.perf_counter() - start) / 3:.2f}",
            "score": f"accuracy {scores.mean():.3f}",
        }


def main():
    """Run all tasks and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, help="a folder")
    parser.add_argument("--draws", type=int, default=100, help="at most")
    parser.add_argument("--most-columns", type=int, default=10**9)
    options = tables.parse(parser, BENCHMARK)
    if options.tables and not options.tables.is_dir():
        sys.exit(f"there is no folder {options.tables}: pass --tables FOLDER")
    warnings.simplefilter("ignore")
    rows, table = table_rows(options.tables) if options.tables else None, []
    for row in rows or planted_rows(options.draws, options.most_columns):
        table.append(row)
        tables.write_table(options.out, table)
        print(row, flush=True)


if __name__ == "__main__":
    main()
