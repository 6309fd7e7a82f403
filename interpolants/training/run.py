"""Training runs: set-up with all checks, training, and the final report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import ModelParallelStrategy

from interpolants.checkpoint.loading import load
from interpolants.checkpoint.runs import LAST, RunLocation, announced, locate_run, shared_location
from interpolants.checkpoint.saved import modules_named
from interpolants.data.base import Data
from interpolants.model.request import SampleRequest
from interpolants.report.kept import KEPT, Kept
from interpolants.report.report import Report
from interpolants.task.base import Build, Task
from interpolants.training.changes import continued_history
from interpolants.training.checkpoint_io import AtomicCheckpointIO
from interpolants.training.checkpoints import BestCheckpoint, LastCheckpoint
from interpolants.training.compiling import EagerValidation
from interpolants.training.conclude import Outcome, final_report, last_step, report_request
from interpolants.training.csv_logger import AppendingCSVLogger
from interpolants.training.distributed import Heart, distributed_training
from interpolants.training.ema import EMA
from interpolants.training.guard import NonFiniteGuard
from interpolants.training.interrupt import GracefulInterrupt
from interpolants.training.loggers import closing, truncate_after
from interpolants.training.module import TrainingModule
from interpolants.training.options import named
from interpolants.training.own_record import OwnRecord
from interpolants.training.parts import RunParts, prepared_parts
from interpolants.training.power_ema import PowerEMA
from interpolants.training.progress import ProgressBar
from interpolants.training.record import RunRecord
from interpolants.training.same_data import SameData
from interpolants.training.sample_validation import LookAt, SampleValidation
from interpolants.training.speed import Speed
from interpolants.training.status import StatusLines
from interpolants.training.stream import HeldOut, StepStream
from interpolants.training.warm_start import warm_start
from interpolants.utils.checks import check
from interpolants.utils.log import silent, to_stderr
from interpolants.utils.ranks import own_environment

T = TypeVar("T")


def train(
    config: Mapping[str, Any],
    plain: dict[str, Any],
    build: Build,
    root: Path,
    checkpoint: Path | None = None,
) -> Report | None:
    """Train, validate, checkpoint, and report on the averaged weights.

    Arguments and errors are as of `run_training`.

    Returns:
        The final report, whose files are in the run's folder. Of several processes, only the first
        returns it, and the others None.
    """
    return run_training(
        config, plain, build, root, final_report, checkpoint=checkpoint, names_folder=True
    )


@own_environment()
def run_training(
    config: Mapping[str, Any],
    plain: dict[str, Any],
    build: Build,
    root: Path,
    conclude: Callable[[Outcome, Sequence[Any]], T],
    *,
    data: Data | None = None,
    checkpoint: Path | None = None,
    names_folder: bool = False,
) -> T | None:
    """Train, validate and write checkpoints.

    Args:
        config: the configuration, whose parts `build` turns into objects.
        plain: the same, resolved, as plain data.
        build: builds an object from a part, such as `hydra.utils.instantiate`.
        root: parent of the folder of runs.
        conclude: called in the first process with the trained model and the loggers.
        data: the training data, instead of those of the configuration.
        checkpoint: checkpoint of the run that is continued, if it is known already.
        names_folder: whether a line names the run's folder when training begins.

    Returns:
        What `conclude` returns; None in other processes, and if the run has ended before.

    Raises:
        ValueError: for a bad setting, before anything is written.
        NonFiniteLossError: if the loss diverges.
    """
    parts = prepared_parts(config, plain, build, data)
    location = _locate(config, plain, root, parts.task, checkpoint)
    parts.module.hparams["config"] = plain
    notes = [*([f"run: {location.folder}"] if names_folder else []), *parts.notes]
    kept, record = Kept(location.folder / KEPT), RunRecord(location, plain, notes)
    looks = _sampling(config, parts, kept, reports=conclude is final_report)
    callbacks = [*_callbacks(config, *looks, plain["fingerprint"], parts.callbacks), record]
    loggers = [AppendingCSVLogger(location.folder), *map(build, config["logger"].values())]
    splits = parts.module.trainable.splits_batches
    trainer = _build_trainer(config, build, loggers, callbacks, splits)
    with record.owner if trainer.is_global_zero else nullcontext():
        first = record.first_step(config["max_steps"], parts.module, trainer)
        if record.is_finished(first, config["max_steps"], trainer.is_global_zero):
            return None
        plain["history"] = _history(parts, plain, location, trainer.is_global_zero)
        truncate_after(loggers, first)
        with closing(loggers), announced(location):
            with distributed_training(trainer, callbacks):
                record.begin(trainer)
                _fit(trainer, parts.module, parts.data, config, location, plain)
            if not trainer.is_global_zero:
                return None
            loaded = _load(location, plain, trainer, parts)
            step = last_step(trainer, location.folder)
            record.stop(step, config, parts.callbacks)
            outcome = Outcome(parts.task, loaded, step, parts.data, parts.metrics, config, kept)
            found = conclude(outcome, loggers)
        record.end()
    return found


def _sampling(
    config: Mapping[str, Any], parts: RunParts, kept: Kept, *, reports: bool
) -> tuple[LookAt, SampleRequest]:
    """Function that checks samples in training, and the request of these.

    Args:
        reports: whether the run ends with a report, whose samples must be possible.
    """
    if reports:
        parts.task.check_report(parts.model, report_request(parts.task, config))
    request = parts.task.request(config, config["validation_size"], config["seed"])
    look = parts.task.check_samples
    return partial(look, parts.model, parts.data, parts.metrics, kept=kept), request


def _history(
    parts: RunParts, plain: dict[str, Any], location: RunLocation, speaks: bool
) -> list[dict[str, Any]]:
    """Events of the run so far; a new one gets its first weights here."""
    say = to_stderr if speaks else silent
    if location.checkpoint is not None:
        return continued_history(plain, location.checkpoint, parts.task.parts, say)
    return [] if plain["init"] is None else [warm_start(parts.module.trainable, plain, say)]


def _locate(
    config: Mapping[str, Any],
    plain: dict[str, Any],
    root: Path,
    task: Task,
    checkpoint: Path | None,
) -> RunLocation:
    """The run's location, which both forms of the configuration then name."""
    location = shared_location(lambda: locate_run(plain, root, task.parts, checkpoint))
    for each in (config, plain):
        each["run_dir"], each["run_id"] = str(location.folder), location.run_id  # type: ignore[index]
    return location


def _load(
    location: RunLocation, plain: dict[str, Any], trainer: pl.Trainer, parts: RunParts
) -> Any:
    """The trained model, by the averaged weights in its last checkpoint, as `sample.py` has it."""
    device = trainer.strategy.root_device
    loaded = load(location.folder / LAST, trust=modules_named(plain), device=device, data=True)
    return parts.task.completed(loaded, parts.model)


def _build_trainer(
    config: Mapping[str, Any],
    build: Build,
    loggers: list[Any],
    callbacks: list[pl.Callback],
    splits_batches: bool,
) -> pl.Trainer:
    """Build the trainer, whose epochs last from one validation to the next."""
    settings = {
        "logger": loggers,
        "callbacks": callbacks,
        "plugins": [AtomicCheckpointIO(), *_environment()],
        "max_steps": config["max_steps"],
        "max_epochs": -1,
        "limit_train_batches": config["validate_every"] // config["steps_per_batch"],
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
        "log_every_n_steps": 1 if config["callbacks"] else 0,  # asked for by Lightning's monitors
        # Under Slurm, Lightning starts a new run from any hpc_ckpt_*.ckpt that it finds there.
        "default_root_dir": config["run_dir"],
    }
    trainer: pl.Trainer = named("trainer", partial(build(config["trainer"]), **settings))
    count, parts = trainer.world_size, config["accumulate"]
    check(splits_batches or count == 1, "trainer.devices", "one device for this task", count)
    check(splits_batches or parts == 1, "accumulate", "1 for this task", parts)
    has_all = not isinstance(trainer.strategy, ModelParallelStrategy)
    rule = "null with sharded weights"
    check(has_all or config["power_ema"] is None, "power_ema", rule, config["power_ema"])
    size, fits = config["batch_size"], config["batch_size"] % (count * parts) == 0
    rule = f"a multiple of devices x accumulate = {count} x {parts}"
    check(fits, "batch_size", rule, size)
    return trainer


def _environment() -> list[SLURMEnvironment]:
    """Environment of Slurm without requeuing, if Slurm starts the processes."""
    by_slurm = SLURMEnvironment.detect() and not TorchElasticEnvironment.detect()
    return [SLURMEnvironment(auto_requeue=False)] if by_slurm else []


def _callbacks(
    config: Mapping[str, Any],
    look: LookAt,
    request: SampleRequest,
    data: Mapping[str, Any],
    own: Sequence[pl.Callback],
) -> list[pl.Callback]:
    steps, every = config["steps_per_batch"], config["checkpoint_every"]
    folder = Path(config["run_dir"])
    checkpoints = folder / LAST.parent
    sampling = SampleValidation(
        check_samples=look,
        request=request,
        folder=folder / "figures",
        every_n_steps=config["sample_every"],
    )
    chosen: list[pl.Callback] = [EagerValidation()] if config.get("compile") else []
    if config["power_ema"] is not None:
        chosen.append(
            PowerEMA(folder=folder / "ema", every_n_steps=config["power_ema"], batch_steps=steps)
        )
    seen = OwnRecord(own)
    complete = seen.is_complete if own else None
    speed = Speed(batch_size=config["batch_size"], log_every=config["log_every"])
    has_bar = any(isinstance(each, pl.callbacks.ProgressBar) for each in own)
    return [
        SameData(data),
        EMA(decay=config["ema"], batch_steps=steps),
        NonFiniteGuard(),
        *chosen,
        *([*own, seen] if own else []),  # first, so that they have seen all that is saved
        GracefulInterrupt(),
        Heart(config["patience"]),
        sampling,
        *([] if has_bar else [ProgressBar()]),
        speed,
        StatusLines(speed),
        BestCheckpoint(monitor="val/loss", dirpath=checkpoints),
        LastCheckpoint(dirpath=checkpoints, every_n_steps=every, is_complete=complete),
    ]


def _fit(
    trainer: pl.Trainer,
    module: TrainingModule,
    data: Data,
    config: Mapping[str, Any],
    location: RunLocation,
    plain: dict[str, Any],
) -> None:
    stream = StepStream(
        data,
        batch_size=config["batch_size"],
        seed=config["seed"],
        steps_per_batch=config["steps_per_batch"],
        max_steps=config["max_steps"],
        next_step=lambda: trainer.global_step,
        ranks=lambda: (trainer.global_rank, trainer.world_size),
        workers=config["workers"],
        overfit_batch=config["overfit_batch"],
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(plain)
    held_out = data.held_out(config["validation_size"], config["seed"])
    part = config["batch_size"] // (trainer.world_size * config["accumulate"])
    # Without gradients there is memory for more rows than in training.
    validation = HeldOut(held_out, 4 * part if module.trainable.splits_batches else None)
    trainer.fit(module, stream, validation, ckpt_path=location.checkpoint, weights_only=True)
