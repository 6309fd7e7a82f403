"""Guided flow maps: the velocity b_0 + w (b_c - b_0) is the fixed point, and its map the minimum.

The label is normal, y ~ N(0, 1), the data are N(a y, v) given y, and the base is N(0, 1).
"""

import numpy as np
import pytest
import torch
from torch import nn

from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import guided_velocity, map_velocity
from interpolants.fields.guidance import MapGuidance
from interpolants.interpolant.gamma.zero import ZeroGamma
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.net.condition import Condition
from interpolants.net.mlp import MLP
from interpolants.objective import (
    ConsistencyObjective,
    GuidanceScales,
    LagrangianObjective,
    MeanFlowObjective,
    SemigroupObjective,
    Teacher,
)
from interpolants.utils.seeds import keyed_generator

_A, _V, _Y, _X = 1.5, 0.3, 0.8, 0.4
_NODES, _WEIGHTS = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(64))


def _level(t, labelled):
    return (1 - t) ** 2 + (_V if labelled else _A**2 + _V) * t**2


def _rate(t, labelled):
    """Half the logarithmic derivative of the variance."""
    return ((_V if labelled else _A**2 + _V) * t - (1 - t)) / _level(t, labelled)


def _velocity(t, x, y, w):
    """b_0 + w (b_c - b_0)."""
    conditional = _A * y + _rate(t, True) * (x - t * _A * y)
    return torch.lerp(_rate(t, False) * x, conditional, w)


def _growth(s, t, w):
    ratios = [(_level(t, labelled) / _level(s, labelled)) for labelled in (True, False)]
    return ratios[0] ** (w / 2) * ratios[1] ** ((1 - w) / 2)


def _jump(s, t, x, y, w):
    """The map of the velocity, its integral by Gauss-Legendre quadrature."""
    r = (s + t)[..., None] / 2 + (t - s)[..., None] / 2 * _NODES
    inside = _growth(r, t[..., None], w[..., None]) * (1 - r * _rate(r, True))
    integral = (t - s) / 2 * (inside * _WEIGHTS).sum(dim=-1)
    return _growth(s, t, w) * x + w * _A * y * integral


class _Exact(nn.Module):
    """The map of guided velocities, moved by four weights along (1, x, h, h x) and by w."""

    def __init__(self, wrong=0.0):
        super().__init__()
        self.wrong = wrong
        self.weights = nn.Parameter(torch.zeros(4, dtype=torch.float64))

    def forward(self, t, x, condition=None):
        condition = condition or Condition()
        s = t.expand(len(x))[:, None]
        until = s if condition.until is None else condition.until.expand(len(x))[:, None]
        given = condition.guidance
        w = torch.ones_like(s) if given is None else given[:, :1]
        y = condition.label
        if y is None:  # the unconditional velocity
            y, w = torch.zeros_like(x), torch.zeros_like(s)
        h = until - s
        same = h.abs() < 1e-14
        safe = torch.where(same, s + 0.1, until)
        u = (_jump(s, safe, x, y, w) - x) / (safe - s)
        u = torch.where(same, _velocity(s, x, y, w), u) + self.wrong * (w - 1).clamp(min=0)
        basis = torch.stack([torch.ones_like(x), x, h.expand_as(x), h * x])
        return (u + torch.tensordot(self.weights, basis, dims=1)).unsqueeze(1)


def _fields(net):
    return Fields(net=net, interpolant=LinearInterpolant(gamma=ZeroGamma()), predicts="velocity")


def _one(value):
    return torch.tensor([[value]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("s", "t", "w", "known"),
    [
        (0.0, 1.0, 0.0, 0.6387487769),
        (0.0, 1.0, 1.0, 1.4190890230),
        (0.0, 1.0, 2.0, 1.5355127826),
        (0.0, 1.0, 3.5, 1.4865239748),
        (0.2, 0.7, 0.0, 0.5374392713),
        (0.2, 0.7, 1.0, 0.9364651309),
        (0.2, 0.7, 2.0, 1.0713799023),
        (0.2, 0.7, 3.5, 1.1071606306),
    ],
)
def test_guided_map_has_its_closed_form(s, t, w, known):
    x = _one(_X)
    guidance = torch.tensor([[w, 0.0, 1.0]], dtype=torch.float64)
    fields = _fields(_Exact()).condition_on(Condition(_one(_Y), guidance=guidance))
    first, second = (torch.tensor([time], dtype=torch.float64) for time in (s, t))
    end = x + (t - s) * map_velocity(fields, first, second, x)
    assert end.item() == pytest.approx(known, abs=1e-10)


def _slopes(objective, net, s, t, scale=2.0):
    """Gradient of the mean loss, over draws by Gauss-Hermite quadrature, for one label."""
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(24))
    x0, x1 = torch.cartesian_prod(nodes, nodes).T.unsqueeze(2)
    mass = torch.cartesian_prod(weights, weights).prod(dim=1)
    y = torch.full_like(x0, _Y)
    guidance = torch.tensor([scale, 0.0, 1.0], dtype=torch.float64).expand(len(x0), 3)
    fields = _fields(net).condition_on(Condition(y, guidance=guidance))
    times = torch.tensor([[s, t]], dtype=torch.float64).expand(len(x0), 2)
    x1 = _A * _Y + _V**0.5 * x1
    losses = objective(fields, times, x0, x1, torch.zeros_like(x0), keyed_generator(3))
    mean = (mass / mass.sum()) @ losses.weighted.sum(dim=1)
    return torch.autograd.grad(mean, net.weights)[0].abs().max()


_LEARNED = (LagrangianObjective(), SemigroupObjective(split="uniform"), MeanFlowObjective())


@pytest.mark.parametrize("objective", _LEARNED, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("s", "t"), [(0.2, 0.7), (0.05, 0.9), (0.4, 0.4)])
def test_guided_map_minimises_what_it_is_learned_by(objective, s, t):
    assert _slopes(objective, _Exact(), s, t) < 1e-9
    assert _slopes(objective, _Exact(), s, t, scale=5.0) < 1e-9
    assert _slopes(objective, _Exact(wrong=0.3), s, t) > 1e-3


class _Unguided(nn.Module):
    """A teacher's velocities, conditional and not, that knows no scales."""

    def forward(self, t, x, condition=None):
        assert condition is None or condition.guidance is None
        s = t.expand(len(x))[:, None]
        label = None if condition is None else condition.label
        y, w = (torch.zeros_like(x), 0.0) if label is None else (label, 1.0)
        return _velocity(s, x, y, torch.full_like(s, w)).unsqueeze(1)


@pytest.mark.parametrize("make", [LagrangianObjective, SemigroupObjective])
@pytest.mark.parametrize(("s", "t"), [(0.2, 0.7), (0.4, 0.4)])
def test_guided_map_is_distilled_from_a_teacher_without_scales(make, s, t):
    objective = make(teacher=Teacher(fields=_fields(_Unguided())))
    assert _slopes(objective, _Exact(), s, t) < 1e-9
    assert _slopes(objective, _Exact(wrong=0.3), s, t) > 1e-3


def test_interval_ends_guidance():
    """The velocity is that of the label where t is outside of the interval."""
    t = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    x, y = torch.full((3, 1), _X, dtype=t.dtype), torch.full((3, 1), _Y, dtype=t.dtype)
    guidance = torch.tensor([3.0, 0.3, 0.7], dtype=t.dtype).expand(3, 3)
    found = guided_velocity(_fields(_Unguided()), t, x, Condition(y, guidance=guidance))
    scales = torch.tensor([[1.0], [3.0], [1.0]], dtype=t.dtype)
    torch.testing.assert_close(found, _velocity(t[:, None], x, y, scales))


def test_scales_are_drawn_on_all_of_their_range_with_half_of_the_intervals_whole():
    drawn = GuidanceScales(largest=8).draw(20_000, keyed_generator(1)).double()
    scale, first, last = drawn.unbind(dim=1)
    assert 1 <= scale.min() and scale.max() <= 8
    assert scale.log().mean() == pytest.approx(np.log(8) / 2, abs=0.02)
    assert ((first == 0) & (last == 1)).double().mean() == pytest.approx(0.5, abs=0.02)
    assert (first <= 0.5).all() and (last >= 0.5).all()


def test_network_begins_without_guidance_and_is_asked_for_scales_that_it_knows():
    def build(**options):
        torch.manual_seed(0)
        return MLP(event_shape=(2,), heads=1, classes=3, two_times=True, **options)

    net, ordinary = build(largest_scale=4.0), build()
    x, t, label = torch.randn(5, 2), torch.rand(5), torch.tensor([0, 1, 2, 0, 1])
    strong = torch.tensor([3.0, 0.0, 1.0]).expand(5, 3)
    known = ordinary(t, x, Condition(label))
    assert torch.equal(net(t, x, Condition(label, guidance=strong)), known)
    with torch.no_grad():
        net.guide.weight.fill_(0.1)
    none = torch.tensor([1.0, 0.2, 0.9]).expand(5, 3)
    assert torch.equal(net(t, x, Condition(label, guidance=none)), known)
    assert (net(t, x, Condition(label, guidance=strong)) - known).abs().max() > 1e-3
    guided = ConditionedNetwork(net, Condition(label), MapGuidance(scale=3.0))
    assert torch.equal(guided(t, x), net(t, x, Condition(label, guidance=strong)))
    assert len(guided.networks) == 1
    with pytest.raises(ValueError, match=r"^MapGuidance\.scale: expected a scale in \[1, 4\]"):
        ConditionedNetwork(net, Condition(label), MapGuidance(scale=6.0))
    with pytest.raises(ValueError, match=r"^MapGuidance: expected a map with scales as an input"):
        ConditionedNetwork(ordinary, Condition(label), MapGuidance(scale=2.0))


def test_consistency_training_is_refused_scales_since_paths_are_not_guided():
    with pytest.raises(ValueError, match=r"^ConsistencyObjective\.largest_scale: expected null"):
        ConsistencyObjective(largest_scale=4)
