"""Many rows: from a memory map, in parts, and batch by batch."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

import skmi
from skmi import bounds
from skmi._data import scaling
from skmi._data.checks import row_counts, row_keys
from skmi._data.scaling import Scaler, scale_rows
from skmi.variational.objective import Objective
from skmi.variational.streaming import MOST_REPORT_ROWS, Reservoir
from tests.oracle import draw_normal


def batches(n_batches, n_rows=500, seed=0):
    X, Y, _ = draw_normal(n_batches * n_rows, 1, 0.5, seed)
    return zip(X.reshape(-1, n_rows, 1), Y.reshape(-1, n_rows, 1), strict=True)


def learn(estimator, pairs):
    for X, Y in pairs:
        estimator.partial_fit(X, Y)
    return estimator


@pytest.mark.parametrize("cls", [skmi.InfoNCE, skmi.NWJ, skmi.MINE, skmi.SMILE])
def test_a_stream_approaches_the_truth(cls):
    stream = cls(critic="separable", learning_rate_init=2e-3, random_state=0)
    learn(stream, batches(40))
    assert stream.mutual_info_ == pytest.approx(0.5, abs=0.15)
    assert 0 < stream.standard_error_ < 0.05
    assert stream.n_iter_ == len(stream.loss_curve_) == 40
    assert stream.loss_curve_[-1] < stream.loss_curve_[0]
    X, Y, _ = draw_normal(1000, 1, 0.5, seed=9)
    assert stream.score(X, Y) == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    "cls",
    [skmi.BarberAgakov, skmi.TNCE, skmi.LeaveOneOutBound, skmi.DifferenceOfEntropies],
)
def test_a_stream_of_a_conditional_approaches_the_truth(cls):
    stream = cls(learning_rate_init=5e-3, random_state=0)
    learn(stream, batches(20))
    assert stream.mutual_info_ == pytest.approx(0.5, abs=0.15)
    X, Y, _ = draw_normal(1000, 1, 0.5, seed=9)
    assert stream.score(X, Y) == pytest.approx(0.5, abs=0.2)


def test_a_stream_of_club_approaches_the_value_of_its_bound():
    stream = learn(skmi.CLUB(learning_rate_init=5e-3, random_state=0), batches(20))
    squared = 1 - np.exp(-2 * 0.5)
    assert stream.mutual_info_ == pytest.approx(squared / (1 - squared), abs=0.4)


def test_a_stream_of_labels():
    stream = skmi.BarberAgakov(learning_rate_init=5e-3, random_state=0)
    for X, Y in batches(20):
        stream.partial_fit(X, np.where(Y[:, 0] > 0, "up", "down"))
    X, Y, _ = draw_normal(4000, 1, 0.5, seed=9)
    whole = skmi.BarberAgakov(random_state=0).fit(
        X, np.where(Y[:, 0] > 0, "up", "down")
    )
    assert stream.mutual_info_ == pytest.approx(whole.mutual_info_, abs=0.06)


def test_a_stream_goes_on_after_pickling_and_moves_no_global_state():
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    whole = learn(skmi.InfoNCE(random_state=3), batches(4))
    parts = skmi.InfoNCE(random_state=3)
    for X, Y in batches(4):
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X, Y)
    assert parts.mutual_info_ == whole.mutual_info_
    assert parts.loss_curve_ == whole.loss_curve_
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_rows_reported_on_have_not_trained():
    """A stream of one row number after the other: what trains is not kept."""
    stream, trained = skmi.NWJ(random_state=0), []
    learn_batch = type(stream)._train_stack

    def note(self, x, y, train, *rest):
        trained.append(x[0, train[0], 0])
        return learn_batch(self, x, y, train, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skmi.NWJ, "_train_stack", note)
        learn(stream, batches(5, n_rows=200))
    reports = stream._stream.reports
    kept = torch.tensor(stream._stream.inputs.x.transform(reports.X)).float()
    assert not torch.isin(kept[:, 0], torch.cat(trained)).any()
    assert len(torch.cat(trained)) + len(reports.X) == 5 * 200
    assert len(trained[0]) == 150  # later batches have other numbers by chance
    assert len(reports.X) == pytest.approx(250, abs=90)


def test_a_reservoir_is_a_fair_sample_of_bounded_size_without_repeats():
    reservoir = Reservoir(np.empty((0, 1)), np.empty(0), np.empty(0, np.uint64))
    rows = np.arange(20 * MOST_REPORT_ROWS, dtype=float)
    for part in [*np.array_split(rows, 37), *np.array_split(rows, 5)]:
        keys = row_keys(part)
        reservoir = reservoir.add(part[:, np.newaxis], part, keys)
    assert len(reservoir.X) == MOST_REPORT_ROWS
    assert len(np.unique(reservoir.y)) == MOST_REPORT_ROWS
    assert (reservoir.X[:, 0] == reservoir.y).all()
    shares = np.histogram(reservoir.y, 4, (0, len(rows)))[0] / MOST_REPORT_ROWS
    np.testing.assert_allclose(shares, 0.25, atol=0.04)  # three standard deviations


def test_a_sample_that_comes_again_is_held_out_again():
    """Thirty shuffled epochs, the last batch of each short, of independent pairs."""
    X, Y, _ = draw_normal(1130, 1, 0.5, seed=0)
    Y = np.random.RandomState(1).permutation(Y)
    stream, shuffle = skmi.MINE(random_state=0), np.random.RandomState(2)
    tested = set()
    for _ in range(30):
        order = shuffle.permutation(len(X))
        for start in range(0, len(X), 250):
            rows = order[start : start + 250]
            stream.partial_fit(X[rows], Y[rows])
        tested |= set(stream._stream.reports.X[:, 0])
    assert len(tested) == len(stream._stream.reports.X)
    assert len(tested) == pytest.approx(0.25 * len(X), abs=0.08 * len(X))
    assert stream.mutual_info_ < 2 * stream.standard_error_


def test_repeated_values_are_held_out_at_random():
    """A hash of labels alone would hold out all samples of some of them."""
    rng = np.random.RandomState(0)
    X = rng.randint(4, size=(20000, 1)).astype(float)
    y = np.where(rng.uniform(size=20000) < 0.8, X[:, 0], rng.randint(4, size=20000))
    stream = skmi.InfoNCE(random_state=0, learning_rate_init=0.01)
    for part in np.array_split(np.arange(20000), 40):
        stream.partial_fit(
            X[part], y[part].astype(str), classes=sorted(set(y.astype(str)))
        )
    joint = np.full((4, 4), 0.2 / 16) + 0.8 * np.eye(4) / 4
    truth = (joint * np.log(joint * 16)).sum()
    assert stream.mutual_info_ == pytest.approx(truth, abs=0.1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, FloatingPointError])
def test_a_batch_that_fails_leaves_the_last_good_state(monkeypatch, error):
    *first, last = batches(4)
    expected = learn(skmi.NWJ(random_state=0), [*first, last])
    stream = learn(skmi.NWJ(random_state=0), first)
    before = stream.mutual_info_, stream.n_iter_

    def fail(scores):
        raise error("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(skmi.NWJ, "_make_objective", lambda _: Objective(fail))
        with pytest.raises(error):
            stream.partial_fit(*last)
    assert (stream.mutual_info_, stream.n_iter_) == before
    assert stream.partial_fit(*last).mutual_info_ == expected.mutual_info_


def test_labels_of_later_batches_are_announced():
    X, _, _ = draw_normal(600, 1, 0.5, seed=0)
    y = np.where(X[:, 0] > 0, "up", "down")
    order = np.argsort(y[:300], kind="stable")
    stream = skmi.InfoNCE(random_state=0)
    stream.partial_fit(X[order[:100]], y[order[:100]], classes=["up", "down"])
    assert stream.classes_.tolist() == ["down", "up"]
    stream.partial_fit(X[300:], y[300:])
    assert stream.n_iter_ == 2
    with pytest.raises(ValueError, match=r"label \('sideways',\)"):
        stream.partial_fit(X[300:], np.full(300, "sideways"))


def test_what_wants_all_rows_is_refused():
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    for changes in ({"cv": 3}, {"reference": "copula"}):
        with pytest.raises(AttributeError, match="'partial_fit'") as caught:
            skmi.NWJ(**changes).partial_fit(X, Y)
        assert "need all samples" in str(caught.value.__cause__)
    with pytest.raises(AttributeError, match="'partial_fit'") as caught:
        skmi.TNCE(conditional=lambda x, y: -((x - y) ** 2)).partial_fit(X, Y)
    assert "nothing to train" in str(caught.value.__cause__)


def test_a_fit_ends_a_stream():
    X, Y, _ = draw_normal(200, 1, 0.5, seed=0)
    nwj = skmi.NWJ(max_iter=2, early_stopping=False, random_state=0)
    alone = nwj.fit(X, Y).mutual_info_
    learn(nwj, batches(2))
    assert nwj.fit(X, Y).mutual_info_ == alone
    assert nwj.partial_fit(X, Y).n_iter_ == 1


def test_a_memory_map_is_taken_as_it_is(tmp_path):
    X, Y, _ = draw_normal(300, 2, 0.5, seed=0)
    whole = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    whole[:] = X
    whole.flush()
    X = np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape)
    nwj = skmi.NWJ(max_iter=2, early_stopping=False, random_state=0)
    taken, _ = nwj._validate(X, Y, reset=True)
    assert np.shares_memory(taken, X)
    found = nwj.fit(X, Y).mutual_info_
    assert found == nwj.fit(np.array(X, dtype=np.float64), Y).mutual_info_


def test_rows_are_scaled_in_parts(monkeypatch):
    X, _, _ = draw_normal(1001, 3, 0.5, seed=0)
    X[5] *= 1e6
    scaler = Scaler.fit(X)
    whole = scale_rows([scaler, Scaler.identity(3)], X, torch.device("cpu"))
    monkeypatch.setattr(scaling, "LARGEST_PART", 300)
    for one, other in zip(Scaler.fit(X), scaler, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    parts = scale_rows([scaler, Scaler.identity(3)], X, torch.device("cpu"))
    assert torch.equal(parts, whole)
    assert torch.equal(whole[1, :5], torch.tensor(X[:5], dtype=torch.float32))


def test_rows_have_the_same_key_if_and_only_if_they_are_equal():
    grid = np.stack(np.meshgrid(*3 * [np.arange(60.0)]), axis=-1).reshape(-1, 3)
    assert len(np.unique(row_keys(grid))) == 60**3
    assert len(np.unique(row_keys(grid[:, :2], grid[:, 2]))) == 60**3
    assert (row_keys(-0.0 * grid) == row_keys(0.0 * grid)).all()
    counts = row_counts(np.vstack([grid, grid[:7]]))
    assert np.bincount(counts).tolist() == [0, 60**3 - 7, 7]


def test_an_interrupt_leaves_a_fit_unfitted(monkeypatch):
    X, Y, _ = draw_normal(200, 1, 0.5, seed=0)
    nwj = skmi.NWJ(max_iter=3, early_stopping=False, random_state=0)
    expected = nwj.fit(X, Y).mutual_info_
    calls = []

    def interrupt(scores):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return bounds.nwj(tuple(1 + part for part in scores))

    with monkeypatch.context() as patch:
        patch.setattr(skmi.NWJ, "_make_objective", lambda _: Objective(interrupt))
        with pytest.raises(KeyboardInterrupt):
            nwj.fit(X, Y)
    assert not hasattr(nwj, "mutual_info_")
    with pytest.raises(NotFittedError):
        nwj.score(X, Y)
    assert nwj.fit(X, Y).mutual_info_ == expected
