"""Specs of any size and depth are refused before time and memory go into them."""

from collections.abc import Callable

import pytest

from interpolants.checkpoint.spec import build
from interpolants.interpolant.base import Interpolant
from interpolants.net.field_network import FieldNetwork
from interpolants.sampler.grid.base import Grid

_MIXED = "interpolants.interpolant.geometric_brownian.GeometricBrownianInterpolant"
_CONSTANT = "interpolants.interpolant.schedule.variance_preserving.VariancePreservingSchedule"


def _deep(depth):
    spec = {"_target_": _CONSTANT}
    for _ in range(depth):
        spec = {"_target_": _CONSTANT, "beta": spec}
    return spec


def _cyclic():
    spec = {"_target_": _CONSTANT}
    spec["beta"] = spec
    return spec


@pytest.mark.parametrize("sigma", [_deep(900), _cyclic()], ids=["deep", "cyclic"])
def test_spec_without_end_is_refused_at_a_depth(sigma):
    with pytest.raises(ValueError, match=r"^sigma(\.beta){20}: expected specs at most 20 deep"):
        build({"_target_": _MIXED, "sigma": sigma}, Interpolant)


def test_spec_of_many_entries_is_refused():
    grid = {"_target_": "interpolants.sampler.grid.explicit.ExplicitGrid", "values": [0.5] * 10**6}
    with pytest.raises(ValueError, match=r"^values\[\d+\]: .* of at most 100000 entries"):
        build(grid, Grid)


def test_spec_of_numbers_that_no_part_has_is_refused():
    mlp = {"_target_": "interpolants.net.mlp.MLP", "_partial_": True, "hidden": 10**9}
    with pytest.raises(ValueError, match=r"^hidden: expected a whole number of at most 10000000"):
        build(mlp, Callable[..., FieldNetwork])
