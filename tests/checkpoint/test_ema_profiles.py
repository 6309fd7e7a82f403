"""Post-hoc EMA: averages of any width from saved ones, against tracked averages."""

import math
import random

import numpy as np
import pytest
import torch
from helpers.compose import TINY_SERIES, leave_out_figures, run_folder, sample_with, train_with
from helpers.tiny import CHUNK, Tiny, fit
from scipy.integrate import quad

import interpolants
from interpolants.checkpoint.ema_profiles import (
    Profile,
    coefficients,
    gamma_of,
    inner_product,
    reconstruct,
    snapshot_file,
    snapshot_steps,
)
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.training.ema import EMA
from interpolants.training.power_ema import PowerEMA

_STEPS, _TRACKED = 4000, (0.05, 0.10)


def _density(s, profile):
    """p(s) = (g + 1) s^g / t^(g + 1) on [0, t]."""
    power = profile.gamma + 1
    return power * s**profile.gamma / profile.step**power * (s <= profile.step)


@pytest.mark.parametrize("gamma", [0.8, 2.0, 6.94, 16.97, 97.0])
def test_the_power_of_a_width_is_the_root_of_its_cubic(gamma):
    width = math.sqrt((gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3)))
    assert gamma_of(width) == pytest.approx(gamma, rel=1e-10)


@pytest.mark.parametrize("steps", [(3.0, 11.0), (11.0, 3.0), (5.0, 5.0)])
@pytest.mark.parametrize("widths", [(0.05, 0.1), (0.1, 0.05), (0.02, 0.25)])
def test_inner_products_of_profiles_agree_with_quadrature(steps, widths):
    a, b = (Profile(step, gamma_of(width)) for step, width in zip(steps, widths, strict=True))
    options = {"epsabs": 0, "epsrel": 1e-10, "limit": 200}
    value, _ = quad(lambda s: _density(s, a) * _density(s, b), 0, min(steps), **options)
    assert inner_product(a, b) == pytest.approx(value, rel=1e-8)


def _known(count):
    steps = [_STEPS * k // count for k in range(1, count + 1)]
    return [Profile(step, gamma_of(width)) for step in steps for width in _TRACKED]


def _distance(known, shares, wanted):
    """The distance of a combination from a profile in L2, as a share of its norm."""
    value = inner_product(wanted, wanted)
    for a, share in zip(known, shares, strict=True):
        value -= 2 * share * inner_product(a, wanted)
        value += share * sum(c * inner_product(a, b) for b, c in zip(known, shares, strict=True))
    return math.sqrt(max(value, 0) / inner_product(wanted, wanted))


@pytest.mark.parametrize("width", [0.03, 0.07, 0.2])
def test_coefficients_are_the_nearest_of_sum_one(width):
    known, wanted = _known(6), Profile(_STEPS, gamma_of(width))
    shares = coefficients(known, wanted)
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    nearest, generator = _distance(known, shares, wanted), np.random.default_rng(0)
    for _ in range(20):
        aside = generator.normal(size=len(shares))
        aside -= aside.mean()
        assert _distance(known, shares + 1e-3 * aside, wanted) > nearest


def _walk(scale=1.0):
    """A random walk of 64 weights, far from zero."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(_STEPS, 64, generator=generator, dtype=torch.float64)
    return 300 + scale * noise.cumsum(dim=0)


def _tracked(walk, widths):
    """The averages of each width after every step, by the recursion; width by width."""
    tracked = {width: [] for width in widths}
    for width, averages in tracked.items():
        power, average = gamma_of(width) + 1, torch.zeros(walk.shape[1], dtype=walk.dtype)
        for t, weights in enumerate(walk, 1):
            average = torch.lerp(weights, average, (1 - 1 / t) ** power)
            averages.append(average)
    return tracked


def _write(folder, tracked, count):
    for k in range(1, count + 1):
        step = _STEPS * k // count
        weights = [{"w": tracked[width][step - 1]} for width in _TRACKED]
        content = {"step": step, "sigma_rel": list(_TRACKED), "weights": weights}
        folder.mkdir(exist_ok=True)
        torch.save(content, snapshot_file(folder, step))


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A walk, its averages of two widths that are written and two that are not, and folders."""
    folder, walk = tmp_path_factory.mktemp("walk"), _walk()
    tracked = _tracked(walk, (*_TRACKED, 0.07, 0.15))
    for count in (5, 20, 80):
        _write(folder / str(count), tracked, count)
    return folder, walk, tracked


@pytest.mark.parametrize("width", [0.07, 0.15])
def test_averages_that_were_not_tracked_are_found_and_better_from_more_files(width, walked):
    folder, walk, tracked = walked
    average = tracked[width][-1]
    spread = (walk[-1] - average).square().mean().sqrt()
    errors = [
        ((reconstruct(folder / str(count), width)["w"] - average).square().mean().sqrt() / spread)
        for count in (5, 20, 80)
    ]
    assert errors[0] < 0.05 and errors[1] < 5e-3 and errors[2] < 5e-4
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


@pytest.mark.parametrize("width", _TRACKED)
@pytest.mark.parametrize("step", [None, 2000, 2099])
def test_an_average_that_was_tracked_is_found_exactly(width, step, walked):
    folder, _, tracked = walked
    found = reconstruct(folder / "20", width, step)["w"]
    assert found.dtype == torch.float64
    expected = tracked[width][(step or _STEPS) // 200 * 200 - 1]
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize("width", [0.02, 0.12, 0.25])
@pytest.mark.parametrize("count", [1, 3])
def test_weights_that_stay_are_their_own_average_even_from_few_files(count, width, tmp_path):
    tracked = _tracked(_walk(scale=0.0), _TRACKED)
    _write(tmp_path, tracked, count)
    found = reconstruct(tmp_path, width)["w"]
    torch.testing.assert_close(found, torch.full_like(found, 300.0), rtol=1e-9, atol=0)


def test_a_file_of_something_else_is_refused_by_its_name(tmp_path):
    for content in ({"weights": []}, [1], torch.nn.ReLU()):
        torch.save(content, tmp_path / "step_000000010.pt")
        with pytest.raises(ValueError, match=r"step_000000010\.pt: expected averages that"):
            reconstruct(tmp_path, 0.1)
    (tmp_path / "step_000000010.pt").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"step_000000010\.pt: expected averages that"):
        reconstruct(tmp_path, 0.1)


def _callbacks(folder, *widths):
    power = PowerEMA(folder=folder / "ema", every_n_steps=2 * CHUNK, sigma_rels=widths or _TRACKED)
    return [EMA(decay=0.9), power]


def test_a_flipped_bit_of_saved_averages_changes_no_average(tmp_path):
    _write(tmp_path, _tracked(_walk(), _TRACKED), 2)
    expected, file = reconstruct(tmp_path, 0.07)["w"], snapshot_file(tmp_path, _STEPS)
    whole, refused = file.read_bytes(), 0
    for place in random.Random(0).sample(range(8 * len(whole)), 60):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        file.write_bytes(flipped)
        try:
            assert torch.equal(reconstruct(tmp_path, 0.07)["w"], expected), place
        except ValueError as error:
            refused += str(error).startswith(f"{file}: expected averages that training saved, got")
    # What is not refused lies between the members, where nothing is read.
    assert refused >= 30


def test_a_width_tracked_in_training_is_found_from_two_others(tmp_path):
    fit(tmp_path, 240, Tiny(lr=0.01), _callbacks(tmp_path))
    fit(tmp_path / "third", 240, Tiny(lr=0.01), _callbacks(tmp_path / "third", 0.08))
    found = reconstruct(tmp_path / "ema", 0.08)
    tracked = reconstruct(tmp_path / "third" / "ema", 0.08)
    others = [reconstruct(tmp_path / "ema", width) for width in _TRACKED]
    for name, weight in tracked.items():
        spread = (others[0][name] - others[1][name]).abs().max()
        assert (found[name] - weight).abs().max() < 0.01 * spread


def test_files_of_a_resumed_run_are_those_of_the_whole_one(tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    fit(whole, 60, callbacks=_callbacks(whole))
    fit(halves, 30, callbacks=_callbacks(halves), every=15)
    fit(halves, 60, callbacks=_callbacks(halves), resume=halves / "last.ckpt")
    assert snapshot_steps(whole / "ema") == snapshot_steps(halves / "ema") == [*range(10, 61, 10)]
    for step in snapshot_steps(whole / "ema"):
        contents = [torch.load(snapshot_file(f / "ema", step)) for f in (whole, halves)]
        for mine, other in zip(*(content["weights"] for content in contents), strict=True):
            assert all(torch.equal(mine[name], other[name]) for name in mine)


def test_files_after_the_step_that_a_run_continues_from_are_deleted(tmp_path):
    fit(tmp_path, 25, callbacks=_callbacks(tmp_path))
    (tmp_path / "last.ckpt").rename(tmp_path / "early.ckpt")
    fit(tmp_path, 55, callbacks=_callbacks(tmp_path), resume=tmp_path / "early.ckpt")
    assert snapshot_steps(tmp_path / "ema") == [10, 20, 25, 30, 40, 50, 55]
    fit(tmp_path, 30, callbacks=_callbacks(tmp_path), resume=tmp_path / "early.ckpt")
    assert snapshot_steps(tmp_path / "ema") == [10, 20, 25, 30]


def test_averages_of_other_widths_are_not_continued(tmp_path):
    fit(tmp_path, 10, callbacks=_callbacks(tmp_path))
    with pytest.raises(ValueError, match=r"PowerEMA\.sigma_rels: expected \[0\.05, 0\.1\] as in"):
        fit(tmp_path, 20, callbacks=_callbacks(tmp_path, 0.1), resume=tmp_path / "last.ckpt")


_RUN = ["max_steps=20", "steps_per_batch=2", "power_ema=4", "metric=[]"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        run = run_folder(train_with(tmp_path_factory.mktemp("run"), "data=moons", *_RUN))
    return run / "checkpoints" / "last.ckpt"


def test_a_model_is_loaded_with_an_average_of_any_width(path):
    expected = reconstruct(path.parent.parent / "ema", 0.08)
    weights = dict(interpolants.load(path, weights=0.08).fields.named_parameters())
    assert expected.keys() == weights.keys()
    assert all(torch.equal(weights[name], weight) for name, weight in expected.items())
    averages = read_checkpoint(path)["ema"]["weights"]
    assert averages.keys() == expected.keys()
    assert any(not torch.equal(averages[name], weight) for name, weight in expected.items())


def test_a_neural_sde_is_loaded_with_an_average_of_any_width(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    arguments = ["task=neural_sde", "data=bridge", "metric=[]", "power_ema=2"]
    run = run_folder(train_with(tmp_path, *arguments, sizes=TINY_SERIES))
    model = interpolants.load(run / "checkpoints" / "last.ckpt", weights=0.08).model
    expected = reconstruct(run / "ema", 0.08)
    weights = dict(model.named_parameters())
    assert all(torch.equal(weights[name], weight) for name, weight in expected.items())


def test_samples_are_drawn_with_an_average_of_any_width(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    leave_out_figures(monkeypatch)
    x = {}
    for weights in ("ema", "0.07"):
        common = [f"ckpt={path}", "n=16", "num_steps=2", "metric=[]", f"out=of_{weights}"]
        sample_with(*common, f"weights={weights}", "stem=ode")
        x[weights] = np.load(tmp_path / f"of_{weights}" / "ode.npz")["x"]
    assert not np.array_equal(x["ema"], x["0.07"])
    assert "last.ckpt (average of relative width 0.07)" in capsys.readouterr().out


def test_an_average_of_an_earlier_step_than_the_checkpoints_is_told(path):
    folder = path.parent.parent / "ema"
    last = snapshot_file(folder, 20)
    aside = last.rename(folder / "aside")
    try:
        with pytest.warns(UserWarning, match=r"^load\.weights: the average is of step 16, .* 20$"):
            model = interpolants.load(path, weights=0.08)
    finally:
        aside.rename(last)
    expected = reconstruct(folder, 0.08, 16)
    weights = dict(model.fields.named_parameters())
    assert all(torch.equal(weights[name], weight) for name, weight in expected.items())


def test_loading_an_average_says_what_to_train_with_where_none_were_written(path, tmp_path):
    (tmp_path / "bare").mkdir()
    alone = tmp_path / "bare" / "last.ckpt"
    alone.write_bytes(path.read_bytes())
    rule = r"^load\.weights: expected averages in .*ema of steps up to 20, .*power_ema=1000$"
    with pytest.raises(ValueError, match=rule):
        interpolants.load(alone, weights=0.08)
    for width in (0.0, 0.3, True, float("nan")):
        with pytest.raises(ValueError, match=r"^load\.weights: expected 'ema', 'raw', or a rel"):
            interpolants.load(path, weights=width)
