"""The velocity of a trained run, as a flow map follows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from interpolants.data.labels import Labels
from interpolants.fields.fields import Fields
from interpolants.space.scaling import Scaling
from interpolants.utils.checks import check

# Largest difference of two scalings of the same data, in units of the scale.
_SAME = 1e-3
_FIX = "train the map with the data and settings of the teacher's run"


@final
@dataclass(frozen=True, kw_only=True)
class Teacher:
    """Fields of a trained run, with what decides the meaning of their arguments.

    Args:
        fields: the fields, frozen.
        scaling: scaling between the units of the data and those of the fields.
        labels: labels of the training data, if the network is conditioned on them.
    """

    fields: Fields
    scaling: Scaling = field(default_factory=Scaling)
    labels: Labels | None = None

    def check(self, scaling: Scaling, labels: Labels | None) -> None:
        """Require the units and labels of a map, which calls the fields with its own.

        Raises:
            ValueError: that says what differs.
        """
        own, others = (tuple(each.shift.shape) for each in (self.scaling, scaling))
        check(own == others, "objective.teacher.data", f"samples of shape {others}", own, _FIX)
        space, other = self.scaling.space, scaling.space
        rule = f"{type(other).__name__}{other.settings or ''} as of the map"
        got = f"{type(space).__name__}{space.settings or ''}"
        check(space.same_as(other), "objective.teacher.space", rule, got, _FIX)
        pairs = ((self.scaling.shift, scaling.shift), (self.scaling.scale, scaling.scale))
        same = all(_near(mine, theirs, scaling.scale) for mine, theirs in pairs)
        rule, got = "data of the map's shift and scale", "data of others"
        check(same, "objective.teacher.data", rule, got, _FIX)
        self._check_labels(labels)

    def _check_labels(self, labels: Labels | None) -> None:
        """Require the labels of a map, and a velocity without them where the map asks for it."""
        own = self.labels
        if labels is not None:
            known = own is not None and _alike(own, labels)
            got = None if own is None else str(own)
            check(known, "objective.teacher.labels", f"{labels}, as of the map", got, _FIX)
        if own is not None and (labels is None or labels.dropout > 0):
            fix = "train the teacher with label_dropout=0.1, or the map with label_dropout=0"
            rule = "above 0, for a map that is unconditional too"
            check(own.dropout > 0, "objective.teacher.label_dropout", rule, own.dropout, fix)


def _near(first: Tensor, second: Tensor, scale: Tensor) -> bool:
    first, second = (each.cpu().double() for each in (first, second))
    return bool(torch.all((first - second).abs() <= _SAME * scale.cpu().double().abs()))


def _alike(own: Labels, labels: Labels) -> bool:
    """True if a network reads both labels alike."""
    if (own.net_options(), own.names) != (labels.net_options(), labels.names):
        return False
    scale = torch.tensor(labels.scale)
    pairs = ((own.shift, labels.shift), (own.scale, labels.scale))
    return all(_near(torch.tensor(a), torch.tensor(b), scale) for a, b in pairs)
