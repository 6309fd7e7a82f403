"""Plain descriptions tell objects apart that act differently, and only those."""

import json
from functools import partial

import pytest
import torch
from torch import nn

from interpolants.fields.guidance.classifier_free import ClassifierFreeGuidance
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.noise.per_sample import PerSampleNoise
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4
from interpolants.utils.describe import describe


def _net(shift=0.0):
    torch.manual_seed(0)
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.bias += shift
    return net


_MAKERS = {
    "number": (lambda: 1.5, lambda: 1.6),
    "list": (lambda: [1, 2], lambda: [2, 1]),
    "tensor": (lambda: torch.arange(3.0), lambda: torch.arange(3.0).double()),
    "dataclass": (lambda: PowerGrid(p=2.0), lambda: PowerGrid(p=3.0)),
    "class": (lambda: Heun(), lambda: RK4()),
    "function": (lambda: PerSampleNoise, lambda: ForwardSDE),
    "partial": (
        lambda: partial(Sampler, grid=PowerGrid(p=2.0), process=partial(ForwardSDE, cut=0.1)),
        lambda: partial(Sampler, grid=PowerGrid(p=2.0), process=partial(ForwardSDE, cut=0.2)),
    ),
    "network": (_net, lambda: _net(1e-6)),
    "guidance": (
        lambda: ClassifierFreeGuidance(scale=2.0),
        lambda: ClassifierFreeGuidance(scale=2.5),
    ),
}


@pytest.mark.parametrize("kind", _MAKERS)
def test_descriptions_are_equal_for_equal_objects_and_for_no_others(kind):
    make, make_other = _MAKERS[kind]
    assert describe(make()) == describe(make()) != describe(make_other())
    assert json.loads(json.dumps(describe(make()))) == describe(make())
