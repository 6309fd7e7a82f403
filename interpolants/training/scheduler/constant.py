"""Constant learning rate after a warm-up."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from interpolants.training.scheduler.base import check_warmup, rise


def constant(optimizer: Optimizer, *, max_steps: int, warmup_steps: int = 0) -> LambdaLR:
    """Schedule that rises linearly over `warmup_steps`, and then keeps the full rate.

    Raises:
        ValueError: unless `max_steps` is a whole number > 0, and `warmup_steps` one in
            [0, max_steps).
    """
    check_warmup(warmup_steps, max_steps)
    return LambdaLR(optimizer, lambda step: rise(step, warmup_steps))
