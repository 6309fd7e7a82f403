"""Velocities between Gaussians need not be gradients: identities of their gradient part."""

import pytest
import torch
from helpers.linear_flow import C0, C1, C_DOT, C, M, gradient_part, linear, mean_square

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.diagnostic.antisymmetry import antisymmetry
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.testing.exact import ExactFields

S = gradient_part(M)


def test_gradient_part_of_the_velocity_solves_the_equation_of_lyapunov():
    """S C + C S = C', and the rest keeps C and is orthogonal to S."""
    rest = M - S
    torch.testing.assert_close(S @ C + C @ S, C_DOT, atol=1e-12, rtol=0)
    torch.testing.assert_close(rest @ C + C @ rest.T, torch.zeros_like(C), atol=1e-12, rtol=0)
    assert abs(float((S @ C @ rest.T).trace())) < 1e-12
    parts = mean_square(M), mean_square(S), mean_square(rest)
    assert parts == pytest.approx((3.397, 2.401, 0.996), abs=5e-4)


def test_velocity_between_gaussians_has_the_antisymmetric_share_of_its_matrix():
    exact = float(((M - M.T) / 2).square().sum() / M.square().sum())
    assert exact == pytest.approx(0.227, abs=5e-4)
    x = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = antisymmetry(
        linear(M), torch.tensor(0.4), x, generator=torch.Generator().manual_seed(1)
    )
    assert abs(found.share - exact) < 4 * found.share_error
    assert found.norm == pytest.approx(float((M - M.T).norm()), rel=1e-9)  # in the plane
    assert abs(found.jacobian_norm / float(M.norm()) - 1) < 0.02


@pytest.mark.parametrize(("start", "symmetric"), [(torch.eye(2).double(), True), (C0, False)])
def test_velocity_is_a_gradient_where_the_covariances_commute(start, symmetric):
    t = 0.4
    level = (1 - t) ** 2 * start + t**2 * C1
    velocity = (t * C1 - (1 - t) * start) @ torch.linalg.inv(level)
    assert ((velocity - velocity.T).abs().max() < 1e-12) == symmetric


def test_exact_fields_of_the_package_agree_with_the_closed_form():
    ends = [GaussianMixture(means=[[0.0, 0.0]], covariances=[c.tolist()]) for c in (C0, C1)]
    path = LinearInterpolant(gamma=ZeroGamma())
    net = ExactFields(base=ends[0], target=ends[1], interpolant=path, predicts="velocity")
    x = torch.randn(10, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = net(torch.tensor(0.4, dtype=torch.float64), x)[:, 0]
    torch.testing.assert_close(found, x @ M.T, atol=1e-8, rtol=1e-8)
