"""Objectives of flow maps: values and gradients in closed form, at the exact map and others."""

import numpy as np
import pytest
import torch
from helpers.map_losses import S, mean_loss

from interpolants.fields.flow_map import map_velocity
from interpolants.fields.jumps import Jumps
from interpolants.objective.consistency import ConsistencyObjective
from interpolants.objective.lagrangian import LagrangianObjective
from interpolants.objective.map_objective import Jump, adaptive_weight
from interpolants.objective.mean_flow import MeanFlowObjective
from interpolants.objective.semigroup import SemigroupObjective, two_jumps
from interpolants.objective.teacher import Teacher
from interpolants.objective.time_sampler.dyadic_pairs import DyadicPairs
from interpolants.testing.exact_map import exact_map, level

_OBJECTIVES = {
    "lagrangian": LagrangianObjective(),
    "distillation": LagrangianObjective(teacher=Teacher(fields=exact_map())),
    "semigroup": SemigroupObjective(),
    "improved": MeanFlowObjective(),
    "mean_flow": MeanFlowObjective(tangent="sample"),
}
# Sum of squares, and its gradient by the weights of 1, x, h, h x.
_NOTHING = (0.0, (0.0, 0.0, 0.0, 0.0))
_MEAN_FLOW = {"euler": (0, -0.4601226994, 0, -0.2300613497), "shifted": (1, 0.2, 0.5, 0.1)}
_KNOWN = {
    ("lagrangian", "true"): _NOTHING,
    ("lagrangian", "euler"): (0.6143816421, (0, -1.2658227848, 0, -1.2658227848)),
    ("lagrangian", "shifted"): (
        0.2997215991,
        (1.0949367089, 0.2189873418, 1.0949367089, 0.2189873418),
    ),
    ("distillation", "true"): _NOTHING,
    ("distillation", "euler"): (0.6143816421, (0, -1.5061688832, 0, -1.3859958340)),
    ("distillation", "shifted"): (
        0.2997215991,
        (1.3028360840, 0.2605672168, 1.1988863964, 0.2397772793),
    ),
    ("semigroup", "true"): _NOTHING,
    ("semigroup", "euler"): (0.0163457064, (0, -0.2064693737, 0, -0.1032346869)),
    ("semigroup", "shifted"): (
        0.0187734600,
        (0.2740325531, 0.0548065106, 0.1370162766, 0.0274032553),
    ),
    ("improved", "true"): (0.4601226994, _NOTHING[1]),
    ("improved", "euler"): (0.5413009580, _MEAN_FLOW["euler"]),
    ("improved", "shifted"): (0.7101226994, _MEAN_FLOW["shifted"]),
    ("mean_flow", "true"): (0.1672531898, _NOTHING[1]),
    ("mean_flow", "euler"): (0.1672531898, _MEAN_FLOW["euler"]),
    ("mean_flow", "shifted"): (0.4172531898, _MEAN_FLOW["shifted"]),
}


@pytest.mark.parametrize(("name", "kind"), _KNOWN)
def test_losses_and_gradients_are_the_closed_forms(name, kind):
    value, gradient = mean_loss(_OBJECTIVES[name], kind)
    known, known_gradient = _KNOWN[name, kind]
    assert value == pytest.approx(known, abs=2e-10)
    np.testing.assert_allclose(gradient, known_gradient, atol=2e-10)


@pytest.mark.parametrize(
    ("k", "known", "slopes"),
    [
        (0.5, 0.0163457064, (-0.2064693737, -0.1032346869)),
        (0.25, 0.0051088407, (-0.1154290112, -0.0577145056)),
    ],
)
def test_semigroup_of_any_split_is_the_closed_form(k, known, slopes, monkeypatch):
    share = lambda fields, jump, _: two_jumps(fields, jump, torch.full_like(jump.s, k))  # noqa: E731
    monkeypatch.setattr("interpolants.objective.semigroup.two_jumps", share)
    value, gradient = mean_loss(SemigroupObjective(), "euler")
    assert value == pytest.approx(known, abs=2e-10)
    np.testing.assert_allclose(gradient[[1, 3]], slopes, atol=2e-10)


@pytest.mark.parametrize(
    ("step", "bias"),
    [(0.5, -0.0487148), (0.25, -0.0089279), (0.1, -0.0011938), (0.05, -0.0002816)],
)
def test_consistency_training_is_off_by_the_square_of_its_step(step, bias):
    """Target minus truth of the slope in x, at the exact map, from the gradient of the loss."""
    _, gradient = mean_loss(ConsistencyObjective(step=step), "true")
    # Half the gradient by the weight of x is minus the mean of x (target - truth), linear in x.
    variance, mean = level(S), S
    constant, slope = -gradient[0] / 2, -gradient[1] / 2
    assert (slope - mean * constant) / variance == pytest.approx(bias, abs=1e-7)


@pytest.mark.parametrize(("step", "share"), [(0.5, 0.4), (0.1, 0.1)])
def test_consistency_distillation_is_off_by_a_step_of_heun_alone(step, share):
    objective = ConsistencyObjective(step=step, teacher=Teacher(fields=exact_map()))
    biased = mean_loss(ConsistencyObjective(step=step), "true")[1].abs().max()
    assert mean_loss(objective, "true")[1].abs().max() < share * biased


def _no_detach(function, at, along):
    value, derivative = torch.func.jvp(function, at, along)
    derivative.detach = lambda: derivative
    return value, derivative


def _backward(function, at, along):
    value, derivative = torch.func.jvp(function, at, along)
    return value, -derivative


_SLIPS = {
    "lagrangian": ("interpolants.objective.lagrangian.with_derivative", _backward),
    "mean_flow": ("interpolants.objective.mean_flow.with_derivative", _no_detach),
    "improved": ("interpolants.objective.mean_flow.with_derivative", _backward),
}


@pytest.mark.parametrize("name", _SLIPS)
def test_a_planted_slip_moves_the_minimiser(name, monkeypatch):
    """A derivative of the wrong sign, or one whose gradient is not stopped."""
    monkeypatch.setattr(*_SLIPS[name])
    _, gradient = mean_loss(_OBJECTIVES[name], "true")
    assert gradient.abs().max() > 0.1
    if name == "mean_flow":
        np.testing.assert_allclose(gradient, (0, 0.2774, 0, 0.1387), atol=1e-4)


def test_swapped_times_are_no_minimum(monkeypatch):
    original = map_velocity
    for module in ("lagrangian", "mean_flow", "semigroup"):
        name = f"interpolants.objective.{module}.map_velocity"
        monkeypatch.setattr(name, lambda fields, s, t, x: original(fields, t, s, x))
    for name in _OBJECTIVES:
        assert mean_loss(_OBJECTIVES[name], "true")[1].abs().max() > 0.1


_LEARNED = {
    "consistency": (ConsistencyObjective(), {"ends"}),
    "lagrangian": (LagrangianObjective(), set()),
    "mean_flow": (MeanFlowObjective(), {"ends"}),
    "semigroup": (SemigroupObjective(), {"levels"}),
    "semigroup, uniform": (SemigroupObjective(split="uniform"), set()),
}


@pytest.mark.parametrize("name", _LEARNED)
@pytest.mark.parametrize("kind", ["all", "ends", "levels"])
def test_pairs_of_times_that_do_not_determine_a_map_are_refused(name, kind):
    """The condition must not lead to jumps that are not trained, nor to derivatives along them."""
    objective, learned = _LEARNED[name]
    jumps = {"all": Jumps(), "ends": Jumps(ends=True), "levels": Jumps(levels=4)}[kind]
    if kind in {"all", *learned}:
        objective.check(exact_map(jumps=jumps))
        return
    where = f"{type(objective).__name__}.time_sampler"
    said = (
        f"^{where}: expected pairs of times whose jumps determine each other, got 'jumps .* alone"
    )
    with pytest.raises(ValueError, match=said):
        objective.check(exact_map(jumps=jumps))


@pytest.mark.parametrize(("power", "minimum"), [(0.0, 0.0), (0.5, -0.974), (0.75, -0.996)])
def test_adaptive_weight_moves_the_minimum_of_noisy_targets(power, minimum):
    """Targets are -1 with probability .8 and 4 with .2, of mean 0."""
    u = torch.linspace(-1.2, 0.5, 3401, dtype=torch.float64)
    gaps = u[:, None] - torch.tensor([-1.0, 4.0], dtype=torch.float64)
    slope = adaptive_weight(0.5 * gaps.square(), power) * gaps
    mean = slope @ torch.tensor([0.8, 0.2], dtype=torch.float64)
    crossing = u[(mean >= 0).nonzero()[0]]
    assert float(crossing) == pytest.approx(minimum, abs=1e-3)


def test_smallest_dyadic_gap_learns_from_velocities_which_are_trained():
    """Its halves are not among the jumps, so its target is a step of the midpoint method."""
    fields, x = exact_map("shifted"), torch.tensor([[0.4], [0.4]], dtype=torch.float64)
    fields.jumps = Jumps(levels=2)
    s, t = torch.tensor([[0.0, 0.0], [0.5, 1.0]], dtype=x.dtype)
    found = two_jumps(fields, Jump(s, t, x, x, lambda _: x), torch.full_like(s, 0.5))
    first = map_velocity(fields, s, s, x)
    midpoint = map_velocity(fields, s + 0.25, s + 0.25, x + 0.25 * first)
    torch.testing.assert_close(found[0], midpoint[0])
    first = map_velocity(fields, s, s + 0.5, x)
    halves = 0.5 * (first + map_velocity(fields, s + 0.5, s + 1, x + 0.5 * first))
    torch.testing.assert_close(found[1], halves[1])


def test_step_that_states_cannot_tell_apart_is_refused():
    with pytest.raises(
        ValueError, match=r"^ConsistencyObjective\.step: expected a number in \(0.00"
    ):
        ConsistencyObjective(step=1e-9)


@pytest.mark.parametrize("levels", [0, 17, 2.5])
def test_gaps_that_times_cannot_tell_apart_are_refused(levels):
    with pytest.raises(ValueError, match=r"^DyadicPairs\.levels: expected a whole number in 1, "):
        DyadicPairs(levels=levels)
