"""MIGEGradient: known directions and gradients, labels, circumstances."""

import functools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import skmi
from skmi.scores import mutual_info_gradient
from skmi.training.loop import Training
from tests.encoders.data import canonical_pair, table

pytestmark = pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")


def test_search_over_components_and_score_method():
    X, y, *_ = canonical_pair(0, 300)
    grid = {"n_components": [1, 2], "method": ["nu_method", "spectral_stein"]}
    model = skmi.MIGEGradient(max_iter=10, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert 0 < search.best_score_ < np.log(150)
    assert len(search.cv_results_["params"]) == 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_finds_the_canonical_direction(seed):
    X, y, direction, covariance = canonical_pair(seed, 1000)
    model = skmi.MIGEGradient(n_components=1, max_iter=40, random_state=seed)
    codes = model.fit(X, y).transform(X)
    assert codes.std() == pytest.approx(1)
    found = model.components_[0]
    np.testing.assert_allclose(np.corrcoef(X @ found, codes[:, 0])[0, 1], 1, atol=1e-6)
    cosine = found @ covariance @ direction
    cosine /= np.sqrt(found @ covariance @ found * (direction @ covariance @ direction))
    information = np.log(1 - (0.8 * cosine) ** 2) / np.log(1 - 0.8**2)
    assert information >= 0.95


def test_gradient_of_normal_pairs():
    X, noise = table(400, 2), table(400, 2, seed=1)
    y = 0.8 * X + 0.6 * noise
    model = skmi.MIGEGradient(max_iter=1, random_state=0).fit(X, y)
    gradient_X, gradient_y = model.mutual_info_gradient(X, y)
    slope = X - 0.8 / 0.6 * noise  # of y along rho
    true = 2 * 0.8 / (1 - 0.8**2)
    assert (gradient_y * slope).sum(1).mean() == pytest.approx(true, rel=0.1)
    # Rescaling x does not change I(X; Y).
    assert abs((gradient_X * X).sum(1).mean()) < 0.3
    expected = mutual_info_gradient(torch.tensor(X), torch.tensor(y))
    np.testing.assert_allclose(gradient_X, expected[0], rtol=1e-6, atol=1e-9)


def test_gradient_has_the_shape_of_y():
    X, y, *_ = canonical_pair(0, 100)
    model = skmi.MIGEGradient(max_iter=1, random_state=0).fit(X, y)
    assert model.mutual_info_gradient(X[:7], y[:7])[1].shape == (7,)
    with pytest.raises(ValueError, match="requires y"):
        skmi.MIGEGradient(max_iter=1).fit(X).mutual_info_gradient(X, y)


def test_gradient_of_labels_separates_the_classes():
    rng = np.random.RandomState(0)
    y = np.arange(600) % 2
    X = rng.standard_normal((600, 1)) + 1.5 * y[:, np.newaxis]
    labels = np.array(["low", "up"])[y]
    model = skmi.MIGEGradient(n_components=1, max_iter=5, random_state=0)
    gradient, other = model.fit(X, labels).mutual_info_gradient(X, labels)
    assert other is None
    assert model.classes_.tolist() == ["low", "up"]
    sign = np.where(y == 1, 1, -1)
    assert (gradient[:, 0] * sign).mean() > 0.1
    assert 0 < model.score(X, labels) < np.log(2)
    with pytest.raises(ValueError, match="not there in fit"):
        model.score(X, ["sideways"] * 600)


def test_gradient_of_a_wide_block_comes_back_through_the_projection():
    X = table(200, 60)
    y = X[:, 0] + 0.1 * table(200, 1, seed=1)[:, 0]
    model = skmi.MIGEGradient(n_projections=8, max_iter=1, random_state=0).fit(X, y)
    gradient, _ = model.mutual_info_gradient(X, y)
    assert gradient.shape == X.shape
    assert np.linalg.matrix_rank(gradient) == 8


class Stochastic(nn.Module):
    def __init__(self, n_features, n_components):
        super().__init__()
        self.mean = nn.Linear(n_features, n_components)
        self.log_scale = nn.Parameter(torch.zeros(n_components))

    def forward(self, x):
        mean = self.mean(x)
        return mean, self.log_scale.expand_as(mean)


class TwoLayers(nn.Module):
    def __init__(self, n_features, n_components):
        super().__init__()
        self.first = nn.Linear(n_features, 4)
        self.second = nn.Linear(4, n_components)

    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        codes = self.second(hidden)
        return codes + 0.3 * torch.randn_like(codes) * self.training, hidden


def test_a_stochastic_encoder_lowers_its_noise():
    model = skmi.MIGEGradient(
        n_components=1, encoder=Stochastic, circumstance="III", random_state=0
    ).fit(table(500))
    assert model.encoder_.log_scale.item() < -0.5


def test_circumstance_two_raises_the_information_on_the_hidden_layer():
    X, module = table(300), TwoLayers(3, 1)
    with torch.no_grad():
        module.first.weight.copy_(torch.tensor(table(4) / 2))
        module.second.weight.copy_(torch.tensor([[0.3, 0.2, 0.1, 0.0]]))
    model = skmi.MIGEGradient(
        n_components=1, encoder=module, circumstance="II", random_state=0, max_iter=15
    ).fit(X)
    trained = model.encoder_
    assert not torch.equal(trained.first.weight, module.first.weight)
    rows = torch.from_numpy(X).float()
    with torch.no_grad():  # to noise of deviation .3
        before, after = (net.eval()(rows)[0].std() for net in (module, trained))
    assert after > 1.5 * before


def test_the_default_encoder_of_circumstance_three_is_stochastic():
    model = skmi.MIGEGradient(
        n_components=1, circumstance="III", max_iter=50, random_state=0
    )
    X = table(500)
    assert model.fit_transform(X).shape == (500, 1)
    assert model.components_.shape == (1, 3)
    assert model.encoder_.log_scale.item() < -0.3


class Uniform(nn.Module):
    """Codes uniform around a linear map: noise that is not normal."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.mean = nn.Linear(n_features, n_components)
        self.log_width = nn.Parameter(torch.zeros(n_components))

    def forward(self, x):
        mean = self.mean(x)
        noise = (torch.rand_like(mean) - 0.5) * self.training
        return mean + self.log_width.exp() * noise, -self.log_width.sum().expand(len(x))


def test_circumstance_three_takes_any_noise_by_its_log_density():
    model = skmi.MIGEGradient(
        n_components=1, encoder=Uniform, circumstance="III", random_state=0
    ).fit(table(500))
    assert model.encoder_.log_width.item() < -0.5


@pytest.mark.parametrize("circumstance", ["II", "III"])
def test_an_encoder_without_a_second_output_is_refused(circumstance):
    model = skmi.MIGEGradient(encoder=nn.Linear, circumstance=circumstance)
    with pytest.raises(ValueError, match=f'circumstance="{circumstance}" needs an enc'):
        model.fit(table(50))


def test_circumstance_two_says_that_it_does_not_use_y():
    X = table(60)
    model = skmi.MIGEGradient(
        n_components=1, encoder=TwoLayers, circumstance="II", random_state=0, max_iter=1
    )
    with pytest.warns(skmi.exceptions.SkmiWarning, match="not to learn the codes"):
        model.fit(X, X[:, 0])


@pytest.mark.parametrize("n_components", [2, 8])
@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_codes_of_labels_separate_classes_at_least_as_principal_components(
    load, n_components
):
    X, y = load(return_X_y=True)
    y = np.array(["first", "second", "third"])[y]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)

    def accuracy(encoder):
        model = make_pipeline(StandardScaler(), encoder, KNeighborsClassifier(5))
        return cross_val_score(model, X, y, cv=folds).mean()

    codes = skmi.MIGEGradient(n_components=n_components, random_state=0)
    assert accuracy(codes) > accuracy(PCA(n_components)) - 0.5 / len(y)


def test_a_linear_encoder_begins_at_the_principal_components():
    X = load_wine().data
    settings = {"learning_rate_init": 1e-9, "max_iter": 1, "random_state": 0}
    with pytest.warns(skmi.exceptions.ConvergenceWarning):
        codes = skmi.MIGEGradient(n_components=3, **settings).fit_transform(X)
    expected = PCA(3, whiten=True).fit_transform(StandardScaler().fit_transform(X))
    agreement = np.abs(np.corrcoef(codes.T, expected.T)[:3, 3:])
    np.testing.assert_allclose(agreement, np.eye(3), atol=1e-4)


WIDE = {"hidden_layer_sizes": (512, 512)}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize(
    ("make", "limited"),
    [
        (skmi.MIGEGradient, True),
        (skmi.InfoMaxEncoder, True),
        (skmi.IBEncoder, True),
        (functools.partial(skmi.IBEncoder, information="mine"), True),
        (functools.partial(skmi.MIGEGradient, encoder=nn.Linear), True),
        (skmi.InfoNCE, True),
        (skmi.DifferenceOfEntropies, True),
        (functools.partial(skmi.InfoNCE, **WIDE), False),
        (functools.partial(skmi.IBEncoder, **WIDE), False),
    ],
)
def test_small_networks_are_trained_on_one_thread(monkeypatch, make, limited):
    """Without a change of the global number, which stays for all others."""
    X, y = np.random.RandomState(0).standard_normal((60, 3)), np.arange(60) % 2
    seen, run_epoch = set(), Training.run_epoch

    def noted(training):
        seen.add(torch.get_num_threads())
        return run_epoch(training)

    monkeypatch.setattr(Training, "run_epoch", noted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        make(max_iter=2, random_state=0).fit(X, y)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == {1 if limited else 2}


def test_a_label_that_was_not_trained_on_is_named():
    X, y = load_wine(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    model = skmi.MIGEGradient(max_iter=2, random_state=0)
    with pytest.warns(skmi.ConvergenceWarning):
        model.fit(X[59:], names[59:])
    with pytest.raises(ValueError, match=r"label a .*StratifiedKFold"):
        model.score(X, names)


def test_three_samples_give_one_warning():
    X, y = load_wine(return_X_y=True)
    rows = [0, 70, 150]
    with pytest.warns(skmi.exceptions.SkmiWarning) as given:
        skmi.MIGEGradient(random_state=0).fit(X[rows], y[rows].astype(str))
    assert [warning.category for warning in given] == [skmi.FewRowsWarning]
