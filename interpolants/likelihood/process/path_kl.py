"""A process with its divergence from another one accumulated beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from interpolants.likelihood.process.augmented import AugmentedProcess
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import DEFAULT_CUT, FieldProcess, Process
from interpolants.utils.shapes import sum_event


@final
class PathKL(AugmentedProcess):
    """dX = f dt + sqrt(2 epsilon) dW with |f - f'|^2 / (4 epsilon) accumulated along the path.

    The mean of the integral is KL(P || P') of the path distributions, by Girsanov's theorem, and
    bounds that of the ends (arXiv 2303.08797, lemma 2.22).

    Args:
        process: what the paths follow, with f and epsilon.
        other: gives f'; it has the same noise and direction.
        event_shape: shape of one event.
    """

    def __init__(self, process: Process, other: Process, *, event_shape: Sequence[int]) -> None:
        super().__init__(process, event_shape=event_shape, backward=process.backward)
        self.other = other
        middle = torch.tensor(0.375, dtype=torch.float64)
        self._width = process.coefficients(middle).shape[-1]
        one, two = process.span, other.span
        first, last = max(one[0], two[0]), min(one[1], two[1])
        ends = self._weight(torch.tensor([first, last], dtype=torch.float64)).isfinite().tolist()
        cut = process.cut if isinstance(process, FieldProcess) else DEFAULT_CUT
        self._span = (first if ends[0] else first + cut), (last if ends[1] else last - cut)

    @property
    def span(self) -> tuple[float, float]:
        """The times that both processes have, less a cut where the weight is infinite."""
        return self._span

    def coefficients(self, t: Tensor) -> Tensor:
        at = self.inside(t)
        parts = [
            self.process.coefficients(at),
            self.other.coefficients(at),
            self._weight(at).unsqueeze(-1),
        ]
        return torch.cat(parts, dim=-1)

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        at, event = self.inside(t), self.event(x)
        values = self.process.drift(at, event), self.other.drift(at, event)
        return self._rates(*values, self._weight(at))

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        event, width = self.event(x), self._width
        values = (
            self.process.drift_at(c[:width], event),
            self.other.drift_at(c[width:-1], event),
        )
        return self._rates(*values, c[-1])

    def _weight(self, t: Tensor) -> Tensor:
        """1 / (4 epsilon) = 1 / (2 g^2), with the sign of time."""
        g = self.process.diffusion(t)
        assert g is not None
        return (-0.5 if self.backward else 0.5) / g.square()

    def _rates(self, drift: Tensor, other: Tensor, weight: Tensor) -> Tensor:
        rate = weight * sum_event((drift - other).square())
        return self.join(drift, rate.unsqueeze(1))
