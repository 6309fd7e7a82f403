"""Specs of objects build the same objects."""

from functools import partial

import pytest
from torch import nn

import interpolants as si
from interpolants.checkpoint.spec import build
from interpolants.cli.spec_of import spec_of
from interpolants.interpolant.base import Interpolant
from interpolants.interpolant.gamma import QuadraticGamma
from interpolants.objective.base import Objective
from interpolants.objective.weight.power import PowerWeight


@pytest.mark.parametrize(
    ("value", "family"),
    [
        (si.OneSidedLinearInterpolant(), Interpolant),
        (si.LinearInterpolant(gamma=QuadraticGamma()), Interpolant),
        (si.VelocityObjective(weight=PowerWeight(a=2.0), antithetic=False), Objective),
    ],
)
def test_spec_of_a_part_builds_an_equal_one(value, family):
    assert build(spec_of("fit.part", value), family) == value


def test_spec_of_a_network_is_a_partial_call():
    plain = {"_target_": "interpolants.net.mlp.MLP", "_partial_": True}
    assert spec_of("fit.net", si.MLP) == plain
    assert spec_of("fit.net", partial(si.MLP, hidden=8)) == plain | {"hidden": 8}


@pytest.mark.parametrize("value", [nn.Linear(2, 2), partial(si.MLP, (2,)), lambda **options: None])
def test_spec_of_what_nobody_can_build_again_is_refused(value):
    with pytest.raises(
        ValueError, match=r"^fit\.net: expected an option's name, .*pass the class"
    ):
        spec_of("fit.net", value)
