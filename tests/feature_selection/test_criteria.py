import numpy as np
import pytest

from skmi import MIFeatureSelector
from skmi.entropy import discrete_entropy
from skmi.feature_selection.criteria import CRITERIA, CriterionState, Overlap
from tests.feature_selection.planted import (
    additive,
    conditional,
    corrected,
    draw_codes,
)


def test_criteria_are_those_of_brown_et_al():
    codes, y = draw_codes()
    x, s, t = codes[:, 1], codes[:, 0], codes[:, 2]
    r = corrected(x, y)
    red = [corrected(x, z) for z in (s, t)]
    con = [conditional(x, z, y) for z in (s, t)]
    both = [
        r + corrected(z, y) - a + b for z, a, b in zip((s, t), red, con, strict=True)
    ]
    entropy = [discrete_entropy(x * 100 + z * 10 + y) for z in (s, t)]
    loss = [a - b for a, b in zip(red, con, strict=True)]
    expected = {
        "mim": r,
        "mifs": r - sum(red),
        "mrmr": r - np.mean(red),
        "mrmr_quotient": r / max(np.mean(red), 1e-2),
        "cife": r - sum(loss),
        "jmi": r - np.mean(loss),
        "jmim": min(both),
        "cmim": r - max(loss),
        "icap": r - sum(max(0, value) for value in loss),
        "disr": np.mean([b / h for b, h in zip(both, entropy, strict=True)]),
    }
    for name, value in expected.items():
        running = CriterionState(name, np.array([r]))
        assert running.values[0] == r
        for i, z in enumerate((s, t)):
            figures = ([red[i]], [con[i]], [r], corrected(z, y), [entropy[i]])
            running.add(Overlap(*map(np.asarray, figures)))
        assert running.values[0] == pytest.approx(value), name


@pytest.mark.parametrize("criterion", CRITERIA)
def test_each_criterion_finds_what_counts(criterion):
    X, y = additive()
    selector = MIFeatureSelector(
        criterion=criterion, n_features_to_select=4, random_state=0
    ).fit(X, y)
    support = set(selector.get_support(indices=True))
    if criterion in {"mim", "jmi", "jmim", "disr"}:
        assert support == {0, 1, 2, 3}
    else:
        assert {1, 2} < support
        assert support & {0, 3}
    if criterion in {"mifs", "mrmr", "mrmr_quotient", "cmim", "icap"}:
        assert not {0, 3} <= set(np.argsort(selector.ranking_)[:3])
