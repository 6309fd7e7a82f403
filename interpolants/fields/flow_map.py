"""Flow maps as fields of two times, and fields of some samples of a batch."""

from __future__ import annotations

from torch import Tensor

from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.fields import Fields


def map_velocity(fields: Fields, s: Tensor, t: Tensor, x: Tensor) -> Tensor:
    """Mean velocity u(s, t, x) of a flow map X = x + (t - s) u from s to t, (B, *event).

    It is the velocity where s = t.

    Args:
        fields: fields whose network has two times.
        s, t: times, 0-d or (B,).
        x: states at s, (B, *event).
    """
    return fields.heads(s, x, t)[:, fields.predicts.index("velocity")]


def rows_of(fields: Fields, rows: Tensor) -> Fields:
    """Fields of some samples of a batch, by their numbers, (n,)."""
    net = fields.net
    if not isinstance(net, ConditionedNetwork):
        return fields
    return fields.by(ConditionedNetwork(net.net, net.condition.chosen(rows), net.guidance))


def conditioned_as(fields: Fields, other: Fields) -> Fields:
    """Fields with the condition of others, if these have one."""
    if not isinstance(other.net, ConditionedNetwork):
        return fields
    return fields.condition_on(other.net.condition)
