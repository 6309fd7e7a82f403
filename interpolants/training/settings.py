"""Checks of a run's settings before anything is built."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from interpolants.utils.checks import check, check_count, check_positive, is_whole

_PRECISIONS = (None, "32", 32, "32-true", "bf16", "bf16-mixed")
_COUNTS = (
    "max_steps",
    "batch_size",
    "steps_per_batch",
    "log_every",
    "validate_every",
    "sample_every",
    "checkpoint_every",
    "validation_size",
    "report_size",
    "threads",
    "accumulate",
)


def check_sweep(trainer: Mapping[str, Any]) -> None:
    """Refuse a sweep in which Lightning would start processes by the command line.

    Each process would run the whole sweep, with jobs that may differ between them.

    Args:
        trainer: configuration of Lightning's trainer.

    Raises:
        ValueError: for such a trainer; tasks that Slurm starts are not refused.
    """
    chosen, devices = trainer.get("strategy", "auto"), trainer.get("devices", 1)
    strategy = str(chosen["_target_"] if isinstance(chosen, Mapping) else chosen)
    starts = isinstance(chosen, Mapping) or strategy == "auto" or strategy.startswith("ddp")
    forks = strategy.endswith(("_fork", "_spawn", "_notebook"))
    alone = str(devices) == "1" and trainer.get("num_nodes", 1) == 1
    by_slurm = int(os.environ.get("SLURM_NTASKS", "1")) > 1
    check(
        alone or forks or by_slurm or not starts,
        "trainer.strategy",
        "one that starts no processes of its own in a sweep (-m)",
        f"{strategy} with devices={devices}",
        "use trainer.strategy=ddp_fork, or hydra/launcher=submitit_slurm with "
        "hydra.launcher.tasks_per_node as many as devices",
    )


def check_settings(config: Mapping[str, Any]) -> None:
    """Check settings that do not depend on other parts.

    Raises:
        ValueError: for the first wrong setting.
    """
    for key in _COUNTS:
        check_count(key, config[key])
    workers = config["workers"]
    check(is_whole(workers) and workers >= 0, "workers", "a whole number >= 0", workers)
    whole = isinstance(config["seed"], int) and 0 <= config["seed"] < 2**32
    check(whole, "seed", "a whole number in [0, 2^32)", config["seed"])
    precision = config["trainer"].get("precision")
    # Others would change the dtype of weights but not of data, or need loss scaling.
    fix = "use 32-true, or bf16-mixed, and model.fields.double() to sample in float64"
    known = precision in _PRECISIONS
    check(known, "trainer.precision", "32-true or bf16-mixed", precision, fix)
    clip = config["clip_norm"]
    if clip is not None:
        check_positive("clip_norm", clip)
    units = {"validate_every": "steps_per_batch", "sample_every": "validate_every"}
    if config["power_ema"] is not None:
        check_count("power_ema", config["power_ema"])
        units["power_ema"] = "steps_per_batch"
    for key, unit in units.items():
        fits = config[key] % config[unit] == 0
        check(fits, key, f"a multiple of {unit} = {config[unit]}", config[key])
