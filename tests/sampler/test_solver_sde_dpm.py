"""SDE-DPM-Solver++(2M) on one-sided paths."""

import math

import pytest
import torch
from helpers.problems import INTERPOLANTS, ONE_SIDED, ConditionedNetwork, Gaussians, times

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import AffineInterpolant
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.log_snr import LogSNRGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.solver.ancestral import Ancestral
from interpolants.sampler.solver.sde_dpm_solver import SDEDPMSolver
from interpolants.testing import linear_moments
from interpolants.testing.common import normal


def _reversal(net, path, c=1.0):
    fields = Fields(net=net, interpolant=path, predicts=("target_mean",))
    return ForwardSDE(fields=fields, epsilon=KLOptimalEpsilon(c=c))


@pytest.mark.parametrize("stem", ONE_SIDED)
def test_sde_dpm_solver_has_weak_order_two_on_gaussian_data(stem):
    path = INTERPOLANTS[stem]
    net = Gaussians(path, ("target_mean",), covariances=(1.0, 0.36))
    process = _reversal(net, path)
    first, last = (float(net.covariance(t)) for t in times(0.05, 0.95))
    errors = []
    for n in (100, 200):
        nodes = torch.linspace(0.05, 0.95, n + 1, dtype=torch.float64)
        errors.append(abs(linear_moments(SDEDPMSolver(), process, nodes, first)[1] - last))
    assert abs(math.log2(errors[0] / errors[1]) - SDEDPMSolver().order) < 0.1


@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_sde_dpm_solver_is_ancestral_for_data_of_a_single_point(num_steps):
    given = ConditionedNetwork(torch.full((5, 1, 2), 0.7, dtype=torch.float64))
    process = _reversal(given, INTERPOLANTS["one_sided_linear"])
    nodes = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64)
    x, z = normal((5, 2), 0), FixedNoise(normal((num_steps, 1, 5, 2), 1))
    ends = [
        integrate(solver.plan(process, nodes), x, noise=z)
        for solver in (SDEDPMSolver(), Ancestral())
    ]
    assert (ends[0] - ends[1]).abs().max() < 1e-12


def test_sde_dpm_solver_keeps_the_spread_of_broad_data_in_few_steps():
    path = INTERPOLANTS["one_sided_linear"]
    assert isinstance(path, AffineInterpolant)
    net = Gaussians(path, ("target_mean",), covariances=(1.0, 0.09))
    nodes = LogSNRGrid().times(20, (0.0, 0.999), log_snr=path.log_snr)
    process, exact = _reversal(net, path), float(net.covariance(nodes[-1]))
    ancestral, two = (
        linear_moments(solver, process, nodes, 1.0)[1] for solver in (Ancestral(), SDEDPMSolver())
    )
    assert abs(two / exact - 1) < 0.25 * abs(ancestral / exact - 1)


def test_sde_dpm_solver_refuses_what_is_not_the_reversal():
    process = _reversal(
        ConditionedNetwork(torch.zeros(1, 1, 2)), INTERPOLANTS["one_sided_linear"], 2.0
    )
    with pytest.raises(ValueError, match="expected for SDEDPMSolver the ForwardSDE of a one-si"):
        SDEDPMSolver().check(process)
