"""Learning-rate schedules with warm-up, as factors on the optimiser's own rate."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from interpolants.utils.checks import check, check_count, check_unit_interval, is_whole


def constant(optimizer: Optimizer, *, max_steps: int, warmup_steps: int = 0) -> LambdaLR:
    """A linear rise over `warmup_steps`, then the full rate."""
    _check_warmup(warmup_steps, max_steps)
    return LambdaLR(optimizer, lambda step: _rise(step, warmup_steps))


def cosine(
    optimizer: Optimizer, *, max_steps: int, warmup_steps: int = 0, final_factor: float = 0.0
) -> LambdaLR:
    """A linear rise over `warmup_steps`, then half a cosine down to `final_factor` of the rate.

    Raises:
        ValueError: if `max_steps` is no whole number > 0, `warmup_steps` not one in
            [0, max_steps), or `final_factor` not in [0, 1].
    """
    _check_warmup(warmup_steps, max_steps)
    check_unit_interval("scheduler.final_factor", final_factor)

    def factor(step: int) -> float:
        progress = min(1.0, max(0, step - warmup_steps) / max(1, max_steps - warmup_steps))
        decay = 0.5 * (1 + math.cos(math.pi * progress))
        return _rise(step, warmup_steps) * (final_factor + (1 - final_factor) * decay)

    return LambdaLR(optimizer, factor)


def _rise(step: int, warmup_steps: int) -> float:
    return min(1.0, (step + 1) / (warmup_steps + 1))


def _check_warmup(warmup_steps: int, max_steps: int) -> None:
    check_count("scheduler.max_steps", max_steps)
    fits = is_whole(warmup_steps) and 0 <= warmup_steps < max_steps
    rule = f"a whole number in [0, max_steps = {max_steps})"
    check(fits, "scheduler.warmup_steps", rule, warmup_steps)
