"""A process together with the logarithm of the density that its drift transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from torch import Tensor

from interpolants.likelihood.process.density import DensityProcess
from interpolants.sampler.plan import TimeCoefficients


@final
class TransportedDensity(DensityProcess):
    """dX = f dt + g dW, and d l = -div f(t, X) dt beside it, in either direction of time.

    Without noise l changes as log p_t(X_t) does.
    """

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        at = self.inside(t)
        return self._rates(lambda event: self.process.drift(at, event), x)

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        return self._rates(lambda event: self.process.drift_at(c, event), x)

    def _rates(self, f: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
        (drift,), divergence = self.diverge(lambda x: (f(x),), y)
        return self.rates(drift, -divergence, y)
