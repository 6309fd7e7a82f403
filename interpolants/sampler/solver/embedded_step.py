"""One step of Dormand and Prince's method, with the error of its order 4."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from interpolants.sampler.process.base import Process
from interpolants.utils.shapes import expand_time

# Hairer, Norsett, Wanner, "Solving Ordinary Differential Equations I", table II.5.2: the times of
# stages 2 to 7, their weights on the earlier stages, and the difference of the two results'.
NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def embedded_step(
    process: Process, times: Tensor, x: Tensor, velocity: Tensor, step: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The state after a step, the step as a factor of x, and the drifts of all stages."""
    # Written out: products with a broadcast factor take several times as long.
    scale = expand_time(step.to(x.dtype), x).expand_as(x).contiguous()
    y, drifts = x, [velocity]
    for time, weights in zip(times.unbind(), _STAGES, strict=True):
        y = torch.addcmul(x, scale, combine(weights, drifts))
        drifts.append(process.drift(time, y))
    return y, scale, drifts


def combine(weights: Sequence[float], drifts: Sequence[Tensor]) -> Tensor:
    """The sum of weights * drifts; a matrix product would lose digits under autocast."""
    total = weights[0] * drifts[0]
    for weight, drift in zip(weights[1:], drifts[1:], strict=True):
        if weight:
            total = torch.add(total, drift, alpha=weight)
    return total
