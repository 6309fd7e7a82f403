"""Checks of a run's settings before anything is built."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

from interpolants.checkpoint.course import check_change
from interpolants.utils.checks import (
    check,
    check_count,
    check_not_negative,
    check_positive,
    check_unit_interval,
    is_whole,
)

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

# Arguments of Lightning's trainer that act as Lightning says. Any other is refused by name.
_TRAINER = {"accelerator", "strategy", "devices", "num_nodes", "precision", "deterministic"}
_TRAINER |= {"benchmark", "detect_anomaly", "inference_mode", "sync_batchnorm", "profiler"}
_INSTEAD = {
    **dict.fromkeys(("max_epochs", "min_epochs", "max_steps", "min_steps"), "use max_steps="),
    "limit_train_batches": "use a small max_steps=",
    "fast_dev_run": "use debug=one_step",
    **dict.fromkeys(("gradient_clip_val", "gradient_clip_algorithm"), "use clip_norm="),
    **dict.fromkeys(("val_check_interval", "check_val_every_n_epoch"), "use validate_every="),
    "accumulate_grad_batches": "use accumulate=",
    "limit_val_batches": "use validation_size=",
    "limit_test_batches": "use report_size=",
    "log_every_n_steps": "use log_every=",
    "enable_checkpointing": "use checkpoint_every=",
    "default_root_dir": "use run_dir=",
    "logger": "use logger=",
    "max_time": "use callbacks=timer, or a time limit outside: a run that gets SIGTERM is saved",
    "callbacks": "use callbacks=[...], a group of yaml files, which may name your own class",
    "overfit_batches": "use debug=overfit_batch",
}


def check_trainer(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of Lightning's trainer that would do nothing, or what settings of ours do.

    Args:
        arguments: value of each.

    Raises:
        ValueError: for the first such argument.
    """
    for name, value in arguments.items():
        is_ours = name.startswith("_") or name in _TRAINER
        fix = _INSTEAD.get(name, "leave it out")
        rule = "no such setting" if name in _INSTEAD else f"one of {', '.join(sorted(_TRAINER))}"
        check(is_ours, f"trainer.{name}", rule, value, fix)


def check_accelerator(name: object) -> None:
    """Refuse a GPU that is not there, before anything is computed.

    Args:
        name: Lightning's name of the kind of device.

    Raises:
        ValueError: if there is none of a kind that may be missing.
    """
    from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator

    cuda, mps = CUDAAccelerator.is_available, MPSAccelerator.is_available
    kinds = {"cuda": [cuda], "mps": [mps], "gpu": [cuda, mps]}
    there = any(is_available() for is_available in kinds.get(str(name), [lambda: True]))
    rule = "a kind of device that torch finds here"
    check(there, "trainer.accelerator", rule, name, "use trainer=cpu")


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
    check_trainer(config["trainer"])
    precision = config["trainer"].get("precision")
    # Others would change the dtype of weights but not of data, or need loss scaling.
    fix = "use 32-true, or bf16-mixed, and model.fields.double() to sample in float64"
    known = precision in _PRECISIONS
    check(known, "trainer.precision", "32-true or bf16-mixed", precision, fix)
    half = str(precision).startswith("bf16")
    if half and config["trainer"].get("accelerator") == "cpu":
        warn_of_emulation()
    for key in ("clip_norm", "patience"):
        if config[key] is not None:
            check_positive(key, config[key])
    units = {"validate_every": "steps_per_batch", "sample_every": "validate_every"}
    if config["power_ema"] is not None:
        check_count("power_ema", config["power_ema"])
        units["power_ema"] = "steps_per_batch"
    for key, unit in units.items():
        fits = config[key] % config[unit] == 0
        check(fits, key, f"a multiple of {unit} = {config[unit]}", config[key])
    _check_first_weights(config)
    check_change(config["change"])


def warn_of_emulation() -> None:
    """Warn if this CPU has no arithmetic of bfloat16, which PyTorch then emulates."""
    import torch

    # Older versions do not say.
    has: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    native = any(has.get(name) for name in ("avx512_bf16", "amx_bf16"))
    if has.get("architecture") == "x86_64" and not native:
        warnings.warn(
            "trainer.precision: this CPU emulates bf16-mixed, which can take ten times as long as "
            "single precision; set trainer.precision=32-true",
            stacklevel=2,
        )


def _check_first_weights(config: Mapping[str, Any]) -> None:
    """Check the settings of `init`, and refuse those that do nothing without it."""
    check_unit_interval("init_shrink", config["init_shrink"])
    check_not_negative("init_noise", config["init_noise"])
    for key, idle in (("init_weights", "ema"), ("init_shrink", 1), ("init_noise", 0)):
        acts = config["init"] is not None or config[key] == idle
        check(acts, key, f"{idle!r} without init", config[key], "set init=PATH, or leave it out")
