"""Counts, rounded columns, atoms and labels against values that are known."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skmi import KSG, MixedKSG
from skmi._data.chance import chance_moments, chances_of, code_information
from tests.neighbors.draws import discrete_information, draw_gates, draw_pair

pytestmark = [
    pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning"),
    pytest.mark.filterwarnings("ignore::skmi.exceptions.DuplicateRowsWarning"),
]

each_estimator = pytest.mark.parametrize("cls", [KSG, MixedKSG])


def fit(cls, x, y, **options):
    x = x.reshape(len(x), -1) if isinstance(x, np.ndarray) else x
    return cls(random_state=0, **options).fit(x, y)


def mean_gap(cls, draw, n_repeats, **options):
    """Mean error of the estimate, and the share of intervals that hold the truth."""
    gaps, inside = [], []
    for seed in range(n_repeats):
        x, y, truth = draw(np.random.default_rng(seed))
        estimator = fit(cls, x, y, **options)
        gaps.append(estimator.mutual_info_ - truth)
        inside.append(abs(gaps[-1]) <= 2 * estimator.standard_error_)
    return np.mean(gaps), np.mean(inside)


def copies(n_copies, n=600):
    return lambda rng: rng.permutation(np.arange(n) // n_copies)


def integers(n_values, n=500):
    return lambda rng: rng.integers(n_values, size=n)


INDEPENDENT = {
    **{f"{c} copies, two labels": (copies(c), integers(2, 600)) for c in (1, 2, 3, 5)},
    **{f"{c} copies, normal": (copies(c), lambda rng: rng.normal(size=600))
       for c in (8, 15, 40)},
    **{f"{c} copies each": (copies(c), copies(c)) for c in (2, 5, 15, 40)},
    "integers": (integers(16), integers(16)),
    "many integers": (integers(30), integers(30)),
    "counts": (lambda rng: rng.poisson(4, 500), integers(16)),
    "skewed counts": (lambda rng: rng.geometric(0.1, 300),
                      lambda rng: rng.geometric(0.1, 300)),
    "one decimal": (lambda rng: rng.normal(32, 7, 768).round(1), integers(2, 768)),
    "mostly zero": (lambda rng: rng.normal(size=500) * (rng.uniform(size=500) < 0.5),
                    lambda rng: rng.normal(size=500) * (rng.uniform(size=500) < 0.3)),
    "three columns": (lambda rng: rng.integers(3, size=(500, 3)), integers(2)),
    "rare class": (copies(3), lambda rng: rng.uniform(size=600) < 0.03),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")  # by chance
@each_estimator
@pytest.mark.parametrize("name", INDEPENDENT)
def test_independent_columns_have_zero(cls, name):
    draw_x, draw_y = INDEPENDENT[name]
    gap, inside = mean_gap(cls, lambda rng: (draw_x(rng), draw_y(rng), 0.0), 25)
    assert abs(gap) < 0.02
    assert inside >= 0.88


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")  # by chance
@each_estimator
@pytest.mark.parametrize(
    "name", ["integers", "counts", "mostly zero", "one decimal", "5 copies each"]
)
def test_standard_errors_are_about_the_spread(cls, name):
    """They were 2 to 5 times as large with the error of a single order of ties."""
    draw_x, draw_y = INDEPENDENT[name]
    found = []
    for seed in range(900, 940):
        rng = np.random.default_rng(seed)
        estimator = fit(cls, draw_x(rng), draw_y(rng))
        found.append((estimator.mutual_info_, estimator.standard_error_))
    values, errors = np.transpose(found)
    assert 0.85 < errors.mean() / values.std(ddof=1) < 2.5
    assert np.mean(np.abs(values) < 1.96 * errors) >= 0.92


@each_estimator
def test_independent_large_table(cls):
    rng = np.random.default_rng(0)
    x = rng.integers(6666, size=20_000)
    for y in (rng.integers(2, size=20_000), rng.uniform(size=20_000) < 0.02):
        estimator = fit(cls, x, y, discrete_target=True)
        assert abs(estimator.mutual_info_) < 0.01


@each_estimator
@pytest.mark.parametrize("marginals", ["standard", None])
def test_equal_distances_between_distinct_values(cls, marginals):
    """An index has no equal values, but each has two neighbours at one distance."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=600)
    for x in (np.arange(600.0), 3 * np.arange(600.0) + 1e4, 0.1 * np.arange(600)):
        options = {"marginals": marginals, "discrete_target": True}
        assert abs(fit(cls, rng.permutation(x), y, **options).mutual_info_) < 0.05


@pytest.mark.parametrize("marginals", ["rank", "standard"])
def test_the_unit_of_a_column_is_irrelevant(marginals):
    rng = np.random.default_rng(0)
    x, y = (column.round(1) for column in draw_pair(rng, 800, 0.5))
    plain = fit(MixedKSG, x, y, marginals=marginals).mutual_info_
    for other in (3 * x, x + 10_000, -x / 7):
        found = fit(MixedKSG, other, y, marginals=marginals).mutual_info_
        assert found == pytest.approx(plain, abs=0.03)


def rounded(decimals, n, mutual_info):
    def draw(rng):
        x, y = draw_pair(rng, n, mutual_info)
        return x.round(decimals), y.round(decimals), mutual_info

    return draw


def inflated_normals(rng, n=1000):
    """The zeros show the switches; both sides are normal where both are on."""
    on_x, on_y, information = draw_gates(rng, n)
    x, y = draw_pair(rng, n, 0.7)
    return x * on_x, y * on_y, information + 0.4 * 0.7


def poisson_table(inflated):
    """Probabilities of two counts with a common part, by sums over that part."""
    size = 40
    common, own = stats.poisson.pmf(np.arange(size), [[3], [1.5]])
    table = np.zeros((size, size))
    for part in range(size):
        shifted = np.append(np.zeros(part), own[: size - part])
        table += common[part] * np.outer(shifted, shifted)
    if inflated:
        margin, table = table.sum(axis=1), 0.4 * table
        table[:, 0] += 0.1 * margin
        table[0] += 0.1 * margin
        table[0, 0] += 0.4
    return table


def poissons(inflated, n=1000):
    truth = discrete_information(poisson_table(inflated))

    def draw(rng):
        common = rng.poisson(3, n)
        x, y = common + rng.poisson(1.5, (2, n))
        on_x, on_y, _ = draw_gates(rng, n)
        return (x * on_x, y * on_y, truth) if inflated else (x, y, truth)

    return draw


def uniform_on_an_interval(rng, n=1000, m=5):
    """Gao et al.: x is one of m integers, y uniform on [x, x + 2]."""
    x = rng.integers(m, size=n)
    truth = math.log(m) - (m - 1) / m * math.log(2)
    return x, x + 2 * rng.uniform(size=n), truth


def inflated_poisson(rng, n=1000, p=0.15):
    """Gao et al.: x is exponential, y a Poisson count of mean x, or else 0.

    Integrated over x. Their closed form, .256, takes the two kinds of 0 apart.
    """
    x = rng.exponential(size=n)
    y = rng.poisson(x) * (rng.uniform(size=n) > p)
    grid = np.linspace(0, 40, 40_001)
    given = (1 - p) * stats.poisson.pmf(np.arange(60)[:, None], grid)
    given[0] += p
    table = given * np.exp(-grid) * grid[1]
    table[:, 0] /= 2
    return x, y, discrete_information(table / table.sum())


def atoms_and_density(rng, n=1000):
    """Half of the pairs are normal, half of them are signs; the kind is visible."""
    discrete = rng.uniform(size=n) < 0.5
    x, y = draw_pair(rng, n, 0.5)
    a = rng.choice([-1.0, 1.0], n)
    b = np.where(rng.uniform(size=n) < 0.9, a, -a)
    signs = discrete_information([[0.45, 0.05], [0.05, 0.45]])
    truth = math.log(2) + 0.5 * 0.5 + 0.5 * signs
    return np.where(discrete, a, x), np.where(discrete, b, y), truth


def numbers_and_codes(rng, n=1500):
    """The sign of the dependence is in a column of three codes."""
    code = rng.integers(3, size=n)
    x, y = draw_pair(rng, n, 0.5)
    return np.column_stack([code, x]), np.where(code == 1, -y, y), 0.5


def three_codes(rng, n=2000):
    """Labels depend on whether the sum of three codes is odd."""
    X = rng.integers(3, size=(n, 3))
    odd = X.sum(axis=1) % 2
    share = np.mean([(a + b + c) % 2 for a, b, c in np.ndindex(3, 3, 3)])
    y = rng.uniform(size=n) < 0.1 + 0.8 * odd
    table = [[0.1 * (1 - share), 0.9 * share], [0.9 * (1 - share), 0.1 * share]]
    return X, y, discrete_information(table)


DEPENDENT = {
    "one decimal": rounded(1, 2000, 0.41),
    "two decimals": rounded(2, 2000, 0.41),
    "few rounded": rounded(1, 500, 0.41),
    "inflated normals": inflated_normals,
    "counts": poissons(False),
    "inflated counts": poissons(True),
    "intervals": uniform_on_an_interval,
    "inflated Poisson": inflated_poisson,
    "atoms and a density": atoms_and_density,
    "numbers and codes": numbers_and_codes,
    "three codes": three_codes,
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_known_information(name):
    gap, _ = mean_gap(MixedKSG, DEPENDENT[name], 8)
    assert abs(gap) < 0.03


@pytest.mark.parametrize("name", ["one decimal", "counts", "inflated Poisson"])
def test_known_information_by_ksg(name):
    gap, _ = mean_gap(KSG, DEPENDENT[name], 8)
    assert abs(gap) < 0.03


class TestSeeds:
    """Equal values are ordered at random, many times."""

    @each_estimator
    def test_seeds_agree_within_the_error(self, cls):
        rng = np.random.default_rng(0)
        x, y = rng.integers(16, size=(2, 500))
        fits = [cls(random_state=s).fit(x[:, None], y) for s in range(8)]
        values = [estimator.mutual_info_ for estimator in fits]
        errors = [estimator.standard_error_ for estimator in fits]
        assert np.std(values, ddof=1) < 0.6 * min(errors)
        assert np.ptp(values) < 0.04

    @each_estimator
    def test_no_randomness_without_ties(self, cls):
        x, y = draw_pair(np.random.default_rng(0), 300, 0.5)
        values = {cls(random_state=s).fit(x[:, None], y).mutual_info_ for s in range(3)}
        assert len(values) == 1

    def test_nor_with_atoms_and_labels(self):
        x, y, _ = uniform_on_an_interval(np.random.default_rng(0))
        values = {
            MixedKSG(random_state=s).fit(x[:, None], y).mutual_info_ for s in range(3)
        }
        assert len(values) == 1


class TestLabels:
    @each_estimator
    @pytest.mark.parametrize("n_copies", [2, 3, 4, 30])
    def test_labels_that_determine_y(self, cls, n_copies):
        level = np.random.default_rng(0).permutation(np.arange(600) // n_copies)
        X = pd.DataFrame({"level": [f"l{v}" for v in level]})
        estimator = cls(discrete_target=True).fit(X, level % 2)
        assert estimator.mutual_info_ == pytest.approx(math.log(2), abs=0.01)

    @each_estimator
    @pytest.mark.parametrize(("n_x", "n_y"), [(200, 2), (20, 20), (5, 7)])
    def test_independent_labels(self, cls, n_x, n_y):
        def draw(rng):
            labels = rng.integers(n_x, size=500).astype(str)
            return pd.DataFrame({"a": labels}), rng.integers(n_y, size=500), 0.0

        gap, inside = mean_gap(cls, draw, 25, discrete_target=True)
        assert abs(gap) < 0.02
        assert inside >= 0.88

    def test_chances_are_those_of_scipy(self):
        counts, sizes = np.arange(31), np.array([[2], [17], [30], [45]])
        expected = stats.hypergeom.pmf(counts, 50, 30, sizes)
        np.testing.assert_allclose(chances_of(counts, 50, 30, sizes), expected, 1e-9)

    def test_moments_by_chance_are_those_of_permutations(self):
        rng = np.random.default_rng(0)
        x, y = rng.integers(8, size=60) ** 2 // 7, rng.integers(5, size=60)
        draws = np.array([code_information(x, rng.permutation(y)) for _ in range(4000)])
        margins = draws[0, 0] - draws[:, 0]
        _, variance = chance_moments(np.bincount(x), np.bincount(y), 60)
        assert draws[:, 1].mean() == pytest.approx(0.0, abs=0.005)
        assert draws[:, 1].std() == pytest.approx(draws[:, 3].mean(), rel=0.15)
        assert math.sqrt(variance) / 60 == pytest.approx(margins.std(), rel=0.15)

    @each_estimator
    def test_one_rule_for_columns(self, cls):
        """Text, digits or not, categories of integers and two values are labels."""
        rng = np.random.default_rng(0)
        code = rng.integers(6, size=1500)
        y = np.array([2.0, 0, 1, 0, 2, 1])[code] + 0.3 * rng.standard_normal(1500)
        frames = [
            pd.DataFrame({"a": code.astype(str)}),
            pd.DataFrame({"a": pd.Categorical(code)}),
            pd.DataFrame({"a": [f"level {value}" for value in code]}),
            code.astype(str).astype(object)[:, None],
        ]
        values = [cls().fit(frame, y).mutual_info_ for frame in frames]
        assert len(set(values)) == 1
        two = np.where(code > 2, 7.5, -1.0)
        by_number = cls().fit(two[:, None], y)
        by_label = cls().fit(pd.DataFrame({"a": two.astype(str)}), y)
        assert by_number.mutual_info_ == by_label.mutual_info_
        np.testing.assert_allclose(
            by_number.score_samples(two[:50, None], y[:50]),
            by_label.score_samples(pd.DataFrame({"a": two[:50].astype(str)}), y[:50]),
        )


class TestNewSamples:
    @each_estimator
    @pytest.mark.parametrize(
        "name", ["one decimal", "counts", "inflated normals", "inflated Poisson"]
    )
    def test_pointwise_values(self, cls, name):
        gaps = []
        for seed in range(5):
            x, y, truth = DEPENDENT[name](np.random.default_rng(seed))
            new_x, new_y, _ = DEPENDENT[name](np.random.default_rng(100 + seed))
            values = fit(cls, x, y).score_samples(new_x[:, None], new_y)
            gaps.append(values.mean() - truth)
        assert abs(np.mean(gaps)) < 0.06

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
    @each_estimator
    def test_independent_integers(self, cls):
        means = []
        for seed in range(8):
            x, y, *new = np.random.default_rng(seed).integers(16, size=(4, 500))
            values = fit(cls, x, y).score_samples(new[0][:, None], new[1])
            means.append(values.mean())
        assert abs(np.mean(means)) < 0.05

    @each_estimator
    def test_pairs_and_matrix_agree(self, cls):
        x, y, _ = inflated_normals(np.random.default_rng(0), 400)
        estimator = fit(cls, x, y)
        matrix = estimator._log_ratio(x[:40, None], y[:40, None])
        pairs = estimator._log_ratio_of_pairs(x[:40, None], y[:40, None])
        np.testing.assert_allclose(np.diagonal(matrix), pairs)

    def test_a_value_between_atoms_counts_as_the_nearest(self):
        x, y, _ = uniform_on_an_interval(np.random.default_rng(0))
        estimator = fit(MixedKSG, x, y)
        near = estimator.score_samples([[2.1], [9.0]], [3.0, 5.0])
        at = estimator.score_samples([[2.0], [4.0]], [3.0, 5.0])
        np.testing.assert_array_equal(near, at)


CHANGES = {
    "n_neighbors": 50,
    "marginals": None,
    "device": "nowhere",
    "random_state": 7,
    "discrete_target": False,
}


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        *((cls, *change) for cls in (KSG, MixedKSG) for change in CHANGES.items()),
        (KSG, "variant", 2),
        (MixedKSG, "discrete_features", True),
        (MixedKSG, "discrete_features", [0]),
    ],
)
def test_fitted_is_fitted(cls, name, value):
    """A parameter that changes after `fit` waits for the next one."""
    rng = np.random.default_rng(0)
    x, y = draw_pair(rng, 400, 0.8)
    x, new_x = np.column_stack([x, x.round(1)])[:300], x[300:]
    new_x = np.column_stack([new_x, new_x.round(1)])
    y, new_y = y[:300], y[300:]
    estimator = cls(random_state=0).fit(x, y)

    def results():
        return [
            estimator.score(new_x, new_y),
            estimator.mutual_info(new_x, new_y),
            *estimator.score_samples(new_x, new_y),
            *estimator.score_samples(new_x[:5]),
        ]

    before = results()
    estimator.set_params(**{name: value})
    assert results() == before


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@each_estimator
@pytest.mark.parametrize("name", ["integers", "counts", "mostly zero", "rare class"])
def test_independent_ties_are_not_doubted(cls, name):
    """Rare values beside atoms have few neighbours, which are far away."""
    draw_x, draw_y = INDEPENDENT[name]
    statuses = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        statuses.append(fit(cls, draw_x(rng), draw_y(rng)).status_)
    assert statuses.count("not converged") <= 1
