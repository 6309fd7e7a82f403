"""Samplers that the accuracy benchmark compares, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir

from benchmarks.common import CONF, build
from benchmarks.published import InterpolantsCodeHeun, SiTCodeHeun
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.sampler.epsilon.constant import ConstantEpsilon
from interpolants.sampler.epsilon.noise_level import NoiseLevelEpsilon
from interpolants.sampler.epsilon.sine_squared import SineSquaredEpsilon
from interpolants.sampler.grid.base import Grid
from interpolants.sampler.grid.log_snr import LogSNRGrid
from interpolants.sampler.grid.power import PowerGrid
from interpolants.sampler.grid.sine_squared import SineSquaredGrid
from interpolants.sampler.grid.uniform import UniformGrid
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.ab2 import AB2
from interpolants.sampler.solver.ab2_maruyama import AB2Maruyama
from interpolants.sampler.solver.ab3 import AB3
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.sampler.solver.dpm_solver import DPMSolver
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama
from interpolants.sampler.solver.heun import Heun
from interpolants.sampler.solver.midpoint import Midpoint
from interpolants.sampler.solver.rk4 import RK4
from interpolants.sampler.solver.sra1 import SRA1
from interpolants.sampler.solver.stochastic_heun import StochasticHeun
from interpolants.sampler.solver.strang import Strang

ODE: tuple[PlannedSolver, ...] = (Euler(), Midpoint(), Heun(), RK4(), AB2(), AB3())
SDE: tuple[PlannedSolver, ...] = (
    EulerMaruyama(),
    StochasticHeun(),
    SRA1(),
    Strang(),
    AB2Maruyama(),
)
PUBLISHED: tuple[PlannedSolver, ...] = (InterpolantsCodeHeun(), SiTCodeHeun())
DEFAULTS = ("ode", "sde")


class Candidate(NamedTuple):
    """A sampler but for its fields and its number of steps."""

    name: str
    solver: PlannedSolver
    options: dict[str, Any]

    def build(self, fields: Any, num_steps: int) -> Sampler:
        """The sampler."""
        return Sampler(fields=fields, solver=self.solver, num_steps=num_steps, **self.options)


def default(name: str) -> Candidate:
    """conf/sampler/<name>.yaml."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = compose("sample", [f"sampler={name}"]).sampler
    options = {key: value for key, value in build(node).keywords.items() if key != "num_steps"}
    solver = options.pop("solver")
    return Candidate(f"default {name}", solver, options)


def odes(one_sided: bool) -> Iterator[Candidate]:
    """Every solver of the probability flow on every grid."""
    for solver in (*ODE, DPMSolver()) if one_sided else ODE:
        for grid in _grids(one_sided):
            yield Candidate(f"{_name(solver)}, {_name(grid)}", solver, {"grid": grid})


def sdes(one_sided: bool) -> Iterator[Candidate]:
    """Every solver of the SDE on every grid with every diffusivity, and the published ones."""
    for epsilon in _epsilons():
        for solver in SDE:
            for grid in _grids(one_sided):
                yield _sde(solver, grid, epsilon)
        for solver in PUBLISHED:
            yield _sde(solver, UniformGrid(), epsilon)


def _sde(solver: PlannedSolver, grid: Grid, epsilon: Epsilon) -> Candidate:
    c = f"{epsilon.c:g} " if hasattr(epsilon, "c") else ""
    name = f"{_name(solver)}, {_name(grid)}, eps {c}{_name(epsilon)}"
    return Candidate(name, solver, {"process": ForwardSDE, "epsilon": epsilon, "grid": grid})


def _grids(one_sided: bool) -> tuple[Grid, ...]:
    grids = (UniformGrid(), SineSquaredGrid(), PowerGrid(p=2.0))
    return (*grids, LogSNRGrid()) if one_sided else grids


def _epsilons() -> tuple[Epsilon, ...]:
    level: tuple[Epsilon, ...] = (NoiseLevelEpsilon(c=0.5), NoiseLevelEpsilon(c=1.0))
    sine: tuple[Epsilon, ...] = (SineSquaredEpsilon(c=0.5), SineSquaredEpsilon(c=1.0))
    return (ConstantEpsilon(c=0.5), *level, *sine)


def _name(part: object) -> str:
    return type(part).__name__.removesuffix("Grid").removesuffix("Epsilon")
