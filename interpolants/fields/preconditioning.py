"""Preconditioning of networks by the known size of states and fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from interpolants.interpolant.base import AffineInterpolant, Coefficients, Interpolant
from interpolants.net.condition import Condition
from interpolants.net.precision import call_network
from interpolants.utils.checks import check, check_positive
from interpolants.utils.shapes import expand_time


class Scales(NamedTuple):
    """Factors of a preconditioned network at times of any shape.

    Attributes:
        input: factor of the state, 1 / level, of the times' shape.
        skip: factors of the state in each field, with an axis of heads last.
        out: factors of the network in each field, with an axis of heads last.
    """

    input: Tensor
    skip: Tensor
    out: Tensor


@final
@dataclass(frozen=True, kw_only=True)
class Preconditioning:
    """Field f(t, x) = skip(t) x + out(t) F(t, x / level(t)), with F the network.

    On a one-sided path x_t = alpha x0 + beta x1, with coordinates of x1 of root mean square s, a
    field that is the mean of A x0 + B x1 has

        level^2 = alpha^2 + beta^2 s^2
        skip    = (A alpha + B beta s^2) / level^2      the best linear predictor from x_t
        out     = s |A beta - B alpha| / level          the standard deviation of its error

    so that input and output of F have size 1 at all times. For the target mean (A = 0, B = 1)
    with alpha / beta = sigma these are c_skip, c_out and 1 / (beta c_in) of Karras et al., arXiv
    2206.00364, table 1.

    Args:
        std: s > 0, the root mean square of the data in the units of the networks.
    """

    std: float = 0.5

    def __post_init__(self) -> None:
        check_positive("Preconditioning.std", self.std)

    def check(self, path: Interpolant, predicts: Sequence[str]) -> None:
        """Raise a ValueError unless the path is one-sided and all fields are such means."""
        fits = isinstance(path, AffineInterpolant) and path.one_sided and not path.shifted
        rule = "a one-sided path without a shift"
        fix = "use interpolant=one_sided_linear, or preconditioning=null"
        check(fits, "Preconditioning.interpolant", rule, type(path).__name__, fix)
        names = ("velocity", "mean_velocity", "denoiser", "target_mean")
        known = set(predicts) <= set(names)
        check(known, "Preconditioning.objective", f"fields out of {names}", tuple(predicts))

    def __call__(
        self,
        net: nn.Module,
        path: Interpolant,
        predicts: Sequence[str],
        t: Tensor,
        x: Tensor,
        moment: Condition | None = None,
    ) -> Tensor:
        """Evaluate all fields, (B, heads, *event), in x's dtype; t is 0-d or (B,).

        A flow map has a `moment` with its second time, and the scaling of its velocity at t.
        """
        scales = self.scales(path, predicts, t)
        heads = call_network(net, t, x * expand_time(scales.input, x).to(x.dtype), moment)
        # Along the axis of heads, which is missing in a time shared by the batch.
        shape = (-1, len(predicts), *(1,) * (x.dim() - 1))
        skip, out = (part.to(x.dtype).reshape(shape) for part in scales[1:])
        return torch.addcmul(out * heads, skip, x.unsqueeze(1))

    def scales(self, path: Interpolant, predicts: Sequence[str], t: Tensor) -> Scales:
        """Factors of the state and of the network's input and output, at times of any shape."""
        assert isinstance(path, AffineInterpolant)
        c = path.coefficients(t)
        square = c.alpha.square() + (self.std * c.beta).square()
        parts = [self._factors(name, c, square) for name in predicts]
        skip, out = (torch.stack(part, dim=-1) for part in zip(*parts, strict=True))
        return Scales(square.rsqrt(), skip, out)

    def _factors(self, name: str, c: Coefficients, square: Tensor) -> tuple[Tensor, Tensor]:
        """Factors skip and out of one field, of t's shape."""
        one = torch.ones_like(square)
        velocity = (c.alpha_dot, c.beta_dot)
        noise, data = {"denoiser": (one, 0 * one), "target_mean": (0 * one, one)}.get(
            name, velocity
        )
        skip = (noise * c.alpha + data * c.beta * self.std**2) / square
        out = self.std * (noise * c.beta - data * c.alpha).abs() * square.rsqrt()
        return skip, out
