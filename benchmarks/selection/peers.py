r"""Feature selection of several packages: score, false discoveries, power, CPU time.

    bash benchmarks/selection/peers.sh DIRECTORY install
    bash benchmarks/selection/peers.sh DIRECTORY run --size small --only "" \
        --tables TABLES --out FILE

One row for each task, method and seed, written as it is found; rows that are in the
file are not run again. Tables of data: selection inside five folds, then the score of a
random forest and of a logistic regression. Planted columns and correlated nulls: power,
and the share of false discoveries, which counts every column that is not in the model
of y; for correlated nulls only of methods that take a level. A fit that takes more CPU
seconds than the limit is ended and recorded.
"""

import argparse
import multiprocessing
import resource
import signal
import warnings
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.datasets import make_friedman1, make_friedman2, make_friedman3
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import tables

BENCHMARK = {
    "data": "drawn; a folder of tables by --tables",
    "tables": {"peers": {"small": "--only xor", "cpu": "--tables feature_selection"}},
}

FIELDS = "task method seed level selected power false_share forest logistic".split()
FIELDS += ["cpu_seconds", "status"]

# size: rows, columns and seeds of the correlated nulls, seeds, tables, limit of a fit
SIZES = {
    "small": {
        "nulls": [(300, 100, 1)],
        "seeds": 1,
        "tables": ["colon", "lung_small", "monk1", "monk2", "monk3"],
        "limit": 20,
    },
    "cpu": {
        "nulls": [(400, 500, 3), (400, 5000, 1)],
        "seeds": 2,
        "tables": None,
        "limit": 60,
    },
}
LEVELS = 0.05, 0.2
N_TRUE = 8


# -- tasks -----------------------------------------------------------------------------


def equicorrelated(n_rows, n_columns, rng):
    """Draw normal columns with a correlation of .6 for each pair."""
    common, own = rng.standard_normal((n_rows, 1)), rng.standard_normal
    return np.sqrt(0.6) * common + np.sqrt(0.4) * own((n_rows, n_columns))


def autoregressive(n_rows, n_columns, rng):
    """Draw normal columns, each with a correlation of .9 with the one before."""
    X = rng.standard_normal((n_rows, n_columns))
    for k in range(1, n_columns):
        X[:, k] = 0.9 * X[:, k - 1] + np.sqrt(1 - 0.9**2) * X[:, k]
    return X


def noisy_copies(n_rows, n_columns, rng):
    """Draw blocks of ten columns: one and nine noisy copies of it."""
    blocks = rng.standard_normal((n_rows, -(-n_columns // 10)))
    X = np.repeat(blocks, 10, axis=1)[:, :n_columns]
    noise = np.sqrt(1 / 9) * rng.standard_normal(X.shape)
    noise[:, ::10] = 0
    return X + noise


DESIGNS = {
    "equicorrelated": equicorrelated,
    "autoregressive": autoregressive,
    "noisy_copies": noisy_copies,
}


def nulls(design, n_rows, n_columns, seed):
    """Draw X, y and the true columns: y is the sum of eight of them and unit noise."""
    rng = np.random.RandomState(seed)
    X = DESIGNS[design](n_rows, n_columns, rng)
    true = 10 * np.sort(rng.permutation(n_columns // 10)[:N_TRUE])
    return X, X[:, true].sum(axis=1) + rng.standard_normal(n_rows), true


def planted(name, seed):
    """Draw X, y and the columns that count."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(size=(1000, 50))
    if name == "friedman1":
        return *make_friedman1(1000, 50, noise=1.0, random_state=seed), np.arange(5)
    if name in ("friedman2", "friedman3"):
        make = make_friedman2 if name == "friedman2" else make_friedman3
        given, y = make(1000, random_state=seed)
        return np.column_stack([given, X[:, 4:]]), y, np.arange(4)
    if name == "ring":
        radius = np.hypot(X[:, 0] - 0.5, X[:, 1] - 0.5)
        return X, (np.abs(radius - 0.35) <= 0.1151).astype(int), np.arange(2)
    if name == "xor":
        return X, ((X[:, 0] > 0.5) ^ (X[:, 1] > 0.5)).astype(int), np.arange(2)
    if name == "parity":
        return X, ((X[:, :3] > 0.5).sum(axis=1) % 2).astype(int), np.arange(3)
    return l2x(name, rng)


def l2x(name, rng):
    """Draw one of the classification problems of L2X (Chen et al., ICML 2018)."""
    X = rng.standard_normal((1000, 10))
    if name == "l2x_xor":
        odds, true = np.exp(X[:, 0] * X[:, 1]), np.arange(2)
    elif name == "l2x_orange":
        odds, true = np.exp((X[:, :4] ** 2).sum(axis=1) - 4), np.arange(4)
    else:
        waves = -100 * np.sin(2 * X[:, 0]) + 2 * np.abs(X[:, 1]) + X[:, 2]
        odds, true = np.exp(waves + np.exp(-X[:, 3])), np.arange(4)
    return X, (rng.uniform(size=1000) < odds / (1 + odds)).astype(int), true


PLANTED = ["friedman1", "friedman2", "friedman3", "ring", "xor", "parity"]
PLANTED += ["l2x_xor", "l2x_orange", "l2x_additive"]


def read_table(directory, name):
    """Read X, y and the true columns of a table, None where they are not known."""
    data = np.load(directory / f"{name}.npz")
    if "X" in data:
        X, y = data["X"], data["y"]
    else:
        names = [end for end in ("train", "valid") if f"X_{end}" in data]
        X = np.vstack([data[f"X_{end}"] for end in names])
        y = np.concatenate([data[f"y_{end}"].ravel() for end in names])
    known = data["relevant"] if "relevant" in data else None
    y = np.unique(y.ravel(), return_inverse=True)[1]
    return X.astype(float), y, known


# -- methods: the columns selected at a level, or as many as are given -----------------


def has_labels(y):
    """Whether a target is one of classes."""
    return y.dtype.kind in "biu"


def by_skmi(X, y, level, size, seed, **options):
    """Select by skmi with nothing else set."""
    from skmi import MIFeatureSelector

    selector = MIFeatureSelector(level=level, random_state=seed, **options)
    return selector.fit(X, y).get_support(indices=True)


def by_skmi_fdr(X, y, level, size, seed):
    """Select by skmi with the false discovery rate controlled."""
    return by_skmi(X, y, level, size, seed, control="fdr")


def by_skmi_number(X, y, level, size, seed):
    """Select a given number of columns by skmi."""
    return by_skmi(X, y, level, size, seed, n_features_to_select=min(size, X.shape[1]))


def by_k_best(X, y, level, size, seed):
    """Select a given number of columns by scikit-learn's mutual information."""
    measure = mutual_info_classif if has_labels(y) else mutual_info_regression
    return np.argsort(-measure(X, y, random_state=seed))[:size]


def by_mrmr(X, y, level, size, seed):
    """Select a given number of columns by mrmr-selection."""
    import pandas as pd
    from mrmr import mrmr_classif, mrmr_regression

    search = mrmr_classif if has_labels(y) else mrmr_regression
    frame = pd.DataFrame(X, columns=range(X.shape[1]))
    return search(frame, pd.Series(y), K=size, n_jobs=1, show_progress=False)


def by_feature_engine(X, y, level, size, seed):
    """Select a given number of columns by feature-engine's MRMR."""
    import pandas as pd
    from feature_engine.selection import MRMR

    frame = pd.DataFrame(X, columns=[str(k) for k in range(X.shape[1])])
    search = MRMR(method="MIQ", max_features=size, regression=not has_labels(y))
    kept = search.fit(frame, pd.Series(y)).get_feature_names_out()
    return [int(name) for name in kept]


def by_fast_select(X, y, level, size, seed):
    """Select a given number of columns by fast-select's MultiSURF."""
    from fast_select import MultiSURF

    search = MultiSURF(n_features_to_select=min(size, X.shape[1]), n_jobs=1)
    return np.argsort(-search.fit(X, y).feature_importances_)[:size]


def by_boruta(X, y, level, size, seed):
    """Select by Boruta."""
    from boruta import BorutaPy

    kind = RandomForestClassifier if has_labels(y) else RandomForestRegressor
    forest = kind(max_depth=5, n_jobs=1)
    search = BorutaPy(forest, n_estimators=100, max_iter=50, alpha=level)
    search.set_params(random_state=seed)
    return np.flatnonzero(search.fit(X, y).support_)


def by_ipss(X, y, level, size, seed):
    """Select by integrated path stability selection at a false discovery rate."""
    from ipss import ipss

    np.random.seed(seed)
    return ipss(X, y.astype(float), target_fdr=level, n_jobs=1)["selected_features"]


def by_knockoffs(X, y, level, size, seed):
    """Select by Gaussian knockoffs with the lasso."""
    from knockpy import KnockoffFilter

    np.random.seed(seed)
    search = KnockoffFilter(ksampler="gaussian", fstat="lasso")
    return np.flatnonzero(search.forward(X, y.astype(float), fdr=level))


METHODS = {  # the module, the function, and whether it takes a level
    "skmi": ("skmi", by_skmi, True),
    "skmi fdr": ("skmi", by_skmi_fdr, True),
    "skmi, number given": ("skmi", by_skmi_number, False),
    "SelectKBest": ("sklearn", by_k_best, False),
    "mrmr-selection": ("mrmr", by_mrmr, False),
    "feature-engine": ("feature_engine", by_feature_engine, False),
    "fast-select": ("fast_select", by_fast_select, False),
    "Boruta": ("boruta", by_boruta, True),
    "ipss": ("ipss", by_ipss, True),
    "knockpy": ("knockpy", by_knockoffs, True),
}


# -- one fit in a process of its own ---------------------------------------------------


def answer(connection, select, arguments, limit):
    """Send the columns and the CPU seconds, or the name of the error."""
    warnings.simplefilter("ignore")
    before = cpu_seconds()
    used = int(before + limit) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used, used + 1))
    try:
        chosen, status = np.unique(np.asarray(select(*arguments), dtype=int)), "ok"
    except Exception as error:
        chosen, status = np.empty(0, int), type(error).__name__
    connection.send((chosen, cpu_seconds() - before, status))


def cpu_seconds():
    """Seconds of this process and those it has ended."""
    who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(sum(resource.getrusage(kind)[:2]) for kind in who)


def run_fit(select, arguments, limit):
    """Return the selected columns, CPU seconds and "ok", an error or "timeout"."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(
        target=answer, args=(sender, select, arguments, limit)
    )
    process.start()
    sender.close()
    try:
        found = receiver.recv()
    except EOFError:
        process.join()
        late = -process.exitcode in (signal.SIGXCPU, signal.SIGKILL)
        status = "timeout" if late else "ended"
        found = np.empty(0, int), float(limit), status
    process.join()
    return found


# -- rows ------------------------------------------------------------------------------


def recovery_row(data, name, level, seed, limit):
    """Run one method on data of which the true columns are known."""
    X, y, true = data
    select = METHODS[name][1]
    chosen, seconds, status = run_fit(select, (X, y, level, len(true), seed), limit)
    row = {"selected": len(chosen), "cpu_seconds": f"{seconds:.2f}", "status": status}
    if status == "ok":
        right = len(np.intersect1d(chosen, true))
        row["power"] = f"{right / len(true):.3f}"
        row["false_share"] = f"{(len(chosen) - right) / max(len(chosen), 1):.3f}"
    return row


def score_row(data, name, level, seed, limit):
    """Run one method in five folds and score a forest and a logistic regression."""
    X, y, _ = data
    smallest = np.bincount(y).min()
    folds = StratifiedKFold(min(5, max(smallest, 2)), shuffle=True, random_state=seed)
    models = {
        "forest": RandomForestClassifier(200, random_state=0),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    scores = {model: [] for model in models}
    sizes, total, states = [], 0.0, []
    for train, test in folds.split(X, y):
        chosen, seconds, status = np.arange(X.shape[1]), 0.0, "ok"
        if name != "all columns":
            arguments = X[train], y[train], level, 20, seed
            chosen, seconds, status = run_fit(METHODS[name][1], arguments, limit)
        total, states = total + seconds, [*states, status]
        if status != "ok":
            break
        sizes.append(len(chosen))
        common = np.bincount(y[train]).argmax()
        for kind, model in models.items():
            right = y[test] == common
            if len(chosen):
                model.fit(X[train][:, chosen], y[train])
                right = model.predict(X[test][:, chosen]) == y[test]
            scores[kind].append(right.mean())
    row = {"cpu_seconds": f"{total:.2f}", "status": states[-1]}
    if states[-1] == "ok":
        row |= {kind: f"{np.mean(values):.4f}" for kind, values in scores.items()}
        row["selected"] = f"{np.mean(sizes):.1f}"
    return row


def tasks(size, directory):
    """Yield the name of each task, the seed, a function of its data and of its row."""
    chosen = SIZES[size]
    for seed in range(chosen["seeds"]):
        for name in PLANTED:
            yield name, seed, lambda n=name, s=seed: planted(n, s), recovery_row
    for n_rows, n_columns, n_seeds in chosen["nulls"]:
        shape = n_rows, n_columns
        for name, seed in product(DESIGNS, range(n_seeds)):
            task = f"{name} {n_rows}x{n_columns}"
            draw = lambda n=name, s=seed, r=shape: nulls(n, *r, s)  # noqa: E731
            yield task, seed, draw, recovery_row
    if directory is None:
        return
    names = chosen["tables"] or sorted(path.stem for path in directory.glob("*.npz"))
    for name in names:
        read = lambda n=name: read_table(directory, n)  # noqa: E731
        yield name, 0, read, score_row
        if name.startswith(("monk", "madelon")):
            yield f"{name} columns", 0, read, recovery_row


def rows_of(task, seed, draw, make_row, options, known):
    """Yield the rows of all methods on one task that are not known yet."""
    data = None
    methods = ["all columns"] if make_row is score_row else []
    for name in [*methods, *METHODS]:
        module, _, has_level = METHODS.get(name, ("sklearn", None, False))
        is_null = task.split()[0] in DESIGNS
        if is_null and not has_level:
            continue
        if options.methods and name not in options.methods:
            continue
        levels = LEVELS if is_null else LEVELS[:1]
        for level in levels:
            key = {"task": task, "method": name, "seed": seed, "level": level}
            if tuple(map(str, key.values())) in known:
                continue
            if not find_spec(module):
                yield {**key, "status": "not installed"}
                continue
            data = draw() if data is None else data
            limit = options.limit or SIZES[options.size]["limit"]
            yield {**key, **make_row(data, name, level, seed, limit)}


def main():
    """Run all tasks that are not in the table yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, help="a folder")
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--only", default="", help="tasks whose name begins so")
    parser.add_argument("--limit", type=float, help="CPU seconds of a fit")
    options = tables.parse(parser, BENCHMARK)
    warnings.simplefilter("ignore")
    table = tables.kept_rows(options.out)
    known = {tuple(row[k] for k in FIELDS[:4]) for row in table}
    for task in tasks(options.size, options.tables):
        if task[0].startswith(options.only):
            for row in rows_of(*task, options, known):
                table.append({key: row.get(key, "") for key in FIELDS})
                tables.write_table(options.out, table)
                print(row, flush=True)


if __name__ == "__main__":
    main()
