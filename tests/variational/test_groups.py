"""Splits of the user's: groups, predefined test samples, splitters with groups."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, PredefinedSplit

import skmi
from skmi._data.splitting import hold_out
from tests.oracle import draw_normal

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")

SETTINGS = {"max_iter": 2, "random_state": 0}


def split_of(model, *given, **options):
    """Return the folds that a fit makes."""
    folds = []
    make = type(model)._split

    def note(self, *args):
        folds.extend(make(self, *args))
        return folds

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "_split", note)
        model.fit(*given, **options)
    return folds


@pytest.mark.parametrize("cv", [None, 4, GroupKFold(3)])
def test_a_group_has_one_purpose(cv):
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    names = np.array(
        [f"person {i}" for i in np.random.RandomState(0).randint(40, size=300)]
    )
    folds = split_of(skmi.InfoNCE(cv=cv, **SETTINGS), X, Y, groups=names)
    assert len(folds) == {None: 1, 4: 4}.get(cv, 3)
    for fold in folds:
        parts = [set(names[rows]) for rows in fold]
        assert sum(map(len, parts)) == len(set(names))
        assert set.union(*parts) == set(names)
        assert len(fold.stop) >= 0.15 * (300 - len(fold.report))


def test_dependence_within_groups_is_not_found_again():
    """Ten copies, nearly, of each of 60 pairs of independent variables."""
    rng = np.random.RandomState(0)
    groups = np.repeat(np.arange(60), 10)
    X, Y = rng.standard_normal((2, 60, 1))[:, groups] + 0.01 * rng.standard_normal(
        (2, 600, 1)
    )
    settings = {"learning_rate_init": 5e-3, "random_state": 0}
    alone = skmi.InfoNCE(**settings).fit(X, Y).mutual_info_
    together = skmi.InfoNCE(**settings).fit(X, Y, groups=groups).mutual_info_
    assert alone > 1
    assert together < 0.1


def test_test_samples_may_be_given():
    X, Y, _ = draw_normal(200, 1, 0.5, seed=0)
    own = np.where(np.arange(200) < 50, 0, -1)
    (fold,) = split_of(skmi.NWJ(cv=PredefinedSplit(own), **SETTINGS), X, Y)
    assert sorted(fold.report) == list(range(50))


def test_whole_groups_are_held_out_until_there_are_enough():
    groups = np.repeat([0, 1, 2, 3], [10, 20, 30, 40])
    for seed in range(5):
        rest, held = hold_out(np.arange(100), 25, np.random.RandomState(seed), groups)
        assert not set(groups[rest]) & set(groups[held])
        assert 25 <= len(held) < 25 + 40


def test_groups_of_another_length_or_with_z_are_refused():
    X, Y, _ = draw_normal(50, 1, 0.5, seed=0)
    with pytest.raises(ValueError, match="groups has 3 labels for 50 samples"):
        skmi.InfoNCE(**SETTINGS).fit(X, Y, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="groups cannot be combined with Z"):
        skmi.InfoNCE(**SETTINGS).fit(X, Y, X, groups=np.arange(50))


def test_test_samples_without_weight_are_refused():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    is_test = np.arange(300) >= 200
    model = skmi.InfoNCE(max_iter=2, cv=PredefinedSplit(np.where(is_test, 0, -1)))
    with pytest.raises(ValueError, match="sample_weight of 0"):
        model.fit(X, Y, sample_weight=np.where(is_test, 0.0, 1.0))
