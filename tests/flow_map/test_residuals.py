"""Residuals of a flow map: zero for the exact one, those of closed forms for others."""

import pytest
import torch

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.fields.fields import Fields
from interpolants.fields.jumps import Jumps
from interpolants.flow_map.residuals import map_residuals
from interpolants.model import Model
from interpolants.testing.exact_map import MEAN, VARIANCE, ExactMap, exact_map


def residuals(kind, n=4_000, jumps=None):
    data = GaussianMixture(means=[[MEAN]], std=VARIANCE**0.5)
    return map_residuals(
        Model(fields=exact_map(kind, jumps or Jumps()), event_shape=(1,)), data, n, seed=0
    )


def test_exact_map_has_none_and_its_velocity_the_least_loss():
    found = residuals("true")
    # Times are drawn in single precision.
    assert found["semigroup_residual"] < 1e-9 and found["eulerian_residual"] < 1e-9
    t = torch.linspace(0, 1, 2001, dtype=torch.float64)
    level = (1 - t) ** 2 + VARIANCE * t**2
    square = MEAN**2 + (VARIANCE * t - (1 - t)) ** 2 / level  # of the velocity, at its mean
    assert found["velocity_loss"] == pytest.approx(-0.5 * float(square.mean()), abs=0.06)


@pytest.mark.parametrize(
    ("name", "mean"), [("semigroup_residual", 0.0177234343), ("eulerian_residual", 0.1145270436)]
)
def test_euler_map_has_those_of_the_closed_form(name, mean):
    """Means over uniform pairs of times, to the error of 2,000 of them."""
    assert residuals("euler")[name] == pytest.approx(mean, rel=0.15)


def test_residuals_are_those_of_jumps_that_the_map_was_trained_for():
    """Others are left out: the semigroup to t = 1 alone, and derivatives between a few gaps."""
    ends = residuals("euler", jumps=Jumps(ends=True))
    assert set(ends) == {"eulerian_residual", "velocity_loss"}
    gaps = residuals("euler", jumps=Jumps(levels=1))
    assert set(gaps) == {"semigroup_residual", "velocity_loss"}
    # From 0 to 1, at x: b(0, x) - b(1/2, x + b(0, x) / 2) = -6 x / 13.
    assert gaps["semigroup_residual"] == pytest.approx(36 / 169, rel=0.15)
    for jumps in (Jumps(ends=True), Jumps(levels=3)):
        del (found := residuals("true", jumps=jumps))["velocity_loss"]
        assert max(found.values()) < 1e-9


def test_network_without_forward_derivatives_has_the_other_residual():
    class Plain(ExactMap):
        def forward(self, t, x, condition=None):
            if torch.autograd.forward_ad.unpack_dual(x).tangent is not None:
                raise NotImplementedError("no forward rule")
            return super().forward(t, x, condition)

    data = GaussianMixture(means=[[MEAN]], std=VARIANCE**0.5)
    path = exact_map().interpolant
    fields = Fields(net=Plain(), interpolant=path, predicts="velocity", jumps=Jumps())
    found = map_residuals(Model(fields=fields, event_shape=(1,)), data, 100, seed=0)
    assert set(found) == {"semigroup_residual", "velocity_loss"}
