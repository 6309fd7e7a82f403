"""The loop: what it hands on, what it keeps, gradients through it."""

import weakref

import pytest
import torch
from helpers.problems import times

from interpolants.sampler.integrate import SaveReduction, SaveTimes, integrate
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.plan import Plan, Segment
from interpolants.sampler.process.base import Process
from interpolants.sampler.solver.ab2_maruyama import AB2Maruyama
from interpolants.sampler.solver.ab3 import AB3
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun


class _Decay(Process):
    """x' = -rate x, with noise of size g."""

    def __init__(self, noise_type="none", rate=1.0, g=0.3):
        self.noise_type, self.rate, self.g = noise_type, rate, g

    def drift(self, t, x):
        return -self.rate * x

    def diffusion(self, t):
        return torch.full_like(t, self.g)


_NODES = times(0.0, 0.1, 0.25, 0.6, 1.0)


def test_integrate_takes_each_step_once_with_its_coefficients_and_numbers():
    seen = []

    class Second:
        def drift_at(self, c, x):
            return c[1].expand_as(x)

    def step(s, carry):
        seen.append(([float(c) for c in s.coefficients[0]], s.numbers[0].item(), hasattr(s, "z")))
        return (carry[0] + s.drift(0, carry[0]),)

    coefficients = torch.arange(6, dtype=torch.float64).view(3, 1, 2)
    numbers = times(5.0, 6.0, 7.0)[:, None]
    segments = tuple(
        Segment(equation=Second(), coefficients=coefficients[k], numbers=numbers[k], step=step)
        for k in (slice(1), slice(1, 3))
    )
    plan = Plan(segments=segments, start=lambda x: (x,))
    x = integrate(plan, torch.zeros(2, 3, dtype=torch.float64))
    assert seen == [([0.0, 1.0], 5.0, False), ([2.0, 3.0], 6.0, False), ([4.0, 5.0], 7.0, False)]
    assert torch.equal(x, torch.full((2, 3), 9.0, dtype=torch.float64))


def test_keep_stores_the_states_at_its_times_in_order():
    x = torch.randn(3, 2, dtype=torch.float64)
    save_at = SaveTimes(_NODES, _NODES[[0, 2, 4]])
    end = Heun().solve(_Decay(), _NODES, x, noise=GeneratorNoise(), save_at=save_at)
    assert torch.equal(save_at.path[0], x)
    assert torch.equal(save_at.path[2], end)
    part = _NODES[:3]
    short = Heun().solve(
        _Decay(), part, x, noise=GeneratorNoise(), save_at=SaveTimes(part, part[:0])
    )
    assert torch.equal(save_at.path[1], short)


def test_keep_without_times_stores_nothing():
    save_at = SaveTimes(_NODES, _NODES[:0])
    Heun().solve(_Decay(), _NODES, torch.ones(1, 1), noise=GeneratorNoise(), save_at=save_at)
    assert save_at.path is None
    assert save_at.nodes(4) == []


class _Blocks(Mode):
    """Runs and counts blocks of at most two steps."""

    block = 2

    def __init__(self):
        self.count = 0

    def __call__(self, advance, *block):
        self.count += 1
        return advance(*block)


@pytest.mark.parametrize("solver", [AB3(), AB2Maruyama()])
@pytest.mark.parametrize("mode", [Eager(), _Blocks()])
def test_reductions_over_the_nodes_equal_those_of_the_path(solver, mode):
    """The mean with the weights of the steps, and the maximum over nodes and where it is."""
    process = _Decay(solver.accepts[0], rate=-2.0, g=1.0)
    x, z = torch.randn(5, 2, dtype=torch.float64), torch.randn(4, 1, 5, 2, dtype=torch.float64)
    h = _NODES.diff()
    weights = 0.5 * (torch.cat([h, h[:1] * 0]) + torch.cat([h[:1] * 0, h]))

    def reduce(value, node, state):
        mean, highest, order = value
        return mean + weights[node] * state, torch.maximum(highest, state), [*order, node]

    path = SaveTimes(_NODES, _NODES)
    running = SaveReduction(reduce, (torch.zeros_like(x), torch.full_like(x, -torch.inf), []))
    ends = [
        solver.solve(process, _NODES, x, noise=FixedNoise(z), save_at=save_at, mode=mode)
        for save_at in (path, running)
    ]
    mean, highest, order = running.value
    assert torch.equal(*ends)
    assert order == [0, 1, 2, 3, 4]
    torch.testing.assert_close(mean, torch.einsum("s,sbd->bd", weights, path.path))
    assert torch.equal(highest, path.path.amax(dim=0))


def test_reduction_holds_no_more_than_its_value():
    """Of a thousand nodes, a state that has been taken in is let go."""
    nodes = torch.linspace(0, 1, 1001, dtype=torch.float64)
    alive = []

    def reduce(value, node, state):
        alive.append(weakref.ref(state))
        return max(value, sum(each() is not None for each in alive))

    save_at = SaveReduction(reduce, 0)
    x = torch.ones(2, 1, dtype=torch.float64)
    Heun().solve(_Decay(), nodes, x, noise=GeneratorNoise(), save_at=save_at)
    assert save_at.value <= 3


def test_keep_refuses_a_time_that_is_no_node():
    with pytest.raises(KeyError):
        SaveTimes(_NODES, times(0.3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_integrate_keeps_the_dtype_of_the_state(dtype):
    x = torch.randn(4, 3, 2, dtype=dtype)
    process, noise = _Decay("additive"), GeneratorNoise(torch.Generator().manual_seed(0))
    save_at = SaveTimes(_NODES, _NODES)
    end = AB2Maruyama().solve(process, _NODES, x, noise=noise, save_at=save_at)
    assert end.dtype == save_at.path.dtype == dtype


def test_integrate_refuses_an_sde_without_a_source_of_normals():
    plan = EulerMaruyama().plan(_Decay("additive"), _NODES)
    with pytest.raises(ValueError, match=r"integrate\.noise: expected a source of .*, got None"):
        integrate(plan, torch.ones(1, 1))


def test_float32_states_step_by_float64_tables():
    """Ten thousand steps of x' = -x end at (1 - h)^N x up to the rounding of the states."""
    n = 10_000
    nodes = torch.linspace(0, 1, n + 1, dtype=torch.float64)
    process = _Decay("additive", g=0.0)
    plan = EulerMaruyama().plan(process, nodes)
    (segment,) = plan.segments
    assert segment.coefficients.dtype == segment.numbers.dtype == torch.float64
    x = 10 ** torch.linspace(-3, 3, 200)
    noise = FixedNoise(torch.zeros(1, 1, 200).expand(n, 1, 200))
    save_at = SaveTimes(nodes, nodes[:0])
    end = EulerMaruyama().solve(process, nodes, x, noise=noise, save_at=save_at)
    assert end.dtype == torch.float32
    ratio = end.double() / (x.double() * (1 - 1 / n) ** n)
    assert (ratio - 1).abs().max() < 1e-5


def test_gradients_flow_through_the_loop():
    """d x(1) / d rate of Heun's x (1 - rate h + (rate h)^2 / 2)^N, by its closed form."""
    rate = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    nodes = torch.linspace(0, 1, 6, dtype=torch.float64)
    x = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    save_at = SaveTimes(nodes, nodes)
    end = Heun().solve(_Decay(rate=rate), nodes, x, noise=GeneratorNoise(), save_at=save_at)
    h = 0.2
    factor = 1 - 0.7 * h + (0.7 * h) ** 2 / 2
    d_rate, d_x = torch.autograd.grad(end.sum(), (rate, x))
    assert abs(d_rate.item() - 5 * factor**4 * (-h + 0.7 * h * h)) < 1e-12
    assert abs(d_x.item() - factor**5) < 1e-12


def test_euler_maruyama_is_its_formula_on_uneven_steps():
    x = torch.randn(3, 2, dtype=torch.float64)
    z = torch.randn(4, 1, 3, 2, dtype=torch.float64)
    save_at = SaveTimes(_NODES, _NODES[:0])
    got = EulerMaruyama().solve(
        _Decay("additive"), _NODES, x, noise=FixedNoise(z), save_at=save_at
    )
    for k, h in enumerate(_NODES.diff()):
        x = x - h * x + 0.3 * h.sqrt() * z[k, 0]
    torch.testing.assert_close(got, x)


def test_ab2_maruyama_is_its_formula_on_uneven_steps():
    x = torch.randn(3, 2, dtype=torch.float64)
    z = torch.randn(4, 1, 3, 2, dtype=torch.float64)
    save_at = SaveTimes(_NODES, _NODES[:0])
    got = AB2Maruyama().solve(_Decay("additive"), _NODES, x, noise=FixedNoise(z), save_at=save_at)
    steps, previous = _NODES.diff(), None
    for k, h in enumerate(steps):
        slope = -x
        w = 0 if k == 0 else h / steps[k - 1]
        past = 0 if previous is None else previous
        x = x + h * ((1 + w / 2) * slope - w / 2 * past) + 0.3 * h.sqrt() * z[k, 0]
        previous = slope
    torch.testing.assert_close(got, x)


def test_generator_noise_is_standard_normal_and_follows_its_generator():
    like = torch.empty(2000, 5, dtype=torch.float64)
    draws = [
        GeneratorNoise(torch.Generator().manual_seed(seed)).draw(0, 2, 1, like)
        for seed in (1, 1, 2)
    ]
    assert draws[0].shape == (2, 1, 2000, 5)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert abs(draws[0].mean()) < 5 / 20_000**0.5
    assert abs(draws[0].var() - 1) < 5 * (2 / 20_000) ** 0.5


def test_generator_noise_draws_each_step_anew():
    noise, like = GeneratorNoise(torch.Generator().manual_seed(1)), torch.empty(4, 2)
    assert not torch.equal(noise.draw(0, 1, 1, like), noise.draw(1, 1, 1, like))


@pytest.mark.parametrize("shape", [(3, 1, 2, 2), (4, 2, 2, 2), (4, 1, 3, 2)])
def test_given_noise_refuses_what_does_not_fit(shape):
    noise = FixedNoise(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"FixedNoise.normals: expected shape \(at least 4, "):
        noise.draw(3, 1, 1, torch.zeros(2, 2))
