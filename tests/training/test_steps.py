"""The size of a training step: clipped gradients and the schedule of the learning rate."""

import math

import pytest
import torch
from torch import nn

from interpolants.training.clipping import clip_gradients
from interpolants.training.scheduler.constant import constant
from interpolants.training.scheduler.cosine import cosine


def _parameters(size):
    """Three parameters with gradients of joint norm `size`, and one without a gradient."""
    generator = torch.Generator().manual_seed(0)
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in ((3, 4), (5,), ())]
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
    for parameter in parameters:
        parameter.grad *= size / norm
    return [*parameters, nn.Parameter(torch.zeros(2))]


@pytest.mark.parametrize("size", [1e-8, 0.5, 0.7 - 1e-4, 0.7 + 1e-4, 3.0, 1e6])
def test_clip_gradients_does_what_torch_does(size):
    ours, theirs = _parameters(size), _parameters(size)
    clip_gradients(ours, 0.7)
    nn.utils.clip_grad_norm_(theirs, 0.7)
    for mine, other in zip(ours[:-1], theirs[:-1], strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-6, atol=0)
    assert ours[-1].grad is None
    norm = torch.cat([p.grad.flatten() for p in ours[:-1]]).norm().item()
    assert norm == pytest.approx(min(size, 0.7), rel=2e-6)


def _factors(schedule, **options):
    """The factor on the rate at each step of 100, and after them."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=0.3)
    scheduler = schedule(optimizer, max_steps=100, **options)
    factors = []
    for _ in range(101):
        factors.append(optimizer.param_groups[0]["lr"] / 0.3)
        optimizer.step()
        scheduler.step()
    return factors


@pytest.mark.parametrize("schedule", [constant, cosine])
def test_schedule_rises_linearly_over_the_warm_up(schedule):
    factors = _factors(schedule, warmup_steps=20)
    assert factors[:21] == pytest.approx([(step + 1) / 21 for step in range(21)])


def test_constant_schedule_stays_at_the_full_rate():
    assert _factors(constant) == pytest.approx([1.0] * 101)
    assert _factors(constant, warmup_steps=20)[20:] == pytest.approx([1.0] * 81)


@pytest.mark.parametrize(("warmup", "final"), [(0, 0.0), (20, 0.0), (20, 0.1)])
def test_cosine_schedule_follows_half_a_cosine_after_the_warm_up(warmup, final):
    factors = _factors(cosine, warmup_steps=warmup, final_factor=final)
    for step in range(warmup, 101):
        angle = math.pi * (step - warmup) / (100 - warmup)
        expected = final + (1 - final) * (1 + math.cos(angle)) / 2
        assert factors[step] == pytest.approx(expected, abs=1e-12)
    assert factors[warmup] == pytest.approx(1)
    assert factors[(100 + warmup) // 2] == pytest.approx((1 + final) / 2)
    assert factors[100] == pytest.approx(final, abs=1e-12)


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        (constant, {"warmup_steps": 100}, r"scheduler\.warmup_steps: expected a whole number in"),
        (cosine, {"warmup_steps": -1}, r"scheduler\.warmup_steps: expected a whole number in"),
        (cosine, {"final_factor": 1.5}, r"scheduler\.final_factor: expected a number in \[0, 1\]"),
    ],
)
def test_schedule_refuses(schedule, options, message):
    with pytest.raises(ValueError, match=message):
        _factors(schedule, **options)
