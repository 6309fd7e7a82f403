"""Densities up to a constant, from the potentials of a conservative network."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from interpolants.fields.conditioned import ConditionedNetwork
from interpolants.fields.fields import Fields
from interpolants.net.condition import Condition
from interpolants.net.conservative import Conservative
from interpolants.net.precision import call_network
from interpolants.utils.checks import check
from interpolants.utils.shapes import expand_time


def log_density_difference(fields: Fields, t: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Evaluate log p_t(x) - log p_t(y) from the potentials of a conservative network.

    The score of the fields is a combination a x + c + sum_k b_k F_k of gradients (`Fields`), so

        log p_t(x) = a |x|^2 / 2 + c sum_i x_i + sum_k b_k phi_k(t, x) + constant(t).

    A preconditioned F_k = skip x + out G_k(t, x / level), with G_k the gradient of psi_k, has
    phi_k = skip |x|^2 / 2 + out level psi_k(t, x / level). It takes two evaluations of the network
    inside and no integration. Its error is that of the potentials, which grows where there are no
    data in between: the difference of two modes is learned from what lies between them.

    Args:
        fields: fields by a `Conservative` network that have a score, with a condition or without;
            densities are those given the condition.
        t: times inside (0, 1), 0-d or (B,), where the score is finite.
        x, y: states in the units of the network, (B, *event).

    Returns:
        Differences, (B,). For states in the units of the data they are the same in a Euclidean
        space; in another, add the difference of the log slopes of its chart.

    Raises:
        ValueError: if the network is not conservative or guided, or the fields have no score.
    """
    combination = fields.combination("score", t)
    difference = _potentials(fields, t, x) - _potentials(fields, t, y)
    terms = dict(zip(fields.predicts, difference.unbind(1), strict=True))
    terms |= {"x": _half_square(x) - _half_square(y), "one": (x - y).flatten(1).sum(1)}
    factors = {name: torch.as_tensor(factor).to(x) for name, factor in combination.items()}
    return torch.stack([factor * terms[name] for name, factor in factors.items()]).sum(0)


@final
class _Potentials(nn.Module):
    """Potentials as what a network returns, so that it is called in its own precision."""

    def __init__(self, net: Conservative) -> None:
        super().__init__()
        self.net = net

    def forward(self, t: Tensor, x: Tensor, condition: Condition | None = None) -> Tensor:
        return self.net.potentials(t, x, condition)


def _potentials(fields: Fields, t: Tensor, x: Tensor) -> Tensor:
    """Potential of each prediction of the fields, (B, heads)."""
    net, condition = _unbound(fields.net)
    condition = None if condition is None else condition.repeated(len(x))
    if fields.preconditioning is None:
        return call_network(net, t, x, condition)
    scales = fields.preconditioning.scales(fields.interpolant, fields.predicts, t)
    psi = call_network(net, t, x * expand_time(scales.input, x).to(x), condition)
    skip, out, level = (part.to(x) for part in (scales.skip, scales.out, 1 / scales.input))
    return skip * _half_square(x)[:, None] + out * level.unsqueeze(-1) * psi


def _unbound(net: nn.Module) -> tuple[_Potentials, Condition | None]:
    """Network of potentials, and its condition if there is one."""
    condition: Condition | None = None
    if isinstance(net, ConditionedNetwork):
        fix = "the scale of guidance is not part of a density; use fields without it"
        guidance = type(net.guidance).__name__
        check(net.guidance is None, "Fields.net", "one without guidance", guidance, fix)
        condition = net.condition
        net = net.net
    fix = "train with net=conservative"
    rule = "a conservative network, for differences of log densities"
    check(isinstance(net, Conservative), "Fields.net", rule, type(net).__name__, fix)
    assert isinstance(net, Conservative)
    return _Potentials(net), condition


def _half_square(x: Tensor) -> Tensor:
    return 0.5 * x.flatten(1).square().sum(1)
