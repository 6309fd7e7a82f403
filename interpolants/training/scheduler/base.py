"""Warm-up of learning rates."""

from __future__ import annotations

from interpolants.utils.checks import check, check_count, is_whole


def rise(step: int, warmup_steps: int) -> float:
    """Factor that rises linearly to 1 over the first `warmup_steps` steps."""
    return min(1.0, (step + 1) / (warmup_steps + 1))


def check_warmup(warmup_steps: int, max_steps: int) -> None:
    """Require `max_steps` > 0 and a warm-up in [0, max_steps), both whole numbers."""
    check_count("scheduler.max_steps", max_steps)
    fits = is_whole(warmup_steps) and 0 <= warmup_steps < max_steps
    rule = f"a whole number in [0, max_steps = {max_steps})"
    check(fits, "scheduler.warmup_steps", rule, warmup_steps)
