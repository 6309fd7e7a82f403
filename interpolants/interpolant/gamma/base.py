"""The latent noise level gamma(t) of x_t = I(t, x0, x1) + gamma(t) z.

gamma vanishes at both ends and gamma^2 is smooth. gamma itself need not be: where it is a square
root its derivative blows up at the ends, while the product gamma * gamma_dot stays smooth. Code
that needs the derivative times something proportional to gamma therefore carries the product.
"""

from __future__ import annotations

import abc

from torch import Tensor


class Gamma(abc.ABC):
    """A noise level on [0, 1], called with times of any shape."""

    @abc.abstractmethod
    def value(self, t: Tensor) -> Tensor:
        """gamma(t), non-negative, zero at t=0 and t=1."""

    @abc.abstractmethod
    def dot(self, t: Tensor) -> Tensor:
        """The derivative of gamma at t; may be infinite at the ends."""

    @abc.abstractmethod
    def value_dot(self, t: Tensor) -> Tensor:
        """The product gamma(t) * gamma_dot(t), finite on [0, 1]."""

    def value_and_dot(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """gamma and its derivative at t, which may share work."""
        return self.value(t), self.dot(t)

    @property
    def is_zero(self) -> bool:
        """True if gamma vanishes everywhere, so that the path has no latent noise."""
        return False
