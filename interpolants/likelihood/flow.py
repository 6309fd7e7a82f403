"""Log densities by the probability flow."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.fields.divergence.base import Divergence
from interpolants.fields.divergence.exact import ExactDivergence
from interpolants.likelihood.base import Likelihood, standard_error
from interpolants.likelihood.process.transported_density import TransportedDensity
from interpolants.sampler.integrate import SaveTimes
from interpolants.sampler.noise.base import Noise
from interpolants.sampler.sampler import Sampler, check_start
from interpolants.sampler.samples import Samples
from interpolants.utils.checks import check


@final
class FlowLikelihood(Likelihood):
    """log p_1(x) = log p_0(X_0) - int_0^1 div b(t, X_t) dt along the flow through X_1 = x.

    The instantaneous change of variables (R. T. Q. Chen et al., arXiv 1806.07366, theorem 1).

    Args:
        sampler: a sampler of the flow, in either direction.
        divergence: how div b is evaluated; exactly if None.
    """

    def __init__(self, *, sampler: Sampler, divergence: Divergence | None = None) -> None:
        flow = sampler.process.noise_type == "none"
        name = type(sampler.process).__name__
        fix = "use sampler=ode, or likelihood=expectation for an SDE"
        check(flow, "FlowLikelihood.sampler", "a sampler of a probability flow", name, fix)
        super().__init__(sampler, ExactDivergence() if divergence is None else divergence)
        sampler.solver.check(self.process((1,), torch.empty(0)))

    def process(
        self, event_shape: Sequence[int], probes: Tensor, backward: bool = True
    ) -> TransportedDensity:
        return TransportedDensity(
            self.sampler.process,
            event_shape=event_shape,
            backward=backward,
            divergence=self.divergence,
            probes=probes,
        )

    def reduce(self, estimates: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The mean over probes, and its standard error."""
        columns = estimates.squeeze(1)
        return columns.mean(dim=1), standard_error(columns), None

    def sample(
        self,
        start: Tensor,
        *,
        generator: torch.Generator | None = None,
        noise: Noise | None = None,
        times: Sequence[float] | Tensor = (),
        gradients: bool = False,
    ) -> Samples:
        """Samples with their log densities, from one solve.

        Cuts are stepped over as in `log_prob`, and noise that the path leaves at t=1 is not
        removed: the samples follow the distribution whose densities they come with.

        Args:
            start, generator, noise, times, gradients: as in `Sampler.__call__`.
        """
        fix = "use log_prob for the density of data"
        ahead, got = not self.sampler.process.backward, "a backward one"
        check(ahead, "FlowLikelihood.sample", "a sampler of the forward flow", got, fix)
        check_start(start)
        began, kept = time.perf_counter(), self.sampler.kept(times)
        probes = self.divergence.draw(len(start), start.shape[1:].numel(), generator, start)
        process = self.process(start.shape[1:], probes, backward=False)
        nodes = self.nodes(process, kept)
        save_at = SaveTimes(nodes, kept)
        source = self.sampler.noise(generator) if noise is None else noise
        with torch.set_grad_enabled(gradients):
            fields = self.sampler.fields
            first = fields.base_state(start)
            y = process.initial_state(first, fields.base_log_prob(first))
            y, calls = self.solve(process, nodes, y, source, save_at)
            columns = process.log_density(y)
            return Samples(
                x=process.event(y),
                nfe=calls,
                seconds=time.perf_counter() - began,
                path=None if save_at.path is None else process.event(save_at.path),
                times=None if save_at.path is None else kept,
                log_prob=columns.mean(dim=1),
                log_prob_error=standard_error(columns),
                failures=save_at.failures,
            )


def with_density(
    sampler: Sampler, log_prob: bool | Divergence, generator: torch.Generator
) -> Callable[..., Samples]:
    """The sampler, or one that gives log densities too, called in the same way.

    Args:
        sampler: the sampler.
        log_prob: whether to compute log densities, or how their divergence is evaluated.
        generator: of probes.
    """
    if log_prob is False:
        return sampler
    divergence = None if log_prob is True else log_prob
    flow = FlowLikelihood(sampler=sampler, divergence=divergence)
    return functools.partial(flow.sample, generator=generator)
