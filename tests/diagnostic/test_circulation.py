"""Circulation: zero for gradients to the floor of quadrature, and Stokes' theorem."""

import math

import pytest
import torch
from helpers.linear_flow import linear

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.diagnostic.circulation import circle_circulation, triangle_circulation
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.testing.exact import ExactFields

T = torch.tensor(0.6, dtype=torch.float64)
DIM = 5


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def planes(n, dim=DIM, seed=3):
    """Orthonormal pairs of vectors, (n, dim) each, uniform."""
    q = torch.linalg.qr(drawn(n, dim, 2, seed=seed)).Q
    return q[..., 0], q[..., 1]


def mixture(name):
    data = GaussianMixture(means=[[1.0, 0.5], [-1.0, 0.0], [0.0, -1.5]], std=0.3)
    base = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
    path = OneSidedLinearInterpolant()
    net = ExactFields(base=base, target=data, interpolant=path, predicts=name)
    return lambda t, x: net(t, x)[:, 0], net


def test_circles_of_a_gradient_converge_spectrally():
    field, _ = mixture("score")
    first, second = planes(20, 2)
    centre = drawn(20, 2)
    values = [
        float(
            circle_circulation(
                field, T, centre, first, second, radius=0.3, num_points=n
            ).relative.max()
        )
        for n in (8, 16, 32)
    ]
    assert values[0] > 1e2 * values[1] and values[2] < 1e-8


def test_floor_bounds_what_quadrature_leaves_of_a_gradient():
    field, _ = mixture("score")
    first, second = planes(20, 2)
    for n in (8, 16):
        found = circle_circulation(field, T, drawn(20, 2), first, second, radius=0.3, num_points=n)
        assert (found.relative <= found.floor).all()
    found = triangle_circulation(field, T, drawn(20, 3, 2, seed=4), num_intervals=32)
    assert (found.relative <= found.floor).all() and found.relative.max() < 1e-2


@pytest.mark.parametrize("radius", [0.1, 2.0])
def test_circles_of_a_linear_field_obey_stokes(radius):
    """pi r^2 second^T K first, for circles of any size."""
    j = drawn(DIM, DIM, seed=7)
    (first, second), centre = planes(10), drawn(10, DIM)
    found = circle_circulation(linear(j), T, centre, first, second, radius=radius)
    expected = math.pi * radius**2 * ((second @ (j - j.T)) * first).sum(1)
    torch.testing.assert_close(found.value, expected)
    assert (found.relative > found.floor).all()


def test_random_planes_see_a_small_share_of_the_antisymmetric_part():
    """E (second^T K first)^2 = |K|^2 / (d (d - 1))."""
    j = drawn(DIM, DIM, seed=7)
    first, second = planes(40_000)
    seen = ((second @ (j - j.T)) * first).sum(1).square()
    error = float(seen.std()) / 200
    expected = float((j - j.T).square().sum()) / (DIM * (DIM - 1))
    assert abs(float(seen.mean()) - expected) < 4 * error


def test_pure_rotation_has_relative_circulation_one():
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    first, second = torch.eye(2, dtype=torch.float64)[:, None]
    found = circle_circulation(
        linear(turn), T, torch.zeros(1, 2, dtype=torch.float64), first, second, radius=2.0
    )
    assert float(found.relative) == pytest.approx(1, abs=1e-12)
    assert float(found.value) == pytest.approx(2 * math.pi * 4, abs=1e-10)


def test_sides_of_triangles_are_differences_of_log_density():
    """With a rotation added, the sum is twice the area, by Stokes; without it, zero."""
    field, net = mixture("score")
    corners = drawn(6, 3, 2, seed=4)

    def turned(t, x):
        return field(t, x) + torch.stack([-x[:, 1], x[:, 0]], dim=1)

    clean = triangle_circulation(field, T, corners, num_intervals=256)
    found = triangle_circulation(turned, T, corners, num_intervals=256)
    sides = corners[:, 1:] - corners[:, :1]
    assert clean.value.abs().max() < 1e-5
    torch.testing.assert_close(found.value, torch.linalg.det(sides), atol=1e-5, rtol=0)
    # `relative` is over the sum of |differences|, here of the density alone.
    logs = torch.stack([net.log_density(T, corners[:, k]) for k in range(3)])
    change = (logs - logs.roll(1, 0)).abs().sum(0)
    torch.testing.assert_close(clean.relative * change, clean.value.abs(), atol=1e-8, rtol=1e-3)


def test_triangles_of_images_and_constant_fields():
    corners = drawn(3, 3, 1, 2, 2)
    found = triangle_circulation(lambda t, x: 0 * x, T, corners)
    assert found.relative.abs().max() == found.floor.abs().max() == 0
    found = triangle_circulation(
        lambda t, x: x.roll(1, -1) * x.new_tensor([1.0, -1.0]), T, corners
    )
    assert (found.relative > 1e-3).all()


@pytest.mark.parametrize("count", [0, 2, 7, 4.5])
def test_numbers_of_points_that_cannot_be_halved_are_refused(count):
    x = drawn(1, DIM)
    with pytest.raises(
        ValueError, match=r"circle_circulation\.num_points: expected a multiple of 2"
    ):
        circle_circulation(linear(torch.eye(DIM)), T, x, x, x, radius=1, num_points=count)
    with pytest.raises(ValueError, match=r"triangle_circulation\.num_intervals: expected a mult"):
        triangle_circulation(linear(torch.eye(DIM)), T, drawn(1, 3, DIM), num_intervals=count)


def test_radius_of_zero_is_refused():
    x = drawn(1, DIM)
    with pytest.raises(ValueError, match=r"circle_circulation\.radius: expected a number > 0"):
        circle_circulation(linear(torch.eye(DIM)), T, x, x, x, radius=0)
