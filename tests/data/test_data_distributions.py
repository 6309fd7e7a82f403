"""Distributions in the plane, against their closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module

import pytest
import torch
from helpers.distributions import (
    SIGNIFICANCE,
    assert_equally_likely,
    assert_has_moments,
    draw,
    labels_of,
)
from helpers.problems import load, node_of, stems
from scipy.stats import kstest

from interpolants.data.base import Distribution
from interpolants.data.checkerboard import Checkerboard
from interpolants.data.eight_gaussians import EightGaussians
from interpolants.data.moons import Moons
from interpolants.data.pinwheel import Pinwheel
from interpolants.data.rings import Rings
from interpolants.data.s_curve import SCurve
from interpolants.data.swiss_roll import SwissRoll

_ELSEWHERE = ("moving_digits", "moving_digits_small")


def _is_distribution(stem: str) -> bool:
    module, _, name = node_of("data", stem)["_target_"].rpartition(".")
    return issubclass(getattr(import_module(module), name), Distribution)


TOYS = [stem for stem in stems("data") if stem not in _ELSEWHERE and _is_distribution(stem)]


def test_eight_gaussians_components_have_their_mean_std_and_weight() -> None:
    batch = draw(EightGaussians(), 200_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=8).double())
    r = math.sqrt(0.5)
    corners = [(1, 0), (r, r), (0, 1), (-r, r), (-1, 0), (-r, -r), (0, -1), (r, -r)]
    for k, corner in enumerate(corners):
        std = torch.full((2,), 0.1**0.25, dtype=torch.float64)
        assert_has_moments(batch.x1[label == k], 5 * torch.tensor(corner).double(), std)


def test_eight_gaussians_whole_distribution_has_the_documented_moments() -> None:
    data = EightGaussians(radius=3.0, std=0.2)
    std = torch.full((2,), math.sqrt(3.0**2 / 2 + 0.2**2), dtype=torch.float64)
    assert_has_moments(draw(data, 200_000).x1, torch.zeros(2), std)


def test_checkerboard_fills_its_squares_uniformly_and_no_others() -> None:
    x = draw(Checkerboard(), 200_000).x1
    cell = (x / 2 + 2).floor().long()
    assert ((cell >= 0) & (cell < 4)).all()
    counts = (4 * cell[:, 0] + cell[:, 1]).bincount(minlength=16).view(4, 4).double()
    is_filled = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1]] * 2).bool()
    assert (counts[~is_filled] == 0).all()
    assert_equally_likely(counts[is_filled])
    within = (8 * (x / 2 + 2 - cell)).long().clamp(max=7)
    assert_equally_likely((8 * within[:, 0] + within[:, 1]).bincount(minlength=64).double())


def test_moons_lie_on_their_half_circles() -> None:
    batch = draw(Moons(size=3.0, noise=0.0), 50_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=2).double())
    unit = (batch.x1 + 1) / 3
    upper, lower = unit[label == 0], unit[label == 1] - torch.tensor([1.0, 0.5])
    for half, sign in ((upper, 1), (lower, -1)):
        torch.testing.assert_close(half.norm(dim=1), torch.ones(len(half)))
        angle = torch.atan2(sign * half[:, 1], half[:, 0]) / math.pi
        assert kstest(angle.clamp(0, 1).numpy(), "uniform").pvalue > SIGNIFICANCE


def test_moons_noise_has_its_std() -> None:
    noisy, clean = (
        draw(Moons(size=2.0, noise=0.2), 100_000),
        draw(Moons(noise=0.0, size=2.0), 100_000),
    )
    assert_has_moments(noisy.x1 - clean.x1, torch.zeros(2), torch.full((2,), 0.4))


def test_s_curve_is_the_flat_view_of_the_one_in_scikit_learn() -> None:
    x = draw(SCurve(noise=0.0), 20_000).x1.double()
    upper = torch.where(x[:, 1] > 0, 1.0, -1.0)
    # Both halves are arcs of unit circles around (0, 1) and (0, -1).
    radius = (x[:, 0] ** 2 + (x[:, 1] - upper) ** 2).sqrt()
    torch.testing.assert_close(radius, torch.ones_like(radius), rtol=0, atol=1e-5)
    # E[sin^2 a] and E[(1 - cos a)^2] over |a| < 3 pi / 2, and the distribution is symmetric.
    std = torch.tensor([0.5, 1.5 + 4 / (3 * math.pi)], dtype=torch.float64).sqrt()
    assert_has_moments(x, torch.zeros(2), std)


def test_swiss_roll_has_the_angle_as_its_radius() -> None:
    x = draw(SwissRoll(noise=0.0), 20_000).x1
    radius = x.norm(dim=1)
    expected = torch.stack((radius * radius.cos(), radius * radius.sin()), dim=1)
    torch.testing.assert_close(x, expected, rtol=0, atol=1e-3)
    uniform = (radius / (1.5 * math.pi) - 1) / 2
    assert kstest(uniform.numpy(), "uniform").pvalue > SIGNIFICANCE


def test_pinwheel_unwound_is_one_gaussian_per_arm() -> None:
    data = Pinwheel(arms=7, radial_std=0.1, tangential_std=0.05, twist=0.0)
    batch = draw(data, 70_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=7).double())
    angle = -2 * math.pi / 7 * label
    rotation = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1).view(-1, 2, 2)
    arm = (rotation @ batch.x1[:, :, None])[:, :, 0]
    assert_has_moments(arm, torch.tensor([2.0, 0.0]), torch.tensor([0.2, 0.1]))


def test_pinwheel_winds_by_the_exponential_of_the_radius() -> None:
    x = draw(Pinwheel(arms=1, tangential_std=1e-6, twist=0.25), 1000).x1.double()
    # Negative radii would point backwards: with radial_std 0.3 there are almost none.
    r = x.norm(dim=1) / 2
    angle = torch.atan2(x[:, 1], x[:, 0])
    turn = torch.remainder(angle - 0.25 * r.exp() + math.pi, 2 * math.pi) - math.pi
    assert (turn.abs() < 1e-3).double().mean() > 0.99


def test_rings_have_equal_weights_even_radii_and_uniform_angles() -> None:
    batch = draw(Rings(rings=3, radius=6.0, noise=0.0), 60_000)
    label = labels_of(batch)
    assert_equally_likely(label.bincount(minlength=3).double())
    torch.testing.assert_close(batch.x1.norm(dim=1), 2.0 * (label + 1))
    angle = torch.atan2(batch.x1[:, 1], batch.x1[:, 0]) / (2 * math.pi) + 0.5
    assert kstest(angle.numpy(), "uniform").pvalue > SIGNIFICANCE


@pytest.mark.parametrize("stem", TOYS)
def test_distribution_in_model_space_has_mean_zero_and_std_one(stem: str) -> None:
    data = load("data", stem, standardize=True)
    x = (draw(data, 50_000, seed=9).x1 - data.shift) / data.scale
    # The shift and scale of the toys are estimates from 10,000 draws.
    assert x.mean(0).abs().max() < 0.06
    assert (x.std(0) - 1).abs().max() < 0.04
    raw = load("data", stem, standardize=False)
    assert (raw.shift == 0).all() and (raw.scale == 1).all()
    assert torch.equal(draw(raw, 10).x1, draw(data, 10).x1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Checkerboard(cell_width=0), "Checkerboard.cell_width: expected a number > 0"),
        (lambda: EightGaussians(radius=-1), "EightGaussians.radius: expected a number > 0"),
        (lambda: EightGaussians(std=0), "EightGaussians.std: expected a number > 0"),
        (lambda: Moons(size=math.inf), "Moons.size: expected a number > 0"),
        (lambda: Moons(noise=-0.1), "Moons.noise: expected a number >= 0, got -0.1"),
        (lambda: SCurve(noise=-0.1), "SCurve.noise: expected a number >= 0"),
        (lambda: SwissRoll(noise=math.nan), "SwissRoll.noise: expected a number >= 0"),
        (lambda: Pinwheel(arms=0), "Pinwheel.arms: expected a whole number > 0, got 0"),
        (lambda: Pinwheel(twist=math.inf), "Pinwheel.twist: expected a finite number"),
        (lambda: Rings(rings=0), "Rings.rings: expected a whole number > 0, got 0"),
        (lambda: Rings(noise=-1), "Rings.noise: expected a number >= 0"),
    ],
)
def test_distribution_refuses_bad_arguments_by_name(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        build()
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("seed", [0, 3])
def test_held_out_draws_of_a_distribution_are_none_of_training(seed):
    data = Moons()
    held = data.held_out(64, seed).x1
    used = [data.train_batch(step, 64, seed).x1 for step in range(3)]
    for other in (*used, data.fitting_batch().x1, data.held_out(64, seed + 1).x1):
        assert not torch.isin(held, other).any()
