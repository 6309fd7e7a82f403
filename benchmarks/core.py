"""Cost of the integration loop, beside bare network calls and other packages.

    python -m benchmarks.core [--rounds 15] [--no-compile]

CPU time on one thread, everything in turns inside one process, medians over rounds. The network
is a multilayer perceptron of 4 x 256 SiLU on two-dimensional states, with two heads.

  us per call, B=...      `integrate` on a plan, against as many bare calls of the network
  host us per step        what Euler's method adds to a field of one operation, -x at batch 8
  Euler-Maruyama          `integrate` against torchsde on the same drift: 64 samples, 100 steps
  host us, Euler-Maruyama what a step adds to a field of one operation, as for Euler's method

Euler-Maruyama's drift is one head of the network there. `Sampler` has the score in the drift of
its SDE, and calls the network once more at the end, which counts against it. Rows of other
packages are for the record, except those of the host's time. Compiled blocks are of 16 steps;
compiling is not timed with them, and the seconds it took are printed. Exits with 1 on a missed
goal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from benchmarks.peers import euler_peers, torchsde_euler
from benchmarks.table import HEADER, Row, paired_row, print_rows
from benchmarks.timing import Work, in_turns
from interpolants.fields.fields import Fields
from interpolants.interpolant.linear import LinearInterpolant
from interpolants.net.mlp import MLP
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.integrate import integrate
from interpolants.sampler.mode.base import Mode
from interpolants.sampler.mode.compiled import Compiled
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.noise.generator import GeneratorNoise
from interpolants.sampler.process.base import Process
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.rk4 import RK4

# Largest ratio to bare calls, by batch: eager, and for compiled blocks.
EAGER_GOALS, COMPILED_GOAL, COMPILED_BATCH = {64: 1.05, 4096: 1.02}, 0.98, 64
SAMPLER_GOALS = {"ODE": 1.06, "SDE": 1.10}
HOST_GOAL, DEFAULT_GOAL = 1 / 8, 1 / 15
# Network calls of a timed solve, by batch.
CALLS = {64: 48, 4096: 12}
SOLVERS: tuple[PlannedSolver, ...] = (Euler(), Heun(), RK4(), EulerMaruyama())


@final
class Negative(Process):
    """x' = -x: a field of one operation."""

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return -x


@final
class NegativeDriven(Process):
    """dX = -X dt + dW."""

    noise_type: ClassVar[str] = "additive"

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return -x

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)


@final
class Driven(Process):
    """dX = first head dt + g dW."""

    noise_type: ClassVar[str] = "additive"

    def __init__(self, net: nn.Module, g: float) -> None:
        self.net, self.g = net, g

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return self.net(t, x).select(1, 0)

    def diffusion(self, t: Tensor) -> Tensor:
        return torch.full_like(t, self.g)


def network() -> nn.Module:
    """The network that is timed."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"hidden": 256, "depth": 4, "activation": "silu", "time_features": 0}
    return MLP(event_shape=(2,), heads=2, **shape)


def sampler(net: nn.Module, solver: PlannedSolver, calls: int) -> Sampler:
    """The solver on equal steps, with `calls` network calls."""
    fields = Fields(net=net, interpolant=LinearInterpolant(), predicts=("velocity", "denoiser"))
    sde = {"process": ForwardSDE, "epsilon": 0.5} if solver.channels else {}
    steps = calls // solver.stages
    return Sampler(fields=fields, solver=solver, grid=UniformGrid(), num_steps=steps, **sde)


def solve(net: nn.Module, solver: PlannedSolver, calls: int, x: Tensor, mode: Mode) -> Work:
    """`integrate` on a plan: of the probability flow, or with noise on one head of the network."""
    process = Driven(net, 1.0) if solver.channels else sampler(net, solver, calls).process
    nodes = torch.linspace(0, 1, calls // solver.stages + 1, dtype=torch.float64)
    plan = solver.plan(process, nodes)
    return lambda: integrate(plan, x, noise=GeneratorNoise(), mode=mode)


def beside_bare_calls(batch: int, rounds: int) -> Iterator[Row]:
    """Eager solves against bare calls of the network."""
    net, x, calls = network(), torch.randn(batch, 2), CALLS[batch]
    for solver in SOLVERS:
        made = sampler(net, solver, calls)
        works = {"bare": _bare(net, x, calls)}
        works["integrate"] = solve(net, solver, calls, x, Eager())
        works["Sampler"] = lambda made=made: made(x)
        found = in_turns(works, rounds)
        name = f"us per call, B={batch}: {type(solver).__name__}"
        yield paired_row(name, found["integrate"], found["bare"], 1e6 / calls, EAGER_GOALS[batch])
        goal = SAMPLER_GOALS["SDE" if solver.channels else "ODE"] if batch == 64 else None
        yield paired_row(f"{name} by Sampler", found["Sampler"], found["bare"], 1e6 / calls, goal)


def loop_by_hand(rounds: int) -> Iterator[Row]:
    """The least that any loop costs: Euler's method in three lines, against bare calls."""
    net, x, calls = network(), torch.randn(64, 2), CALLS[64]
    times = torch.linspace(0, 1, calls + 1)[:-1].unbind()

    def loop() -> None:
        y = x
        for t in times:
            y = torch.add(y, net(t, y).select(1, 0), alpha=1 / calls)

    found = in_turns({"bare": _bare(net, x, calls), "by hand": loop}, rounds)
    name = "us per call, B=64: Euler's method by hand"
    yield paired_row(name, found["by hand"], found["bare"], 1e6 / calls, None)


def compiled_beside_bare_calls(rounds: int) -> Iterator[Row]:
    """Compiled blocks against bare calls of the network, not compiled."""
    net, x, calls = network(), torch.randn(COMPILED_BATCH, 2), CALLS[COMPILED_BATCH]
    for solver in (Euler(), EulerMaruyama()):
        work = solve(net, solver, calls, x, Compiled(block=16))
        began = time.perf_counter()
        work()
        print(f"compiling took {time.perf_counter() - began:.0f} s", flush=True)
        found = in_turns({"bare": _bare(net, x, calls), "ours": work}, rounds)
        name = f"us per call, B={COMPILED_BATCH}: {type(solver).__name__} compiled"
        yield paired_row(name, found["ours"], found["bare"], 1e6 / calls, COMPILED_GOAL)


def beside_other_packages(rounds: int) -> Iterator[Row]:
    """Whole solves by Euler's method with the network."""
    net, x, calls = network(), torch.randn(64, 2), CALLS[64]
    works = euler_peers(lambda t, y: net(t, y).select(1, 0), x, calls)
    works["ours"] = solve(net, Euler(), calls, x, Eager())
    found = in_turns(works, rounds)
    for name in works:
        if name != "ours":
            yield paired_row(
                f"us per call, B=64: {name}", found["ours"], found[name], 1e6 / calls, None
            )


def host_overhead(rounds: int) -> Iterator[Row]:
    """Microseconds per Euler step beyond the field, for a field of one operation."""
    x, steps = torch.randn(8, 2), 200
    plan = Euler().plan(Negative(), torch.linspace(0, 1, steps + 1, dtype=torch.float64))
    works = euler_peers(lambda t, y: -y, x, steps)
    works["ours"] = lambda: integrate(plan, x)
    works["field"] = lambda: [-x for _ in range(steps)]
    found = in_turns(works, rounds)
    field = statistics.median(found.pop("field"))
    beyond = {name: [each - field for each in times] for name, times in found.items()}
    for name in beyond:
        if name != "ours":
            goal = HOST_GOAL if name == "torchdiffeq, every node" else None
            yield paired_row(
                f"host us per step: {name}", beyond["ours"], beyond[name], 1e6 / steps, goal
            )


def euler_maruyama_beside_torchsde(rounds: int) -> Iterator[Row]:
    """100 steps of 0.01 from 64 samples."""
    net, x, steps, g = network(), torch.randn(64, 2), 100, 1.0
    nodes = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    plan = EulerMaruyama().plan(Driven(net, g), nodes)

    def field(t: Tensor, y: Tensor) -> Tensor:
        return net(t, y).select(1, 0)

    for name, matched, goal in (
        ("step-matched torchsde", True, None),
        ("torchsde by default", False, DEFAULT_GOAL),
    ):
        works = {
            "ours": lambda: integrate(plan, x, noise=GeneratorNoise()),
            "peer": torchsde_euler(field, x, g, steps, matched=matched),
        }
        found = in_turns(works, rounds if matched else max(3, rounds // 3))
        label = f"us per step, Euler-Maruyama: {name}"
        yield paired_row(label, found["ours"], found["peer"], 1e6 / steps, goal)


def host_overhead_of_noise(rounds: int) -> Iterator[Row]:
    """Microseconds per Euler-Maruyama step beyond the field, for a field of one operation."""
    x, steps = torch.randn(8, 2), 200
    nodes = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    plan = EulerMaruyama().plan(NegativeDriven(), nodes)
    works: dict[str, Work] = {
        "ours": lambda: integrate(plan, x, noise=GeneratorNoise()),
        "peer": torchsde_euler(lambda t, y: -y, x, 1.0, steps, matched=True),
        "field": lambda: [-x for _ in range(steps)],
    }
    found = in_turns(works, rounds)
    field = statistics.median(found.pop("field"))
    ours, peer = ([each - field for each in found[name]] for name in ("ours", "peer"))
    name = "host us per step, Euler-Maruyama: step-matched torchsde"
    yield paired_row(name, ours, peer, 1e6 / steps, HOST_GOAL)


def measure(rounds: int, compiled: bool = True) -> Iterator[Row]:
    """All of it."""
    with torch.no_grad(), warnings.catch_warnings():
        # Constant diffusivity on equal steps is stiff at the ends; only its cost matters here.
        warnings.filterwarnings("ignore", message="Sampler.num_steps")
        for batch in EAGER_GOALS:
            yield from beside_bare_calls(batch, 4 * rounds if batch == 64 else rounds)
        yield from loop_by_hand(4 * rounds)
        if compiled:
            yield from compiled_beside_bare_calls(2 * rounds)
        yield from beside_other_packages(rounds)
        yield from host_overhead(4 * rounds)
        yield from euler_maruyama_beside_torchsde(rounds)
        yield from host_overhead_of_noise(rounds)


def _bare(net: nn.Module, x: Tensor, calls: int) -> Work:
    t = torch.tensor(0.5)
    return lambda: [net(t, x) for _ in range(calls)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-compile", action="store_true", help="leave compiled blocks out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(HEADER)
    return int(print_rows(measure(options.rounds, not options.no_compile)))


if __name__ == "__main__":
    sys.exit(main())
