"""Flow maps as fields of two times, and fields of some samples of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.fields import Fields
from interpolants.net.condition import Condition
from interpolants.utils.shapes import expand_time


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


def joined(first: Fields, rows: int, second: Fields) -> Fields:
    """Fields of the samples of two in one batch, whose first `rows` rows are of the first."""
    a, b = first.net, second.net
    if not (isinstance(a, ConditionedNetwork) and isinstance(b, ConditionedNetwork)):
        return first
    each = zip(a.condition.repeated(rows), b.condition, strict=True)
    parts = [None if x is None or y is None else torch.cat([x, y]) for x, y in each]
    return first.by(ConditionedNetwork(a.net, Condition._make(parts)))


def guided_velocity(fields: Fields, t: Tensor, x: Tensor, condition: Condition) -> Tensor:
    """Velocity b_0 + w (b_c - b_0) of fields without a guidance scale as input, (B, *event).

    Args:
        fields: fields without a condition.
        t: times, (B,).
        x: states, (B, *event).
        condition: condition of the samples, whose guidance has w and its interval; b_c if None.
    """
    given = condition._replace(guidance=None)
    own = fields.condition_on(given).velocity(t, x)
    if condition.guidance is None:
        return own
    scale = expand_time(_scale_at(condition.guidance, t), x)
    return torch.lerp(_unlabelled(fields, condition).velocity(t, x), own, scale)


@torch.no_grad()
def guidance_shift(fields: Fields, t: Tensor, x: Tensor) -> Tensor:
    """(1 - 1/w) (b^w - b_0) by a map's own velocities, (B, *event); 0 without guidance.

    The velocity of paths plus this has the mean b^w = b_0 + w (b_c - b_0), if b^w is that of the
    map (arXiv 2512.02012).

    Args:
        fields: fields with a condition of B samples.
        t: times, (k B,).
        x: states, (k B, *event); rows i, i + B, ... belong to sample i.
    """
    net = fields.net
    if not isinstance(net, ConditionedNetwork) or net.condition.guidance is None:
        return torch.zeros_like(x)
    condition = net.condition.repeated(len(x))
    assert condition.guidance is not None
    share = expand_time(1 - 1 / _scale_at(condition.guidance, t), x)
    other = _unlabelled(fields.by(net.net), condition)
    return share * (fields.velocity(t, x) - other.velocity(t, x))


def _scale_at(guidance: Tensor, t: Tensor) -> Tensor:
    """Guidance scales at times, 1 outside of their intervals, (B,)."""
    scale, first, last = guidance.unbind(dim=1)
    return torch.where((t >= first) & (t <= last), scale, 1.0)


def _unlabelled(fields: Fields, condition: Condition) -> Fields:
    return fields.condition_on(condition._replace(label=None, dropped=None, guidance=None))
