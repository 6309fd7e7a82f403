"""Processes: the equations dX = drift(t, X) dt + diffusion(t) dW that samplers integrate.

The coefficients of a drift, which depend on time alone, are tabulated once per plan on the host in
float64: path coefficients, ratios with removable singularities, epsilon. The loop then evaluates
`drift_at(c, x)` with coefficients that are already on the device.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from torch import Tensor

from interpolants.fields.conversions import Combination, apply_combination
from interpolants.fields.fields import Fields
from interpolants.sampler.plan import TimeCoefficients
from interpolants.sampler.process.combinations import Combinations
from interpolants.utils.checks import check_open_interval

# How far a process stays from an end where its drift is singular.
DEFAULT_CUT = 1e-3


class Process(abc.ABC):
    """A differential equation, ordinary or stochastic (Ito).

    Attributes:
        noise_type: "none" for an ODE; "additive" where the diffusion depends on time alone;
            "geometric" where it is sigma(t) X, with `diffusion` giving sigma; "diagonal" where
            coordinate i has noise of its own that depends on X_i and t; "driven" where a driver's
            process takes the place of W; "memory" where coordinates carry more numbers than X;
            "map" for the jumps of a flow map, "noisy_map" for those with noise between them.
        backward: whether it runs from t=1 down to t=0.
        may_leave_domain: whether a numerical state may leave the domain of the equation, or
            overflow; it is NaN then.
        fixed_batch: whether the drift must be evaluated for all samples of a batch in their order,
            since the networks are conditioned on an input for each.
    """

    noise_type: ClassVar[str] = "none"
    backward: bool = False
    may_leave_domain: ClassVar[bool] = False
    fixed_batch: bool = False

    @abc.abstractmethod
    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        """The coefficient of dt, (B, *event); t is 0-d or (B,)."""

    def diffusion(self, t: Tensor) -> Tensor | None:
        """The coefficient g of dW, of t's shape, or None for an ODE."""
        return None

    def stiffness(self, t: Tensor) -> Tensor:
        """The rate at which the noise makes the process contract, of t's shape; 0 for an ODE."""
        return torch.zeros_like(t)

    def coefficients(self, t: Tensor) -> Tensor:
        """The coefficients of the drift at times t, (*t.shape, K); t itself comes first."""
        return t.unsqueeze(-1)

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """The drift, (B, *event), from the K coefficients at one time."""
        return self.drift(c[0], x)

    def diffusion_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        """The coefficient of dW, broadcastable to x; overridden where noise is diagonal."""
        g = self.diffusion(c[0])
        assert g is not None
        return g * x if self.noise_type == "geometric" else g

    def encode(self, x: Tensor) -> Tensor:
        """The state whose coordinates, as the networks see them, are x; both (..., *event)."""
        return x

    def decode(self, state: Tensor) -> Tensor:
        """The networks' input for a state, NaN outside the domain; both (..., *event)."""
        return state

    @property
    def span(self) -> tuple[float, float]:
        """The first and the last time of the process, ascending."""
        return 0.0, 1.0


class FieldProcess(Process):
    """A process whose drift is a combination of fields.

    Args:
        fields: the learned fields.
        cut: distance kept from an end where the drift is singular, in (0, 0.5).
    """

    def __init__(self, *, fields: Fields, cut: float = DEFAULT_CUT) -> None:
        check_open_interval(f"{type(self).__name__}.cut", cut, 0, 0.5)
        self.fields = fields
        self.fixed_batch = fields.is_conditioned
        self.cut = cut
        self._drift = Combinations(fields, [self.combination])

    @abc.abstractmethod
    def combination(self, t: Tensor) -> Combination:
        """The drift as a combination of x and the predictions at times t of any shape."""

    def drift(self, t: Tensor, x: Tensor) -> Tensor:
        return apply_combination(self.combination(t), x, self.fields.predict(t, x))

    def coefficients(self, t: Tensor) -> Tensor:
        return self._drift.coefficients(t)

    def drift_at(self, c: TimeCoefficients, x: Tensor) -> Tensor:
        return self._drift.first(c, x)

    @property
    def span(self) -> tuple[float, float]:
        """[0, 1], less `cut` at each end where a coefficient of the drift is not finite."""
        ends = self.coefficients(torch.tensor([0.0, 1.0], dtype=torch.float64))
        start, end = ends.isfinite().all(dim=-1).tolist()
        return 0.0 if start else self.cut, 1.0 if end else 1 - self.cut
