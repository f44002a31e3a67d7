import pytest
import torch

from skmi.scores._kernels import CurlFreeKernel, DiagonalKernel, SumKernel
from tests.scores.draws import draw


def make_kernels(points, samples):
    weights = torch.tensor([[1.0, 0.5, 0.2]], dtype=points.dtype)
    curl_free = CurlFreeKernel(points, samples, 1.3, weights)
    diagonal = DiagonalKernel(points, samples, 1.1)
    return [curl_free, diagonal, SumKernel(curl_free, diagonal)]


@pytest.mark.parametrize("which", range(3))
def test_derivatives_of_the_kernels(which):
    points, samples = draw(4, 3).requires_grad_(True), draw(6, 3, seed=1)
    coefficients = draw(6, 3, seed=2)
    kernel = make_kernels(points, samples)[which]
    for field, divergence in (
        (kernel.apply(coefficients), kernel.divergence(coefficients)),
        (kernel.embedding(), kernel.embedding_divergence()),
    ):
        slopes = [
            torch.autograd.grad(field[:, i].sum(), points, retain_graph=True)[0][:, i]
            for i in range(3)
        ]
        torch.testing.assert_close(sum(slopes), divergence)


@pytest.mark.parametrize("which", range(3))
def test_the_embedding_is_minus_the_divergence_in_the_samples(which):
    points, samples = draw(2, 3), draw(5, 3, seed=1).requires_grad_(True)
    eye = torch.eye(3, dtype=points.dtype)
    expected = torch.zeros(2, 3, dtype=points.dtype)
    for b in range(3):
        kernel = make_kernels(points, samples)[which]
        columns = kernel.apply(eye[b].expand(5, 3))
        for i in range(2):
            for a in range(3):
                (slope,) = torch.autograd.grad(
                    columns[i, a], samples, retain_graph=True
                )
                expected[i, a] -= slope[:, b].sum() / 5
    embedding = make_kernels(points, samples)[which].embedding()
    torch.testing.assert_close(embedding, expected)
