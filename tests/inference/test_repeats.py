"""Conditional information of persons who are measured repeatedly."""

import math
import warnings

import numpy as np
import pytest

from skmi import KSG, AutoMI, GaussianMI, KernelDensityMI, MixedKSG
from skmi.exceptions import ReliabilityWarning
from skmi.inference import conditional_independence_test, confidence_interval

# Partial correlation .6 of person effects, and .09 of noise in either variable.
TRUTH = -0.5 * math.log(1 - (0.6 / 1.09) ** 2)


def measurements(seed, correlation=0.6, n_persons=60):
    """Five rows of each person; Z is a property of the person."""
    rng = np.random.RandomState(seed)
    person = np.repeat(np.arange(n_persons), 5)
    z, one, other = rng.standard_normal((3, n_persons))[:, person]
    x = z + one + 0.3 * rng.standard_normal(len(person))
    other = correlation * one + math.sqrt(1 - correlation**2) * other
    y = z + other + 0.3 * rng.standard_normal(len(person))
    return x[:, np.newaxis], y, z[:, np.newaxis], person


@pytest.mark.parametrize(
    ("estimator", "n_draws", "least"),
    [(KSG(), 10, 8), (KernelDensityMI(), 6, 5), (AutoMI(random_state=0), 3, 2)],
    ids=["KSG", "KernelDensityMI", "AutoMI"],
)
@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_intervals_hold_the_information_of_effects_of_persons(
    estimator, n_draws, least
):
    held, values = 0, []
    for seed in range(n_draws):
        x, y, z, person = measurements(100 + seed)
        found = confidence_interval(estimator, x, y, Z=z, groups=person)
        held += found.low <= TRUTH <= found.high
        values.append(found.mutual_info)
    assert held >= least
    assert abs(np.mean(values) - TRUTH) < 0.3 / math.sqrt(n_draws)


def test_intervals_hold_0_where_persons_have_nothing_in_common():
    held = 0
    for seed in range(10):
        x, y, z, person = measurements(200 + seed, correlation=0.0)
        found = confidence_interval(KSG(), x, y, Z=z, groups=person)
        held += found.low <= 0 <= found.high
    assert held >= 9


@pytest.mark.parametrize(
    ("estimator", "status"),
    [
        (KSG(), "not converged"),
        (KernelDensityMI(), "not converged"),
        (AutoMI(random_state=0), "dependent samples"),
    ],
    ids=["KSG", "KernelDensityMI", "AutoMI"],
)
def test_a_fit_says_that_equal_rows_of_Z_share_more(estimator, status):
    x, y, z, _ = measurements(100)
    with pytest.warns(ReliabilityWarning, match="groups=.*labels"):
        estimator.fit(x, y, z)
    assert estimator.status_ == status


@pytest.mark.parametrize("curve", [np.negative, np.sin, np.square, np.exp])
def test_repeated_Z_without_effects_of_persons_is_no_doubt(curve):
    for seed in range(3):
        rng = np.random.RandomState(seed)
        z = np.repeat(rng.standard_normal(60), 5)
        x, y = curve(z) + 0.4 * rng.standard_normal((2, 300))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            KSG().fit(x[:, np.newaxis], y, z[:, np.newaxis])
        assert not [w for w in caught if "repeated" in str(w.message)]


def test_whole_numbers_of_many_samples_stay_codes():
    """The means of forty levels are known: 0 nats given the levels."""
    rng = np.random.RandomState(0)
    z = rng.randint(0, 40, 1200)
    means = rng.standard_normal(40)[z]
    x, y = means + 0.5 * rng.standard_normal((2, 1200))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = KSG().fit(x[:, np.newaxis], y, z[:, np.newaxis])
    assert not [w for w in caught if "repeated" in str(w.message)]
    assert abs(model.mutual_info_) < 0.05


def test_few_groups_are_warned_of():
    x, y, z, person = measurements(1, n_persons=12)
    with pytest.warns(ReliabilityWarning, match="12 groups"):
        confidence_interval(KSG(), x, y, Z=z, groups=person)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReliabilityWarning)
        confidence_interval(GaussianMI(), x, y, Z=z, groups=person)


def test_conditional_test_of_persons_holds_its_level_and_has_power():
    found = {}
    for correlation, n_draws in ((0.0, 60), (0.6, 8)):
        tests = []
        for seed in range(n_draws):
            x, y, z, person = measurements(300 + seed, correlation)
            tests.append(
                conditional_independence_test(
                    x, y, z, groups=person, n_permutations=99, random_state=seed
                )
            )
        found[correlation] = (
            sum(test.pvalue <= 0.05 for test in tests),
            sum(test.reliable for test in tests),
        )
    rejected, reliable = found[0.0]
    assert rejected <= 7  # of 60 at .05, in 98 of 100 cases
    assert reliable >= 50
    assert min(found[0.6]) >= 7


def test_labels_of_groups_take_the_mean_of_all_samples():
    """Labels given labels are counted: their means are known."""
    rng = np.random.RandomState(0)
    person = np.repeat(np.arange(100), 2)
    x, y, z = (rng.choice(list("ab"), 100)[person] for _ in range(3))
    found = confidence_interval(MixedKSG(), x[:, np.newaxis], y, Z=z, groups=person)
    assert found.low <= 0 <= found.high
    test = conditional_independence_test(x, y, z, groups=person, random_state=0)
    assert test.pvalue > 0.01
