"""InfoMaxEncoder: objectives, two views, prior matching, modules."""

import warnings

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from sklearn.base import clone
from torch import nn

import skmi
from skmi.encoders import OBJECTIVES
from tests.encoders.data import table
from tests.estimators import make_small

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def test_objectives_are_those_of_a_log_density_ratio():
    scores = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    assert OBJECTIVES["jsd"](scores) == pytest.approx(-0.729340, abs=1e-6)
    assert OBJECTIVES["nwj"](scores) == pytest.approx(2.276522, abs=1e-6)
    assert OBJECTIVES["nwj"](torch.zeros(4, 4)) == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("objective", [*OBJECTIVES, "mige"])
def test_two_views_find_what_they_share(objective):
    rng = np.random.RandomState(0)
    shared = rng.standard_normal(1000)
    X = np.column_stack([rng.standard_normal((1000, 2)), shared])
    X2 = np.column_stack([shared, rng.standard_normal((1000, 2))])
    X2[:, 0] += 0.2 * rng.standard_normal(1000)
    encoder = nn.Linear(3, 1)
    nn.init.constant_(encoder.weight, 0.5)  # begins with a correlation of .58
    model = skmi.InfoMaxEncoder(
        n_components=1,
        objective=objective,
        encoder=encoder,
        learning_rate_init=3e-3,
        max_iter=100,
        random_state=0,
    ).fit(X, X2)
    codes = model.transform(X)[:, 0]
    assert abs(np.corrcoef(codes, shared)[0, 1]) > 0.95
    assert codes.std() == pytest.approx(1)
    assert model.score(X, X2) > 0.8  # of log(1 + 1 / .2^2) / 2 = 1.63


def test_mige_decorrelates_components_that_begin_alike():
    X = table(600, 4)
    encoder = nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        encoder.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [1, 0.3, 0, 0]]))
        codes = encoder(torch.from_numpy(X).float())
    assert abs(np.corrcoef(codes.T)[0, 1]) > 0.9
    model = skmi.InfoMaxEncoder(
        n_components=2,
        objective="mige",
        encoder=encoder,
        learning_rate_init=1e-2,
        random_state=0,
        max_iter=30,
    ).fit(X)
    assert abs(np.corrcoef(model.transform(X).T)[0, 1]) < 0.3


@pytest.mark.slow
def test_prior_matching_draws_the_codes_to_the_normal():
    X = np.exp(1.5 * table(600, 1))

    def distance(weight):
        model = skmi.InfoMaxEncoder(
            n_components=1,
            prior_matching=weight,
            max_iter=30,
            batch_size=64,
            early_stopping=False,
            learning_rate_init=3e-3,
            random_state=0,
        )
        return kstest(model.fit(X).transform(X)[:, 0], "norm").statistic

    assert distance(3.0) < 0.75 * distance(0.0)


class Convolutional(nn.Module):
    """Codes and a feature map of images of 8 x 8."""

    def __init__(self):
        super().__init__()
        self.image = nn.Unflatten(1, (1, 8, 8))
        self.convolution = nn.Conv2d(1, 4, 4, stride=2, padding=1)
        self.last = nn.Linear(64, 2)

    def forward(self, x):
        places = torch.relu(self.convolution(self.image(x)))
        return self.last(places.flatten(1)), places


def test_local_objective_of_a_feature_map():
    X = table(200, 64)
    model = skmi.InfoMaxEncoder(
        n_components=2, encoder=Convolutional(), max_iter=3, random_state=0
    ).fit(X)
    assert model.transform(X).shape == (200, 2)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_a_module_is_copied_and_its_codes_are_checked():
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    model = skmi.InfoMaxEncoder(n_components=2, encoder=module, max_iter=2)
    model.fit(table())
    assert torch.equal(module.weight, before)
    with pytest.raises(ValueError, match=r"codes \(n, n_components=3\)"):
        model.set_params(n_components=3).fit(table())


def test_one_column_of_y_is_not_a_view():
    X, y = table(), table(80, 1)
    make = make_small(skmi.InfoMaxEncoder)
    alone = clone(make).fit(X).transform(X)
    for given in (y[:, 0], y, ["a", "b"] * 40, None):
        np.testing.assert_array_equal(clone(make).fit(X, given).transform(X), alone)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make.fit(X, table(79, 2))


def test_two_views_overrides_the_shape_of_y():
    X, y = table(), table(80, 2, seed=1)
    make = make_small(skmi.InfoMaxEncoder)
    alone, both = clone(make).fit(X), clone(make).fit(X, y)
    assert alone.partner_ is None
    assert both.partner_ is not None
    ignored = clone(make).set_params(two_views=False).fit(X, y)
    np.testing.assert_array_equal(ignored.transform(X), alone.transform(X))
    asked = clone(make).set_params(two_views=True)
    np.testing.assert_array_equal(asked.fit(X, y).transform(X), both.transform(X))
    one_column = asked.fit(X, y[:, 0]).partner_
    assert one_column(torch.zeros(5, 1)).shape == (5, asked.n_components)
    with pytest.raises(ValueError, match="needs the second view"):
        asked.fit(X)
    with pytest.raises(ValueError, match="score needs both"):
        both.score(X)


def test_a_table_of_whole_numbers_may_be_targets():
    targets = np.eye(2)[np.arange(80) % 2]
    make = make_small(skmi.InfoMaxEncoder)
    with pytest.warns(skmi.DiscreteTargetWarning, match="two_views"):
        make.fit(table(), targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error", skmi.DiscreteTargetWarning)
        make.set_params(two_views=False).fit(table(), targets)


def test_labels_of_another_length_raise():
    X = np.random.RandomState(0).standard_normal((60, 3))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        skmi.InfoMaxEncoder().fit(X, np.repeat("a", 50))
