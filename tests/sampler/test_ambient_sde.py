"""The SDE in x = exp(y): its schemes against those of y, and the samples that leave."""

import itertools
import json
import math
from functools import partial

import numpy as np
import pytest
import torch
from helpers.multiplicative import (
    TARGET_A,
    TARGET_B,
    exact_fields,
    initial_states,
    log_normal_fields,
    mixture_fields,
)
from helpers.problems import Gaussians, times

from interpolants.data.log_normal_mixture import LogNormalMixture
from interpolants.interpolant.geometric_brownian import GeometricBrownianInterpolant
from interpolants.interpolant.schedule.linear import LinearSchedule
from interpolants.likelihood.expectation import ExpectationLikelihood
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.report.report import write_report
from interpolants.report.settings import ReportSettings
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.ambient_sde import AmbientSDE
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.euler_maruyama_diagonal import EulerMaruyamaDiagonal
from interpolants.sampler.solver.log_euler import LogEuler
from interpolants.sampler.solver.milstein import Milstein
from interpolants.space.log import LogSpace
from interpolants.space.scaling import Scaling
from interpolants.task.interpolant import InterpolantTask
from interpolants.testing.common import normal

_DATA_B = LogNormalMixture(
    log_means=[[-2.0], [0.0], [1.5]], weights=[0.3, 0.5, 0.2], log_std=[0.3, 0.25, 0.2]
)
_ULP = torch.finfo(torch.float64).eps


def _pair(fields, cut=1e-4):
    options = {"fields": fields, "epsilon": KLOptimalEpsilon(), "cut": cut}
    return ForwardSDE(**options), AmbientSDE(**options)


def _nodes(num_steps, cut=1e-4):
    return UniformGrid().times(num_steps, (0.0, 1 - cut))


def test_ambient_drift_is_that_of_ito():
    """X (F + sigma^2 / 2) and sigma X, tabulated and not, where F is sigma^2 times the score."""
    fields = exact_fields(TARGET_B, 1.5)
    _, process = _pair(fields)
    x = torch.linspace(0.05, 6, 7, dtype=torch.float64)[:, None]
    for t in times(0.0, 0.3, 0.9):
        expected = x * (1.5**2 * fields.score(t, x.log()) + 1.5**2 / 2)
        c = process.coefficients(t).unbind()
        torch.testing.assert_close(process.drift(t, x), expected, rtol=1e-12, atol=0)
        torch.testing.assert_close(process.drift_at(c, x), expected, rtol=1e-12, atol=0)
        torch.testing.assert_close(process.diffusion_at(c, x), 1.5 * x, rtol=1e-12, atol=0)
    assert process.span == (0.0, 1 - 1e-4)


def test_log_euler_is_dale_langevin_step_by_step():
    """From the same state with the same normals: one step, to rounding."""
    chart, process = _pair(exact_fields(TARGET_A, 0.8))
    nodes = _nodes(50)
    y = normal((400, 1), 0)
    for k in (0, 20, 48):
        z = normal((1, 1, 400, 1), 1, k)
        ends = nodes[k : k + 2]
        ambient = integrate(LogEuler().plan(process, ends), y.exp(), noise=FixedNoise(z))
        inner = integrate(EulerMaruyama().plan(chart, ends), y, noise=FixedNoise(z))
        # The exponents differ by roundings of terms as large as the drift of the step.
        size = 1 + inner.abs() + y.abs() + (inner - y).abs()
        assert ((ambient / inner.exp() - 1).abs() <= 8 * _ULP * size).all()


def test_log_euler_is_dale_langevin_for_whole_chains():
    chart, process = _pair(exact_fields(TARGET_A, 0.8))
    nodes, y, z = _nodes(50), normal((200, 1), 0), normal((50, 1, 200, 1), 1)
    ambient = integrate(LogEuler().plan(process, nodes), y.exp(), noise=FixedNoise(z))
    inner = integrate(EulerMaruyama().plan(chart, nodes), y, noise=FixedNoise(z))
    assert ((ambient / inner.exp() - 1).abs() < 64 * _ULP).all()


def test_log_euler_nears_dale_langevin_at_first_order_where_sigma_is_not_constant():
    """Along the same Brownian paths: one takes the mean of sigma^2 over a step, the other not."""
    path = GeometricBrownianInterpolant(sigma=LinearSchedule(start=0.4, end=1.2))
    ends = {"means": ([0.0], [0.3]), "covariances": ([[1.0]], [[0.0625]])}
    chart, process = _pair(Gaussians(path, ("score",), **ends).fields())
    y, fine, apart = normal((2000, 1), 0), normal((400, 1, 2000, 1), 1), []
    for n in (50, 100, 200, 400):
        z = FixedNoise(fine.view(n, 400 // n, 1, 2000, 1).sum(dim=1) / math.sqrt(400 // n))
        ambient = integrate(LogEuler().plan(process, _nodes(n)), y.exp(), noise=z)
        inner = integrate(EulerMaruyama().plan(chart, _nodes(n)), y, noise=z)
        apart.append(float((process.decode(ambient) - inner).square().mean().sqrt()))
    assert apart[0] > 1e-3
    for coarse, finer in itertools.pairwise(apart):
        assert abs(math.log2(coarse / finer) - 1) < 0.1


def test_ambient_euler_is_the_unconstrained_multiplicative_step():
    """x (1 + (2 sigma^2 - mu) d + sigma^2 d h + sigma sqrt(d) z), h = x grad log p = score - 1,
    mu = sigma^2 / 2; Milstein's has sigma^2 d (z^2 - 1) / 2 in the bracket too."""
    fields, sigma, d = exact_fields(TARGET_B, 1.5), 1.5, 0.02
    _, process = _pair(fields)
    x = torch.linspace(0.05, 6, 9, dtype=torch.float64)[:, None]
    z, nodes = normal((1, 1, 9, 1), 0), times(0.5, 0.5 + d)
    h = fields.score(nodes[0], x.log()) - 1
    mu, w = sigma**2 / 2, math.sqrt(d) * z[0, 0]
    factor = 1 + (2 * sigma**2 - mu) * d + sigma**2 * d * h + sigma * w
    for solver, more in (
        (EulerMaruyamaDiagonal(), 0.0),
        (Milstein(), sigma**2 * (w.square() - d) / 2),
    ):
        end = integrate(solver.plan(process, nodes), x, noise=FixedNoise(z))
        torch.testing.assert_close(end, x * (factor + more), rtol=1e-12, atol=1e-14)


def test_ambient_euler_loses_in_a_step_what_the_normal_tail_says():
    """P(factor < 0) = Phi(-(1 + h (F + sigma^2 / 2)) / (sigma sqrt h)) at each known state."""
    sigma, h, n = 1.5, 0.1, 100_000
    _, process = _pair(mixture_fields(TARGET_B, sigma))
    generator = torch.Generator().manual_seed(0)
    x, nodes = initial_states(TARGET_B, sigma, n, generator).exp(), times(0.0, h)
    end = integrate(
        EulerMaruyamaDiagonal().plan(process, nodes), x, noise=GeneratorNoise(generator)
    )
    rate = process.drift(nodes[0], x) / x
    tail = torch.special.ndtr(-(1 + h * rate) / (sigma * math.sqrt(h)))
    expected, error = float(tail.sum()), math.sqrt(float((tail * (1 - tail)).sum()))
    assert expected > 500
    assert abs(int((end <= 0).sum()) - expected) < 5 * error
    assert torch.equal(process.decode(end).isnan(), end <= 0)


@pytest.mark.parametrize(("num_steps", "expected"), [(5, 0.2259), (10, 0.1269), (20, 0.0256)])
def test_ambient_euler_loses_the_chains_that_a_simulation_lost(num_steps, expected):
    """Target B on a uniform grid from the exact law at t=0, to the last of the data."""
    sigma, n = 1.5, 20_000
    _, process = _pair(mixture_fields(TARGET_B, sigma))
    nodes, generator = _nodes(num_steps, 0.0), torch.Generator().manual_seed(1)
    x = initial_states(TARGET_B, sigma, n, generator).exp()
    end = integrate(
        EulerMaruyamaDiagonal().plan(process, nodes), x, noise=GeneratorNoise(generator)
    )
    lost = float(process.decode(end).isnan().double().mean())
    assert abs(lost - expected) < 5 * math.sqrt(expected / n)


def test_state_outside_is_nan_and_stays_so():
    _, process = _pair(mixture_fields(TARGET_A, 0.8))
    nodes = _nodes(10)
    x = times(1.0, -0.1, 0.0, 1.5)[:, None]
    assert process.decode(x).isnan().flatten().tolist() == [False, True, True, False]
    z = torch.zeros(10, 1, 4, 1, dtype=torch.float64)
    end = integrate(EulerMaruyamaDiagonal().plan(process, nodes), x, noise=FixedNoise(z))
    assert process.decode(end).isnan().flatten().tolist() == [False, True, True, False]


def test_state_that_its_precision_cannot_hold_is_nan():
    """exp(100) in float32, at the start and after a step: no infinity meets the networks."""
    _, process = _pair(log_normal_fields(0.0, 1.0, 0.8))
    y = torch.tensor([[0.0], [100.0], [-100.0], [-200.0]])
    seen = process.decode(process.encode(y))
    assert seen.isnan().flatten().tolist() == [False, True, False, True]
    assert not process.decode(process.encode(y.double())).isnan().any()
    sampler = _sampler(AmbientSDE, LogEuler(), num_steps=1)
    sampler.process.fields.net.forward = lambda t, x: torch.zeros_like(x)[:, None]
    z = torch.tensor([0.0, 80.0])[None, None, :, None]
    drawn = sampler(torch.zeros(2, 1), noise=FixedNoise(z), times=(0.0, 1.0))
    assert drawn.outside == 1
    assert drawn.path.flatten(1).isnan().tolist() == [[False, False], [False, True]]


def _sampler(process, solver, target=TARGET_B, sigma=1.5, **options):
    build, fields = partial(process, cut=1e-4), mixture_fields(target, sigma)
    return Sampler(
        fields=fields, process=build, solver=solver, epsilon=KLOptimalEpsilon(), **options
    )


def test_sampler_counts_the_samples_that_left():
    sampler = _sampler(AmbientSDE, EulerMaruyamaDiagonal(), num_steps=10)
    x0 = normal((2000, 1), 0)
    drawn = sampler(x0, generator=torch.Generator().manual_seed(0), times=(0.0, 0.5))
    assert drawn.outside == int(drawn.x.isnan().sum())
    assert 0 < drawn.outside < 2000
    torch.testing.assert_close(drawn.path[0], 1.5 * x0, rtol=0, atol=1e-14)
    assert drawn.path[1].isnan().sum() <= drawn.outside
    inside = _sampler(ForwardSDE, EulerMaruyama(), num_steps=10)(x0)
    assert inside.outside is None
    assert inside.x.isfinite().all()


def test_sample_with_one_element_outside_counts_once():
    sampler = _sampler(AmbientSDE, EulerMaruyamaDiagonal(), num_steps=2)
    # A network of its own for each element, so that the others stay finite.
    sampler.process.fields.net.forward = lambda t, x: -x.nan_to_num()[:, None]
    z = torch.zeros(2, 1, 3, 4, dtype=torch.float64)
    z[0, 0, 1, 2:] = -50.0
    drawn = sampler(torch.zeros(3, 4, dtype=torch.float64), noise=FixedNoise(z))
    assert drawn.outside == 1
    assert drawn.x.isnan().sum(dim=1).tolist() == [0, 2, 0]


def test_log_euler_through_the_sampler_is_dale_langevin_through_it():
    options = {"num_steps": 20, "grid": UniformGrid(), "target": TARGET_A, "sigma": 0.8}
    ambient = _sampler(AmbientSDE, LogEuler(), **options)
    chart = _sampler(ForwardSDE, EulerMaruyama(), **options)
    x0, noise = normal((100, 1), 0), FixedNoise(normal((20, 1, 100, 1), 1))
    got, expected = ambient(x0, noise=noise), chart(x0, noise=noise)
    torch.testing.assert_close(got.x, expected.x, rtol=0, atol=1e-13)
    assert (got.outside, got.nfe) == (0, expected.nfe)


def _model(fields, sampler):
    units = Scaling(space=LogSpace())
    return Model(fields=fields, event_shape=(1,), sampler=sampler, scaling=units)


def test_report_counts_the_samples_that_left_and_measures_the_others(tmp_path):
    sampler = partial(
        Sampler,
        process=partial(AmbientSDE, cut=1e-4),
        solver=EulerMaruyamaDiagonal(),
        epsilon=KLOptimalEpsilon(),
        num_steps=10,
    )
    model = _model(mixture_fields(TARGET_B, 1.5), sampler)
    outside = model.sample(200, seed=3, chunk_size=50).outside
    report = write_report(
        model,
        _DATA_B,
        [EnergyDistance()],
        SampleRequest(n=200, seed=3),
        ReportSettings(folder=tmp_path),
    )
    content = json.loads((tmp_path / "samples.json").read_text())
    assert 0 < outside < 100
    for n, compared, lost in (
        (report.n, report.compared, report.outside),
        (content["n"], content["compared"], content["outside"]),
    ):
        assert (n, compared + lost) == (200, 200)
        assert 0 < lost < 100
    assert math.isfinite(report.metrics[0].value)
    written = np.load(tmp_path / "samples.npz")["x"]
    assert np.isfinite(written).all()
    assert len(written) == report.compared
    assert f"\n{report.outside} of 200 samples are not finite, and" in report.table()


def test_samples_that_all_left_have_no_report_but_stop_no_training(tmp_path):
    options = {"process": AmbientSDE, "solver": EulerMaruyamaDiagonal(), "num_steps": 4}
    sampler = partial(Sampler, epsilon=KLOptimalEpsilon(), **options)
    fields = mixture_fields(TARGET_B, 1.5)
    fields.net.forward = lambda t, x: torch.full_like(x, -1e6)[:, None]
    model = _model(fields, sampler)
    metrics, request = [EnergyDistance()], SampleRequest(n=20)
    look = InterpolantTask().check_samples(model, _DATA_B, metrics, request)
    assert look.results == [] and look.numbers == {"outside": 20}
    with pytest.raises(ValueError, match="samples: expected some finite samples, got '20 that"):
        write_report(model, _DATA_B, metrics, request, ReportSettings(folder=tmp_path))


def test_ambient_sde_has_no_density_of_its_own():
    """Its rates are those of log x, and a likelihood of it would be in the wrong units."""
    sampler = partial(
        Sampler, process=AmbientSDE, solver=LogEuler(), epsilon=KLOptimalEpsilon(), num_steps=4
    )
    model = _model(log_normal_fields(0.2, 0.3, 0.8), sampler)
    with pytest.raises(ValueError, match=r"a sampler of a probability flow, got 'AmbientSDE'"):
        model.sample(3, log_prob=True)
    with pytest.raises(ValueError, match=r"a ForwardSDE or BackwardSDE, got 'AmbientSDE'"):
        model.log_prob(torch.ones(3, 1), likelihood=ExpectationLikelihood)
