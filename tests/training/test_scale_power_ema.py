"""Post-hoc averages: closed forms, and comparison with tracked averages."""

import math

import numpy as np
import pytest
import torch
from helpers.tiny import CHUNK, Tiny, equal, fit, weights_of

from interpolants.checkpoint.ema_profiles import (
    Profile,
    coefficients,
    gamma_of,
    inner_product,
    reconstruct,
    snapshot_steps,
)
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training.ema import EMA
from interpolants.training.power_ema import PowerEMA


@pytest.mark.parametrize("width", [0.01, 0.05, 0.1, 0.25])
def test_a_profile_has_the_width_that_its_power_was_found_for(width):
    """The moments of p(s) = (g + 1) s^g on [0, 1], by the midpoint rule."""
    gamma = gamma_of(width)
    s = (np.arange(200_000) + 0.5) / 200_000
    p = (gamma + 1) * s**gamma
    mean = (p * s).mean()
    assert p.mean() == pytest.approx(1, rel=1e-6)
    assert math.sqrt((p * (s - mean) ** 2).mean()) == pytest.approx(width, rel=1e-5)


@pytest.mark.parametrize(("first", "second"), [((7, 6.9), (10, 2.4)), ((10, 6.9), (10, 6.9))])
def test_inner_products_of_profiles_are_their_integrals(first, second):
    a, b = Profile(*first), Profile(*second)
    s = (np.arange(400_000) + 0.5) / 400_000 * 10
    values = [(p.gamma + 1) * s**p.gamma / p.step ** (p.gamma + 1) * (s <= p.step) for p in (a, b)]
    assert inner_product(a, b) == pytest.approx((values[0] * values[1]).mean() * 10, rel=1e-4)
    assert inner_product(a, b) == inner_product(b, a)


def test_a_profile_that_is_known_is_its_own_best_combination():
    known = [Profile(step, gamma_of(w)) for step in (100, 200, 300) for w in (0.05, 0.1)]
    for number in (4, 5):
        found = coefficients(known, known[number])
        assert found == pytest.approx(np.eye(6)[number], abs=1e-6)


@pytest.mark.parametrize(("width", "tolerance"), [(0.07, 2e-3), (0.12, 2e-3), (0.15, 1e-2)])
def test_a_made_average_is_the_one_that_would_have_been_tracked(width, tolerance, tmp_path):
    """Along a spiral that slows down, with 40 files of two averages each."""
    steps, every = 2000, 50
    trajectory = [
        torch.tensor([math.cos(7 * u), math.sin(3 * u), u])
        for u in np.log1p(np.arange(1, steps + 1))
    ]
    gammas = {w: gamma_of(w) for w in (0.05, 0.1, width)}
    averages = dict.fromkeys(gammas, torch.zeros(3, dtype=torch.float64))
    for t, w in enumerate(trajectory, 1):
        for name, gamma in gammas.items():
            kept = (1 - 1 / t) ** (gamma + 1)
            averages[name] = kept * averages[name] + (1 - kept) * w.double()
        if t % every == 0:
            weights = [{"w": averages[name].float()} for name in (0.05, 0.1)]
            content = {"step": t, "sigma_rel": [0.05, 0.1], "weights": weights}
            torch.save(content, tmp_path / f"step_{t:09d}.pt")
    made = reconstruct(tmp_path, width)["w"]
    assert (made - averages[width]).abs().max() < tolerance
    assert (made - averages[0.05]).abs().max() > 5 * tolerance


def _callbacks(folder):
    return [EMA(decay=0.9), PowerEMA(folder=folder / "ema", every_n_steps=20)]


def test_power_averages_move_with_the_last_weights_of_each_chunk(tmp_path):
    module = Tiny()
    fit(tmp_path, 50, module, _callbacks(tmp_path))
    assert snapshot_steps(tmp_path / "ema") == [20, 40, 50]
    for number, width in enumerate((0.05, 0.1)):
        by_hand = module.seen[0]
        for k in range(1, 10):
            kept = (k / (k + 1)) ** (gamma_of(width) + 1)
            pairs = zip(by_hand, module.seen[k], strict=True)
            by_hand = [kept * a + (1 - kept) * w for a, w in pairs]
        content = torch.load(tmp_path / "ema" / "step_000000050.pt", weights_only=True)
        for average, expected in zip(content["weights"][number].values(), by_hand, strict=True):
            torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-6)
    made = reconstruct(tmp_path / "ema", 0.05)
    assert set(made) == {name for name, _ in module.fields.named_parameters()}


def test_power_averages_of_a_resumed_run_are_those_of_the_whole_one(tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    fit(whole, 60, callbacks=_callbacks(whole))
    fit(halves, 7 * CHUNK, callbacks=_callbacks(halves))
    fit(halves, 60, callbacks=_callbacks(halves), resume=halves / "last.ckpt")
    states = [read_checkpoint(f / "last.ckpt")["power_ema"]["weights"] for f in (whole, halves)]
    for mine, other in zip(*states, strict=True):
        assert equal(list(mine.values()), list(other.values()))
    assert snapshot_steps(halves / "ema") == [20, 35, 40, 60]


def test_power_averages_leave_training_as_it_is(tmp_path):
    runs = []
    for name, callbacks in (("with", _callbacks(tmp_path)), ("without", [EMA(decay=0.9)])):
        _, module = fit(tmp_path / name, 20, callbacks=callbacks)
        runs.append(weights_of(module))
    assert equal(*runs)


@pytest.mark.parametrize("width", [0.0, 0.3, 1])
def test_made_averages_refuse_widths_that_no_profile_has(width):
    with pytest.raises(ValueError, match=r"sigma_rel: expected a number in \(0, 0.25\], got"):
        gamma_of(width)


def test_made_averages_say_so_where_none_were_written(tmp_path):
    with pytest.raises(FileNotFoundError, match="got none; train with power_ema=STEPS"):
        reconstruct(tmp_path, 0.1)
