"""Settings of a sampler may be changed after it was used."""

import torch
from helpers.problems import exact_fields

from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.heun import Heun


def test_settings_that_are_changed_later_are_followed():
    fields = exact_fields(OneSidedLinearInterpolant(), ("velocity",))
    sampler, start = Sampler(fields=fields, solver=Euler(), num_steps=4), torch.zeros(2, 2)
    first = sampler(start)
    sampler.num_steps = 10
    assert (first.nfe, sampler(start).nfe) == (4, 10)
    sampler.solver, sampler.grid = Heun(), UniformGrid()
    fresh = Sampler(fields=fields, solver=Heun(), grid=UniformGrid(), num_steps=10)
    assert torch.equal(sampler(start).x, fresh(start).x)
