"""Slips in objectives of flow maps change known losses or their gradients; other known losses."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from helpers.map_losses import S, T, mean_loss

from interpolants.fields.flow_map import map_velocity
from interpolants.flow_map.residuals import EulerianResidual
from interpolants.objective.consistency import ConsistencyObjective
from interpolants.objective.lagrangian import LagrangianObjective
from interpolants.objective.map_objective import MapObjective
from interpolants.objective.mean_flow import MeanFlowObjective
from interpolants.objective.semigroup import SemigroupObjective
from interpolants.objective.teacher import Teacher
from interpolants.testing.exact_map import exact_map

_KINDS = ("true", "euler", "shifted")
_OBJECTIVES = {
    "lagrangian": LagrangianObjective(),
    "distillation": LagrangianObjective(teacher=Teacher(fields=exact_map())),
    "semigroup": SemigroupObjective(),
    "improved": MeanFlowObjective(),
    "mean_flow": MeanFlowObjective(tangent="sample"),
    "eulerian": EulerianResidual(),
    "eulerian_distillation": EulerianResidual(teacher=Teacher(fields=exact_map())),
    "consistency": ConsistencyObjective(step=0.25),
}
_PACKAGE = "interpolants.objective"
_MODULES = {
    "lagrangian": f"{_PACKAGE}.lagrangian",
    "distillation": f"{_PACKAGE}.lagrangian",
    "semigroup": f"{_PACKAGE}.semigroup",
    "improved": f"{_PACKAGE}.mean_flow",
    "mean_flow": f"{_PACKAGE}.mean_flow",
    "eulerian": "interpolants.flow_map.residuals",
    "eulerian_distillation": "interpolants.flow_map.residuals",
    "consistency": f"{_PACKAGE}.consistency",
}
# Sum of squares, and its gradient by the weights of 1, x, h, h x.
_EULERIAN = {
    "true": (0, (0, 0, 0, 0)),
    "euler": (0.0811782586, (0, -0.7212352742, 0, -0.5906789868)),
    "shifted": (0.25, (1, -0.3, 1, -0.05)),
}
_CONSISTENCY = {
    "true": (0.0140379992, (0, 0.0116419262, 0, 0.0058209631)),
    "euler": (0.0139860305, (0, -0.1154290112, 0, -0.0577145056)),
    "shifted": (0.0260008898, (0.21875, 0.0553919262, 0.109375, 0.0276959631)),
}
_NOTHING_FROZEN = {
    "true": (0, (0, 0, 0, 0)),
    "euler": (0.6143816421, (0, -0.9586811143, 0, -1.3859958340)),
    "shifted": (0.2997215991, (0.2078993751, -0.6427555680, 1.1988863964, 0.2397772793)),
}


def _assert_known(objective, kind, known):
    value, gradient = mean_loss(objective, kind)
    assert value == pytest.approx(known[0], abs=2e-10)
    np.testing.assert_allclose(gradient, known[1], atol=2e-10)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("eulerian", _EULERIAN),
        ("eulerian_distillation", _EULERIAN),
        ("consistency", _CONSISTENCY),
    ],
)
def test_other_losses_and_gradients_are_the_closed_forms(name, known, kind):
    """Consistency training by a step of a quarter is alpha-Flow with alpha = 1/4."""
    _assert_known(_OBJECTIVES[name], kind, known[kind])


@pytest.mark.parametrize(
    ("name", "power", "known"),
    [
        ("lagrangian", 0, 0.3734086188),
        ("eulerian", 0, 0.1145270436),
        ("mean_flow", 0, 0.5110125172),
        ("improved", 0, 0.7894564207),
        ("semigroup", 0, 0.0177234343),
        ("semigroup", 2, 0.0056993275),  # of positions instead of velocities
    ],
)
def test_means_over_pairs_of_times_are_the_closed_forms(name, power, known):
    """Gauss-Legendre quadrature over s < t, s a share of t."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    t, share = (part.flatten() for part in np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2))
    mass = np.outer(weights, weights).flatten() / 4 * 2 * t * (t - t * share) ** power
    mean, _ = mean_loss(_OBJECTIVES[name], "euler", t * share, t, mass)
    assert mean == pytest.approx(known, abs=2e-10)


@pytest.mark.parametrize("kind", _KINDS)
def test_lagrangian_with_nothing_frozen_has_another_known_gradient(kind, monkeypatch):
    _unfrozen("lagrangian", monkeypatch)
    _assert_known(_OBJECTIVES["lagrangian"], kind, _NOTHING_FROZEN[kind])


def _unfrozen(name, monkeypatch):
    """Targets with gradients."""
    monkeypatch.setattr(torch, "no_grad", nullcontext)


def _other_time(name, monkeypatch):
    """The velocity that the map follows is taken at the jump's other time."""
    original = MapObjective.followed

    other = lambda objective, fields, t, x: original(objective, fields, S + T - t, x)  # noqa: E731
    monkeypatch.setattr(MapObjective, "followed", other)


def _swapped(name, monkeypatch):
    swapped = lambda fields, s, t, x: map_velocity(fields, t, s, x)  # noqa: E731
    monkeypatch.setattr(f"{_MODULES[name]}.map_velocity", swapped)


def _derivative(name, monkeypatch, change):
    """Derivatives along another tangent, or of another form."""

    def changed(function, at, along):
        value, derivative = torch.func.jvp(function, at, change(along))
        return value, derivative

    monkeypatch.setattr(f"{_MODULES[name]}.with_derivative", changed)


def _without_state(name, monkeypatch):
    _derivative(name, monkeypatch, lambda along: (along[0], torch.zeros_like(along[1])))


def _without_time(name, monkeypatch):
    _derivative(name, monkeypatch, lambda along: (torch.zeros_like(along[0]), *along[1:]))


def _opposite(name, monkeypatch):
    _derivative(name, monkeypatch, lambda along: (-along[0], *along[1:]))


_TANGENTS = ("improved", "mean_flow", "eulerian", "eulerian_distillation")
_FOLLOWING = ("lagrangian", "distillation", "improved", "eulerian", "eulerian_distillation")
_SLIPS = [
    *((_unfrozen, name) for name in ("lagrangian", "semigroup", "eulerian", "consistency")),
    *((_other_time, name) for name in _FOLLOWING),
    *((_swapped, name) for name in _OBJECTIVES),
    *((_without_state, name) for name in _TANGENTS),
    *((slip, name) for slip in (_without_time, _opposite) for name in ("lagrangian", *_TANGENTS)),
]


@pytest.fixture(scope="module")
def found():
    """Values and gradients without slips, which are the closed forms."""
    return {(name, kind): _numbers(name, kind) for name in _OBJECTIVES for kind in _KINDS}


def _numbers(name, kind):
    value, gradient = mean_loss(_OBJECTIVES[name], kind)
    return np.array([value, *gradient])


@pytest.mark.parametrize(
    ("slip", "name"), _SLIPS, ids=lambda part: getattr(part, "__name__", part)
)
def test_a_planted_slip_changes_the_losses(slip, name, found, monkeypatch):
    slip(name, monkeypatch)
    changes = [np.abs(_numbers(name, kind) - found[name, kind]).max() for kind in _KINDS]
    assert max(changes) > 0.1
