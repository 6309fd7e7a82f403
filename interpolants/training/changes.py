"""Runs that continue with another learning rate, schedule or batch size, and say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from interpolants.checkpoint.course import course_keys, differences, split_changes
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.utils.checks import check
from interpolants.utils.log import Log


def continued_history(
    config: Mapping[str, Any], path: Path, parts: Sequence[str], say: Log
) -> list[dict[str, Any]]:
    """History of a run that is continued, with an entry for what changes from here on.

    Args:
        config: configuration of the present run, whose course may differ in what `change` names.
        path: the checkpoint that it continues from.
        parts: keys of the task's parts.
        say: called with a line on the run, and on what changes.
    """
    content = read_checkpoint(path)
    saved = content["hyper_parameters"]["config"]
    found = list(differences(config, saved, course_keys(parts)))
    changed = {key: [old, new] for key, old, new in split_changes(found, config["change"])[0]}
    step = content["global_step"]
    with_changes = "".join(
        f", {key} {new!r} instead of {old!r}" for key, (old, new) in changed.items()
    )
    say(f"continues {path} at step {step}{with_changes}")
    past: list[dict[str, Any]] = list(saved.get("history", ()))
    return [*past, {"step": step, "changed": changed}] if changed else past


def change_rates(checkpoint: dict[str, Any], optimizer: Optimizer, scheduler: LRScheduler) -> None:
    """Give the states in a checkpoint the options of another optimiser and schedule.

    Without this, loading would restore the options of the run, and those that were asked for would
    vanish. Moments stay.

    Args:
        checkpoint: content of the file, changed in place.
        optimizer: of the same class, as it would be at the first step.
        scheduler: its schedule.

    Raises:
        ValueError: if the schedule is not a function of the step alone.
    """
    check_schedule(scheduler)
    assert isinstance(scheduler, LambdaLR)
    groups = checkpoint["optimizer_states"][0]["param_groups"]
    schedule = checkpoint["lr_schedulers"][0]
    step = schedule["last_epoch"]
    factors = [factor(step) for factor in scheduler.lr_lambdas]
    rates = [base * by for base, by in zip(scheduler.base_lrs, factors, strict=True)]
    for group, fresh, rate in zip(groups, optimizer.param_groups, rates, strict=True):
        group |= {key: value for key, value in fresh.items() if key != "params"} | {"lr": rate}
    schedule |= {"base_lrs": list(scheduler.base_lrs), "_last_lr": rates}


def check_schedule(scheduler: LRScheduler) -> None:
    """Require a schedule that can be entered at any step.

    Raises:
        ValueError: for any other.
    """
    rule = "a schedule that is a function of the step, LambdaLR, with other rates"
    check(isinstance(scheduler, LambdaLR), "change", rule, type(scheduler).__name__)
