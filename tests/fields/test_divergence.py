"""Divergences by vector-Jacobian products."""

import pytest
import torch
from helpers.problems import load, stems

from interpolants.fields.divergence.exact import ExactDivergence
from interpolants.fields.divergence.hutchinson import HutchinsonDivergence

_DIM = 5


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _matrix():
    return torch.randn(_DIM, _DIM, generator=_generator(1), dtype=torch.float64)


def _field(x):
    """sin(A x), and what comes along; the divergence is sum_i A_ii cos((A x)_i)."""
    return torch.sin(x @ _matrix().T), x.square()


def _states(n=3):
    return torch.randn(n, _DIM, generator=_generator(2), dtype=torch.float64)


def _exact(x):
    return (torch.cos(x @ _matrix().T) * torch.diagonal(_matrix())).sum(1)


def _of(divergence, x, seed=3):
    return divergence(_field, x, divergence.draw(len(x), _DIM, _generator(seed), x))


@pytest.mark.parametrize("chunk_size", [1, 2, 5, 64])
def test_exact_divergence_is_the_trace_of_the_jacobian_in_any_chunks(chunk_size):
    (value, aside), found = _of(ExactDivergence(chunk_size=chunk_size), _states())
    torch.testing.assert_close(found.squeeze(1), _exact(_states()), rtol=1e-12, atol=1e-12)
    assert torch.equal(value, _field(_states())[0])
    assert torch.equal(aside, _field(_states())[1])


def test_hutchinson_estimates_are_forms_of_random_signs():
    x, divergence = _states(), HutchinsonDivergence(num_probes=4)
    probes = divergence.draw(3, _DIM, _generator(3), x)
    assert set(probes.flatten().tolist()) == {-1, 1}
    jacobian = torch.cos(x @ _matrix().T)[:, :, None] * _matrix()
    v = probes.double()
    expected = torch.einsum("bki,bij,bkj->bk", v, jacobian, v)
    torch.testing.assert_close(_of(divergence, x)[1], expected, rtol=1e-12, atol=1e-12)


def test_hutchinson_is_unbiased():
    x = _states(1).expand(4000, -1)
    found = _of(HutchinsonDivergence(num_probes=4), x)[1]
    error = found.std() / 16_000**0.5
    assert (found.mean() - _exact(x)[0]).abs() < 4 * error


def test_hutchinson_is_exact_for_a_diagonal_jacobian():
    x, divergence = _states(), HutchinsonDivergence(num_probes=2)
    probes = divergence.draw(3, _DIM, _generator(), x)
    _, found = divergence(lambda x: (x**3,), x, probes)
    exact = 3 * x.square().sum(1, keepdim=True)
    torch.testing.assert_close(found, exact.expand(-1, 2), rtol=1e-12, atol=0)


@pytest.mark.parametrize("stem", stems("likelihood/divergence"))
def test_divergence_has_gradients_where_they_are_on_alone(stem):
    divergence = load("likelihood/divergence", stem)
    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x = _states().requires_grad_()
    probes = divergence.draw(3, _DIM, _generator(), x)
    (_,), found = divergence(lambda x: (scale * _field(x)[0],), x, probes)
    by_scale, by_x = torch.autograd.grad(found.sum(), [scale, x])
    torch.testing.assert_close(by_scale, found.sum().detach() / scale.detach())
    assert by_x.abs().sum() > 0
    with torch.no_grad():
        (value,), found = divergence(lambda x: (scale * _field(x)[0],), x, probes)
    assert not value.requires_grad and not found.requires_grad


@pytest.mark.parametrize("stem", stems("likelihood/divergence"))
def test_divergence_of_a_constant_field_is_zero(stem):
    divergence, x = load("likelihood/divergence", stem), _states()
    probes = divergence.draw(3, _DIM, _generator(), x)
    _, found = divergence(lambda x: (torch.ones_like(x),), x, probes)
    assert torch.equal(found, torch.zeros(3, divergence.columns, dtype=torch.float64))


@pytest.mark.slow
@pytest.mark.parametrize("stem", stems("likelihood/divergence"))
def test_divergence_compiles(stem):
    divergence, x = load("likelihood/divergence", stem), _states()
    probes = divergence.draw(3, _DIM, _generator(), x)
    with torch.no_grad():
        _, found = torch.compile(lambda x, p: divergence(_field, x, p))(x, probes)
    torch.testing.assert_close(found, divergence(_field, x, probes)[1], rtol=1e-12, atol=1e-12)
