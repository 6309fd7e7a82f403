"""Quadratic objectives whose minimisers are the fields (arXiv 2303.08797, section 2.4).

Each loss is in the paper's expanded form, per sample and summed over the event,

    1/2 |f(t, xt)|^2 - target . f(t, xt),

which has the gradient of 1/2 |f - target|^2, but a finite mean where the target's second moment
is not finite (velocity, with gamma a square root), and the floor -1/2 E|f*|^2, a closed form in
Gaussian cases. Several fields are learned together by a weighted sum, from one network call.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.fields.fields import Fields
from interpolants.interpolant.base import Interpolant, InterpolantSample
from interpolants.objective.guidance_scales import GuidanceScales
from interpolants.objective.weight.base import Weight
from interpolants.objective.weight.constant import ConstantWeight
from interpolants.utils.checks import check


class Losses(NamedTuple):
    """Losses of each sample.

    Attributes:
        weighted: losses that are minimised, with factors and weights, (B, fields).
        parts: loss of each field without them and without gradient, (B, fields).
        fields: names of the fields.
    """

    weighted: Tensor
    parts: Tensor
    fields: tuple[str, ...]

    @property
    def total(self) -> Tensor:
        """Loss that is minimised, (B,)."""
        return self.weighted.sum(1)

    @property
    def terms(self) -> dict[str, Tensor]:
        """Unweighted loss of each field by name, each (B,)."""
        return dict(zip(self.fields, self.parts.unbind(1), strict=True))

    def scaled(self, weight: Tensor) -> Losses:
        """Multiply every loss by the weight of its sample, (B,)."""
        weight = weight[:, None]
        return Losses(weight * self.weighted, weight * self.parts, self.fields)


class Objective(abc.ABC):
    """Loss for each field that a network learns, whose expectation is minimal at the field."""

    @property
    @abc.abstractmethod
    def predicts(self) -> tuple[str, ...]:
        """Fields that a network trained on this objective predicts, in order."""

    @property
    def two_times(self) -> bool:
        """True for an objective of flow maps, whose network and training times are of pairs."""
        return False

    @property
    def forward_mode(self) -> bool:
        """True if it needs forward derivatives of the network, by its times."""
        return False

    @property
    def unbiased(self) -> bool:
        """True if what it learns is a minimiser exactly, with no error of a finite step."""
        return True

    @property
    def scales(self) -> GuidanceScales | None:
        """Guidance scales that are an input of the network, if any."""
        return None

    @property
    def learns_weight(self) -> bool:
        """True if its losses are weighted by a learned function of the times."""
        return False

    @abc.abstractmethod
    def check(self, fields: Fields) -> None:
        """Raise a ValueError if the path of `fields` does not define the objective."""

    @abc.abstractmethod
    def __call__(
        self,
        fields: Fields,
        t: Tensor,
        x0: Tensor,
        x1: Tensor,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Losses of each sample.

        Args:
            fields: the fields in training.
            t: times, (B,), from a `TimeSampler`; 0 and 1 are moved inside, see `inside`.
            x0, x1, z: end points and latent noise, (B, *event).
            generator: generator of the objective's own draws; torch's default if None.
        """


class Regression(Objective):
    """Weighted sum of quadratic losses, one for each field.

    Attributes:
        antithetic: whether the network is evaluated at both signs of the noise (`points`),
            which doubles its batch.
    """

    antithetic: bool

    @abc.abstractmethod
    def terms(self) -> Sequence[tuple[float, FieldObjective]]:
        """Objectives of single fields and the factor of each, > 0."""

    @property
    def predicts(self) -> tuple[str, ...]:
        return tuple(term.field for _, term in self.terms())

    def check(self, fields: Fields) -> None:
        for _, term in self.terms():
            if term.needs_noise:
                check_noise(type(term).__name__, fields.interpolant, term.field)
            fields.check(term.field)

    def __call__(
        self,
        fields: Fields,
        t: Tensor,
        x0: Tensor,
        x1: Tensor,
        z: Tensor,
        generator: torch.Generator | None = None,
    ) -> Losses:
        """Losses at the `points`, in one evaluation of the network."""
        t = inside(t)
        sample, times, xt = points(fields, t, x0, x1, z, antithetic=self.antithetic)
        paired, terms = sample.xt.dim() > x1.dim(), self.terms()
        names = self.predicts
        prediction = fields.evaluate_stacked(times, xt, names)
        targets = [term.target(fields, sample).expand_as(sample.xt) for _, term in terms]
        target = torch.stack(targets, dim=2 if paired else 1)
        losses = quadratic_losses(prediction, target.view_as(prediction), len(t))
        weighted = losses
        if not all(factor == 1 and term.weight.is_one for factor, term in terms):
            each = zip(terms, losses.unbind(1), strict=True)
            weighted = torch.stack(
                [term.weight.apply(t, factor * loss) for (factor, term), loss in each], dim=1
            )
        return Losses(weighted, losses.detach(), names)


@dataclass(frozen=True, kw_only=True)
class FieldObjective(Regression):
    """Objective of one field.

    Attributes:
        field: the field that minimises it.
        needs_noise: whether the field depends on the latent noise.
        weight: positive weight over time; never moves the minimiser.
        antithetic: whether to train on both signs of the noise. This bounds the variance of
            targets with a factor 1 / gamma near the ends. Where targets are bounded, as that of
            the velocity on a one-sided path, the same number of independent samples is better.
    """

    field: ClassVar[str]
    needs_noise: ClassVar[bool] = False
    weight: Weight = ConstantWeight()
    antithetic: bool = True

    @abc.abstractmethod
    def target(self, fields: Fields, sample: InterpolantSample) -> Tensor:
        """Target, whose mean given (t, xt) is the field: (B, *event)."""

    def terms(self) -> Sequence[tuple[float, FieldObjective]]:
        return ((1.0, self),)


def check_noise(objective: str, path: Interpolant, field: str) -> None:
    """Raise a ValueError that names the objective if the path lacks noise for its field."""
    check(
        path.one_sided or not path.gamma.is_zero,
        f"{objective}.interpolant",
        f"latent noise gamma > 0, which the {field} is about",
        type(path.gamma).__name__,
        "use objective=velocity, another interpolant/gamma, or a one-sided interpolant",
    )


def inside(t: Tensor) -> Tensor:
    """Times moved off 0 and 1, where a target may be infinite, to the nearest that differ in t.

    `torch.rand` gives 0 once in 2^24 draws, which would make a loss NaN, and then all weights.
    """
    least = torch.finfo(t.dtype).eps
    return t.clamp(least, 1 - least)


def points(
    fields: Fields, t: Tensor, x0: Tensor, x1: Tensor, z: Tensor, *, antithetic: bool = True
) -> tuple[InterpolantSample, Tensor, Tensor]:
    """Antithetic pairs (+z, -z) if they exist, with their times and states in one batch.

    A pair keeps the variance of targets with a factor 1 / gamma bounded as t tends to the
    ends. On a one-sided path the latent is x0, and the pair is (+x0, -x0) if both are
    equally likely given x1: for a standard normal base and an independent coupling.
    Otherwise there is no pair.

    Args:
        fields: the fields in training.
        t: times, (B,).
        x0, x1, z: end points and latent noise, (B, *event).
        antithetic: whether to form pairs.

    Returns:
        The sample, times (k B,) and states (k B, *event), with k = 2 for pairs, else 1.
    """
    path = fields.interpolant
    symmetric = fields.base.standard_normal and fields.coupling.independent
    paired = antithetic and (symmetric or not path.one_sided)
    draw = path.sample_pairs if paired else path.sample
    sample = draw(t, x0, x1, z)
    if sample.xt.dim() == x1.dim():
        return sample, t, sample.xt
    return sample, torch.cat([t, t]), sample.xt.flatten(0, 1)


def quadratic_losses(prediction: Tensor, target: Tensor, size: int) -> Tensor:
    """Quadratic losses 1/2 |prediction|^2 - target . prediction, summed over the event.

    Rows i, i + size, ... belong to one sample and are averaged: (k size, fields, *event) to
    (size, fields).
    """
    # The mean over rows enters as a factor of what carries no gradient.
    share = size / max(1, len(prediction))
    residual = torch.add(target * -share, prediction, alpha=0.5 * share)
    heads, dim = prediction.shape[1], prediction.shape[2:].numel()
    copies = len(prediction) // max(1, size)
    losses = (prediction * residual).reshape(copies, size, heads, dim)
    return losses.sum(0).sum(-1)
