"""Adaptive steps for every sample: accuracy, independence of the batch, and clear failures."""

import math
from itertools import pairwise

import pytest
import torch
from helpers.adaptive import normal_rows, solve, times_of
from helpers.problems import INTERPOLANTS, exact_fields
from torch.utils._python_dispatch import TorchDispatchMode

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import SaveReduction
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.dormand_prince import DormandPrince
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.torchdiffeq import Torchdiffeq
from interpolants.testing.exact import ExactFields


class _Ode(Process):
    """A drift given as a function; records the times and the batch sizes of its calls."""

    def __init__(self, drift):
        self._drift, self.times, self.sizes = drift, [], []

    def drift(self, t, x):
        self.times.append(t)
        self.sizes.append(len(x))
        return self._drift(t[:, None], x)


def _mixture(backward=False):
    """Modes of unequal widths on a circle, so that samples need unequal steps."""
    angles = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
    means = 4 * torch.stack([angles.cos(), angles.sin()], dim=1)
    target = GaussianMixture(means=means.tolist(), std=[0.02 * 1.5**k for k in range(8)])
    path = OneSidedLinearInterpolant()
    base = GaussianMixture(means=[[0.0, 0.0]], std=1.0)
    net = ExactFields(base=base, target=target, interpolant=path, predicts=("velocity",))
    fields = Fields(net=net, interpolant=path, predicts=("velocity",))
    return ProbabilityFlow(fields=fields, backward=backward)


@pytest.fixture(scope="module")
def flow():
    """The mixture's flow of twelve points, by another implementation at 1e-11."""
    process, x = _mixture(), normal_rows(12)
    # A step ends at the last time: between steps torchdiffeq interpolates, to no more than 1e-8.
    exact, _ = solve(Torchdiffeq(method="dopri8", rtol=1e-11, atol=1e-11), process, x)
    return process, x, exact


def test_dormand_prince_error_falls_with_its_tolerance(flow):
    process, x, exact = flow
    errors = []
    for tolerance in (1e-4, 1e-6, 1e-8, 1e-10):
        got, _ = solve(DormandPrince(rtol=tolerance, atol=tolerance), process, x)
        errors.append(float((got - exact).abs().max()))
    assert all(fine < coarse / 20 for coarse, fine in pairwise(errors))
    assert errors[-1] < 1e-9


def test_dormand_prince_has_order_five_in_the_number_of_its_steps():
    """Tolerances in a ratio of 10^5 make steps ten times as long, for errors 10^5 as large."""
    steps, errors = [], []
    for tolerance in (1e-6, 1e-11):
        process = _Ode(lambda t, x: (1 + t) * x * (1 - x))
        x = torch.tensor([[0.1]], dtype=torch.float64)
        solver = DormandPrince(rtol=tolerance, atol=tolerance)
        got, _ = solve(solver, process, x, times_of(0.0, 4.0))
        errors.append(float((got - torch.sigmoid(torch.logit(x) + 12)).abs()))
        steps.append(len(process.sizes))
    assert abs(math.log(errors[0] / errors[1]) / math.log(steps[1] / steps[0]) - 5) < 1


def test_dormand_prince_result_does_not_depend_on_the_batch(flow):
    process, x, _ = flow
    together, _ = solve(DormandPrince(), process, x)
    for size in (1, 5):
        parts = [solve(DormandPrince(), process, part)[0] for part in x.split(size)]
        torch.testing.assert_close(torch.cat(parts), together, rtol=0, atol=1e-12)


def test_dormand_prince_keeps_the_order_of_samples_that_finish_in_another():
    """Sample k turns at speed k mod 7: the slow ones leave the batch first."""
    speed = torch.arange(30, dtype=torch.float64)[:, None] % 7 * 6
    process = _Ode(lambda t, s: torch.cat([-s[:, 2:] * s[:, 1:2], s[:, 2:] * s[:, :1], 0 * t], 1))
    x = torch.cat([torch.ones_like(speed), torch.zeros_like(speed), speed], dim=1)
    got, _ = solve(DormandPrince(rtol=1e-9, atol=1e-9), process, x)
    torch.testing.assert_close(got[:, 0], torch.cos(speed[:, 0]), rtol=0, atol=1e-6)
    assert torch.equal(got[:, 2:], speed)
    assert process.sizes == sorted(process.sizes, reverse=True)
    assert process.sizes[-1] < 10


@pytest.mark.parametrize("backward", [False, True])
def test_dormand_prince_lands_on_every_kept_time_and_stays_within_the_grid(backward):
    process = _Ode(lambda t, x: 40 * torch.cos(40 * t) * torch.ones_like(x))
    times = times_of(0.9, 0.05, 6) if backward else times_of(0.05, 0.9, 6)
    x = torch.ones(3, 1, dtype=torch.float64)
    got, path = solve(DormandPrince(rtol=1e-8, atol=1e-8), process, x, times, (0, 1, 4, 6))
    kept = times[[0, 1, 4, 6]]
    exact = 1 + torch.sin(40 * kept) - torch.sin(40 * kept[0])
    torch.testing.assert_close(path[:, 0, 0], exact, rtol=0, atol=1e-6)
    assert torch.equal(path[0], x)
    assert torch.equal(path[-1], got)
    seen = torch.cat(process.times)
    assert all(bool((seen == t).any()) for t in kept)
    assert seen.min() == times.min()
    assert seen.max() == times.max()


def test_dormand_prince_returns_to_where_it_came_from(flow):
    _, x, _ = flow
    solver = DormandPrince(rtol=1e-9, atol=1e-9)
    there, _ = solve(solver, _mixture(), x)
    back, _ = solve(solver, _mixture(backward=True), there, times_of(1.0, 0.0))
    torch.testing.assert_close(back, x, rtol=0, atol=1e-5)


def test_dormand_prince_takes_one_attempt_between_kept_times_that_are_close():
    process = _Ode(lambda t, x: -x)
    save_at = SaveReduction(lambda value, node, x: value + 1, 0)
    times, x = UniformGrid().times(50, (0.0, 1.0)), normal_rows(5)
    got = DormandPrince().solve(process, times, x, noise=GeneratorNoise(), save_at=save_at)
    torch.testing.assert_close(got, x * math.exp(-1), rtol=1e-5, atol=0)
    assert save_at.value == 51
    assert len(process.sizes) <= 2 + 6 * 53


def test_dormand_prince_stops_where_a_solution_blows_up():
    """x' = x^2 from 1 / 0.7 is singular at t = 0.7; the other samples are not."""
    process = _Ode(lambda t, x: x.square())
    x = torch.tensor([[0.1], [0.2], [1 / 0.7], [0.3]], dtype=torch.float64)
    with pytest.raises(RuntimeError) as caught:
        solve(DormandPrince(), process, x)
    message = str(caught.value)
    assert message.startswith("DormandPrince: sample 2 stopped at t = 0.70000")
    assert "with |velocity| = " in message
    assert "resolution of float64" in message
    assert "process.cut" in message
    assert len(process.sizes) < 6 * 300


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_dormand_prince_names_the_sample_whose_drift_is_not_finite(bad):
    process = _Ode(lambda t, x: torch.where(x > 2, bad, -x))
    x = torch.tensor([[1.0], [0.5], [3.0]], dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"sample 2 stopped at t = 0 .* drift is not finite"):
        solve(DormandPrince(), process, x)
    assert len(process.sizes) == 2


def test_dormand_prince_names_the_sample_whose_state_is_not_finite():
    x = torch.tensor([[1.0], [math.inf]], dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"sample 1 .* state is not finite"):
        solve(DormandPrince(), _Ode(lambda t, x: torch.ones_like(x)), x)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_dormand_prince_stops_before_times_whose_drift_is_not_finite(bad):
    process = _Ode(lambda t, x: torch.where((t > 0.5) & (x > 0), bad, torch.ones_like(x)))
    x = torch.tensor([[-5.0], [1.0]], dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"sample 1 stopped at t = 0\.5 with"):
        solve(DormandPrince(), process, x)
    assert len(process.sizes) < 6 * 150


def test_dormand_prince_stops_where_a_float32_state_overflows():
    process = _Ode(lambda t, x: 300 * x)
    with pytest.raises(RuntimeError, match=r"sample 0 stopped at t = 0\.2"):
        solve(DormandPrince(), process, torch.ones(1, 1))


def test_dormand_prince_attempts_are_bounded():
    process = _Ode(lambda t, x: 1000 * torch.cos(1000 * t) * torch.ones_like(x))
    x = torch.zeros(2, 1, dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"sample 0 .* max_attempts attempts.*raise rtol"):
        solve(DormandPrince(max_attempts=21), process, x)
    assert len(process.sizes) == 2 + 6 * 21


def test_dormand_prince_state_keeps_its_dtype(flow):
    process, x, exact = flow
    got, _ = solve(DormandPrince(), process, x.float())
    assert got.dtype == torch.float32
    reference, _ = solve(DormandPrince(), process, x)
    torch.testing.assert_close(got.double(), reference, rtol=0, atol=1e-2)
    assert (got - exact).abs().median() < 1e-4


def test_dormand_prince_differentiates_the_flow():
    """x' = a x (1 - x): the logit of x moves by a, in closed form."""
    a = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[0.1], [0.6], [0.9]], dtype=torch.float64, requires_grad=True)
    solver = DormandPrince(rtol=1e-9, atol=1e-9)
    got, _ = solve(solver, _Ode(lambda t, x: a * x * (1 - x)), x)
    exact = torch.sigmoid(torch.logit(x) + a)
    for own, expected in zip(
        torch.autograd.grad(got.sum(), (a, x)),
        torch.autograd.grad(exact.sum(), (a, x)),
        strict=True,
    ):
        torch.testing.assert_close(own, expected, rtol=1e-6, atol=0)


def test_dormand_prince_takes_any_event_and_samples_through_the_sampler():
    x = normal_rows(4, 6).view(4, 2, 3)
    got, _ = solve(DormandPrince(), _Ode(lambda t, x: -x * t[..., None]), x)
    torch.testing.assert_close(got, x * math.exp(-0.5), rtol=1e-4, atol=1e-5)
    fields = exact_fields(INTERPOLANTS["linear"], ("velocity",))
    samples = Sampler(fields=fields, solver=DormandPrince())(normal_rows(5), times=[0.0, 0.4, 1.0])
    reference = Sampler(fields=fields, solver=RK4(), num_steps=40)(
        normal_rows(5), times=[0.0, 0.4, 1.0]
    )
    torch.testing.assert_close(samples.path, reference.path, rtol=0, atol=1e-3)


class _Reads(TorchDispatchMode):
    """Counts the numbers that the host reads one at a time."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func in (
            torch.ops.aten._local_scalar_dense.default,
            torch.ops.aten.nonzero.default,
        )
        return func(*args, **(kwargs or {}))


def test_dormand_prince_reads_at_most_once_for_two_attempts(monkeypatch):
    process = _Ode(lambda t, x: 8 * x.abs().sqrt() * torch.cos(20 * t * x))
    reads, tolist = [], torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda s: reads.append(1) or tolist(s))
    with _Reads() as others:
        solve(DormandPrince(rtol=1e-8, atol=1e-8), process, 1 + normal_rows(12).abs())
    attempts = (len(process.sizes) - 2) // 6
    assert attempts > 20
    assert len(reads) <= 2 + attempts / 2
    assert others.count <= 16  # the times, before and after the loop


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": 0.0}, "DormandPrince.rtol: expected a number > 0"),
        ({"atol": -1.0}, "DormandPrince.atol: expected a number > 0"),
        ({"failures": "no"}, "DormandPrince.failures: expected raise or nan, got 'no'"),
        ({"max_attempts": 0}, "DormandPrince.max_attempts: expected a whole number > 0"),
    ],
)
def test_dormand_prince_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        DormandPrince(**options)
