"""Times whose states are kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from interpolants.utils.checks import check


def requested_times(times: Sequence[float] | Tensor) -> Tensor:
    """Times as a user gave them, float64 on the host, (S,).

    Raises:
        ValueError: if they do not increase or leave [0, 1].
    """
    try:
        t = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    except (TypeError, ValueError):
        t = torch.zeros(())
    check(t.dim() == 1, "Sampler.times", "a 1-D sequence of numbers", times)
    listed = t.tolist()
    inside = all(0 <= each <= 1 for each in listed) and all(a < b for a, b in pairwise(listed))
    check(inside, "Sampler.times", "increasing times in [0, 1]", listed)
    return t


def nearest_nodes(nodes: Tensor, times: Tensor) -> Tensor:
    """The nodes nearest to times, in the order of the nodes, each once."""
    nearest: Tensor = torch.unique((nodes[:, None] - times).abs().argmin(dim=0))  # type: ignore[no-untyped-call]
    return nodes[nearest]
