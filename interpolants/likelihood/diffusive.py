"""The sampler's SDE, for log densities estimated along its paths."""

from __future__ import annotations

from interpolants.sampler.process.diffusive import DiffusiveProcess
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.utils.checks import check


def diffusive_process(sampler: Sampler, owner: str) -> DiffusiveProcess:
    """The sampler's SDE, in either direction.

    Args:
        sampler: the sampler.
        owner: who asks, in error messages.

    Raises:
        ValueError: if the process is another one, or the solver another package's.
    """
    process, solver = sampler.process, sampler.solver
    is_sde, name = isinstance(process, DiffusiveProcess), type(process).__name__
    fix = "use sampler=sde, or likelihood=flow for a probability flow"
    check(is_sde, f"{owner}.sampler", "a sampler of a ForwardSDE or BackwardSDE", name, fix)
    own, scheme = isinstance(solver, PlannedSolver), type(solver).__name__
    fix = "use for example sampler/solver=stochastic_heun"
    check(own, f"{owner}.sampler", "one of this package's solvers", scheme, fix)
    assert isinstance(process, DiffusiveProcess)
    return process
