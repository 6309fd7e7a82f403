"""Processes that accumulate quantities along their paths."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.base import Process
from interpolants.utils.shapes import flatten_event


class AugmentedProcess(Process):
    """A process whose state is an event, flattened, with the accumulated quantities beside it.

    The state has shape (B, D + k), so every solver, grid and mode carries the quantities through
    the one loop, and adaptive solvers control their error too. It lives on all of [0, 1]: in a
    cut at an end of the inner process, what depends on time stands still at the cut's edge.

    Args:
        process: gives the span and the noise of the event.
        event_shape: shape of one event, of D elements.
        backward: whether to run from t=1 down to t=0.
    """

    def __init__(self, process: Process, *, event_shape: Sequence[int], backward: bool) -> None:
        self.process = process
        self.fixed_batch = process.fixed_batch
        self.event_shape = tuple(event_shape)
        self.dim = math.prod(self.event_shape)
        self.backward = backward

    @property
    def span(self) -> tuple[float, float]:
        return self.process.span

    def join(self, x: Tensor, columns: Tensor) -> Tensor:
        """The state of events (B, *event) and quantities (B, k)."""
        return torch.cat([flatten_event(x), columns], dim=1)

    def event(self, y: Tensor) -> Tensor:
        """The events (..., *event) of states (..., D + k)."""
        return y[..., : self.dim].reshape(*y.shape[:-1], *self.event_shape)

    def columns(self, y: Tensor) -> Tensor:
        """The quantities (..., k) of states (..., D + k)."""
        return y[..., self.dim :]

    def inside(self, t: Tensor) -> Tensor:
        """Times moved into the span."""
        return t.clamp(*self.span)

    def diffusion(self, t: Tensor) -> Tensor | None:
        return self.process.diffusion(self.inside(t))

    def stiffness(self, t: Tensor) -> Tensor:
        return self.process.stiffness(self.inside(t))

    def coefficients(self, t: Tensor) -> Tensor:
        return self.process.coefficients(self.inside(t))

    @abc.abstractmethod
    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """The drift of the state, (B, D + k)."""

    def column_noise(self, c: TimeCoefficients, y: Tensor, z: Tensor) -> Tensor:
        """The normals of the accumulated quantities in a step from y.

        Args:
            c: the coefficients at the start of the step.
            y: the state there, (B, D + k).
            z: the normals that drive the event, (channels, B, D).

        Returns:
            Broadcastable to (channels, B, k), linear in z; zero unless a subclass overrides it.
        """
        return z.new_zeros(())

    def noise(self, c: TimeCoefficients, y: Tensor, z: Tensor) -> Tensor:
        """The normals z, (channels, B, D + k), with what drives the quantities put in."""
        own = z[..., : self.dim]
        rest = self.column_noise(c, y, own).expand_as(z[..., self.dim :])
        return torch.cat([own, rest], dim=-1)
