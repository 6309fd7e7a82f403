"""Jumps of a flow map with noise between them."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination, weighted_sum
from interpolants.fields.fields import Fields
from interpolants.sampler.epsilon.base import Epsilon
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import FieldProcess
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.process.forward_sde import ForwardSDE


@final
class StochasticFlowMap(FieldProcess):
    """The forward SDE, dX = (b + epsilon s) dt + sqrt(2 epsilon) dW, as two processes in turn.

    One is the flow of b, by the jumps of its map; the other is Langevin dynamics at one time,
    dX = epsilon s dtau + sqrt(2 epsilon) dW. Each keeps the distribution of the path.

    Args:
        fields: the fields of a flow map; they must have a score.
        epsilon: the diffusivity; a number is a constant one.
    """

    noise_type: ClassVar[str] = "noisy_map"

    def __init__(self, *, fields: Fields, epsilon: Epsilon | float) -> None:
        self.map = FlowMap(fields=fields)
        self.sde = ForwardSDE(fields=fields, epsilon=epsilon)
        super().__init__(fields=fields)
        places = {name: k for k, name in enumerate(("x", "one", *fields.predicts))}
        middle = torch.tensor(0.375, dtype=torch.float64)
        used = self.combination(middle) | self._denoiser(middle)
        self._places = {name: k for name, k in places.items() if name in used}

    def combination(self, t: Tensor) -> Combination:
        return self.map.combination(t)

    def diffusion(self, t: Tensor) -> Tensor:
        return self.sde.diffusion(t)

    def stiffness(self, t: Tensor) -> Tensor:
        return self.sde.stiffness(t)

    def level(self, t: Tensor) -> Tensor:
        """Level of the path's noise, of t's shape."""
        return self.fields.interpolant.noise_level(self.fields.coefficients(t))

    def jumps(self, pairs: Tensor) -> Tensor:
        """Coefficients of the mean velocity of jumps between pairs of times, (N, 2) to (N, K)."""
        return self._table(pairs, self.combination(pairs[:, 0]))

    def denoisers(self, t: Tensor) -> Tensor:
        """Coefficients of the denoiser at times t, (N,) to (N, K)."""
        return self._table(torch.stack([t, t], dim=1), self._denoiser(t))

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """Mean velocity of a jump, or the denoiser, (B, *event), by the coefficients."""
        s, t, *factors = c
        values = (x, None, *self.fields.heads(s, x, t).unbind(1))
        return weighted_sum(list(enumerate(self._places.values())), factors, values, x)

    def _denoiser(self, t: Tensor) -> Combination:
        return self.fields.combination("denoiser", t)

    def _table(self, pairs: Tensor, combination: Combination) -> Tensor:
        """Both times, and the factors of x and of what else enters one of the combinations."""
        zero = torch.zeros_like(pairs[:, 0])
        factors = [zero + combination.get(name, 0.0) for name in self._places]
        return torch.cat([pairs, torch.stack(factors, dim=1)], dim=1)
