"""Objectives of flow maps: the velocity on the diagonal, and a condition off it.

A flow map X(s, t, x) = x + (t - s) u(s, t, x) of the velocity b has u(s, s, .) = b, and any of

    Lagrangian   d_t X(s, t, x) = b(t, X(s, t, x))
    semigroup    X(r, t, X(s, r, x)) = X(s, t, x)
    Eulerian     d_s X(s, t, x) + grad X(s, t, x) b(s, x) = 0

(arXiv 2505.18825). The map of any velocity has these, so only the diagonal brings in data.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.fields import Fields
from interpolants.fields.flow_map import guidance_shift, guided_velocity, rows_of
from interpolants.fields.jumps import Jumps
from interpolants.interpolant.base import Interpolant
from interpolants.objective.base import Losses, Objective, inside, points, quadratic_losses
from interpolants.objective.guidance_scales import GuidanceScales
from interpolants.objective.teacher import Teacher
from interpolants.utils.checks import check, check_not_negative
from interpolants.utils.describe import describe
from interpolants.utils.plain import OUTSIDE
from interpolants.utils.shapes import expand_time, sum_event


class Jump(NamedTuple):
    """Samples of a batch whose two times differ.

    Attributes:
        s, t: first and second times, (B,).
        x: states of the path at s, (B, *event).
        speed: time derivatives of the path at s, (B, *event).
        later: states at other times, (B,), of the same paths.
    """

    s: Tensor
    t: Tensor
    x: Tensor
    speed: Tensor
    later: Callable[[Tensor], Tensor]

    @property
    def gap(self) -> Tensor:
        """t - s, with the axes of x."""
        return expand_time(self.t - self.s, self.x)


class Diagonal(NamedTuple):
    """Samples of a batch whose two times agree, at the points where the velocity is learned.

    Attributes:
        s: times, (k n,); rows i, i + n, ... belong to one sample.
        x: states, (k n, *event).
        target: targets of the velocity, (k n, *event).
        size: number of samples, n.
    """

    s: Tensor
    x: Tensor
    target: Tensor
    size: int


@dataclass(frozen=True, kw_only=True)
class MapObjective(Objective):
    """Loss of a flow map: that of the velocity at s = t, and `jump_loss` elsewhere.

    Times are pairs, (B, 2). Each sample has one of the two losses, and counts the same.

    Args:
        antithetic: whether the velocity is trained on both signs of the noise.
        learned_weight: whether the losses of jumps are weighted by `LearnedWeight`, a function of
            the times, so that it moves no minimiser.
        adaptive_power: p >= 0 of the weight 1 / (l + 0.01)^p of each sample's squared error l, as
            of MeanFlow on images; 0 for none. It moves the minimum where targets are noisy, since
            it depends on the noise: little where l is a sum over many pixels, and far in low
            dimension, where samples become much worse.
        largest_scale: largest guidance scale that is an input of the map, above 1, for labels that
            are dropped for some samples; None for no such input.
        teacher: fields whose velocity the map has; it is learned from data if None. Its guidance
            is that of the map.
    """

    term: ClassVar[str]
    antithetic: bool = True
    learned_weight: bool = False
    adaptive_power: float = 0.0
    largest_scale: float | None = None
    teacher: Annotated[Teacher | None, OUTSIDE] = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_not_negative(f"{type(self).__name__}.adaptive_power", self.adaptive_power)

    @property
    def unbiased(self) -> bool:
        return self.adaptive_power == 0

    @property
    def predicts(self) -> tuple[str, ...]:
        return ("velocity",)

    @property
    def two_times(self) -> bool:
        return True

    @property
    def scales(self) -> GuidanceScales | None:
        given = self.largest_scale
        return None if given is None else GuidanceScales(largest=given)

    @property
    def learns_weight(self) -> bool:
        return self.learned_weight

    def check(self, fields: Fields) -> None:
        fields.check("velocity")
        jumps, fix = fields.jumps, "use time_sampler=uniform_pairs, or objective=consistency"
        known = jumps is None or self.learns(jumps)
        rule = "pairs of times whose jumps determine each other"
        where = f"{type(self).__name__}.time_sampler"
        if jumps is not None and jumps.levels is not None:
            fix = "use time_sampler=uniform_pairs, or objective=semigroup with split=midpoint"
        check(known, where, rule, f"jumps {jumps} alone", fix)
        if self.teacher is not None:
            self._check_teacher(fields, self.teacher.fields)

    def _check_teacher(self, fields: Fields, teacher: Fields) -> None:
        """Require the same path, and the same scaling of the network, which keeps the velocity."""
        teacher.check("velocity")
        parts = ("interpolant", "base", "coupling", "preconditioning")
        for part in parts:
            own, other = (describe(getattr(each, part)) for each in (fields, teacher))
            fix = "train the map with the settings of the teacher's run"
            check(own == other, f"objective.teacher.{part}", f"{own} as of the map", other, fix)

    def learns(self, jumps: Jumps) -> bool:
        """True if its condition determines these jumps from each other and the velocity."""
        return not jumps.ends and jumps.levels is None

    @abc.abstractmethod
    def jump_loss(self, fields: Fields, jump: Jump, generator: torch.Generator | None) -> Tensor:
        """Half the squared residual of a condition, (B,), zero at the map."""

    def __call__(
        self,
        fields: Fields,
        t: Tensor,
        x0: Tensor,
        x1: Tensor,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Losses of each sample: of the velocity where both times agree, else of the jump.

        Args:
            t: pairs of times, (B, 2).
        """
        rule = "pairs of times (B, 2), such as those of UniformPairs"
        check(t.shape == (len(x1), 2), "MapObjective.t", rule, tuple(t.shape))
        same = t[:, 0] == t[:, 1]
        rows, others = (chosen.nonzero().flatten() for chosen in (same, ~same))
        own, apart = rows_of(fields, rows), rows_of(fields, others)
        diagonal = self._diagonal(own, t[rows, 0], x0[rows], x1[rows], z[rows])
        jump = _jump(fields.interpolant, t[others], x0[others], x1[others], z[others])
        both = self.losses(own, diagonal, apart, jump, generator)
        zero, places = x1.new_zeros(len(x1)), (rows, others)
        parts = [zero.index_copy(0, *pair) for pair in zip(places, both, strict=True)]
        losses = torch.stack(parts, dim=1)
        weighted = losses * adaptive_weight(losses, self.adaptive_power)
        # A logged value is the mean over the samples that have it.
        counts = torch.stack([same.sum(), (~same).sum()]).clamp(min=1)
        return Losses(weighted, losses.detach() * (len(x1) / counts), ("velocity", self.term))

    def losses(
        self,
        own: Fields,
        diagonal: Diagonal,
        apart: Fields,
        jump: Jump,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Losses of the velocity, (n,), and of jumps, (B - n,).

        Args:
            own, apart: fields of the samples with equal times, and of the others.
            diagonal, jump: these samples; at least one of them has some.
            generator: generator of the objective's own draws.
        """
        none = diagonal.x.new_zeros(0)
        at, size = (diagonal.s, diagonal.x), len(diagonal.x)
        velocity = self.velocity_loss(diagonal, own.velocity(*at)) if size else none
        return velocity, self.jump_loss(apart, jump, generator) if len(jump.x) else none

    def velocity_loss(self, diagonal: Diagonal, velocity: Tensor) -> Tensor:
        """Losses on the diagonal, (n,): 1/2 |f|^2 - target . f, or half the square of an error."""
        if self.teacher is not None or self.adaptive_power:
            return half_square(velocity - diagonal.target).view(-1, diagonal.size).mean(dim=0)
        return quadratic_losses(velocity[:, None], diagonal.target[:, None], diagonal.size)[:, 0]

    def _diagonal(self, own: Fields, s: Tensor, x0: Tensor, x1: Tensor, z: Tensor) -> Diagonal:
        if self.teacher is not None:
            x = own.interpolant.sample(inside(s), x0, x1, z).xt
            return Diagonal(s, x, self.velocity(own, s, x), len(s))
        sample, times, x = points(own, inside(s), x0, x1, z, antithetic=self.antithetic)
        speed = sample.xt_dot.expand_as(sample.xt).reshape(x.shape)
        return Diagonal(times, x, speed + guidance_shift(own, times, x), len(s))

    def velocity(self, fields: Fields, t: Tensor, x: Tensor) -> Tensor:
        """The velocity that the map follows, (B, *event), without gradient."""
        with torch.no_grad():
            return self.followed(fields, t, x)

    def followed(self, fields: Fields, t: Tensor, x: Tensor) -> Tensor:
        """The velocity of the teacher, or of the map, under the condition of the map."""
        if self.teacher is None:
            return fields.velocity(t, x)
        teacher = self.teacher.fields.to(x.device)
        if not isinstance(fields.net, ConditionedNetwork):
            return teacher.velocity(t, x)
        return guided_velocity(teacher, t, x, fields.net.condition)


def _jump(path: Interpolant, t: Tensor, x0: Tensor, x1: Tensor, z: Tensor) -> Jump:
    s, until = t.unbind(dim=1)
    sample = path.sample(inside(s), x0, x1, z)
    later = lambda time: path.sample(inside(time), x0, x1, z).xt  # noqa: E731
    return Jump(s, until, sample.xt, sample.xt_dot, later)


def adaptive_weight(losses: Tensor, power: float) -> Tensor:
    """Weights 1 / (l + 0.01)^power of squared errors l, twice the losses, without gradient."""
    if power == 0:
        return torch.ones_like(losses)
    return (2 * losses.detach() + 0.01).pow(-power)


def half_square(residual: Tensor) -> Tensor:
    """Half the squared norm of each sample, (B,)."""
    return 0.5 * sum_event(residual.square())
