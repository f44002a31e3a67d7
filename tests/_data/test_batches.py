"""Samples from an iterable of batches."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import skmi
from skmi._data.batches import collect_batches, is_batches
from tests.oracle import draw_normal

SETTINGS = {"max_iter": 3, "early_stopping": False, "random_state": 0}


def loader_of(X, y, batch_size=50, **settings):
    blocks = (torch.as_tensor(X), torch.as_tensor(y))
    return DataLoader(TensorDataset(*blocks), batch_size=batch_size, **settings)


def test_arrays_tables_and_lists_are_no_batches():
    for X in (
        np.ones((2, 2)),
        [[1.0], [2.0]],
        ((1.0,), (2.0,)),
        torch.ones(2, 1),
        "ab",
    ):
        assert not is_batches(X)
    assert is_batches(iter([]))
    assert is_batches(loader_of(np.ones((4, 1)), np.ones(4)))


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("cls", [skmi.InfoNCE, skmi.NWJ, skmi.IBRegressor])
def test_batches_give_the_estimate_of_their_samples(cls):
    X, Y, _ = draw_normal(230, 2, 0.5, seed=0)  # the last batch is short
    whole = cls(**SETTINGS).fit(X, Y)
    batched = cls(**SETTINGS).fit(loader_of(X, Y))
    assert batched.mutual_info_ == whole.mutual_info_


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_a_sample_that_comes_again_is_kept_once():
    X, Y, _ = draw_normal(230, 1, 0.5, seed=0)
    epochs = [(X[start::3], Y[start::3]) for _ in range(4) for start in range(3)]
    found, partners = collect_batches(iter(epochs), None)
    assert len(found) == len(np.unique(found)) == 230
    assert (np.sort(found, axis=0) == np.sort(X, axis=0)).all()
    assert len(partners) == 230
    images = load_digits().data[:300].astype(np.float32)
    labels = np.repeat(["a", "b", "c"], 100)
    pairs = [(images[:200], labels[:200]), (images[200:], labels[200:])]
    found, partners = collect_batches(iter(3 * pairs), None)
    assert (found == images).all()
    assert (partners == labels).all()


def test_repeats_of_one_epoch_are_kept():
    """Of a column with an atom, which no second epoch explains."""
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    X[:120], Y[:120] = 0, 0
    found, partners = collect_batches(loader_of(X, Y), None)
    assert (found == X).all()
    assert (partners == Y).all()
    epochs = iter([(X, Y), (X, Y)])
    with pytest.warns(skmi.exceptions.DuplicateRowsWarning, match="419 of 600"):
        assert len(collect_batches(epochs, None)[0]) == 181


def test_labels_that_repeat_are_all_kept():
    codes = np.random.RandomState(0).randint(4, size=(500, 2)).astype(float)
    X, y = collect_batches(iter([(codes[:, :1], codes[:, 1])]), None)
    assert len(X) == len(y) == 500


def test_images_become_rows():
    X, y = collect_batches(loader_of(torch.ones(6, 1, 2, 3), torch.arange(6)), None)
    assert X.shape == (6, 6)
    assert y.tolist() == [0, 1, 2, 3, 4, 5]
    low = torch.ones(4, 2, dtype=torch.bfloat16), torch.ones(4, dtype=torch.bfloat16)
    assert collect_batches(iter([low]), None)[0].dtype == np.float32


def test_what_is_no_pair_is_refused():
    with pytest.raises(
        TypeError, match=r"a batch of samples and their targets, \(X, y"
    ):
        skmi.InfoNCE().fit(DataLoader(TensorDataset(torch.ones(9, 2)), batch_size=3))
    with pytest.raises(ValueError, match="it has none"):
        skmi.InfoNCE().fit(iter([]))


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("cls", [skmi.InfoNCE, skmi.IBRegressor])
def test_a_list_of_batches_is_read_as_an_iterator(cls):
    X, Y, _ = draw_normal(230, 2, 0.5, seed=0)
    whole = cls(**SETTINGS).fit(X, Y)
    pairs = [
        (X[start : start + 50], Y[start : start + 50]) for start in range(0, 230, 50)
    ]
    for batches in (pairs, tuple(map(tuple, pairs)), 3 * pairs, list(loader_of(X, Y))):
        assert cls(**SETTINGS).fit(batches).mutual_info_ == whole.mutual_info_


@pytest.mark.parametrize(
    "cls",
    [skmi.InfoNCE, skmi.IBRegressor, skmi.GaussianMI, skmi.KSG, skmi.MIGEGradient],
)
def test_batches_beside_a_target_are_refused(cls):
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    loader = loader_of(X, Y)
    for batches in (loader, list(loader)):
        with pytest.raises(TypeError, match=r"batches.*without y; all take arrays"):
            cls().fit(batches, Y)


@pytest.mark.parametrize("cls", [skmi.MIGEGradient, skmi.InfoMaxEncoder])
def test_encoders_without_a_critic_of_y_take_no_batches(cls):
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    with pytest.raises(TypeError, match="X is an iterable of batches"):
        cls().fit(loader_of(X, Y))


def test_a_dataset_is_no_loader():
    dataset = loader_of(np.ones((4, 1)), np.ones(4)).dataset
    with pytest.raises(TypeError, match="DataLoader"):
        skmi.InfoNCE().fit(dataset)
