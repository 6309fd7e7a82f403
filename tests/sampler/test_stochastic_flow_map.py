"""Noise between jumps of a flow map: the distribution of the path is kept, or it is refused."""

import pytest
import torch

import interpolants as si
from interpolants.base.dataset import DatasetBase
from interpolants.coupling.minibatch_ot import MinibatchOTCoupling
from interpolants.data.moons import Moons
from interpolants.fields.fields import Fields
from interpolants.fields.jumps import Jumps
from interpolants.interpolant.gamma.brownian_bridge import BrownianBridgeGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.net.condition import Condition
from interpolants.sampler.epsilon import (
    ConstantEpsilon,
    KLOptimalEpsilon,
    NoiseLevelEpsilon,
    SineSquaredEpsilon,
)
from interpolants.sampler.grid import PowerGrid, UniformGrid
from interpolants.sampler.integrate import SaveTimes, integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.stochastic_flow_map import StochasticFlowMap
from interpolants.sampler.solver import Jump, StrangMap
from interpolants.testing.exact_map import MEAN, VARIANCE, ExactMap, exact_map, jump, level

_PATH = OneSidedLinearInterpolant()


class _TwoHeads(ExactMap):
    """The exact map, and the denoiser of a two-sided path with latent noise of the same variance.

    On the path (1 - t) x0 + t x1 + gamma z of an x0 of variance 1 and an x1 of variance v, the
    denoiser is gamma (x - m) / C, C = (1 - t)^2 + v t^2 + gamma^2. The map is that of this C.
    """

    def forward(self, t, x, condition=None):
        until = t if condition is None or condition.until is None else condition.until
        s, until = (time.expand(len(x))[:, None] for time in (t, until))
        total, end = _total(s), _total(until)
        h = until - s
        same = h.abs() < 1e-14
        moved = MEAN * until + (end / total).sqrt() * (x - MEAN * s)
        rate = (-2 * (1 - s) + 2 * VARIANCE * s + 1 - 2 * s) / (2 * total)
        u = (moved - x) / torch.where(same, torch.ones_like(h), h)
        u = torch.where(same, MEAN + rate * (x - MEAN * s), u)
        denoiser = (s * (1 - s)).sqrt() * (x - MEAN * s) / total
        return torch.stack([u, denoiser], dim=1) + 0 * self.weights[0]


def _total(t):
    return level(t) + t * (1 - t)


def _two_sided():
    path = LinearInterpolant(gamma=BrownianBridgeGamma(a=1.0))
    return Fields(
        net=_TwoHeads(), interpolant=path, predicts=("velocity", "denoiser"), jumps=Jumps()
    )


def moments(steps, epsilon, grid=None, fields=None, at=1.0):
    """Mean and variance at a node, without sampling: every step is affine."""
    fields = exact_map(path=_PATH) if fields is None else fields
    process = StochasticFlowMap(fields=fields, epsilon=epsilon)
    times = (grid or UniformGrid()).times(steps, (0.0, 1.0))
    x = torch.zeros(steps + 2, 1, dtype=torch.float64)
    x[1] = 1
    normals = torch.zeros(steps, 1, steps + 2, 1, dtype=torch.float64)
    normals[:, 0, 2:, 0] = torch.eye(steps)
    save_at = SaveTimes(times, torch.tensor([at], dtype=torch.float64))
    with torch.no_grad():
        integrate(StrangMap().plan(process, times), x, noise=FixedNoise(normals), save_at=save_at)
    still, *moved = save_at.path[0, :, 0]
    return float(still), float((torch.stack(moved) - still).square().sum())


@pytest.mark.parametrize(
    "epsilon",
    [SineSquaredEpsilon(c=0.25), SineSquaredEpsilon(), NoiseLevelEpsilon(c=0.25)],
)
@pytest.mark.parametrize("fields", [None, _two_sided()])
def test_distribution_of_the_data_is_kept_to_second_order(epsilon, fields):
    found = [moments(steps, epsilon, fields=fields) for steps in (64, 128, 256)]
    assert all(mean == pytest.approx(MEAN, abs=1e-12) for mean, _ in found)
    errors = [variance / VARIANCE - 1 for _, variance in found]
    if isinstance(epsilon, SineSquaredEpsilon):  # epsilon / level^2 is bounded
        assert errors[0] / errors[1] == pytest.approx(4, abs=0.6)
        assert errors[1] / errors[2] == pytest.approx(4, abs=0.4)
    assert max(map(abs, errors)) < 2e-3


@pytest.mark.parametrize(
    "epsilon", [0.5, 20.0, SineSquaredEpsilon(c=5), NoiseLevelEpsilon(), KLOptimalEpsilon()]
)
@pytest.mark.parametrize("grid", [UniformGrid(), PowerGrid()])
def test_steps_may_be_long_for_the_noise(epsilon, grid):
    for steps in (1, 2, 4, 8):
        mean, variance = moments(steps, epsilon, grid)
        assert mean == pytest.approx(MEAN, abs=1e-12)
        assert variance == pytest.approx(VARIANCE, rel=0.2)


def test_states_between_have_the_distribution_of_the_path():
    mean, variance = moments(64, SineSquaredEpsilon(c=0.25), at=0.5)
    assert mean == pytest.approx(MEAN / 2, abs=1e-12)
    assert variance == pytest.approx(float(level(torch.tensor(0.5))), rel=1e-3)


@pytest.mark.parametrize("a", [1e-5, 0.99e-4, 1.01e-4, 0.3, 40.0])
def test_langevin_step_is_exact_for_data_at_a_point(a):
    """E[x - level z | x] is constant then, and the step that of an Ornstein-Uhlenbeck process."""

    class Point(torch.nn.Module):
        def forward(self, t, x, condition=None):
            return ((3.0 - x) / (1 - t))[:, None]  # the velocity to 3, along straight lines

    fields = Fields(net=Point(), interpolant=_PATH, predicts="velocity", jumps=Jumps())
    process = StochasticFlowMap(fields=fields, epsilon=ConstantEpsilon(c=a / 2))
    times = UniformGrid().times(2, (0.0, 1.0))
    x, z = torch.tensor([[0.4]], dtype=torch.float64), 0.7
    normals = torch.full((2, 1, 1, 1), z, dtype=torch.float64)
    save_at = SaveTimes(times, times[1:2])
    integrate(StrangMap().plan(process, times), x, noise=FixedNoise(normals), save_at=save_at)
    # At t = 1/2 with level 1/2: epsilon delta / level^2 = a.
    middle, decay = 0.5 * 0.4 + 1.5, torch.exp(torch.tensor(-a, dtype=torch.float64))
    known = 1.5 + decay * (middle - 1.5) + 0.5 * torch.sqrt(-torch.expm1(2 * decay.log())) * z
    assert float(save_at.path) == pytest.approx(float(known), abs=1e-12)


def made(fields=None, steps=4, epsilon=0.5, **options):
    process = {"process": StochasticFlowMap, "solver": StrangMap(), "grid": UniformGrid()}
    fields = exact_map(path=_PATH) if fields is None else fields
    return si.Sampler(fields=fields, num_steps=steps, epsilon=epsilon, **process | options)


def test_without_noise_it_is_the_map_and_calls_are_counted():
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    drawn = made(epsilon=1e-18)(x)
    torch.testing.assert_close(
        drawn.x, jump(torch.zeros(()), torch.ones(()), x), atol=1e-7, rtol=0
    )
    for steps in (1, 2, 5):
        sampler, calls = made(steps=steps), []
        hook = sampler.fields.net.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        drawn = sampler(x, generator=torch.Generator().manual_seed(0))
        hook.remove()
        assert drawn.nfe == len(calls) == 3 * steps - 2
        moved = (drawn.x - jump(torch.zeros(()), torch.ones(()), x)).abs().max()
        assert (moved > 0.1) == (steps > 1)


def test_conditions_reach_jumps_and_denoisers():
    class Labelled(ExactMap):
        def forward(self, t, x, condition=None):
            labels = None if condition is None else condition.label
            seen.append(labels is not None and len(labels) == len(x))
            return super().forward(t, x, condition)

    seen = []
    fields = Fields(net=Labelled(), interpolant=_PATH, predicts="velocity", jumps=Jumps())
    given = fields.condition_on(Condition(label=torch.tensor([0, 1, 2])))
    made(given, steps=2)(torch.zeros(3, 1, dtype=torch.float64))
    assert seen == [True] * 4


def _fields(path=_PATH, **parts):
    return Fields(
        net=ExactMap(), interpolant=path, predicts="velocity", **{"jumps": Jumps()} | parts
    )


_REFUSED = {
    "Fields.score: expected an independent coupling on a one-sided path": {
        "fields": _fields(coupling=MinibatchOTCoupling())
    },
    "Fields.score: expected a standard normal base on a one-sided path": {
        "fields": _fields(base=DatasetBase(data=Moons()))
    },
    "Fields.score: expected latent noise gamma > 0 on a two-sided path": {"fields": exact_map()},
    "Fields.score: expected a score that follows from the predictions on this path": {
        "fields": _fields(LinearInterpolant(gamma=BrownianBridgeGamma()))
    },
    "FlowMap.fields: expected a flow map, got 'fields of one time'": {
        "fields": _fields(jumps=None)
    },
    "Sampler.num_steps: expected jumps to t = 1, which the map was trained for, got (0.0, 0.25)": {
        "fields": _fields(jumps=Jumps(ends=True))
    },
    "Sampler.solver: expected a solver for a flow map with noise (StochasticFlowMap), got 'Jump'; "
    "use sampler/solver=strang_map": {"solver": Jump()},
    "Sampler.epsilon: expected an Epsilon or a number > 0 for StochasticFlowMap, got None": {
        "epsilon": None
    },
}


def test_map_on_a_two_sided_path_is_told_what_a_map_can_do():
    """No objective of maps predicts a denoiser."""
    with pytest.raises(ValueError, match=r"; a flow map .* interpolant=one_sided_linear$"):
        made(fields=_fields(LinearInterpolant(gamma=BrownianBridgeGamma())))


@pytest.mark.parametrize("said", _REFUSED)
def test_maps_without_a_score_are_refused(said):
    with pytest.raises(ValueError) as error:
        made(**_REFUSED[said])
    assert str(error.value).startswith(said)
