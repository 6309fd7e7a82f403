"""The antisymmetric share of a Jacobian, its blocks, and its largest rotation."""

import itertools

import pytest
import torch
from helpers.linear_flow import ROTATION, linear

from interpolants.diagnostic.antisymmetry import antisymmetry
from interpolants.diagnostic.stiffness import strongest_rotation
from interpolants.diagnostic.sub_jacobian import antisymmetric_energy, sub_jacobian

T = torch.tensor(0.3, dtype=torch.float64)
DIM = 6


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


J = drawn(DIM, DIM, seed=5)
K = J - J.T


def curved(t, x):
    """A field whose Jacobian depends on the state and time."""
    return (1 + t) * torch.sin(x @ J.T) + x.roll(1, dims=1) * x


def jacobians(t, x):
    return torch.func.vmap(torch.func.jacfwd(lambda row: curved(t, row[None])[0]))(x)


@pytest.mark.parametrize("c", [0.0, 0.5, 3.0, 10.0])
def test_rotated_score_of_a_round_gaussian_has_the_share_of_its_angle(c):
    """(I + A) s with A = c times a rotation by 90 degrees: c^2 / (1 + c^2)."""
    turn = torch.block_diag(ROTATION, ROTATION)
    x = drawn(50, 4)
    found = antisymmetry(linear(-(torch.eye(4) + c * turn)), T, x, generator=seeded())
    # Each probe gives the exact norms: A^T A is a multiple of the identity.
    assert found.share == pytest.approx(c**2 / (1 + c**2), abs=1e-12)
    assert found.share_error < 1e-12


def test_share_of_a_curved_field_is_within_its_error():
    x = drawn(3_000, DIM)
    full = jacobians(T, x)
    energy = (full - full.mT).square().sum((1, 2))
    total = full.square().sum((1, 2))
    exact = float(energy.mean() / (4 * total.mean()))
    found = antisymmetry(curved, T, x, num_probes=2, generator=seeded())
    assert abs(found.share - exact) < 4 * found.share_error
    assert abs(found.norm - float(energy.mean()) ** 0.5) < 4 * found.norm_error
    assert found.share_error < 0.01


def test_share_is_a_ratio_of_means_and_no_mean_of_ratios():
    """For f = (-y^3, x), |K|^2 / 4 = (1 + 3 y^2)^2 / 2 and |J|^2 = 1 + 9 y^4, means 17 and 28."""

    def field(t, x):
        return torch.stack([-(x[:, 1] ** 3), x[:, 0]], dim=1)

    x = drawn(50_000, 2)
    found = antisymmetry(field, T, x, generator=seeded())
    assert abs(found.share - 17 / 28) < 4 * found.share_error
    square = x[:, 1].square()
    ratios = (1 + 3 * square).square() / (2 + 18 * square.square())
    assert abs(float(ratios.mean()) - 17 / 28) > 20 * found.share_error


def test_errors_are_those_of_repetitions():
    """Over new states and probes, the estimates spread by the standard error."""
    found = [
        antisymmetry(curved, T, drawn(200, DIM, seed=k), generator=seeded(k)) for k in range(60)
    ]
    for value, error in (("share", "share_error"), ("norm", "norm_error")):
        spread = torch.tensor([getattr(e, value) for e in found]).std()
        stated = torch.tensor([getattr(e, error) for e in found]).mean()
        assert 0.7 < float(stated / spread) < 1.4


def test_score_and_noise_have_one_share_and_the_velocity_another():
    x, score = drawn(100, DIM), linear(J)
    shares = [
        antisymmetry(field, T, x, generator=seeded()).share
        for field in (score, lambda t, x: -0.4 * score(t, x), lambda t, x: x + 0.4 * score(t, x))
    ]
    assert shares[1] == pytest.approx(shares[0], abs=1e-12)
    assert abs(shares[2] - shares[0]) > 0.01


def test_gradient_has_no_antisymmetric_part_and_a_constant_no_share():
    x = drawn(20, DIM)
    found = antisymmetry(linear(J + J.T), T, x, generator=seeded())
    assert found.share < 1e-28 and found.norm < 1e-13
    assert antisymmetry(lambda t, x: 0 * x, T, x, generator=seeded()).share == 0


def test_block_holds_the_entries_of_the_jacobian():
    x, chosen = drawn(5, DIM), [4, 0, 3]
    found = sub_jacobian(curved, T, x, chosen)
    torch.testing.assert_close(found, jacobians(T, x)[:, chosen][:, :, chosen])
    shaped = sub_jacobian(
        lambda t, y: curved(t, y.flatten(1)).view_as(y), T, x.view(5, 1, 2, 3), chosen
    )
    torch.testing.assert_close(shaped, found)


@pytest.mark.parametrize("m", [2, 4, DIM])
def test_energy_of_all_blocks_of_a_size_is_on_average_that_of_the_jacobian(m):
    x = drawn(3, DIM)
    blocks = [
        antisymmetric_energy(sub_jacobian(curved, T, x, chosen), DIM)
        for chosen in itertools.combinations(range(DIM), m)
    ]
    full = jacobians(T, x)
    torch.testing.assert_close(torch.stack(blocks).mean(0), (full - full.mT).square().sum((1, 2)))


@pytest.mark.parametrize("chosen", [[], [1, 1], [DIM], [-1]])
def test_coordinates_outside_of_the_event_or_repeated_are_refused(chosen):
    with pytest.raises(ValueError, match=r"sub_jacobian\.coordinates: expected distinct numbers"):
        sub_jacobian(curved, T, drawn(2, DIM), chosen)


def test_strongest_rotation_is_the_largest_singular_value_with_its_plane():
    x = drawn(4, DIM)
    found = strongest_rotation(curved, T, x, iterations=400, generator=seeded())
    full = jacobians(T, x)
    k = full - full.mT
    largest = torch.linalg.matrix_norm(k, ord=2)
    torch.testing.assert_close(found.rate, largest, rtol=1e-6, atol=0)
    moved = torch.einsum("bi,bij,bj->b", found.second, k, found.first)
    torch.testing.assert_close(moved, largest, rtol=1e-6, atol=0)
    assert (found.first * found.second).sum(1).abs().max() < 1e-12
    torch.testing.assert_close(found.stiffness(0.1), 0.1 * found.rate)
    few = strongest_rotation(curved, T, x, iterations=3, generator=seeded())
    assert (few.rate <= largest + 1e-12).all()


def test_gradient_has_no_rotation():
    found = strongest_rotation(
        linear(torch.eye(DIM).double()), T, drawn(3, DIM), generator=seeded()
    )
    assert found.rate.abs().max() == found.first.abs().max() == found.second.abs().max() == 0


def test_numbers_below_one_and_single_states_are_refused():
    x = drawn(3, DIM)
    with pytest.raises(ValueError, match=r"antisymmetry\.num_probes: expected a whole number > 0"):
        antisymmetry(curved, T, x, num_probes=0)
    with pytest.raises(ValueError, match=r"antisymmetry\.x: expected two or more states"):
        antisymmetry(curved, T, x[:1])
    with pytest.raises(ValueError, match=r"strongest_rotation\.iterations"):
        strongest_rotation(curved, T, x, iterations=0)
    with pytest.raises(ValueError, match=r"antisymmetric_energy\.block: expected 2 to 6"):
        antisymmetric_energy(sub_jacobian(curved, T, x, [1]), DIM)
