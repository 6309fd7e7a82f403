"""Flow maps in closed form, of mixtures and of Gaussians in the plane, through the package."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from helpers.exact_maps import GAUSSIANS, MAPS, MIXTURES
from helpers.problems import times

import interpolants as si
from interpolants.fields.flow_map import map_velocity
from interpolants.flow_map.residuals import EulerianResidual
from interpolants.objective.forward_mode import with_derivative
from interpolants.objective.lagrangian import LagrangianObjective
from interpolants.objective.map_objective import Jump
from interpolants.objective.mean_flow import MeanFlowObjective
from interpolants.objective.semigroup import SemigroupObjective, two_jumps
from interpolants.objective.teacher import Teacher
from interpolants.sampler.grid import UniformGrid
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.solver import RK4, Heun
from interpolants.sampler.solver import Jump as JumpSolver

# Case, s, t, x; X, u, derivatives of X by t, s and x, of u by t, s and x.
_MIXTURE_TABLE = """
A .05 .95 -1 -1.9290214585 -1.0322460650 -2.0221998709 -1.1375484234 0.8434102637
-1.0999486732 -2.4108827649 -0.1739885959
A .05 .95 .8 1.7851037167 1.0945596852 1.8372872278 0.1940527664 0.8349506368
0.8252528250 1.4317916129 -0.1833881813
A .25 .75 -1 -1.6707563789 -1.3415127578 -1.9023750791 -0.1545434872 0.7626116959
-1.1217246426 -2.9921124900 -0.4747766083
A .25 .75 .8 1.4171249322 1.2342498644 1.6062272480 -0.4696668278 0.8261889986
0.7439547672 1.5291660731 -0.3476220028
A .4 .9 .1 0.7920670982 1.3841341964 1.0294541734 -1.3496557486 1.2919950105
-0.7093600461 0.0689568956 0.5839900211
A_trig .25 .75 -1 -1.8189097501 -1.6378195001 -1.2418225123 0.6686010641 0.9406077718
0.7919939756 -1.9384368722 -0.1187844563
A_trig .25 .75 .8 1.5237549888 1.4475099776 0.8348578789 -1.3172252049 0.8655374809
-1.2253041976 0.2605695455 -0.2689250382
A2 .25 .75 -1 -1.6169043634 -1.2338087268 -1.8804431273 -0.0264023185 1.0775701292
-1.2932688008 -2.5204220906 0.1551402585
A2 .25 .75 .8 1.4165470263 1.2330940525 1.4313725167 -0.6772865823 0.9237183999
0.3965569283 1.1116149405 -0.1525632002
B .25 .75 -1 -1.1151245957 -0.2302491915 -2.6538630123 -4.6554624396 1.9831770791
-4.8472276416 -9.7714232622 1.9663541583
B .25 .75 .8 1.2403705728 0.8807411455 1.6863873636 0.1941733079 0.6462200255
1.6112924362 2.1498289067 -0.7075599490
""".split()
_MIXTURE_ROWS = [_MIXTURE_TABLE[i : i + 12] for i in range(0, len(_MIXTURE_TABLE), 12)]
# X(s, t, x) of case A: s, t, x, X.
_JUMPS = [
    (0, 1, -2, -2.6411550267),
    (0, 1, -1, -1.9676312407),
    (0, 1, -0.5, -0.0915198742),
    (0, 1, 0, 1.0998137502),
    (0, 1, 0.5, 1.6053748685),
    (0, 1, 0.8, 1.8654273570),
    (0, 1, 2, 2.8047926940),
    (0.1, 1, 0.5, 1.6016967911),
    (0.5, 1, 0.5, 1.2087759355),
    (0.9, 1, 0.5, 0.5670037721),
    (1, 0, 1, -0.0807382896),
    (1, 0, -2, -1.0364322740),
]
# Phi(0, 1) and Phi(.2, .7), by rows.
_ENDS = (0.4308738526, 2.0606460261, 0.2060646026, 2.9954280132)
_MATRICES = {
    "G2": (_ENDS, (0.5389077708, 1.2475207780, 0.1247520778, 2.0914959208)),
    "G2_trig": (_ENDS, (0.6242681818, 1.1098988468, 0.1109898847, 2.0055804835)),
    "G2_noise": (
        (0.5289716973, 1.8178763017, 0.3540059671, 2.8537717041),
        (0.7083377056, 0.7119731867, 0.1620742435, 1.7230756717),
    ),
}
_STATES = {
    1: torch.linspace(-2.5, 2.5, 7, dtype=torch.float64)[:, None],
    2: times(0.3, -0.7, -1.5, 2, 0, 0.4, 2.5, -3).view(4, 2),
}
_PAIRS = ((0.05, 0.95), (0.25, 0.75), (0.7, 0.2))
_EXACT = 1e-8


def problem(case, s, t, x=None):
    """Fields, and s, t and states of a batch."""
    x = _STATES[1 if case in MIXTURES else 2] if x is None else x
    first, second = (torch.full((len(x),), time, dtype=torch.float64) for time in (s, t))
    return MAPS[case].fields(), first, second, x


def derivatives(fields, s, t, x):
    """u(s, t, x), and its derivatives by t, by s, and by each coordinate of x."""
    one = torch.ones_like(s)
    u, by_t = with_derivative(lambda t: map_velocity(fields, s, t, x), (t,), (one,))
    _, by_s = with_derivative(lambda s: map_velocity(fields, s, t, x), (s,), (one,))
    axes = torch.eye(x.shape[1], dtype=x.dtype).unsqueeze(1).expand(-1, len(x), -1)
    by_x = [with_derivative(lambda x: map_velocity(fields, s, t, x), (x,), (e,))[1] for e in axes]
    return u.detach(), by_t.detach(), by_s.detach(), torch.stack(by_x, dim=-1).detach()


@pytest.mark.parametrize("row", _MIXTURE_ROWS, ids=lambda row: "-".join(row[:4]))
def test_map_of_mixtures_has_the_known_derivatives(row):
    s, t, x, *known = map(float, row[1:])
    u, by_t, by_s, by_x = map(float, derivatives(*problem(row[0], s, t, times(x)[:, None])))
    h = t - s
    found = x + h * u, u, u + h * by_t, h * by_s - u, 1 + h * by_x, by_t, by_s, by_x
    assert found == pytest.approx(known, abs=1.5e-10, rel=0)


@pytest.mark.parametrize(("s", "t", "x", "known"), _JUMPS)
def test_map_of_mixtures_has_the_known_values(s, t, x, known):
    fields, s, t, x = problem("A", s, t, times(x)[:, None])
    found = float((x + (t - s)[:, None] * map_velocity(fields, s, t, x)).detach())
    assert found == pytest.approx(known, abs=1e-10, rel=0)


@pytest.mark.parametrize("case", _MATRICES)
def test_map_of_gaussians_has_the_known_matrices(case):
    net, close = MAPS[case], torch.testing.assert_close
    for (s, t), known in zip(((0, 1), (0.2, 0.7)), _MATRICES[case], strict=True):
        fields, first, second, x = problem(case, s, t)
        phi = net.phi(first, second)
        np.testing.assert_allclose(phi[0].flatten(), known, atol=1e-10, rtol=0)
        moved = phi @ net.problem.covariance(first) @ phi.mT
        close(moved, net.problem.covariance(second), atol=1e-12, rtol=0)
        u = map_velocity(fields, first, second, x).detach()
        known_end = net.problem.mean(second)[0] + (x - net.problem.mean(first)[0]) @ phi[0].mT
        close(x + (t - s) * u, known_end, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("case", "known"),
    [("G2", (0.3140714354, 0.4351256004)), ("G2_trig", (0.4082077168, 0.5382400703))],
)
def test_map_of_gaussians_has_the_known_values(case, known):
    np.testing.assert_allclose(MAPS[case].ratios, (0.0755136436, 9.9319800243), atol=1e-10)
    fields, s, t, x = problem(case, 0.2, 0.7, times(0.3, -0.7)[None])
    found = (x + 0.5 * map_velocity(fields, s, t, x)).detach()
    np.testing.assert_allclose(found[0], known, atol=1e-10, rtol=0)


def test_map_of_gaussians_is_not_the_one_of_least_cost():
    net = GAUSSIANS["G2"]
    base, data = net.covariances
    root, inverse = (_power(base, power) for power in (0.5, -0.5))
    least = inverse @ _power(root @ data @ root, 0.5) @ inverse
    known = [[0.7439539162, 0.7537310656], [0.7537310656, 1.9277214513]]
    np.testing.assert_allclose(least, known, atol=1e-10, rtol=0)
    flow, identity = net.phi(times(0), times(1))[0], torch.eye(2, dtype=torch.float64)
    costs = [float(torch.trace((m - identity) @ base @ (m - identity).mT)) for m in (flow, least)]
    assert costs == pytest.approx([2.3783333843, 1.5530957547], abs=1e-9)
    assert float(torch.trace(base + data)) == pytest.approx(5.3, abs=1e-12)


def _power(matrix, power):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values**power @ vectors.mT


@pytest.mark.parametrize("pair", _PAIRS)
@pytest.mark.parametrize("case", MAPS)
def test_conditions_hold_for_the_closed_form(case, pair):
    """Lagrangian, Eulerian, semigroup, likelihood, and inverse, with velocities of other code."""
    fields, s, t, x = problem(case, *pair)
    net, close = MAPS[case], partial(torch.testing.assert_close, atol=_EXACT, rtol=0)
    (u, by_t, by_s, by_x), h = derivatives(fields, s, t, x), (t - s)[:, None]
    end, at_s = x + h * u, net.velocity(s, x)[:, 0]
    close(fields.velocity(s, x), at_s)
    close(u + h * by_t, net.velocity(t, end)[:, 0])
    close(u - h * (by_s + torch.einsum("bij,bj->bi", by_x, at_s)), at_s)
    for k in (0.25, 0.5, 0.8):
        close(two_jumps(fields, _jump(s, t, x, at_s), torch.full_like(s, k)), u)
    slope = torch.eye(x.shape[1]) + h[..., None] * by_x
    close(net.log_density(t, end) + torch.linalg.slogdet(slope)[1], net.log_density(s, x))
    close(end - h * map_velocity(fields, t, s, end).detach(), x)


def _jump(s, t, x, speed):
    return Jump(s, t, x, speed, later=lambda time: x)


def _objectives(teacher):
    return (
        LagrangianObjective(),
        LagrangianObjective(teacher=teacher),
        SemigroupObjective(),
        SemigroupObjective(split="uniform"),
        EulerianResidual(),
        EulerianResidual(teacher=teacher),
    )


@pytest.mark.parametrize("case", MAPS)
def test_losses_and_gradients_vanish_at_the_closed_form_alone(case):
    wrong = copy.deepcopy(MAPS[case])
    wrong.weights.data[2] = 0.5
    generator = torch.Generator().manual_seed(0)
    for pair in ((0.25, 0.75), (0.7, 0.2)):
        fields, s, t, x = problem(case, *pair)
        jump = _jump(s, t, x, torch.zeros_like(x))
        for objective in _objectives(teacher=Teacher(fields=fields)):
            for map_fields, holds in ((fields, True), (wrong.fields(), False)):
                loss = objective.jump_loss(map_fields, jump, generator)
                (gradient,) = torch.autograd.grad(loss.sum(), map_fields.net.weights)
                assert holds == bool(loss.max() < 0.5 * _EXACT**2)
                assert holds == bool(gradient.abs().max() < _EXACT)
                assert holds or (loss.min() > 1e-5 and gradient.abs().max() > 1e-3)


@pytest.mark.parametrize("case", MAPS)
def test_mean_flow_has_its_floor_and_no_gradient_at_the_closed_form(case):
    """The mean over two speeds, whose losses are those of the noise, moved by the map or not."""
    for pair in _PAIRS:
        fields, s, t, x = problem(case, *pair)
        noise = torch.ones_like(x)
        *_, by_x = derivatives(fields, s, t, x)
        moved = noise + (t - s)[:, None] * by_x.sum(dim=-1)
        for tangent, floor in (("sample", moved), ("model", noise)):
            objective, total = MeanFlowObjective(tangent=tangent), 0.0
            for sign in (-1, 1):
                speed = fields.velocity(s, x).detach() + sign * noise
                total = total + 0.5 * objective.jump_loss(fields, _jump(s, t, x, speed), None)
            (gradient,) = torch.autograd.grad(total.sum(), fields.net.weights)
            known = 0.5 * floor.square().sum(dim=1)
            torch.testing.assert_close(total.detach(), known, atol=_EXACT, rtol=0)
            assert gradient.abs().max() < 1e-7


@pytest.mark.parametrize("steps", [1, 3, 7])
@pytest.mark.parametrize("case", MAPS)
def test_jumps_of_the_sampler_compose_to_one_and_lead_back(case, steps):
    fields, zero, one, x = problem(case, 0, 1)
    known = MAPS[case].jump(zero, one, x)
    made = [
        si.Sampler(
            fields=fields,
            process=partial(FlowMap, backward=backward),
            solver=JumpSolver(),
            num_steps=steps,
        )
        for backward in (False, True)
    ]
    drawn = made[0](x).x
    torch.testing.assert_close(drawn, known, atol=_EXACT, rtol=0)
    torch.testing.assert_close(made[1](drawn).x, x, atol=_EXACT, rtol=0)


@pytest.mark.parametrize(
    ("solver", "order", "error"), [(RK4(), 4, 5e-6), (Heun(), 2, 2e-2)], ids=["rk4", "heun"]
)
@pytest.mark.parametrize("case", MAPS)
def test_diagonal_as_a_velocity_gives_the_flow_to_the_order_of_the_solver(
    case, solver, order, error
):
    fields, zero, one, x = problem(case, 0, 1)
    known, errors = MAPS[case].jump(zero, one, x), []
    for steps in (20, 40):
        flow = si.Sampler(fields=fields, solver=solver, grid=UniformGrid(), num_steps=steps)
        errors.append(float((flow(x).x - known).abs().max()))
    assert errors[1] < error and errors[1] < errors[0] / 2 ** (order - 1)
