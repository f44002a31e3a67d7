import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from sklearn.feature_selection._mutual_info import _compute_mi_cc, _compute_mi_cd

from skmi import KSG, DiscreteTargetWarning, MixedKSG, SaturationWarning
from skmi.neighbors import _counting, conditional_mutual_info
from skmi.neighbors._counting import count_on_line, count_within
from skmi.neighbors._distances import NumpyBackend
from skmi.neighbors._search import Block, JointRows
from skmi.neighbors._terms import log_volume_threshold
from tests.oracle import draw_normal

X8 = np.array([0.1, 0.5, 0.9, 1.4, 2.0, 2.2, 3.1, 3.3]).reshape(-1, 1)
Y8 = np.array([0.3, 0.2, 1.1, 1.0, 2.4, 1.7, 2.9, 3.6])


@pytest.mark.parametrize(
    ("estimator", "value"),
    [
        (KSG(n_neighbors=1, marginals=None), 1.030357),
        (KSG(n_neighbors=3, marginals=None), 0.467857),
        (KSG(n_neighbors=1, marginals=None, variant=2), 0.905357),
        (KSG(n_neighbors=3, marginals=None, variant=2), 0.509524),
        (MixedKSG(n_neighbors=1, marginals=None), 1.094157),
        (MixedKSG(n_neighbors=3, marginals=None), 0.531658),
    ],
    ids=str,
)
def test_golden_value(estimator, value):
    assert estimator.fit(X8, Y8).mutual_info_ == pytest.approx(value, abs=1e-6)


def brute_force_ksg(X, Y, k):
    """The definition, written out with matrices of distances."""
    x, y = (np.abs(b[:, None] - b[None]).max(-1) for b in (X, Y))
    radius = np.sort(np.maximum(x, y), axis=1)[:, [k]]
    from scipy.special import digamma as psi

    counts = [(d < radius).sum(axis=1) for d in (x, y)]
    return psi(k) + psi(len(X)) - np.mean(psi(counts[0]) + psi(counts[1]))


@pytest.mark.parametrize(("d", "k"), [(1, 3), (2, 1), (4, 5)])
def test_agrees_with_the_definition(d, k):
    X, Y, _ = draw_normal(120, d, 1.0, seed=d)
    estimate = KSG(n_neighbors=k, marginals=None).fit(X, Y).mutual_info_
    assert estimate == pytest.approx(brute_force_ksg(X, Y, k), abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_agrees_with_scikit_learn(k):
    """Its routines, without the noise and scaling of its public functions."""
    X, Y, _ = draw_normal(800, 1, 0.5, seed=0)
    estimator = KSG(marginals=None, n_neighbors=k)
    ours = estimator.fit(X, Y).mutual_info_
    assert ours == pytest.approx(_compute_mi_cc(X[:, 0], Y[:, 0], k), abs=1e-6)
    labels = np.digitize(Y[:, 0], [-1, 0.5])
    ours = estimator.fit(X, labels.astype(str)).mutual_info_
    assert ours == pytest.approx(_compute_mi_cd(X[:, 0], labels, k), abs=1e-6)


def test_accuracy_on_normals():
    estimates = []
    for seed in range(10):
        X, Y, _ = draw_normal(3000, 1, 0.5, seed=50 + seed)
        estimates.append(KSG().fit(X, Y).mutual_info_)
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.015)


def test_no_increasing_map_of_a_column_changes_the_estimate():
    X, Y, _ = draw_normal(500, 1, 0.5, seed=1)
    plain = KSG().fit(X, Y).mutual_info_
    for x, y in ((X * 1e6, Y), (X + 1e6, Y), (np.exp(3 * X), Y), (X, np.arctan(Y))):
        assert KSG().fit(x, y).mutual_info_ == plain


def test_rounding_changes_little():
    X, Y, _ = draw_normal(3000, 1, 0.5, seed=2)
    plain = KSG().fit(X, Y).mutual_info_
    for x, y in ((X.round(1), Y), (X, Y.round(1)), (X.round(1), Y.round(1))):
        assert KSG(random_state=0).fit(x, y).mutual_info_ == pytest.approx(
            plain, abs=0.05
        )
    for marginals in ("standard", None):
        rounded = KSG(marginals=marginals, random_state=0).fit(X.round(1), Y)
        assert rounded.mutual_info_ == pytest.approx(plain, abs=0.05)


@pytest.mark.parametrize("marginals", ["rank", "standard", None])
def test_ties_far_from_zero(marginals):
    """Timestamps: the noise that parts equal values goes by their spread."""
    rng = np.random.RandomState(0)
    steps = np.round(np.cumsum(rng.exponential(0.01, 1000)), 2).reshape(-1, 1)
    y = steps + rng.standard_normal((1000, 1))
    near = KSG(marginals=marginals, random_state=0).fit(steps, y).mutual_info_
    far = KSG(marginals=marginals, random_state=0).fit(1.7e9 + steps, y).mutual_info_
    assert far == pytest.approx(near, abs=0.03)
    assert near > 0.5


def test_saturation_names_the_ceiling():
    """Twenty nats cannot be seen in 500 rows."""
    X, Y, _ = draw_normal(500, 1, 16.0, seed=0)
    for estimator, ceiling in ((KSG(), 5.291), (KSG(variant=2), 4.957)):
        with pytest.warns(SaturationWarning, match="the largest value that KSG"):
            estimator.fit(X, Y)
        assert estimator.ceiling_ == pytest.approx(ceiling, abs=1e-3)
        assert estimator.mutual_info_ <= estimator.ceiling_ + 1e-12
    with pytest.warns(SaturationWarning, match=r"close to 5\.29"):
        MixedKSG().fit(X, Y)


def test_labels_have_no_such_ceiling():
    labels = np.arange(60).astype(str)
    with pytest.warns(DiscreteTargetWarning, match="60 labels in 60 rows"):
        estimator = MixedKSG().fit(pd.DataFrame({"a": labels}), labels)
    assert estimator.ceiling_ == math.inf
    assert estimator.mutual_info_ > math.log(60)


def test_pointwise_values_of_tied_rows():
    rng = np.random.RandomState(0)
    x = rng.randint(2, size=1000)
    y = np.where(rng.uniform(size=1000) < 0.75, x, 1 - x)
    exact = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    for seed in range(5):
        estimator = KSG(discrete_target=False, random_state=seed)
        told = estimator.fit(x.reshape(-1, 1), y).score_samples(x.reshape(-1, 1), y)
        assert told.mean() == pytest.approx(exact, abs=0.03)


def test_estimates_of_new_rows_are_deterministic():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    X, Y = X.round(1), Y.round(1)
    for random_state in (None, np.random.RandomState(0)):
        estimator = KSG(random_state=random_state).fit(X[:200], Y[:200])
        assert estimator.mutual_info(X[200:], Y[200:]) == estimator.mutual_info(
            X[200:], Y[200:]
        )
    with pytest.raises(ValueError, match="n_samples=3 is too few"):
        KSG(variant=2).fit(X, Y).mutual_info(X[:3], Y[:3])


def test_heavy_tails_stay_finite():
    rng = np.random.RandomState(0)
    X = rng.standard_cauchy((1000, 1))
    Y = X + rng.standard_cauchy((1000, 1))
    assert 0.4 < KSG().fit(X, Y).mutual_info_ < 1.0


def test_constant_column_is_left_out():
    X, Y, _ = draw_normal(300, 1, 0.5, seed=3)
    with_constant = np.hstack([X, np.full((300, 1), 7.0)])
    plain = KSG().fit(X, Y)
    assert KSG().fit(with_constant, Y).mutual_info_ == plain.mutual_info_
    assert KSG().fit(with_constant[:, 1:], Y).mutual_info_ == 0.0


def test_standard_error_is_about_the_spread():
    estimates, errors = [], []
    for seed in range(40):
        X, Y, _ = draw_normal(400, 1, 0.5, seed=seed)
        estimator = KSG().fit(X, Y)
        estimates.append(estimator.mutual_info_)
        errors.append(estimator.standard_error_)
    assert 0.7 < np.mean(errors) / np.std(estimates, ddof=1) < 1.6


def test_labels_against_the_exact_value():
    def integrand(x):
        p, q = stats.norm.pdf(x), (stats.norm.pdf(x) + stats.norm.pdf(x, 2)) / 2
        return p * np.log(p / q)

    truth = integrate.quad(integrand, -9, 9)[0]  # the two labels give the same
    estimates = []
    for seed in range(10):
        rng = np.random.RandomState(seed)
        labels = rng.randint(2, size=2000)
        X = rng.standard_normal((2000, 1)) + 2 * labels[:, np.newaxis]
        for cls in (KSG, MixedKSG):
            estimates.append(cls().fit(X, labels.astype(str)).mutual_info_)
    assert np.mean(estimates) == pytest.approx(truth, abs=0.015)


def test_a_label_of_one_row_tells_nothing():
    X = np.random.RandomState(0).standard_normal((50, 1))
    with pytest.warns(DiscreteTargetWarning, match="50 labels in 50 rows"):
        estimator = KSG().fit(X, np.arange(50).astype(str))
    assert estimator.mutual_info_ == pytest.approx(0.0)


class TestMixed:
    def test_discrete_sides_are_counted(self):
        rng = np.random.RandomState(0)
        x = rng.randint(4, size=5000)
        y = np.where(rng.uniform(size=5000) < 0.7, x, rng.randint(4, size=5000))
        joint = np.full((4, 4), 0.3 / 16) + 0.7 / 4 * np.eye(4)
        truth = (joint * np.log(joint * 16)).sum()
        for X in (x.reshape(-1, 1), pd.DataFrame({"x": x.astype(str)})):
            estimate = MixedKSG().fit(X, y.astype(str)).mutual_info_
            assert estimate == pytest.approx(truth, abs=0.02)

    def test_mixture_of_an_atom_and_a_density(self):
        """A zero-inflated column: I = share * I(uniform noise) + that of the atom."""
        rng = np.random.RandomState(0)
        present = rng.uniform(size=6000) < 0.6
        labels = rng.randint(2, size=6000)
        amount = rng.uniform(size=6000) + labels
        X = np.where(present, amount, 0.0).reshape(-1, 1)
        truth = 0.6 * math.log(2)
        estimate = MixedKSG().fit(X, labels.astype(str)).mutual_info_
        assert estimate == pytest.approx(truth, abs=0.02)

    def test_discrete_features(self):
        rng = np.random.RandomState(0)
        code = rng.randint(3, size=1500)
        X = np.column_stack([code, rng.standard_normal(1500)])
        y = (code == 1) * 2.0 + rng.standard_normal(1500)
        by_mask, by_number, by_dtype = (
            MixedKSG(discrete_features=[True, False]).fit(X, y),
            MixedKSG(discrete_features=[0]).fit(X, y),
            MixedKSG().fit(pd.DataFrame({"a": code.astype(str), "b": X[:, 1]}), y),
        )
        assert by_mask.mutual_info_ == by_number.mutual_info_ == by_dtype.mutual_info_
        assert by_dtype.feature_names_in_.tolist() == ["a", "b"]
        # Codes permuted: labels have no order.
        permuted = np.column_stack([(code + 1) % 3, X[:, 1]])
        again = MixedKSG(discrete_features=[0]).fit(permuted, y)
        assert again.mutual_info_ == by_mask.mutual_info_

    def test_missing_labels_and_impossible_choices_are_refused(self):
        frame = pd.DataFrame({"a": ["u", None] * 20, "b": np.arange(40.0)})
        for column in (frame["a"], frame["a"].astype("category")):
            with pytest.raises(ValueError, match="missing labels in column 0"):
                MixedKSG().fit(frame.assign(a=column), np.arange(40.0))
        X = np.arange(80.0).reshape(40, 2)
        for chosen in ([5], [True], ["b"], [0.5], [-3]):
            with pytest.raises(ValueError, match="discrete_features must be"):
                MixedKSG(discrete_features=chosen).fit(X, X[:, 0])

    def test_nested_lists_keep_their_types(self):
        rows = [[1.5 * i, "a" if i % 2 else "b"] for i in range(100)]
        by_list = MixedKSG().fit(rows, np.arange(100.0))
        by_array = MixedKSG().fit(np.array(rows, dtype=object), np.arange(100.0))
        assert by_list.mutual_info_ == by_array.mutual_info_ > 2

    def test_labels_are_compared_by_value(self):
        code = np.arange(90) % 3
        y = code + np.random.RandomState(0).standard_normal(90)
        estimator = MixedKSG().fit(pd.DataFrame({"a": pd.Categorical(code)}), y)
        as_floats = pd.DataFrame({"a": pd.Categorical(code.astype(float))})
        assert estimator.score(as_floats, y) == estimator.score(
            pd.DataFrame({"a": pd.Categorical(code)}), y
        )

    def test_labels_never_seen_tell_nothing(self):
        frame = pd.DataFrame({"a": ["u", "v"] * 50})
        y = np.where(frame["a"] == "u", "up", "down")
        estimator = MixedKSG().fit(frame, y)
        new = pd.DataFrame({"a": ["w", "u"]})
        told = estimator.score_samples(new, ["up", "up"])
        assert told[0] == 0.0
        assert told[1] == pytest.approx(math.log(2), abs=0.02)

    def test_feature_names_are_checked(self):
        frame = pd.DataFrame({"a": ["u", "v"] * 20, "b": np.arange(40.0)})
        estimator = MixedKSG().fit(frame, np.arange(40.0))
        with pytest.raises(ValueError, match="feature names should match"):
            estimator.score(frame.rename(columns={"b": "c"}), np.arange(40.0))


def test_score_is_below_the_truth_and_above_nothing():
    X, Y, _ = draw_normal(3000, 1, 1.0, seed=4)
    estimator = KSG().fit(X[:2000], Y[:2000])
    assert 0.5 < estimator.score(X[2000:], Y[2000:]) < 1.05
    shuffled = np.roll(Y[2000:], 1, axis=0)
    assert estimator.score(X[2000:], shuffled) < 0.0


def test_pointwise_values_of_new_rows_average_to_the_estimate():
    X, Y, _ = draw_normal(4000, 1, 0.5, seed=5)
    estimator = KSG().fit(X[:2000], Y[:2000])
    pointwise = estimator.score_samples(X[2000:], Y[2000:])
    assert pointwise.mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("most", [10, 65_535], ids=["tree", "ranks"])
def test_counts_are_those_of_the_computed_distances(monkeypatch, most, d):
    monkeypatch.setattr(_counting, "MOST_RANKS", most)
    rng = np.random.RandomState(0)
    points = np.vstack([rng.standard_normal((200, d)), np.repeat([[0.1] * d], 30, 0)])
    queries = rng.standard_normal((50, d)) / 3
    distances = np.abs(points[None] - queries[:, None]).max(-1)
    limits = np.sort(distances, axis=1)[np.arange(50), rng.randint(200, size=50)]
    expected = (distances <= limits[:, None]).sum(axis=1)
    np.testing.assert_array_equal(count_within(points, queries, limits), expected)
    own = np.abs(points[None] - points[:, None]).max(-1)
    found = count_within(points, points, own[:, 7])
    np.testing.assert_array_equal(found, (own <= own[:, [7]]).sum(axis=1))


def test_counting_on_a_line_with_values_one_rounding_apart():
    points = np.array([1.0, np.nextafter(1, 2), 1 + 1e-15, 2.0, 2.0])
    limits = np.abs(points - 1.5).repeat(1)
    expected = (np.abs(points[None] - 1.5) <= limits[:, None]).sum(axis=1)
    np.testing.assert_array_equal(
        count_on_line(points, np.full(5, 1.5), limits), expected
    )


def test_too_few_rows():
    with pytest.raises(ValueError, match="n_samples=3 is too few for n_neighbors=3"):
        KSG().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])


def test_marginals_is_a_parameter_and_an_attribute():
    estimator = KSG(marginals=None)
    assert estimator.get_params()["marginals"] is estimator.marginals is None
    assert not hasattr(estimator, "transform")
    assert repr(estimator) == "KSG(marginals=None)"


class TestConditional:
    def test_given_a_constant_it_is_that_of_ksg(self):
        X, Y, _ = draw_normal(300, 2, 0.8, seed=0)
        plain = KSG().fit(X, Y).mutual_info_
        assert conditional_mutual_info(X, Y, np.ones(300)) == pytest.approx(plain)

    def test_normal_columns(self):
        """Closed form: the partial correlation."""
        rng = np.random.RandomState(0)
        root = np.array([[1.0, 0, 0], [0.6, 0.8, 0], [0.7, 0.5, 0.6]])
        covariance = np.linalg.inv(root @ root.T)
        partial = covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])
        truth = -0.5 * math.log(1 - partial)
        estimates = []
        for _ in range(8):
            x, y, z = root @ rng.standard_normal((3, 2000))
            estimates.append(conditional_mutual_info(x, y, z))
        assert np.mean(estimates) == pytest.approx(truth, abs=0.02)

    def test_a_chain_is_cut_in_its_middle(self):
        rng = np.random.RandomState(0)
        x = rng.standard_normal(3000)
        z = x + 0.5 * rng.standard_normal(3000)
        y = z + 0.5 * rng.standard_normal(3000)
        assert conditional_mutual_info(x, y, z) == pytest.approx(0.0, abs=0.05)
        assert KSG().fit(x.reshape(-1, 1), y).mutual_info_ > 0.4

    def test_labels_as_what_is_known(self):
        """Means of the groups make x and y dependent; within them they are not."""
        rng = np.random.RandomState(0)
        group = rng.randint(3, size=3000)
        x, y = 3 * group + rng.standard_normal((2, 3000))
        names = np.array(["a", "b", "c"])[group]
        assert conditional_mutual_info(x, y, names) == pytest.approx(0.0, abs=0.03)
        by_number = conditional_mutual_info(x, y, pd.DataFrame({"g": names}), n_jobs=2)
        assert by_number == conditional_mutual_info(x, y, names)

    def test_exclusive_or_of_labels(self):
        rng = np.random.RandomState(0)
        x, y = rng.randint(2, size=(2, 4000)) > 0
        assert conditional_mutual_info(x, y, x ^ y) == pytest.approx(
            math.log(2), abs=0.01
        )
        assert conditional_mutual_info(x, y, np.zeros(4000)) == pytest.approx(
            0.0, abs=0.01
        )

    def test_refusals(self):
        rows = np.arange(10.0)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            conditional_mutual_info(rows, rows, rows[:9])
        with pytest.raises(ValueError, match="Z contains NaN"):
            conditional_mutual_info(rows, rows, np.full((10, 1), np.nan))
        with pytest.raises(ValueError, match="n_samples=3 is too few"):
            conditional_mutual_info(rows[:3], rows[:3], rows[:3])


def rows_for_search(n, d_x, d_y, n_labels):
    """Pairs of rows with repeated places, and labels of which some are alone."""
    rng = np.random.RandomState(0)
    x, y = rng.standard_normal((n, d_x)), rng.standard_normal((n, d_y))
    x[: n // 4], y[: n // 4] = x[n // 4 : n // 2], y[n // 4 : n // 2]
    codes = rng.randint(n_labels, size=n)
    codes[-1] = n_labels - 1 + (n_labels > 1)
    return Block(x, np.zeros(n, int)), Block(y, codes)


def search(monkeypatch, rows, place, n_jobs=None):
    """Pairs of rows that are looked through by trees, or in blocks."""
    monkeypatch.setattr(JointRows, "in_blocks", place != "trees")
    monkeypatch.setattr(NumpyBackend, "block_size", 1000)
    joint = JointRows(*rows, n_jobs)
    joint.device = "cpu" if place == "torch" else None
    return joint


each_place = pytest.mark.parametrize("place", ["host", "torch"])


@each_place
@pytest.mark.parametrize("n_labels", [1, 40])
@pytest.mark.parametrize(("d_x", "d_y"), [(1, 1), (2, 3), (12, 1), (3, 0)])
class TestBlocksOfDistances:
    """Blocks of distances find what trees find, also of ties and lonely labels."""

    def test_balls(self, monkeypatch, place, n_labels, d_x, d_y):
        rows = rows_for_search(200, d_x, d_y, n_labels)
        for k in (1, 5):
            expected = search(monkeypatch, rows, "trees").ball_counts(k)
            for n_jobs in (1, 2):
                found = search(monkeypatch, rows, place, n_jobs).ball_counts(k)
                np.testing.assert_array_equal(found, expected)

    def test_new_pairs(self, monkeypatch, place, n_labels, d_x, d_y):
        rows = rows_for_search(120, d_x, d_y, n_labels)
        new = [block.take(np.arange(0, 120, 7)) for block in rows]
        new[0].columns[:5] += 0.1
        expected = search(monkeypatch, rows, "trees").new_radius_each(*new, 3)
        found = search(monkeypatch, rows, place, 2).new_radius_each(*new, 3)
        np.testing.assert_array_equal(found, expected)


@each_place
@pytest.mark.parametrize("d", [1, 4, 12])
def test_boxes_in_blocks(monkeypatch, place, d):
    rows = [Block(b, np.zeros(200, int)) for b in draw_normal(200, d, 1.0, 0)[:2]]
    expected = search(monkeypatch, rows, "trees").box_counts(4)
    found = search(monkeypatch, rows, place).box_counts(4)
    np.testing.assert_array_equal(found, expected)


def test_many_columns_agree_with_the_definition():
    X, Y, _ = draw_normal(150, 12, 3.0, seed=0)
    estimator = KSG(marginals=None).fit(X, Y)
    assert estimator._joint.in_blocks
    assert estimator.mutual_info_ == pytest.approx(brute_force_ksg(X, Y, 3), abs=1e-12)


def test_jobs_and_device_do_not_change_the_estimate():
    X, Y, _ = draw_normal(400, 3, 1.0, seed=0)
    plain = KSG().fit(X, Y)
    for options in ({"n_jobs": 2}, {"n_jobs": -1}, {"device": "cpu"}):
        estimator = KSG(**options).fit(X, Y)
        assert estimator.mutual_info_ == plain.mutual_info_
        assert estimator.score(X[:50], Y[:50]) == plain.score(X[:50], Y[:50])
    with pytest.raises(ValueError, match="device='nowhere' cannot be used here"):
        KSG(device="nowhere").fit(X, Y)


@pytest.mark.parametrize("variant", [1, 2])
def test_device_gives_the_same_estimate(device, variant):
    X, Y, _ = draw_normal(3000, 5, 1.0, seed=0)
    here = KSG(variant=variant).fit(X, Y).mutual_info_
    there = KSG(variant=variant, device=device).fit(X, Y).mutual_info_
    assert there == pytest.approx(here, abs=1e-6)


def draw_curve(n, mutual_info, seed):
    """Rows close to a parabola: y = x^2 + u, u uniform on a width of exp(-I).

    The density of x^2 blurred by u makes the truth I + h(y), found by quadrature.
    """
    rng, width = np.random.RandomState(seed), math.exp(-mutual_info)
    x = rng.uniform(size=(n, 1))
    y = x**2 + width * rng.uniform(size=(n, 1))
    t = np.linspace(0, 1 + width, 2_000_001)
    density = np.sqrt(np.clip(t, 0, 1)) - np.sqrt(np.clip(t - width, 0, 1))
    density /= width
    entropy = -integrate.trapezoid(density * np.log(np.maximum(density, 1e-300)), t)
    return x, y, mutual_info + entropy


def mean_estimate(draw, n, mutual_info, **options):
    values = []
    for seed in range(3):
        X, Y, truth = draw(n, mutual_info, seed)
        values.append(KSG(marginals="standard", **options).fit(X, Y).mutual_info_)
    return np.mean(values), truth


def draw_line(n, mutual_info, seed):
    return *draw_normal(n, 1, mutual_info, seed)[:2], mutual_info


class TestLocalCorrection:
    def test_agrees_with_the_definition(self):
        """Row by row, by singular vectors."""
        X, Y, _ = draw_normal(80, 1, 4.0, seed=0)
        rows, k = np.hstack([X, Y]), 5
        threshold, gain = log_volume_threshold(k, 2), 0.0
        for row in rows:
            distance = np.abs(rows - row).max(axis=1)
            offsets = rows[np.argsort(distance)[1 : k + 1]] - row
            turned = offsets @ np.linalg.svd(offsets)[2].T
            gap = np.log(
                np.abs(turned).max(axis=0).prod() / np.abs(offsets).max(axis=0).prod()
            )
            gain -= gap * (gap < threshold)
        assert gain > 0
        estimate = KSG(variant="lnc", marginals=None, n_neighbors=k).fit(X, Y)
        plain = brute_force_ksg(X, Y, k)
        assert estimate.mutual_info_ == pytest.approx(plain + gain / 80)
        assert estimate.ceiling_ == math.inf

    def test_threshold_is_the_quantile_of_uniform_neighbourhoods(self):
        rng, below = np.random.RandomState(1), []
        threshold = log_volume_threshold(6, 2, n_draws=20_000)
        for _ in range(4000):
            offsets = rng.uniform(-1, 1, (6, 2))
            turned = offsets @ np.linalg.svd(offsets)[2].T
            gap = (
                np.log(np.abs(turned).max(0)).sum()
                - np.log(np.abs(offsets).max(0)).sum()
            )
            below.append(gap < threshold)
        assert np.mean(below) == pytest.approx(0.005, abs=0.003)

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.SaturationWarning")
    @pytest.mark.parametrize("draw", [draw_line, draw_curve])
    def test_strong_dependence(self, draw):
        short, truth = mean_estimate(draw, 2000, 10.0)
        assert truth - short > 2.5
        corrected, _ = mean_estimate(draw, 2000, 10.0, variant="lnc", n_neighbors=5)
        assert corrected == pytest.approx(truth, abs=1.0)

    @pytest.mark.parametrize("mutual_info", [0.0, 1.0])
    def test_weak_dependence_is_left_alone(self, mutual_info):
        plain, truth = mean_estimate(draw_line, 2000, mutual_info, n_neighbors=5)
        corrected, _ = mean_estimate(
            draw_line, 2000, mutual_info, variant="lnc", n_neighbors=5
        )
        assert corrected == pytest.approx(plain, abs=0.02)
        assert corrected == pytest.approx(truth, abs=0.06)


class TestWeighted:
    @pytest.mark.filterwarnings("ignore::skmi.exceptions.SaturationWarning")
    @pytest.mark.parametrize(("d", "error"), [(1, 0.1), (2, 0.15), (5, 0.25)])
    def test_strong_dependence(self, d, error):
        def draw(n, mutual_info, seed):
            return *draw_normal(n, d, mutual_info, seed)[:2], mutual_info

        short, truth = mean_estimate(draw, 1000, 10.0)
        assert truth - short > 3.5
        options = {"variant": "weighted", "n_neighbors": 10}
        for mutual_info in (1.0, 10.0):
            estimate, truth = mean_estimate(draw, 1000, mutual_info, **options)
            assert estimate == pytest.approx(truth, abs=error)

    def test_any_linear_map_of_a_block_changes_nothing(self):
        X, Y, _ = draw_normal(300, 3, 2.0, seed=0)
        turned = X @ np.random.RandomState(0).standard_normal((3, 3))
        estimator = KSG(variant="weighted", n_neighbors=8, marginals=None)
        plain = estimator.fit(X, Y).mutual_info_
        assert estimator.fit(turned, Y).mutual_info_ == pytest.approx(plain)

    def test_columns_that_determine_each_other_have_no_density(self):
        X, Y, _ = draw_normal(100, 2, 1.0, seed=0)
        estimator = KSG(variant="weighted", marginals="standard")
        for x, y in ((X @ [[1, 0, 1], [0, 1, 1]], Y), (X, 2 * X[:, 1])):
            with pytest.raises(ValueError, match="no density"):
                estimator.fit(x, y)


class TestVariantsOfDensities:
    @pytest.mark.parametrize("variant", ["lnc", "weighted"])
    def test_atoms_are_refused(self, variant):
        X, Y, _ = draw_normal(300, 1, 1.0, seed=0)
        estimator = KSG(variant=variant, marginals="standard")
        for x, y, name in (
            (np.maximum(X, 0), Y, "Column 0 of X repeats a value"),
            (X, np.hstack([Y, np.round(Y)]), "Column 1 of y repeats a value"),
        ):
            with pytest.raises(ValueError, match=f"{name}.*MixedKSG"):
                estimator.set_params(n_neighbors=5).fit(x, y)

    @pytest.mark.parametrize("variant", ["lnc", "weighted"])
    def test_what_they_need(self, variant):
        X, Y, _ = draw_normal(300, 2, 1.0, seed=0)
        with pytest.raises(ValueError, match='needs marginals="standard" or None'):
            KSG(variant=variant).fit(X, Y)
        estimator = KSG(variant=variant, marginals="standard", n_neighbors=5)
        assert estimator.fit(np.ones((300, 1)), Y).mutual_info_ == 0.0
        with_constant = np.hstack([X, np.ones((300, 1))])
        value = estimator.set_params(n_neighbors=6).fit(with_constant, Y).mutual_info_
        assert value == estimator.fit(X, Y).mutual_info_
        by_label = estimator.fit(X, Y[:, 0] > 0).mutual_info_
        assert (
            by_label
            == KSG(marginals="standard", n_neighbors=6).fit(X, Y[:, 0] > 0).mutual_info_
        )

    def test_too_few_neighbours(self):
        X, Y, _ = draw_normal(300, 8, 1.0, seed=0)
        with pytest.raises(ValueError, match="n_neighbors=3 is too few for 16 columns"):
            KSG(variant="lnc", marginals="standard").fit(X, Y)
        with pytest.raises(ValueError, match="n_neighbors=3 is too few for the weight"):
            KSG(variant="weighted", marginals="standard").fit(X, Y)
