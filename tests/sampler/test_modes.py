"""Modes: the same kernels, the same numbers; gradients through the loop."""

import pytest
import torch
from helpers.problems import times

from interpolants.fields.fields import Fields
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.net.mlp import MLP
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.mode.checkpointed import Checkpointed
from interpolants.sampler.mode.compiled import Compiled
from interpolants.sampler.mode.cuda_graph import CudaGraph
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.noise.per_sample import PerSampleNoise
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.ab3 import AB3
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.sra1 import SRA1
from interpolants.sampler.solver.torchdiffeq import Torchdiffeq

_SDE = {"process": ForwardSDE, "epsilon": 0.3}


def _fields(dtype=torch.float32, device="cpu"):
    torch.manual_seed(0)
    net = MLP(event_shape=(2,), heads=2, hidden=8, depth=2, time_features=4)
    path = LinearInterpolant()
    fields = Fields(net=net, interpolant=path, predicts=("velocity", "denoiser"))
    return fields.to(device=device, dtype=dtype)


def _sampler(fields, **options):
    return Sampler(fields=fields, grid=UniformGrid(), **{"num_steps": 10} | options)


def _draw(sampler, x, **options):
    noise = GeneratorNoise(torch.Generator(device=x.device).manual_seed(3))
    return sampler(x, noise=noise, **options)


@pytest.mark.parametrize("mode", [Checkpointed(block=3), CudaGraph(block=4)])
@pytest.mark.parametrize(
    "options",
    [{"solver": AB3()}, {"solver": RK4()}, {"solver": SRA1(), **_SDE}],
    ids=["ab3", "rk4", "sra1"],
)
def test_mode_gives_the_numbers_of_the_eager_loop(mode, options):
    """On a CPU a CUDA graph is the eager loop in blocks, so that these do not move a bit."""
    fields, x = _fields(), torch.randn(5, 2)
    plain = _draw(_sampler(fields, **options), x, times=(0.25, 0.6))
    other = _draw(_sampler(fields, mode=mode, **options), x, times=(0.25, 0.6))
    assert torch.equal(plain.x, other.x)
    assert torch.equal(plain.path, other.path)
    assert plain.nfe == other.nfe


@pytest.mark.parametrize(
    "options", [{"solver": Heun()}, {"solver": EulerMaruyama(), **_SDE}], ids=["ode", "sde"]
)
def test_compiled_blocks_equal_the_eager_loop_to_rounding(options):
    """Ten steps in blocks of four: two compiled and a remainder of two."""
    fields, x = _fields(), torch.randn(5, 2)
    plain = _draw(_sampler(fields, **options), x)
    other = _draw(_sampler(fields, mode=Compiled(block=4), **options), x)
    # Float32 sums in another order, amplified over ten steps of a smooth field.
    torch.testing.assert_close(other.x, plain.x, rtol=1e-5, atol=1e-5)
    assert other.nfe == plain.nfe


def test_compiled_mode_compiles_once_for_all_blocks_and_solves():
    sampler = _sampler(_fields(), solver=Heun(), num_steps=12, mode=Compiled(block=4))
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()
    sampler.mode._compiled = None
    compile_with, torch.compile = torch.compile, lambda f, **rest: compile_with(f, backend=counter)
    try:
        for seed in range(3):
            torch.manual_seed(seed)
            _draw(sampler, torch.randn(5, 2))
    finally:
        torch.compile = compile_with
    assert counter.frame_count == 1


@pytest.mark.gpu
@pytest.mark.parametrize(
    "options", [{"solver": AB3()}, {"solver": SRA1(), **_SDE}], ids=["ode", "sde"]
)
def test_captured_blocks_equal_the_eager_loop(options):
    fields, x = _fields(device="cuda"), torch.randn(64, 2, device="cuda")
    plain = _draw(_sampler(fields, **options), x)
    sampler = _sampler(fields, mode=CudaGraph(block=4), **options)
    for _ in range(2):
        other = _draw(sampler, x)
        torch.testing.assert_close(other.x, plain.x, rtol=1e-6, atol=1e-6)
    assert len(sampler.mode._captured) > 0


@pytest.mark.gpu
@pytest.mark.parametrize(
    "options", [{"solver": RK4()}, {"solver": SRA1(), **_SDE}], ids=["ode", "sde"]
)
def test_samples_on_a_gpu_are_those_of_the_cpu_to_rounding(options):
    x = torch.randn(64, 2)
    here, there = (
        _sampler(_fields(device=device), **options)(
            x.to(device), noise=PerSampleNoise(torch.Generator().manual_seed(3))
        )
        for device in ("cpu", "cuda")
    )
    torch.testing.assert_close(there.x.cpu(), here.x, rtol=1e-4, atol=1e-4)


def test_mode_is_refused_for_another_packages_solver():
    with pytest.raises(ValueError, match=r"Sampler.mode: expected Eager .*sampler/mode=eager"):
        _sampler(_fields(), solver=Torchdiffeq(), mode=Compiled())


@pytest.mark.parametrize("build", [Compiled, Checkpointed, CudaGraph])
def test_mode_refuses_an_empty_block(build):
    with pytest.raises(ValueError, match=f"{build.__name__}.block"):
        build(block=0)


@pytest.mark.parametrize("mode", [Eager(), Checkpointed(block=4)])
@pytest.mark.parametrize(
    "options", [{"solver": Heun()}, {"solver": SRA1(), **_SDE}], ids=["ode", "sde"]
)
def test_gradients_equal_differences(mode, options):
    """Of a sum of samples, with respect to the start and to one weight."""
    fields = _fields(torch.float64)
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    weight = fields.net.layers[0].weight
    sampler = _sampler(fields, mode=mode, **options)

    def loss():
        return _draw(sampler, x, gradients=True).x.square().sum()

    by_x, by_weight = torch.autograd.grad(loss(), (x, weight))
    for leaf, gradient in ((x, by_x), (weight, by_weight)):
        values, step = [], 1e-6
        for shift in (step, -2 * step):
            with torch.no_grad():
                leaf.view(-1)[1] += shift
            values.append(loss().item())
        with torch.no_grad():
            leaf.view(-1)[1] += step
        difference = (values[0] - values[1]) / (2 * step)
        assert abs(difference - gradient.view(-1)[1].item()) < 1e-7 * max(1, abs(difference))


def test_samples_carry_no_graph_unless_asked():
    x = torch.randn(3, 2, requires_grad=True)
    assert not _draw(_sampler(_fields()), x).x.requires_grad


def test_checkpointed_blocks_hold_fewer_tensors_for_the_backward_pass():
    """Forty steps: one state a block, where the eager loop holds every activation."""
    fields, x = _fields(), torch.randn(64, 2)
    held = {}
    for mode in (Eager(), Checkpointed(block=10)):
        sampler, sizes = _sampler(fields, num_steps=40, mode=mode), []
        hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t
        )
        with hooks:
            end = _draw(sampler, x, gradients=True).x
        held[type(mode)] = sum(sizes)
        assert end.requires_grad
    assert held[Checkpointed] < held[Eager] / 10


def test_state_stays_float32_under_autocast():
    """A bfloat16 network moves samples by its rounding; a bfloat16 state would lose a tenth."""
    fields, x = _fields(), torch.randn(50, 2)
    plain = _draw(_sampler(fields, solver=Heun(), num_steps=64), x).x
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = _draw(_sampler(fields, solver=Heun(), num_steps=64), x).x
    assert mixed.dtype == torch.float32
    # The field is off by about 2^-9 of its size, of order one; the state adds nothing to it.
    assert (mixed - plain).abs().max() < 2**-7


def test_integrate_of_a_block_longer_than_the_plan_is_eager():
    fields, x = _fields(), torch.randn(5, 2)
    sampler = _sampler(fields)
    plan = Heun().plan(sampler.process, times(0.0, 0.5, 1.0))
    with torch.no_grad():
        assert torch.equal(integrate(plan, x, mode=Compiled(block=16)), integrate(plan, x))
