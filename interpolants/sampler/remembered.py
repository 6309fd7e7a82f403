"""Memory of multistep schemes on grids of any spacing.

A scheme extrapolates from nodes that it has passed. Nodes that lie close together, such as times
to keep beside a node of the grid, would be a short base for a long step, and what they differ by,
rounding or the noise of an SDE, would be multiplied by the ratio of the two. Such nodes are
stepped through but not remembered, and a step that is far longer than all before begins anew.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class Remembered(NamedTuple):
    """Nodes that each step of a grid knows besides the one where it begins.

    Attributes:
        last: distance to the latest of them, signed as the clock; infinite if there is none, (N,).
        before: distance from that one to the one before it, likewise, (N,).
        kept: whether the node where a step begins is remembered in later steps, (N,).
    """

    last: Tensor
    before: Tensor
    kept: list[bool]


class Reach(NamedTuple):
    """Limits on the extrapolation of a scheme.

    Attributes:
        ratio: longest step, in units of its distance from the latest remembered node.
        longest: a step longer than `ratio` times both this and the step before begins anew.
    """

    ratio: float
    longest: float = math.inf


def remembered(clock: Tensor, reach: Reach) -> Remembered:
    """Choose the nodes to remember.

    Args:
        clock: the nodes, float64, on the clock in which a scheme extrapolates: monotone, finite
            but for the ends, (N + 1,).
        reach: how far it extrapolates.
    """
    nodes = (clock if clock[0] <= clock[-1] else -clock).tolist()
    h = [after - node for node, after in pairwise(nodes)]
    begins, before, longest = [], 0.0, 0.0
    for step in h:
        begins.append(step > reach.ratio * max(before, longest))
        before = 0.0 if math.isinf(step) else step
        longest = max(longest, min(before, reach.longest))
    kept = _kept(nodes, h, begins, reach.ratio)
    last, earlier, passed = [], [], [-1, -1]
    for k, anew in enumerate(begins):
        known = [-1, -1] if anew else passed
        last.append(_distance(clock, k, known[1]))
        earlier.append(_distance(clock, known[1], known[0]))
        passed = [passed[1], k] if kept[k] else passed
    return Remembered(torch.stack(last), torch.stack(earlier), kept)


def _kept(nodes: list[float], h: list[float], begins: list[bool], ratio: float) -> list[bool]:
    """Nodes far enough from every later step that looks back, and from each other."""
    kept, latest, longest = [False] * len(h), math.inf, 0.0
    for k in reversed(range(len(h))):
        if nodes[k] <= latest:
            kept[k] = True
            # The one before it must be apart from it for the steps that look back to both.
            latest, longest = min(latest, nodes[k] - longest / ratio**2), 0.0
        if not begins[k]:
            latest, longest = min(latest, nodes[k] - h[k] / ratio), max(longest, h[k])
    return kept


def _distance(clock: Tensor, k: int, earlier: int) -> Tensor:
    if earlier < 0:
        return torch.full((), torch.inf, dtype=clock.dtype)
    return clock[k] - clock[earlier]


def half_ratios(clock: Tensor, reach: Reach) -> Tensor:
    """Weights h_k / (2 d_k) that extrapolate to the middle of each step, (N,).

    d_k is the distance to the remembered node; a weight is 0 where either is infinite.
    """
    weights = 0.5 * clock.diff() / remembered(clock, reach).last
    return torch.where(weights.isfinite(), weights, 0.0)
