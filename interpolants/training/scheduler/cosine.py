"""Cosine decay of the learning rate after a warm-up."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from interpolants.training.scheduler.base import check_warmup, rise
from interpolants.utils.checks import check_unit_interval


def cosine(
    optimizer: Optimizer, *, max_steps: int, warmup_steps: int = 0, final_factor: float = 0.0
) -> LambdaLR:
    """Schedule that rises linearly over `warmup_steps`, then decays along half a cosine.

    It ends at `final_factor` times the full rate.

    Raises:
        ValueError: unless `max_steps` is a whole number > 0, `warmup_steps` one in
            [0, max_steps), and `final_factor` in [0, 1].
    """
    check_warmup(warmup_steps, max_steps)
    check_unit_interval("scheduler.final_factor", final_factor)

    def factor(step: int) -> float:
        progress = min(1.0, max(0, step - warmup_steps) / max(1, max_steps - warmup_steps))
        decay = 0.5 * (1 + math.cos(math.pi * progress))
        return rise(step, warmup_steps) * (final_factor + (1 - final_factor) * decay)

    return LambdaLR(optimizer, factor)
