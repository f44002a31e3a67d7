"""Every warning points at the line of the user that provoked it."""

import ast
import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmi
from skmi import (
    KSG,
    NWJ,
    AutoMI,
    GaussianMI,
    IBEncoder,
    IBRegressor,
    InfoMaxEncoder,
    InfoNCE,
    MIFeatureSelector,
    MIGEGradient,
    ScoreEstimator,
    scores,
)
from skmi.exceptions import (
    CollapseWarning,
    ConvergenceWarning,
    DependentColumnsWarning,
    DiscreteTargetWarning,
    DuplicateRowsWarning,
    FewRowsWarning,
    NothingSelectedWarning,
    ReliabilityWarning,
    SaturationWarning,
    SerialDependenceWarning,
    SkmiWarning,
)
from skmi.inference import (
    confidence_interval,
    independence_test,
    permutation_test,
    self_consistency,
)
from tests.oracle import draw_normal

PACKAGE = Path(skmi.__file__).parent

rng = np.random.RandomState(0)
X = rng.standard_normal((60, 2))
y = X[:, 0] + rng.standard_normal(60)
labels = np.where(y > 0, "up", "down")
codes = np.arange(60.0) % 3  # numbers that look like labels
summed = np.column_stack([X, X.sum(axis=1)])  # columns that depend on each other
twins, twin_y = np.tile(X, (5, 1)), np.tile(y, 5)
walk = np.cumsum(rng.standard_normal(60))
rare = np.array(["often"] * 57 + ["rare"] * 3)
FEW = {"max_iter": 2, "random_state": 0}
SEED = {"random_state": 0}


class SmallMemory(torch.nn.Module):
    """A critic with too little memory to score many samples at once."""

    def __init__(self, n_x, n_y):
        super().__init__()
        self.layer = torch.nn.Linear(n_x, n_y)

    def forward(self, x, y):
        if len(x) > 100:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return self.layer(x) @ y.mT


def normal_pair(n_samples):
    """A pair without repeated rows."""
    X, Y, _ = draw_normal(n_samples, 1, 0.5, seed=0)
    return X, Y


# What is called, and the class of the warning that it gives.
CASES = {
    "fit of neighbours": (
        lambda: KSG().fit(X[:6], y[:6]),
        FewRowsWarning,
    ),
    "test of series": (
        lambda: independence_test(walk, walk[::-1], n_permutations=9),
        SerialDependenceWarning,
    ),
    "fit of copies": (
        lambda: GaussianMI().fit(twins, twin_y),
        DuplicateRowsWarning,
    ),
    "fit of an exact relation": (
        lambda: KSG(**SEED).fit(X, X),
        SaturationWarning,
    ),
    "fit beyond the logarithm of the number of samples": (
        lambda: AutoMI(cv=2, max_iter=2, random_state=0).fit(X, X**3),
        ReliabilityWarning,
    ),
    "fit of a critic": (
        lambda: InfoNCE(**FEW).fit(X, y),
        ConvergenceWarning,
    ),
    "fit in folds": (
        lambda: InfoNCE(cv=5, early_stopping=False, **FEW).fit(X, rare),
        FewRowsWarning,
    ),
    "fit on a full device": (
        lambda: NWJ(
            critic=SmallMemory,
            batch_size=32,
            test_size=30,
            validation_fraction=0.5,
            **FEW,
        ).fit(*normal_pair(300)),
        SkmiWarning,
    ),
    "partial_fit": (
        lambda: InfoNCE(**SEED).partial_fit(X, codes),
        DiscreteTargetWarning,
    ),
    "AutoMI": (
        lambda: AutoMI(cv=2, **FEW).fit(X, codes),
        DiscreteTargetWarning,
    ),
    "AutoMI of copies": (
        lambda: AutoMI(cv=2, **FEW).fit(twins, twin_y),
        DuplicateRowsWarning,
    ),
    "a pipeline": (
        lambda: make_pipeline(StandardScaler(), KSG()).fit(X, codes),
        DiscreteTargetWarning,
    ),
    "a pipeline in cross-validation": (
        lambda: cross_val_score(make_pipeline(StandardScaler(), KSG()), X, codes, cv=2),
        DiscreteTargetWarning,
    ),
    "a search": (
        lambda: GridSearchCV(KSG(), {"n_neighbors": [3, 5]}, cv=2, n_jobs=1).fit(
            twins, twin_y
        ),
        DuplicateRowsWarning,
    ),
    "permutation test": (
        lambda: permutation_test(GaussianMI(), X, codes, n_permutations=3, n_jobs=1),
        DiscreteTargetWarning,
    ),
    "permutation test of a critic": (
        lambda: permutation_test(NWJ(**FEW), X, codes, n_permutations=2, **SEED),
        DiscreteTargetWarning,
    ),
    "confidence interval": (
        lambda: confidence_interval(GaussianMI(), X[:7], y[:7], n_jobs=1),
        FewRowsWarning,
    ),
    "confidence interval by halves": (
        lambda: confidence_interval(
            GaussianMI(), X, codes, method="subsample", n_resamples=2, n_jobs=1
        ),
        DiscreteTargetWarning,
    ),
    "self-consistency": (
        lambda: self_consistency(KSG(), X, codes, n_jobs=1, **SEED),
        DiscreteTargetWarning,
    ),
    "selector": (
        lambda: MIFeatureSelector(**SEED).fit(X[::-1], labels),
        NothingSelectedWarning,
    ),
    "selector in a pipeline": (
        lambda: make_pipeline(StandardScaler(), MIFeatureSelector(**SEED)).fit(
            X[::-1], labels
        ),
        NothingSelectedWarning,
    ),
    "selector with an estimator": (
        lambda: MIFeatureSelector(
            estimator=KSG(**SEED), n_permutations=20, n_jobs=1, **SEED
        ).fit(X[::-1], y),
        NothingSelectedWarning,
    ),
    "selector with a critic": (
        lambda: MIFeatureSelector(estimator=NWJ(**FEW), n_permutations=20, **SEED).fit(
            X[::-1], y
        ),
        NothingSelectedWarning,
    ),
    "encoder of views": (
        lambda: InfoMaxEncoder(**FEW).fit(X, X.round()),
        DiscreteTargetWarning,
    ),
    "gradient": (
        lambda: MIGEGradient(n_components=1, **FEW).fit(X, codes.astype(int)),
        DiscreteTargetWarning,
    ),
    "score estimator": (
        lambda: ScoreEstimator(**SEED).fit(summed).transform(summed),
        DependentColumnsWarning,
    ),
    "bottleneck": (
        lambda: IBEncoder(beta=1e4, max_iter=30, **SEED).fit(X, labels),
        CollapseWarning,
    ),
    "bottleneck of few rows": (
        lambda: IBRegressor(**FEW).fit(X[:7], y[:7]),
        FewRowsWarning,
    ),
    "information plane": (
        lambda: IBEncoder(**FEW).information_plane(X, labels, [0.1]),
        ConvergenceWarning,
    ),
    "score function": (
        lambda: scores.nu_method(torch.tensor(summed)),
        DependentColumnsWarning,
    ),
    "gradient of mutual information": (
        lambda: scores.mutual_info_gradient(torch.tensor(summed), torch.tensor(X)),
        DependentColumnsWarning,
    ),
}


def places(call):
    """The lines of this file that a function of it spans."""
    code = call.__code__
    return {line for *_, line in code.co_lines() if line is not None}


@pytest.mark.parametrize("name", CASES)
def test_a_warning_points_at_the_call(name):
    call, category = CASES[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    ours = [item for item in caught if issubclass(item.category, SkmiWarning)]
    assert category in {item.category for item in ours}
    for item in ours:
        assert item.filename == __file__, item
        assert item.lineno in places(call), item


def test_every_class_is_provoked():
    public = {getattr(skmi.exceptions, name) for name in skmi.exceptions.__all__}
    classes = {item for item in public if inspect.isclass(item)}
    assert {category for _, category in CASES.values()} == classes


def test_a_warning_of_a_nested_call_points_at_the_innermost_line_of_the_user():
    def helper():
        return KSG().fit(X[:6], y[:6])

    with pytest.warns(FewRowsWarning) as caught:
        helper()
    assert {item.lineno for item in caught} <= places(helper)


def calls_of(path):
    """The calls in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_warnings_are_given_in_one_place(path):
    if path == PACKAGE / "exceptions.py":
        return
    for call in calls_of(path):
        assert ast.unparse(call.func) not in {"warnings.warn", "warnings.warn_explicit"}
        assert "stacklevel" not in {keyword.arg for keyword in call.keywords}
    text = path.read_text(encoding="utf-8")
    assert "from warnings import" not in text
    assert "stacklevel" not in text
