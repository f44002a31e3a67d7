r"""Score functions :math:`\nabla \log q` from samples, and the gradients built on them.

Every estimator takes ``samples`` of shape (..., n, d) and, to be evaluated elsewhere,
``queries`` of shape (..., m, d); leading dimensions are independent problems. All but
``whiten=False`` see the samples through their own covariance, :math:`s(x) = W^T
\tilde s(W (x - \bar x))`, so that the estimate follows any invertible linear map. With
``reference="gaussian"`` the score of the fitted normal distribution, :math:`-z` there,
is taken as known and only what is left is estimated.
"""

import functools
import inspect
import math

import torch

from skmi._gaussianize import gaussianize
from skmi._score_matching import (
    CurlFreeKernel,
    DiagonalKernel,
    descend,
    descend_adaptively,
    evaluate_each,
    evaluate_field,
    evaluate_kernel,
    evaluate_stein,
    gaussian_kernel,
    kept_eigenvalues,
    make_network,
    median_distance,
    solve_by_conjugate_gradients,
    summed_gradients,
    target_of,
    train_by_slices,
    whiten_samples,
)
from skmi._torch import isolated_randomness

__all__ = [
    "SCORES",
    "entropy_surrogate",
    "mige_loss",
    "mutual_info_gradient",
    "nu_method",
    "project_randomly",
    "sliced",
    "spectral_stein",
    "stein",
    "tikhonov",
]

KERNELS = {"curl_free": CurlFreeKernel, "diagonal": DiagonalKernel}


# -- whitening and reference -------------------------------------------------------


class FittedScore:
    """A score function fitted to samples; call it with queries, or None for those."""

    def __init__(self, function, rows, mean, inverse, reference):
        self.function, self.rows = function, rows
        self.mean, self.inverse, self.reference = mean, inverse, reference

    def __call__(self, queries=None):
        """Return the scores at queries, of the dtype of the samples."""
        points = None
        if queries is not None:
            points = torch.as_tensor(queries).detach().to(self.rows) - self.mean
            points = points if self.inverse is None else points @ self.inverse.mT
        values = self.function(points)
        if self.reference:
            values = values - (self.rows if points is None else points)
        return values if self.inverse is None else values @ self.inverse


def fit_score(fit, samples, whiten, reference, options):
    """Check, centre and whiten samples and fit a score function to them."""
    if reference not in (None, "gaussian"):
        raise ValueError(f'reference must be None or "gaussian"; got {reference!r}.')
    if reference and not whiten:
        raise ValueError('reference="gaussian" needs whiten=True.')
    samples = torch.as_tensor(samples).detach().to(torch.float64)
    if samples.ndim < 2 or samples.shape[-2] < 2:
        raise ValueError(
            "samples must be of shape (..., n, d) with n >= 2; "
            f"got {tuple(samples.shape)}."
        )
    if whiten:
        rows, mean, inverse = whiten_samples(samples)
    else:
        mean, inverse = samples.mean(-2, keepdim=True), None
        rows = samples - mean
    reference = bool(reference)
    function = fit(rows, reference=reference, **options)
    return FittedScore(function, rows, mean, inverse, reference)


def through_whitening(fit):
    """Decorate a fit on centred samples with checks, whitening and reference.

    The function evaluates at once; its attribute ``fit``, with the same options,
    returns the fitted score function.
    """

    def fitted(samples, *, whiten=True, reference="gaussian", **options):
        return fit_score(fit, samples, whiten, reference, options)

    @functools.wraps(fit)
    def score(samples, queries=None, *, whiten=True, reference="gaussian", **options):
        function = fit_score(fit, samples, whiten, reference, options)
        given = torch.as_tensor(samples)
        values = function(queries)
        return values.to(given.dtype) if given.is_floating_point() else values

    score.fit = fitted
    common = list(inspect.signature(score, follow_wrapped=False).parameters.values())
    own = list(inspect.signature(fit).parameters.values())
    score.__signature__ = inspect.Signature([*common[:-1], *own[2:]])
    return score


# -- estimators --------------------------------------------------------------------


@through_whitening
def spectral_stein(samples, *, reference, n_eigen=None, n_eigen_threshold=0.99):
    r"""Spectral Stein gradient estimator (SSGE).

    .. math::
        \hat s(x) = \sum_{j \le J} \beta_j \psi_j(x), \quad
        \beta_j = -\frac1n \sum_m \nabla \psi_j(x_m)

    with :math:`\psi_j` the eigenfunctions of a Gaussian kernel on the samples, by
    Nystroem's formula. Its bandwidth is the median distance.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first. ``whiten=False, reference=None`` is the
        published estimator.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    n_eigen : int, default=None
        Number of eigenfunctions; None goes by the threshold.
    n_eigen_threshold : float, default=0.99
        Share of the eigenvalues that the functions kept stay below.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails far from the samples, where it tends to the reference, and without whitening
    for columns of unlike scales.

    References
    ----------
    .. [1] J. Shi, S. Sun, J. Zhu. A spectral approach to gradient estimation for
       implicit distributions. ICML, 2018.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import spectral_stein
    >>> x = torch.tensor([[-1.5], [-0.4], [0.1], [0.9], [2.0]])
    >>> spectral_stein(x, whiten=False, reference=None, n_eigen=2).T
    tensor([[ 0.8336,  0.4758,  0.0880, -0.5652, -0.9402]])
    """
    bandwidth = median_distance(samples)
    kernel = gaussian_kernel(samples, samples, bandwidth)
    values, vectors = torch.linalg.eigh(kernel)
    values, vectors = values.flip(-1), vectors.flip(-1)
    keep = kept_eigenvalues(values, n_eigen, n_eigen_threshold)
    scale = torch.where(keep, math.sqrt(samples.shape[-2]) / values, 0.0)
    gradients = summed_gradients(kernel, samples, samples, bandwidth)
    if reference:
        gradients = gradients - kernel @ samples
    coefficients = -scale.unsqueeze(-1) * (vectors.mT @ gradients) / samples.shape[-2]
    weights = vectors @ (scale.unsqueeze(-1) * coefficients)
    return functools.partial(evaluate_kernel, samples, bandwidth, weights)


@through_whitening
def stein(samples, *, reference, ridge=0.1):
    r"""Stein gradient estimator of Li and Turner.

    .. math:: G = -(K + \eta I)^{-1} D, \quad D_m = \sum_n \nabla_{x_n} k(x_m, x_n)

    with a Gaussian kernel of the median bandwidth. A query is answered as if it were
    one more sample. The ridge draws the estimate towards zero, or towards the
    reference.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    ridge : float, default=0.1
        The ridge :math:`\eta`.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails with few samples in many columns, where the ridge leaves little but the
    reference.

    References
    ----------
    .. [1] Y. Li, R. E. Turner. Gradient estimators for implicit models. ICLR, 2018.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import stein
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> stein(x, torch.tensor([[0.0]])).abs() < 1e-6
    tensor([[True]])
    """
    bandwidth = median_distance(samples)
    kernel = gaussian_kernel(samples, samples, bandwidth)
    target = summed_gradients(kernel, samples, samples, bandwidth)
    if reference:
        target = target - kernel @ samples
    eye = torch.eye(samples.shape[-2], dtype=samples.dtype, device=samples.device)
    factor = torch.linalg.cholesky(kernel + ridge * eye)
    return functools.partial(
        evaluate_stein, samples, target, factor, bandwidth, ridge, reference
    )


@through_whitening
def tikhonov(samples, *, reference, kernel="curl_free", ridge=0.01, bandwidth=1.0):
    r"""Kernel score matching with a quadratic penalty.

    .. math:: \hat s = \arg\min_f \; E \|f - \nabla \log q\|^2 + \lambda \|f\|_H^2

    over vector fields of a reproducing kernel: gradients of functions
    ("curl_free") or d unrelated functions ("diagonal"). The system, of n d unknowns,
    is solved by conjugate gradients in O(n^2 d) memory-free products.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    kernel : {"curl_free", "diagonal"}, default="curl_free"
        Kind of vector field.
    ridge : float, default=0.01
        The penalty :math:`\lambda`.
    bandwidth : float, default=1.0
        Width of the Gaussian, in median distances.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails where one ridge does not suit all directions; `nu_method` chooses by rows left
    out.

    References
    ----------
    .. [1] Y. Zhou, J. Shi, J. Zhu. Nonparametric score estimators. ICML, 2020.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import tikhonov
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> tikhonov(x, torch.tensor([[0.0]])).abs() < 1e-6
    tensor([[True]])
    """
    width = bandwidth * median_distance(samples)
    make = functools.partial(KERNELS[kernel], bandwidth=width)
    field = make(samples, samples)
    n_rows = samples.shape[-2]
    values = solve_by_conjugate_gradients(
        lambda f: ridge * f + field.apply(f) / n_rows,
        target_of(field, samples, reference),
    )
    coefficients = -values / (n_rows * ridge)
    return functools.partial(
        evaluate_field, make, samples, 1 / ridge, coefficients, reference
    )


@through_whitening
def nu_method(
    samples,
    *,
    reference,
    kernel="curl_free",
    n_steps="auto",
    bandwidth=1.0,
):
    r"""Kernel score matching by the nu-method, an accelerated gradient descent.

    .. math::
        f_t = f_{t-1} + u_t (f_{t-1} - f_{t-2}) - w_t (L f_{t-1} - L \nabla \log q)

    with L the integral operator of a kernel of vector fields and t the only
    regularisation. With ``n_steps="auto"`` the kernel learns along which directions
    the samples differ from a normal distribution, as weights of all of them or as the
    one, two or four independent components that are least normal [2]_, and three folds
    choose, by the score-matching loss on rows left out, among these and when to stop:
    a normal sample is left to the reference, a structured one is not smoothed away.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    kernel : {"curl_free", "diagonal"}, default="curl_free"
        Kind of vector field: gradients of functions, or d unrelated functions.
        With "auto" steps always "curl_free".
    n_steps : "auto" or int, default="auto"
        Number of steps; "auto" needs whitened samples and chooses by folds.
    bandwidth : float, default=1.0
        Width of the Gaussian, in median distances, for a given number of steps.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails where columns approach rows in number: what is not normal is then smoothed
    away.

    References
    ----------
    .. [1] Y. Zhou, J. Shi, J. Zhu. Nonparametric score estimators. ICML, 2020.
    .. [2] A. Hyvarinen. Fast and robust fixed-point algorithms for independent
       component analysis. IEEE Trans. Neural Networks, 1999.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import nu_method
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> nu_method(x, torch.tensor([[0.0]])).abs() < 1e-6
    tensor([[True]])
    """
    if n_steps != "auto":
        width = bandwidth * median_distance(samples)
        make = functools.partial(KERNELS[kernel], bandwidth=width)
        return descend(make, samples, n_steps, reference)
    if samples.ndim == 2:
        return descend_adaptively(samples, reference)
    rows = samples.flatten(end_dim=-3)
    fields = [descend_adaptively(row, reference) for row in rows]
    return functools.partial(evaluate_each, fields, samples)


@through_whitening
def sliced(
    samples,
    *,
    reference,
    hidden_layer_sizes=(64, 64),
    n_steps=300,
    learning_rate=3e-3,
    seed=0,
):
    r"""Sliced score matching with a small network.

    .. math:: \min_s \; E_x E_v \left[ v^T \nabla s(x) v \right] + \tfrac12 E \|s\|^2

    with random signs v. It has to be trained anew whenever q moves; where that is
    affordable it is not tied to a kernel.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    n_steps : int, default=300
        Steps of Adam on all samples.
    learning_rate : float, default=3e-3
        Its step size.
    seed : int, default=0
        Seed of the initial weights and of the random signs.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails with few samples, to which the network fits at once.

    References
    ----------
    .. [1] Y. Song, S. Garg, J. Shi, S. Ermon. Sliced score matching. UAI, 2019.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import sliced
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> sliced(x, n_steps=2).shape
    torch.Size([50, 1])
    """
    generator = torch.Generator().manual_seed(seed)
    networks = []
    for row in samples.reshape(-1, *samples.shape[-2:]):
        with torch.enable_grad(), isolated_randomness(generator):
            network = make_network(row.shape[-1], hidden_layer_sizes).to(row)
            train_by_slices(network, row, reference, n_steps, learning_rate)
        networks.append(network.requires_grad_(False))
    return functools.partial(evaluate_each, networks, samples)


SCORES = {
    "nu_method": nu_method,
    "spectral_stein": spectral_stein,
    "stein": stein,
    "tikhonov": tikhonov,
    "sliced": sliced,
}


# -- mutual information ------------------------------------------------------------


def project_randomly(block, n_projections, seed=0):
    r"""Project the columns of a wide block to fewer, keeping lengths.

    .. math:: x \mapsto R x, \quad R_{ij} \sim N(0, 1/k)

    so that :math:`E \|Rx\|^2 = \|x\|^2`. A block that is no wider is returned as is.

    Parameters
    ----------
    block : tensor of shape (..., n, d)
        Rows.
    n_projections : int or None
        Number k of columns to keep; None keeps all.
    seed : int, default=0
        Seed of R: the same seed gives the same projection.

    Returns
    -------
    tensor of shape (..., n, min(k, d))
        The projected rows.

    Notes
    -----
    Loses what fewer columns cannot hold: estimates of mutual information fall.

    References
    ----------
    .. [1] E. Bingham, H. Mannila. Random projection in dimensionality reduction.
       KDD, 2001.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import project_randomly
    >>> project_randomly(torch.ones(5, 1000), 32).shape
    torch.Size([5, 32])
    """
    n_columns = block.shape[-1]
    if n_projections is None or n_columns <= n_projections:
        return block
    generator = torch.Generator().manual_seed(seed)
    shape = n_columns, n_projections
    projection = torch.randn(shape, generator=generator, dtype=torch.float64)
    return block @ (projection / math.sqrt(n_projections)).to(block)


def mutual_info_gradient(
    x, y, *, queries=None, method="nu_method", reference="copula", **options
):
    r"""Gradient of I(x; y) with respect to each row of x and of y.

    .. math::
        g_i = s_{xy}(x_i, y_i) - [s_x(x_i), s_y(y_i)], \qquad
        \frac{dI}{d\theta} = \frac1n \sum_i g_i \cdot \frac{d(x_i, y_i)}{d\theta}

    for anything :math:`\theta` that the rows depend on. All three scores are
    regularised alike, so that most of what this takes from them cancels: the
    nu-method takes 50 steps where none are given.

    Parameters
    ----------
    x : tensor of shape (n, d_x)
        Rows.
    y : tensor of shape (n, d_y)
        Their partners.
    queries : pair of tensors, default=None
        Other rows of x and y to evaluate at; None means the given ones.
    method : str, default="nu_method"
        Name in :data:`SCORES`.
    reference : {"copula", "gaussian"} or None, default="copula"
        What is taken as known: "gaussian" the scores of fitted normal distributions,
        "copula" the same after each column was mapped to normal scores, by a smooth
        map that leaves mutual information as it is.
    **options : dict
        Passed to the score estimator, as ``whiten``.

    Returns
    -------
    gradient_x : tensor of shape (n, d_x)
        With respect to each row of x.
    gradient_y : tensor of shape (n, d_y)
        With respect to each row of y.

    Notes
    -----
    Fails where a column repeats its values, which then has no density, and shrinks
    towards what is taken as known as columns approach rows in number.

    References
    ----------
    .. [1] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    To draw y towards x raises what they tell about each other.

    >>> import torch
    >>> from skmi.scores import mutual_info_gradient
    >>> x = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    >>> y = x + torch.randn(200, 1, generator=torch.Generator().manual_seed(1))
    >>> gradient_x, gradient_y = mutual_info_gradient(x, y)
    >>> bool((gradient_y * (x - y)).mean() > 0)
    True
    """
    x, y = (torch.as_tensor(block).detach() for block in (x, y))
    both = at_both = torch.cat([x, y], -1).double()
    if queries is not None:
        at_both = torch.cat([torch.as_tensor(block) for block in queries], -1).double()
    slopes = torch.ones_like(at_both)
    if reference == "copula":
        reference, given = "gaussian", both
        both, slopes = gaussianize(given, given)
        at_both, slopes = (
            (both, slopes) if queries is None else gaussianize(given, at_both)
        )
    score = functools.partial(
        SCORES[method], reference=reference, **fix_steps(method, options, 50)
    )
    sizes = x.shape[-1], y.shape[-1]
    pairs = zip(both.split(sizes, -1), at_both.split(sizes, -1), strict=True)
    own = torch.cat([score(block, at) for block, at in pairs], -1)
    gradient = (score(both, at_both) - own) * slopes
    return gradient.to(x).split(sizes, -1)


def fix_steps(method, options, n_steps):
    """Fix the steps of the nu-method where they are not given."""
    return {"n_steps": n_steps, **options} if method == "nu_method" else options


def entropy_surrogate(rows, *, method="nu_method", **options):
    r"""Scalar whose autograd gradient is the estimated gradient of the entropy.

    .. math:: -\frac1n \sum_i \hat s(u_i) \cdot u_i

    with the score held fixed. Its value says nothing: about d, whatever the entropy.

    Parameters
    ----------
    rows : tensor of shape (n, d)
        Draws that depend on parameters.
    method : str, default="nu_method"
        Name in :data:`SCORES`; the nu-method takes 10 steps where none are given.
    **options : dict
        Passed to the score estimator.

    Returns
    -------
    tensor, scalar
        To be maximised for a larger entropy.

    Notes
    -----
    Fails for rows that lie on a surface, which have no density: add noise to them.

    Examples
    --------
    The entropy of c x grows by d / c with c.

    >>> import torch
    >>> from skmi.scores import entropy_surrogate
    >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    >>> scale = torch.tensor(2.0, requires_grad=True)
    >>> entropy_surrogate(scale * x).backward()
    >>> round(scale.grad.item(), 1)
    1.5
    """
    score = SCORES[method](rows, **fix_steps(method, options, 10)).to(rows)
    return -(score.detach() * rows).sum(-1).mean()


def mige_loss(
    z, other=None, *, circumstance="I", log_scale=None, labels=None, **options
):
    r"""Loss whose minimisation by autograd raises mutual information.

    Its gradient is minus the estimated gradient of I; its value means nothing and is
    no estimate of I. Circumstances, after the published ones:

    - "I": z depends on parameters, `other` does not. Loss of
      :math:`-(H(z) - H(z, other))`, or with `labels` of
      :math:`-(H(z) - \sum_c p(c) H(z|c))`.
    - "II": both depend on parameters. Loss of
      :math:`-(H(z) + H(other) - H(z, other))`.
    - "III": z is drawn by a stochastic encoder from normal distributions of
      `log_scale`. Loss of :math:`-(H(z) - E \sum_i \log \sigma_i(x))`, the
      information that z has on its input. Without `log_scale` the noise is taken as
      fixed and only H(z) counts.

    Parameters
    ----------
    z : tensor of shape (n, d)
        Outputs of the encoder, attached to its parameters.
    other : tensor of shape (n, d_other), default=None
        The block to be informative about.
    circumstance : {"I", "II", "III"}, default="I"
        What depends on parameters.
    log_scale : tensor of shape (n, d), default=None
        Log standard deviations of a stochastic encoder.
    labels : tensor of shape (n,), default=None
        Classes to be informative about, in place of `other`.
    **options : dict
        Passed to :func:`entropy_surrogate`, as ``method``.

    Returns
    -------
    tensor, scalar
        To be minimised.

    Notes
    -----
    Without noise a deterministic z has infinite information on its input, and the
    estimated gradient explodes.

    References
    ----------
    .. [1] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import mige_loss
    >>> x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    >>> weight = torch.tensor([[1.0], [1.0]], requires_grad=True)
    >>> noise = torch.randn(500, 1, generator=torch.Generator().manual_seed(1))
    >>> mige_loss(x @ weight + noise, x[:, :1]).backward()
    >>> weight.grad.ravel() < 0
    tensor([ True, False])
    """
    surrogate = functools.partial(entropy_surrogate, **options)
    if circumstance not in {"I", "II", "III"}:
        raise ValueError(
            f'circumstance must be "I", "II" or "III"; got {circumstance!r}.'
        )
    if circumstance == "III":
        known = 0 if log_scale is None else log_scale.sum(-1).mean()
        return known - surrogate(z)
    if labels is not None:
        return entropy_within(z, labels, surrogate) - surrogate(z)
    if other is None:
        raise ValueError(f"circumstance {circumstance!r} needs other or labels.")
    if circumstance == "I":
        other = other.detach()
    loss = surrogate(torch.cat([z, other.to(z)], -1)) - surrogate(z)
    return loss - surrogate(other) if circumstance == "II" else loss


def entropy_within(z, labels, surrogate):
    """Return the mean surrogate of the classes that have rows enough for a score."""
    total = 0.0
    for label in labels.unique():
        rows = z[labels == label]
        if len(rows) > z.shape[-1] + 1:
            total = total + surrogate(rows) * len(rows) / len(z)
    return total
