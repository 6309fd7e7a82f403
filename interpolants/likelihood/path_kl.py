"""Kullback-Leibler divergence between the path distributions of two SDEs."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.likelihood.augmented_solver import augmented_plan
from interpolants.likelihood.diffusive import diffusive_process
from interpolants.likelihood.process.path_kl import PathKL
from interpolants.sampler.integrate import integrate
from interpolants.sampler.process.base import Process
from interpolants.sampler.sampler import Sampler
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.utils.checks import check


def path_kl(
    sampler: Sampler,
    other: Process,
    start: Tensor,
    *,
    generator: torch.Generator | None = None,
    gradients: bool = False,
) -> Tensor:
    """int |f - f'|^2 / (4 epsilon) dt along paths of the sampler's SDE, (n,).

    Its mean over paths is KL(P || P'), P the distribution of the sampler's paths and P' that
    of the other process's, which bounds the KL of their ends. In the units of the networks.
    Cuts are left out, also at an end where epsilon vanishes and the integrand may be infinite.

    Args:
        sampler: of the SDE that the paths follow, with drift f.
        other: the SDE with drift f', with the same noise and in the same direction.
        start: where the paths begin, (n, *event), as for `Sampler`.
        generator: of the noise, on start's device; None uses torch's global state.
        gradients: whether to record gradients.

    Raises:
        ValueError: if the sampler solves no SDE, or the noise or the direction differs.
    """
    own = diffusive_process(sampler, "path_kl")
    same = own.backward == other.backward
    check(same, "path_kl.other", "a process in the same direction", type(other).__name__)
    process = PathKL(own, other, event_shape=start.shape[1:])
    nodes = sampler.nodes(torch.empty(0, dtype=torch.float64), process)
    ours, theirs = own.diffusion(nodes), other.diffusion(nodes)
    equal = theirs is not None and torch.allclose(ours, theirs)
    fix = "paths with different noise are infinitely far apart; give both the same epsilon"
    check(equal, "path_kl.other", "a process with the same noise", type(other).__name__, fix)
    assert isinstance(sampler.solver, PlannedSolver)
    plan = augmented_plan(sampler.solver, process, nodes)
    with torch.set_grad_enabled(gradients):
        first = start if own.backward else sampler.fields.base_state(start)
        y = process.join(first, first.new_zeros(len(first), 1))
        y = integrate(plan, y, noise=sampler.noise(generator), mode=sampler.mode)
    return process.columns(y).squeeze(1)
