"""The backward SDE together with the logarithm of the density along its paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination
from interpolants.fields.divergence.base import Divergence
from interpolants.likelihood.process.density import DensityProcess
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.backward_sde import BackwardSDE
from interpolants.sampler.process.combinations import Combinations
from interpolants.sampler.process.forward_sde import ForwardSDE
from interpolants.utils.shapes import expand_time


@final
class ScoredDensity(DensityProcess):
    """Backward paths, and what Ito's formula makes of log p_t along them.

        dX = (b - epsilon s) dt + sqrt(2 epsilon) dW
        dl = -(div(b + epsilon s) + epsilon |s|^2) dt + sqrt(2 epsilon) s . dW

    with time running down and the same W in both. Where s = grad log p_t, l changes as
    log p_t(X_t) does on every path; the last term has mean zero for any s.

    Args:
        sde: the backward SDE.
        event_shape, divergence, probes: as in `DensityProcess`.
        control: whether l has the last term, which takes away most of its variance.
    """

    def __init__(
        self,
        sde: BackwardSDE,
        *,
        event_shape: Sequence[int],
        divergence: Divergence,
        probes: Tensor,
        control: bool,
    ) -> None:
        super().__init__(
            sde, event_shape=event_shape, backward=True, divergence=divergence, probes=probes
        )
        fields, epsilon = sde.fields, sde.epsilon
        self.control = control
        forward = ForwardSDE(fields=fields, epsilon=epsilon, cut=sde.cut)

        def score(t: Tensor) -> Combination:
            return fields.combination("score", t)

        self._all = Combinations(fields, [forward.combination, sde.combination, score])
        self._score = Combinations(fields, [score])
        self._sde = sde
        ends = (
            self._coefficients(torch.tensor([0.0, 1.0], dtype=torch.float64))
            .isfinite()
            .all(dim=-1)
        )
        start, end = ends.tolist()
        self._span = (0.0 if start else sde.cut), (1.0 if end else 1 - sde.cut)

    @property
    def span(self) -> tuple[float, float]:
        """[0, 1], less the cut at each end where the drift or the score is not finite."""
        return self._span

    def coefficients(self, t: Tensor) -> Tensor:
        return self._coefficients(self.inside(t))

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return self.drift_at(self.coefficients(t).unbind(-1), x)

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        own, epsilon = c[: self._all.width], c[-1]
        fields, divergence = self.diverge(lambda event: self._all(own, event), x)
        _, drift, score = fields
        square = score.square().sum(dim=1, keepdim=True)
        return self.rates(drift, -(divergence + expand_time(epsilon, square) * square), x)

    def column_noise(self, c: TimeCoefficients, y: Tensor, z: Tensor) -> Tensor:
        if not self.control:
            return super().column_noise(c, y, z)
        (score,) = self._score(c[self._all.width : -1], self.event(y))
        return (score.flatten(1) * z).sum(dim=-1, keepdim=True)

    def _coefficients(self, t: Tensor) -> Tensor:
        epsilon = self._sde.diffusivity(t)
        return torch.cat(
            [self._all.coefficients(t), self._score.coefficients(t), epsilon.unsqueeze(-1)], dim=-1
        )
