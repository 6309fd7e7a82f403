"""The common part of all log densities: one solve from the data back to the base.

The solve covers all of [0, 1]. In a cut, where the process is singular, its coefficients stand
still at the cut's edge for one more step, which leaves an error of second order in the cut. At
t=0 the distribution is that of alpha(0) x0, and at t=1 that of the path with the noise it has left
there: the density is that of the process, before any last denoising step of the sampler.
"""

from __future__ import annotations

import abc
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from interpolants.fields.divergence.base import Divergence
from interpolants.likelihood.augmented_solver import augmented_plan
from interpolants.likelihood.process.density import DensityProcess
from interpolants.sampler.count_calls import count_calls
from interpolants.sampler.integrate import SaveAt, SaveTimes, integrate
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.sampler import Sampler, check_start
from interpolants.sampler.solver.base import PlannedSolver
from interpolants.utils.checks import check, check_count


class LogProb(NamedTuple):
    """Log densities of n samples.

    Attributes:
        value: log densities, (n,).
        standard_error: of each, from its own estimates, (n,); None where there is but one.
        effective_paths: effective number of each sample's paths, (n,), where paths have weights.
        nfe: network calls that each sample took.
        seconds: wall time.
    """

    value: Tensor
    standard_error: Tensor | None
    effective_paths: Tensor | None
    nfe: int
    seconds: float

    def bits_per_dimension(self, dim: int) -> Tensor:
        """-log2 p / D of data with D elements, (n,)."""
        return -self.value / (dim * math.log(2))


class Likelihood(abc.ABC):
    """Log densities at t=1 of a sampler's process, with its solver and grid.

    Args:
        sampler: the sampler; its direction does not matter.
        divergence: how divergences are evaluated.
        paths: solves for each sample.

    Raises:
        ValueError: if the base has no known density, or the sampler does not suit.
    """

    def __init__(self, sampler: Sampler, divergence: Divergence, paths: int = 1) -> None:
        known = isinstance(divergence, Divergence)
        check(known, f"{type(self).__name__}.divergence", "a Divergence", divergence)
        check_count(f"{type(self).__name__}.paths", paths)
        path, fix = sampler.fields.interpolant, "choose a path that starts at x0"
        name = type(path).__name__
        check(not path.is_mirror, f"{type(self).__name__}.sampler", "a base", name, fix)
        sampler.fields.base.check_density()
        self.sampler = sampler
        self.divergence = divergence
        self.paths = paths

    @abc.abstractmethod
    def process(self, event_shape: Sequence[int], probes: Tensor) -> DensityProcess:
        """The process that runs from the data back to the base."""

    @abc.abstractmethod
    def reduce(self, estimates: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Value, standard error and effective number of paths from (n, paths, columns)."""

    def log_prob(
        self,
        x: Tensor,
        *,
        generator: torch.Generator | None = None,
        chunk_size: int = 16_384,
        gradients: bool = False,
    ) -> LogProb:
        """Log densities at t=1, in the units of the networks.

        Args:
            x: points, (n, *event), float32 or float64.
            generator: of probes and noise, on x's device; None uses torch's global state.
            chunk_size: paths solved at once; bounds memory.
            gradients: whether to record gradients, with respect to `x` and to weights.
        """
        where = f"{type(self).__name__}.log_prob"
        check_start(x)
        check_count(f"{where}.chunk_size", chunk_size)
        began, count = time.perf_counter(), self.paths
        probes = self.divergence.draw(len(x) * count, x.shape[1:].numel(), generator, x)
        process, noise = self.process(x.shape[1:], probes), self.sampler.noise(generator)
        nodes = self.nodes(process)
        save_at, step = SaveTimes(nodes, nodes[:0]), max(1, chunk_size // count)
        estimates, calls = [], 0
        with torch.set_grad_enabled(gradients):
            for first in range(0, max(1, len(x)), step):
                part = x[first : first + step].repeat_interleave(count, dim=0)
                y = process.initial_state(part, part.new_zeros(len(part)), first * count)
                own = noise.rows(first * count, first * count + len(part))
                y, nfe = self.solve(process, nodes, y, own, save_at)
                calls = max(calls, nfe)
                start = self.sampler.fields.base_log_prob(process.event(y)).unsqueeze(1)
                estimates.append(start - process.log_density(y))
            found = self.reduce(
                torch.cat(estimates).reshape(len(x), count, self.divergence.columns)
            )
        return LogProb(*found, nfe=calls, seconds=time.perf_counter() - began)

    def nodes(self, process: DensityProcess, kept: Tensor | None = None) -> Tensor:
        """The sampler's grid on the process's span, and the ends of time beyond it."""
        kept = torch.empty(0, dtype=torch.float64) if kept is None else kept
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        nodes: Tensor = torch.unique(  # type: ignore[no-untyped-call]
            torch.cat([self.sampler.nodes(kept, process), ends])
        )
        return nodes.flip(0) if process.backward else nodes

    def solve(
        self, process: DensityProcess, nodes: Tensor, y: Tensor, noise: Noise, save_at: SaveAt
    ) -> tuple[Tensor, int]:
        """The state at the last node, and how often the network was called."""
        solver, mode = self.sampler.solver, self.sampler.mode
        with count_calls(self.sampler.fields.networks) as calls:
            if not isinstance(solver, PlannedSolver):
                y = solver.solve(process, nodes, y, noise=noise, save_at=save_at, mode=mode)
                return y, len(calls)
            plan = augmented_plan(solver, process, nodes)
            y = integrate(plan, y, noise=noise, save_at=save_at, mode=mode)
            if isinstance(mode, Eager):
                return y, len(calls)
            return y, plan.calls * len(self.sampler.fields.networks)


LikelihoodFactory = Callable[..., Likelihood]
"""Builds an estimate of log densities, as `factory(sampler=sampler)`."""


def standard_error(estimates: Tensor) -> Tensor | None:
    """Standard error of the mean over the last axis; None for a single estimate."""
    count = estimates.shape[-1]
    return estimates.std(dim=-1) / math.sqrt(count) if count > 1 else None
