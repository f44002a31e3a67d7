"""What is reported, and on which samples."""

import math
import warnings

import numpy as np
import pytest
import torch

import skmi
from skmi import (
    NWJ,
    SMILE,
    BarberAgakov,
    DonskerVaradhan,
    InfoNCE,
    InterpolatedBound,
    ReliabilityWarning,
    SaturationWarning,
    bounds,
)
from skmi._data.scaling import Scaler
from skmi._data.splitting import contrast_blocks
from tests.estimators import make_small
from tests.oracle import Oracle, OracleCritic, draw_normal
from tests.variational.cases import (
    NEURAL,
    REPORTED,
    cut_short,
    each,
    exact_entropy,
    exact_value,
    folds_of,
    oracle_critic,
    score_matrix,
)

pytestmark = cut_short


def test_every_estimator_says_what_it_reports():
    names = {cls.__name__ for cls in NEURAL}
    missing, superfluous = names - REPORTED.keys(), REPORTED.keys() - names
    place = "REPORTED in tests/variational/cases.py"
    assert not missing, f"Add a line for {sorted(missing)} to {place}."
    assert not superfluous, f"Remove the lines of {sorted(superfluous)} from {place}."


@each
def test_oracle_critic_gives_the_truth(cls):
    """No training is involved, so every error is one of the estimate."""
    estimates, errors = [], []
    for seed in range(10):
        X, Y, rho = draw_normal(1500, 2, 1.0, seed)
        # The oracle knows columns of unit variance.
        X, Y = (block / block.std(axis=0) for block in (X, Y))
        critic = oracle_critic(cls, rho)
        estimator = cls(critic=critic, max_iter=1, **exact_entropy(cls, 2))
        estimator.set_params(early_stopping=False, random_state=0, test_size=1200)
        estimates.append(estimator.fit(X, Y).mutual_info_)
        errors.append(estimator.standard_error_)
    assert np.mean(estimates) == pytest.approx(exact_value(cls, rho, 2), rel=0.04)
    assert 0.6 < np.mean(errors) / np.std(estimates, ddof=1) < 1.8


@pytest.mark.parametrize(
    "name", [name for name, reported in REPORTED.items() if reported.value]
)
@pytest.mark.parametrize("n_samples", [100, 512])
def test_one_block_is_the_bound_of_the_score_matrix(name, n_samples):
    X, Y, _ = draw_normal(n_samples, 2, 1.0, seed=0)
    estimator = make_small(getattr(skmi, name)).fit(X, Y)
    expected = float(REPORTED[name].value(score_matrix(estimator, X, Y)))
    assert estimator.mutual_info(X, Y) == pytest.approx(expected, abs=1e-9)


def test_scores_are_those_of_the_critic_on_standardised_columns():
    X, Y, rho = draw_normal(200, 2, 1.0, seed=0)
    module = Oracle(rho).double()
    estimator = make_small(NWJ, critic=module).fit(X, Y)
    train = folds_of(estimator, X, Y, seed=0)[0].train
    x, y = (
        torch.from_numpy(Scaler.fit(block[train]).transform(block)) for block in (X, Y)
    )
    np.testing.assert_allclose(score_matrix(estimator, X, Y), module(x, y).detach())


@each
def test_score_is_info_nce_for_all(cls):
    X, Y, _ = draw_normal(400, 2, 1.0, seed=0)
    estimator = make_small(cls).fit(X[:200], Y[:200])
    scores = score_matrix(estimator, X, Y)
    over_x = REPORTED[cls.__name__].contrast == "x"
    expected = bounds.info_nce(scores.mT if over_x else scores)
    assert estimator.score(X, Y) == pytest.approx(float(expected), abs=1e-9)


@each
def test_influence_is_what_leaving_a_sample_out_changes(cls):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(40, 40, generator=generator, dtype=torch.float64)
    report = cls()._make_report()
    influence = report.influence(report.reduce(scores))
    value = float(report.estimate(report.reduce(scores)))
    for i in (0, 17, 39):
        rest = torch.arange(40) != i
        without = report.estimate(report.reduce(scores[rest][:, rest]))
        centred = float(influence[i] - influence.mean())
        assert 39 * (value - float(without)) == pytest.approx(centred, abs=0.12)


def test_averaging():
    X, Y, rho = draw_normal(2100, 2, 1.0, seed=0)
    module = Oracle(rho).double()

    def report(cls, averaging):
        estimator = make_small(cls, critic=module, averaging=averaging)
        return estimator.set_params(max_iter=1).fit(X, Y).mutual_info(X, Y)

    micro, macro = report(DonskerVaradhan, "micro"), report(DonskerVaradhan, "macro")
    # The mean of logarithms is below the logarithm of the mean.
    assert micro < macro < micro + 0.05
    for cls in (NWJ, InfoNCE):  # linear in the samples: no difference
        assert report(cls, "micro") == pytest.approx(report(cls, "macro"), abs=1e-9)


@pytest.mark.parametrize("n_samples", [2, 511, 512, 513, 1300])
def test_contrast_blocks(n_samples):
    rows = []
    for own, columns in contrast_blocks(n_samples):
        assert len(columns) == min(512, n_samples) == len(set(columns))
        np.testing.assert_array_equal(columns[: len(own)], own)
        rows.extend(own)
    assert sorted(rows) == list(range(n_samples))


@each
def test_bound_and_ceiling(cls):
    X, Y, _ = draw_normal(80, 1, 0.5, seed=0)
    estimator, reported = make_small(cls).fit(X, Y), REPORTED[cls.__name__]
    assert estimator.bound_ == reported.bound
    assert estimator.ceiling_ == pytest.approx(reported.ceiling(20))


@pytest.mark.filterwarnings("ignore:The estimate of -")
def test_barber_agakov_is_a_bound_where_the_entropy_is_known():
    X, Y, _ = draw_normal(80, 1, 0.5, seed=0)
    assert make_small(BarberAgakov).fit(X, Y[:, 0] > 0).bound_ == "lower"
    assert make_small(BarberAgakov, entropy=1.4).fit(X, Y).bound_ == "lower"


def test_ceiling_of_folds_is_that_of_their_samples():
    X, Y, _ = draw_normal(100, 1, 0.5, seed=0)
    fitted = make_small(InfoNCE, cv=10).fit(X, Y)
    assert fitted.ceiling_ == pytest.approx(math.log(10))


@pytest.mark.parametrize("cls", [DonskerVaradhan, NWJ, SMILE])
def test_more_than_the_samples_support_is_warned_of(cls):
    """Ten nats from 25 test samples, of which log 25 = 3.22 can be supported."""
    X, Y, rho = draw_normal(100, 1, 10.0, seed=0)
    estimator = make_small(cls, critic=OracleCritic(rho), max_iter=1)
    with pytest.warns(ReliabilityWarning, match=r"is larger than 3\.22"):
        estimator.fit(X, Y)
    assert estimator.mutual_info_ > math.log(25)
    assert estimator.ceiling_ == math.inf


def test_what_the_samples_support_is_not_warned_of():
    X, Y, rho = draw_normal(100, 1, 1.0, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReliabilityWarning)
        make_small(SMILE, critic=OracleCritic(rho), max_iter=1).fit(X, Y)


@pytest.mark.parametrize("interpolation", [0.1, 0.5, 1.0])
def test_the_ceiling_of_the_interpolated_bound_can_be_reached(interpolation):
    """By a critic of free scores that maximises the bound."""
    scores = (3 * torch.eye(10, dtype=torch.float64)).requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=0.3)
    for _ in range(600):
        value = bounds.interpolated_bound(scores, interpolation)
        optimizer.zero_grad()
        (-value).backward()
        optimizer.step()
    report = InterpolatedBound(interpolation=interpolation)._make_report()
    assert float(value.detach()) == pytest.approx(report.ceiling(10), abs=0.01)


def test_saturation_names_the_ceiling():
    X, Y, rho = draw_normal(500, 1, 7.0, seed=0)
    estimator = make_small(InfoNCE, critic=OracleCritic(rho), test_size=20)
    with pytest.warns(SaturationWarning, match=r"3\.00, the largest value"):
        estimator.fit(X, Y)


@pytest.mark.filterwarnings("ignore:The estimate of -")
def test_infinite_estimates_are_never_returned():
    """A critic that is wrong by a thousand nats off the training samples."""
    X, Y, _ = draw_normal(120, 1, 0.5, seed=0)
    estimator = make_small(NWJ, critic="bilinear").fit(X, Y)
    for value in estimator.critic_.parameters():
        value *= 1e3
    with pytest.raises(FloatingPointError, match="estimate is -inf"):
        estimator.mutual_info(X, Y)


# -- which samples -----------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The estimate of -")
@each
@pytest.mark.parametrize("cv", [None, 3])
def test_test_samples_neither_train_nor_select(cls, cv):
    """Whatever the test samples are, the critic is the same."""
    X, Y, _ = draw_normal(120, 1, 0.5, seed=0)
    settings = {"cv": cv, "random_state": 5}
    plain = make_small(cls, **settings).fit(X, Y)
    folds = folds_of(plain, X, Y, seed=5)
    critics = [plain.critic_] if cv is None else plain.critics_
    for i, (fold, critic) in enumerate(zip(folds, critics, strict=True)):
        parts = [set(part.tolist()) for part in fold]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 120
        changed_X, changed_Y = X.copy(), Y.copy()
        changed_X[fold.report] = 5 + 0.01 * np.arange(len(fold.report))[:, None]
        changed_Y[fold.report] = -changed_X[fold.report]
        changed = make_small(cls, **settings)
        changed.fit(changed_X, changed_Y)
        again = changed.critic_ if cv is None else changed.critics_[i]
        for one, other in zip(critic.parameters(), again.parameters(), strict=True):
            assert torch.equal(one, other)


@pytest.mark.filterwarnings("ignore:The estimate of")
@pytest.mark.filterwarnings("ignore:The estimate is unreliable")
@each
def test_overfitting_does_not_raise_the_estimate(cls):
    """Independent samples, a network far too large, no early stopping."""
    X = np.random.RandomState(0).standard_normal((120, 10))
    Y = np.random.RandomState(1).standard_normal((120, 10))
    estimator = cls(
        max_iter=100, early_stopping=False, learning_rate_init=3e-3, random_state=0
    )
    estimator.fit(X, Y)
    train = folds_of(estimator, X, Y, seed=0)[0].train
    assert estimator.score(X[train], Y[train]) > 1.5
    assert estimator.mutual_info_ < 0.1


@each
def test_independent_samples_give_zero(cls):
    X = np.random.RandomState(2).standard_normal((1500, 3))
    Y = np.random.RandomState(3).standard_normal((1500, 3))
    estimator = cls(random_state=0, **exact_entropy(cls, 3)).fit(X, Y)
    spread = 3 * estimator.standard_error_ if cls is BarberAgakov else 0.0
    assert abs(estimator.mutual_info_) <= 0.03 + spread


@pytest.mark.parametrize("name", ["MINE", "NWJ", "InfoNCE", "InterpolatedBound"])
def test_a_strong_dependence_may_be_underestimated_and_that_is_said(name):
    X, Y, _ = draw_normal(400, 1, 5.0, seed=0)
    model = getattr(skmi, name)(random_state=0, learning_rate_init=3e-3)
    with pytest.warns(skmi.ReliabilityWarning, match="probably too low"):
        model.fit(X, Y)


def test_the_ceiling_of_the_bound_at_one_is_reached():
    """By scores that separate each pair; log K is its largest value."""
    model = skmi.InterpolatedBound(interpolation=1.0)
    scores = 50 * torch.eye(30, dtype=torch.float64)
    value = skmi.bounds.interpolated_bound(scores, 1.0)
    assert value == pytest.approx(model._ceiling(30), abs=1e-9)
