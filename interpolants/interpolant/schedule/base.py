"""Rates of a diffusion as functions of its time s = 1 - t: s=0 is data, s=1 is noise."""

from __future__ import annotations

import abc

from torch import Tensor


class Schedule(abc.ABC):
    """Function on [0, 1] with integrals in closed form, called with times of any shape."""

    @abc.abstractmethod
    def value(self, s: Tensor) -> Tensor:
        """f(s), of s's shape."""

    @abc.abstractmethod
    def integral(self, s: Tensor) -> Tensor:
        """int_0^s f(u) du, of s's shape."""

    @abc.abstractmethod
    def square_integral(self, s: Tensor) -> Tensor:
        """int_0^s f(u)^2 du, of s's shape."""
