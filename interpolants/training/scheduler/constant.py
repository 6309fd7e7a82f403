"""A constant learning rate after a warm-up."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from interpolants.training.scheduler.base import check_warmup, rise


def constant(optimizer: Optimizer, *, max_steps: int, warmup_steps: int = 0) -> LambdaLR:
    """A linear rise over `warmup_steps`, then the full rate.

    Raises:
        ValueError: if `max_steps` is no whole number > 0, or `warmup_steps` not one in
            [0, max_steps).
    """
    check_warmup(warmup_steps, max_steps)
    return LambdaLR(optimizer, lambda step: rise(step, warmup_steps))
