"""The contract of metrics."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.metric.base import Metric
from interpolants.testing.common import normal, require, require_close, require_repeatable
from interpolants.utils.seeds import keyed_generator

_EVENTS: tuple[tuple[int, ...], ...] = ((), (1,), (3,), (2, 5, 4))


def check_metric(metric: Metric) -> None:
    """A metric is symmetric, invariant to the order of samples and repeatable.

    It is larger between different distributions. Sets may differ in size and have any event
    shape; sets that cannot be compared are refused with a ValueError.
    """
    for event in _EVENTS:
        x, y = normal((150, *event), 11, 0), normal((101, *event), 11, 1) + 0.3
        for pair in ((x, y), (x.float(), y.float())):
            _check_value(metric, *pair, f"events of shape {event}")
        far = float(metric(x, y + 2))
        near = float(metric(x, y - 0.3))
        require(
            far > near, f"distributions: {far:.3g} apart when they differ, {near:.3g} when not"
        )
    _check_refusals(metric)


def _check_value(metric: Metric, x: Tensor, y: Tensor, where: str) -> None:
    before = x.clone(), y.clone()
    value = metric(x, y)
    kept = torch.equal(x, before[0]) and torch.equal(y, before[1])
    require(kept, f"{where}: the samples were changed")
    require(value.shape == (), f"{where}: a value of shape {tuple(value.shape)}")
    require(value.dtype == torch.float64, f"{where}: a value of {value.dtype}")
    require(value.isfinite(), f"{where}: a value of {float(value)}")
    require_repeatable(lambda: metric(x, y), f"{where}: the value")
    order = torch.randperm(len(x), generator=keyed_generator(11, 2))
    for other, what in ((metric(y, x), "symmetry"), (metric(x[order], y), "another order")):
        scale = value.abs().clamp(min=1e-3)
        require_close(other / scale, value / scale, f"{where}: {what}", 1e-4)


def _check_refusals(metric: Metric) -> None:
    bad = {
        "different event shapes": (torch.zeros(4, 2), torch.zeros(4, 3)),
        "an empty set": (torch.zeros(0, 2), torch.zeros(4, 2)),
    }
    for what, (x, y) in bad.items():
        try:
            metric(x, y)
        except ValueError:
            continue
        require(False, f"{what}: not refused with a ValueError")
