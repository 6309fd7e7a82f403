"""Log densities of the forward SDE by the Feynman-Kac formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.fields.divergence.base import Divergence
from interpolants.fields.divergence.exact import ExactDivergence
from interpolants.likelihood.base import Likelihood
from interpolants.likelihood.diffusive import diffusive_process
from interpolants.likelihood.process.transported_density import TransportedDensity
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.sampler.sampler import Sampler


@final
class FeynmanKacLikelihood(Likelihood):
    """p_1(x) = E[ exp(-int div b_F(t, Y_t) dt) p_0(Y_0) ],  b_F = b + epsilon s.

    Y starts at x and runs backward with the drift of the *forward* SDE and its noise (arXiv
    2303.08797, section 2.5). The density of the SDE with learned fields, exactly, as the paths
    grow in number; the logarithm of a mean of finitely many weights is biased low, by about half
    the square of its standard error while that is small. The weights of paths degenerate as
    epsilon and the dimension grow: look at `effective_paths`, and use a small epsilon.

    Args:
        sampler: a sampler of the SDE, in either direction; gives epsilon.
        divergence: how div b_F is evaluated; exactly if None. Probes add to the bias.
        paths: paths for each sample, > 0; from 2 on there is a standard error.
    """

    def __init__(
        self, *, sampler: Sampler, divergence: Divergence | None = None, paths: int = 64
    ) -> None:
        own = diffusive_process(sampler, "FeynmanKacLikelihood")
        super().__init__(sampler, ExactDivergence() if divergence is None else divergence, paths)
        self._sde = ForwardSDE(fields=own.fields, epsilon=own.epsilon, cut=own.cut)

    def process(self, event_shape: Sequence[int], probes: Tensor) -> TransportedDensity:
        return TransportedDensity(
            self._sde,
            event_shape=event_shape,
            backward=True,
            divergence=self.divergence,
            probes=probes,
        )

    def reduce(self, estimates: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The log of the mean weight, its standard error by linearisation, and (sum w)^2 / sum
        w^2."""
        logs = estimates.mean(dim=2)
        count = logs.shape[1]
        value = logs.logsumexp(dim=1) - math.log(count)
        weights = torch.exp(logs - value.unsqueeze(1))  # of mean 1
        error = weights.std(dim=1) / math.sqrt(count) if count > 1 else None
        return value, error, count**2 / weights.square().sum(dim=1)
