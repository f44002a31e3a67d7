"""The data of the benchmarks have the mutual information that they are said to have."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from benchmarks.accuracy import shapes
from benchmarks.accuracy.leaderboard import digit_pairs, text_pairs

TOLERANCE = 0.009  # four standard errors of a mean over 200,000 samples, at least


@pytest.fixture(autouse=True)
def fewer_samples(monkeypatch):
    monkeypatch.setattr(shapes, "TRUTH_ROWS", 200_000)


def of_grid(density, x, y):
    """Return the mutual information of a density on a grid."""
    joint = density(x[:, np.newaxis], y)
    joint /= joint.sum()
    alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    inside = joint > 0
    return (joint[inside] * np.log(joint[inside] / alone[inside])).sum()


def normal_pair(x, y, slope):
    """Return the density of two standard normal columns of a given correlation."""
    return norm.pdf(x) * norm.pdf(y, slope * x, np.sqrt(1 - slope**2))


def letters(x, y):
    """Return the density of the letters A and I."""
    bars = [(1, 0, 0.01, 0.2), (1, 1, 0.05, 0.001), (1, -1, 0.05, 0.001)]
    bars.append((-0.8, -0.2, 0.03, 0.001))
    density = sum(
        norm.pdf(x, a, np.sqrt(s)) * norm.pdf(y, b, np.sqrt(t)) for a, b, s, t in bars
    )
    for center, sign in ((-1.2, 1), (-0.4, -1)):
        u, v = (x - center) / 0.2, y / np.sqrt(0.2)
        density = density + normal_pair(u, v, 0.95 * sign) / (0.2 * np.sqrt(0.2))
    return density


def waves(x, y):
    """Return the density of the unbent first column of the waves and of y."""
    spread = np.sqrt(0.1)
    return sum(
        norm.pdf(x, 1.5 * k, spread) * norm.pdf(y, 1.5 * (k % 4), spread)
        for k in range(12)
    )


def galaxy(x, y):
    """Return the density along the line through the untwisted centres, and of y."""
    centers = np.array([-1.5, 1.5])
    return sum(norm.pdf(x, np.sqrt(2) * c) * norm.pdf(y, c) for c in centers)


WIDE, NARROW = np.linspace(-8, 8, 1201), np.linspace(-2.6, 2.6, 2601)


@pytest.mark.parametrize(
    ("name", "density", "x", "y"),
    [
        (
            "X 1x1",
            lambda x, y: normal_pair(x, y, 0.9) + normal_pair(x, y, -0.9),
            WIDE,
            WIDE,
        ),
        ("AI 1x1", letters, NARROW, NARROW),
        ("waves 2x1", waves, np.linspace(-2, 19, 1501), np.linspace(-2, 7, 801)),
        ("galaxy 2x1", galaxy, WIDE, WIDE),
    ],
)
def test_published_mixtures_of_two_columns(name, density, x, y):
    _, _, truth = shapes.published()[name](2, 0)
    assert truth == pytest.approx(of_grid(density, x, y), abs=TOLERANCE)


@pytest.mark.parametrize(("n_columns", "n_scales"), [(3, 5), (5, 10), (25, 5)])
def test_concentric_mixtures(n_columns, n_scales):
    """x says as much of its scale as its length does."""
    scales = np.arange(1, n_scales + 1)
    length = np.linspace(1e-3, 2 * n_scales * np.sqrt(n_columns + 20), 20_001)
    density = chi2(n_columns).pdf((length / scales[:, np.newaxis]) ** 2)
    density *= 2 * length / scales[:, np.newaxis] ** 2
    density *= (length[1] - length[0]) / n_scales
    inside = density > 0
    chance = np.broadcast_to(density.sum(axis=0) / n_scales, density.shape)
    expected = (density[inside] * np.log(density[inside] / chance[inside])).sum()
    name = f"concentric {n_columns}x1, {n_scales} scales"
    _, _, truth = shapes.published()[name](2, 0)
    assert truth == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_inliers_are_of_two_pairs_however_many_columns(share):
    """Of Gauss-Hermite points of the four columns that are dependent."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    # The log density ratio of the mixture, over dependent pairs and independent ones.
    u, v = np.meshgrid(nodes, nodes, indexing="ij")
    weight = np.outer(weights, weights).ravel()
    expected = 0.0
    for part, slope in ((1 - share, 0.8), (share, 0.0)):
        x, y = u.ravel(), (slope * u + np.sqrt(1 - slope**2) * v).ravel()
        log_pair = np.log(normal_pair(x, y, 0.8) / (norm.pdf(x) * norm.pdf(y)))
        both = log_pair[:, np.newaxis] + log_pair
        ratio = np.log((1 - share) * np.exp(both) + share)
        expected += part * weight @ ratio @ weight
    _, _, truth = shapes.published()[f"inliers 5x5, {share:.0%}"](2, 0)
    assert truth == pytest.approx(expected, abs=TOLERANCE)


def test_twisted_columns_keep_their_length_and_waves_are_bent_back():
    X, _, _ = shapes.published()["galaxy 2x1"](500, 0)
    balls = shapes.Mixture(
        2, [1, 1], np.array([[-1.5] * 3, [1.5] * 3]), [np.eye(3)] * 2
    )
    plain, _ = balls.draw(500, 0)
    np.testing.assert_allclose((X**2).sum(1), (plain**2).sum(1))
    angle = np.arctan2(X[:, 1], X[:, 0]) - np.arctan2(plain[:, 1], plain[:, 0])
    turn = (angle - 0.5 * (plain**2).sum(1)) / (2 * np.pi)
    np.testing.assert_allclose(turn, turn.round(), atol=1e-9)
    X, y, _ = shapes.published()["waves 2x1"](500, 0)
    unbent = 10 * (X[:, 0] + 0.8) - 5 * np.sin(6 * X[:, 1])
    step = np.rint(unbent / 1.5)
    assert np.std(unbent - 1.5 * step) < 0.4
    assert np.mean(np.abs(y[:, 0] - 1.5 * (step % 4)) < 1.2) > 0.95


@pytest.mark.parametrize("level", [0, 0.2, 0.5])
def test_texts_show_topics_that_share_the_information(level):
    X, Y, truth = text_pairs(level)(n_samples=20_000, random_state=3)
    topics = []
    for block in (X, Y):
        words = [block[:, 20:60].sum(1) > 0, block[:, 60:].sum(1) > 0]
        assert np.all(words[0] ^ words[1])
        topics.append(words[1].astype(int))
    flips = np.mean(topics[0] != topics[1])
    entropy = -flips * np.log(flips) - (1 - flips) * np.log1p(-flips)
    assert np.log(2) - entropy == pytest.approx(truth, abs=0.02)
    assert truth == level


def test_images_are_not_drawn_twice():
    X, Y, _ = digit_pairs(0.2)(n_samples=500, random_state=1)
    assert len(np.unique(X, axis=0)) == len(np.unique(Y, axis=0)) == 500
