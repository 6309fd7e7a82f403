"""The diffusivity epsilon(t) of generative SDEs, chosen after training.

Every epsilon >= 0 gives an SDE with the marginals of the path (arXiv 2303.08797, section 2.3):

    dX = (b + epsilon s) dt + sqrt(2 epsilon) dW.

With a denoiser, epsilon s = -(epsilon / level) eta, where the level of the path's noise (gamma,
or alpha on a one-sided path) vanishes at an end. The ratio is therefore a method of its own:
where epsilon is a multiple of the level it is exactly constant.
"""

from __future__ import annotations

import abc

from torch import Tensor

from interpolants.interpolant.base import Coefficients, Interpolant


class Epsilon(abc.ABC):
    """A diffusivity over time."""

    @abc.abstractmethod
    def value(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        """epsilon(t) >= 0, of t's shape.

        Args:
            t: times.
            c: the path's coefficients there.
            level: the path's noise level there.
        """

    def ratio(self, t: Tensor, c: Coefficients, level: Tensor) -> Tensor:
        """epsilon(t) / level(t), of t's shape."""
        return self.value(t, c, level) / level

    def check(self, path: Interpolant) -> None:
        """Raise a ValueError if this epsilon makes no sense on the path."""
        return
