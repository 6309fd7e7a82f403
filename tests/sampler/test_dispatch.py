"""The cost of a step beside its field: kernels dispatched, host reads, calls. No clock needed."""

import warnings
from functools import partial

import pytest
import torch
from helpers.problems import load, stems
from torch.utils._python_dispatch import TorchDispatchMode

from interpolants.driver.brownian import Brownian
from interpolants.driver.markov_fractional_brownian import MarkovFractionalBrownian
from interpolants.driver.riemann_liouville import RiemannLiouville
from interpolants.fields.fields import Fields
from interpolants.fields.jumps import Jumps
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.interpolant.one_sided_linear import OneSidedLinearInterpolant
from interpolants.neural_sde.driven_sde import DrivenSDE
from interpolants.neural_sde.solver.driven_euler import DrivenEuler
from interpolants.neural_sde.solver.driven_heun import DrivenHeun
from interpolants.sampler.epsilon.kl_optimal import KLOptimalEpsilon
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.noise.fixed import FixedNoise
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.process.probability_flow import ProbabilityFlow
from interpolants.sampler.process.stochastic_flow_map import StochasticFlowMap
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama

# Kernels per step beside the field's own, the draw of the normals among them.
_KERNELS = {
    "ab2": 2,
    "ab2_maruyama": 4,
    "ab3": 3,
    "ancestral": 4,
    "annealed": 3,
    "dpm_solver": 3,
    "driven_euler": 9,  # one for the diffusion, here a sine, and four for the driver
    "driven_euler of K=0": 5,  # as of euler_maruyama_diagonal
    "driven_heun": 14,
    "euler": 1,
    "euler_maruyama": 3,
    "euler_maruyama_diagonal": 5,  # one for the diffusion, here a sine
    "heun": 3,
    "jump": 1,
    "log_euler": 6,
    "midpoint": 2,
    "renoise": 4,
    "milstein": 10,  # three for the diffusion, here a sine, and for its slope
    "rk4": 7,
    "sde_dpm_solver": 5,
    "sra1": 8,
    "stochastic_heun": 5,
    "strang": 7,
    "strang_map": 13,  # two for each evaluation, which combines x and a prediction
}
_SOLVERS = {stem: load("sampler/solver", stem) for stem in stems("sampler/solver")}
_BANK = MarkovFractionalBrownian(
    hurst=0.3, representation=RiemannLiouville(normalize=True), gammas=(1, 9)
)
_DRIVERS = {"driven_euler": _BANK, "driven_euler of K=0": Brownian(), "driven_heun": _BANK}
_SOLVERS |= {name: DrivenHeun() if "heun" in name else DrivenEuler() for name in _DRIVERS}
_NATIVE = [stem for stem, solver in _SOLVERS.items() if isinstance(solver, PlannedSolver)]
_HOST_READS = {"_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "allclose"}
_ALLOCATIONS = {"empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided"}


class _Count(TorchDispatchMode):
    """Counts operations that launch kernels, those that read on the host, and copies."""

    def __init__(self):
        super().__init__()
        self.kernels = self.reads = self.copies = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.removeprefix("aten::")
        returns = function._schema.returns
        alias = [value.alias_info for value in returns]
        is_view = any(info is not None and not info.is_write for info in alias)
        computes = any("Tensor" in str(value.type) for value in returns)
        self.kernels += computes and not is_view and name not in _ALLOCATIONS
        self.reads += name in _HOST_READS
        self.copies += name in ("_to_copy", "copy_", "lift_fresh")
        return function(*args, **(kwargs or {}))


class _Trivial(Process):
    """Fields of one operation each."""

    def __init__(self, noise_type):
        self.noise_type = noise_type
        self.evaluations = 0

    def drift(self, t, x):
        self.evaluations += 1
        return -x

    def diffusion(self, t):
        return torch.ones_like(t)

    def diffusion_at(self, c, x):
        return torch.sin(x)


class _Negative(torch.nn.Module):
    """A network of one operation."""

    def forward(self, t, x, condition=None):
        return -x[:, None]


class _Twice(torch.nn.Module):
    """A network of two heads."""

    def forward(self, t, x, condition=None):
        return torch.stack([-x, 0.1 * x], dim=1)


_PAIR = ("velocity", "denoiser")
# Schemes of fields rather than of a drift.
_OF_FIELDS = {
    "ancestral": partial(ForwardSDE, epsilon=KLOptimalEpsilon()),
    "dpm_solver": ProbabilityFlow,
    "jump": FlowMap,
    "renoise": FlowMap,
    "sde_dpm_solver": partial(ForwardSDE, epsilon=KLOptimalEpsilon()),
    "strang_map": partial(StochasticFlowMap, epsilon=KLOptimalEpsilon()),
}
_MAPS = ("jump", "renoise", "strang_map")


def _process(stem, solver):
    if stem in _DRIVERS:
        parts = {"drift": lambda t, x: -x, "diffusion": lambda t, x: torch.sin(x)}
        return DrivenSDE(driver=_DRIVERS[stem], **parts)
    if stem in _OF_FIELDS:
        learned = "velocity" if stem in _MAPS else "target_mean"
        path = OneSidedLinearInterpolant()
        fields = Fields(net=_Negative(), interpolant=path, predicts=learned, jumps=Jumps())
        return _OF_FIELDS[stem](fields=fields)
    return _Trivial(solver.accepts[0])


def _counted(stem, num_steps):
    solver = _SOLVERS[stem]
    process = _process(stem, solver)
    plan = solver.plan(process, UniformGrid().times(num_steps, (0.0, 1.0)))
    x = torch.ones(15, 1 + _DRIVERS[stem].states) if stem in _DRIVERS else torch.ones(5, 3)
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    with torch.no_grad(), _Count() as count:
        integrate(plan, x, noise=noise)
    return count


@pytest.mark.parametrize("stem", _NATIVE)
def test_solver_dispatches_the_stated_kernels_for_each_step(stem):
    """Differenced between 8 and 16 steps, so that what happens once drops out."""
    few, many = _counted(stem, 8), _counted(stem, 16)
    assert (many.kernels - few.kernels) / 8 - _SOLVERS[stem].stages == _KERNELS[stem]


@pytest.mark.parametrize("stem", _NATIVE)
def test_solver_reads_nothing_on_the_host_and_copies_nothing_in_the_loop(stem):
    few, many = _counted(stem, 8), _counted(stem, 16)
    assert few.reads == many.reads == 0
    assert many.copies == few.copies


@pytest.mark.parametrize(
    "stem", [stem for stem in _NATIVE if stem not in {*_OF_FIELDS, *_DRIVERS}]
)
def test_solver_evaluates_the_drift_as_often_as_it_says(stem):
    solver = _SOLVERS[stem]
    evaluations = []
    for num_steps in (8, 16):
        process = _Trivial(solver.accepts[0])
        plan = solver.plan(process, UniformGrid().times(num_steps, (0.0, 1.0)))
        process.evaluations = 0
        integrate(plan, torch.ones(2, 1), noise=GeneratorNoise())
        evaluations.append(process.evaluations)
    assert evaluations[1] - evaluations[0] == 8 * solver.stages
    # A method with a start of its own spends one more on it.
    assert evaluations[0] - 8 * solver.stages == (stem == "ab3")


def test_sampler_adds_few_kernels_to_its_steps():
    """They place samples at the start and count those that are not finite, which is read."""
    fields = Fields(net=_Negative(), interpolant=LinearInterpolant(), predicts="velocity")
    sampler, x = Sampler(fields=fields, solver=Euler(), num_steps=8), torch.ones(5, 3)
    sampler(x)
    with _Count() as count:
        sampler(x)
    of_steps = 8 * (1 + _KERNELS["euler"])
    assert count.kernels - of_steps <= 1
    assert count.reads == 1


def test_finite_samples_are_counted_as_finite_where_their_sum_overflows():
    fields = Fields(net=_Negative(), interpolant=LinearInterpolant(), predicts="velocity")
    large = torch.full((5, 3), 3e38)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Sampler(fields=fields, solver=Euler(), num_steps=2)(large)
    assert found.x.isfinite().all() and not found.x.sum().isfinite()


def test_last_step_follows_the_precision_of_the_states():
    """A plan that was made in inference mode serves a solve with gradients, in another dtype."""
    fields = Fields(net=_Twice(), interpolant=LinearInterpolant(), predicts=_PAIR)
    options = {"process": ForwardSDE, "epsilon": 1.0, "solver": EulerMaruyama(), "num_steps": 40}
    sampler, x = Sampler(fields=fields, **options), torch.zeros(4, 3, dtype=torch.float64)
    noise = [FixedNoise(torch.ones(40, 1, 4, 3, dtype=d)) for d in (torch.float32, torch.float64)]
    with torch.inference_mode():
        narrow = sampler(x.float(), noise=noise[0]).x
    wide = sampler(x, noise=noise[1]).x
    assert narrow.dtype == torch.float32 and wide.dtype == torch.float64
    torch.testing.assert_close(narrow.clone().double(), wide, rtol=1e-4, atol=1e-4)
    x.requires_grad_()
    sampler(x, noise=noise[1], gradients=True).x.sum().backward()
    assert x.grad.abs().min() > 0


def test_count_finds_kernels_and_host_reads():
    """In-place and functional kernels count, views and allocations do not."""
    x = torch.ones(4)
    with _Count() as count:
        y = x.view(2, 2).mT[0].expand(3, 2)
        torch.addcmul(x, x, x).add_(1)
        x.new_empty(3).normal_()
        y.unbind()
        torch.ops.aten.is_same_size(x, y)
    assert (count.kernels, count.reads, count.copies) == (3, 0, 0)
    with _Count() as count:
        float(x.sum())
        torch.nonzero(x)
        x.double()
    assert (count.reads, count.copies) == (2, 1)
