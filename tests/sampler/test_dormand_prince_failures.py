"""Adaptive steps: gradients past rejected attempts, and samples that fail alone."""

import math

import pytest
import torch
from helpers.adaptive import normal_rows, solve, times_of

from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.dormand_prince import DormandPrince


class _Ode(Process):
    def __init__(self, drift):
        self._drift = drift

    def drift(self, t, x):
        return self._drift(t[:, None], x)


@pytest.mark.parametrize("x0", [2.0, 12.0])
def test_dormand_prince_gradients_leave_out_rejected_attempts(x0):
    """x' = -w sinh x: tanh(x/2) = tanh(x0/2) exp(-w t), and sinh overflows in a step too long."""
    w = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[x0], [0.5]], dtype=torch.float64, requires_grad=True)
    solver = DormandPrince(rtol=1e-8, atol=1e-8)
    got, _ = solve(solver, _Ode(lambda t, y: -w * torch.sinh(y)), x)
    exact = 2 * torch.atanh(torch.tanh(x / 2) * torch.exp(-w))
    torch.testing.assert_close(got, exact, rtol=1e-6, atol=0)
    for own, expected in zip(
        torch.autograd.grad(got.sum(), (w, x)),
        torch.autograd.grad(exact.sum(), (w, x)),
        strict=True,
    ):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("fixed", [False, True])
def test_dormand_prince_keeps_the_other_samples_of_one_that_fails(fixed):
    """x' = x^2 from 1 / 0.7 is singular at t = 0.7."""
    process = _Ode(lambda t, x: x.square())
    process.fixed_batch = fixed
    x = torch.tensor([[0.1], [1 / 0.7], [0.2], [math.inf]], dtype=torch.float64)
    times, solver = times_of(), DormandPrince(failures="nan", rtol=1e-9, atol=1e-9)
    save_at = SaveTimes(times, times[[2, 6, 8]])
    with pytest.warns(UserWarning, match="2 of 4 samples failed and are NaN; the first: Dorm"):
        got = solver.solve(process, times, x, noise=GeneratorNoise(), save_at=save_at)
    torch.testing.assert_close(got[[0, 2]], 1 / (1 / x[[0, 2]] - 1), rtol=1e-6, atol=0)
    assert save_at.path[:, :, 0].isnan().tolist() == [
        [False, False, False, True],
        [False, True, False, True],
        [False, True, False, True],
    ]
    assert sorted(save_at.failures) == [1, 3]
    assert "stopped at t = 0.7" in save_at.failures[1]
    assert "drift is not finite" in save_at.failures[3]


def test_dormand_prince_says_which_samples_failed_in_attempts():
    process = _Ode(lambda t, x: 1000 * x * torch.cos(1000 * t))
    x = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    solver = DormandPrince(max_attempts=21, failures="nan")
    with pytest.warns(UserWarning, match="1 of 2 samples failed .* in max_attempts"):
        got, _ = solve(solver, process, x)
    assert got[:, 0].isnan().tolist() == [False, True]


def test_dormand_prince_of_no_samples_is_empty():
    got, path = solve(DormandPrince(), _Ode(lambda t, x: -x), normal_rows(0), at=(0, 3, 8))
    assert got.shape == (0, 2)
    assert path.shape == (3, 0, 2)
