"""Residuals of a flow map: zero for the exact one, those of closed forms for others."""

import pytest
import torch

from interpolants.data.gaussian_mixture import GaussianMixture
from interpolants.flow_map.residuals import map_residuals
from interpolants.model import Model
from interpolants.testing.exact_map import MEAN, VARIANCE, exact_map


def residuals(kind, n=4_000):
    data = GaussianMixture(means=[[MEAN]], std=VARIANCE**0.5)
    return map_residuals(Model(fields=exact_map(kind), event_shape=(1,)), data, n, seed=0)


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
