"""Training runs: set-up with all checks, training, and the final report."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace as changed
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import nn

from interpolants.checkpoint.loading import load
from interpolants.checkpoint.reading import KEYS, read_checkpoint
from interpolants.checkpoint.runs import LAST, RunLocation, announced, locate_run, shared_location
from interpolants.checkpoint.saved import check_saved, modules_named
from interpolants.data.base import Data
from interpolants.metric.base import Metric
from interpolants.model.request import SampleRequest
from interpolants.report.kept import KEPT, Kept
from interpolants.report.report import Report
from interpolants.report.settings import ReportSettings
from interpolants.report.writer import sole_writer
from interpolants.task.base import Build, Task
from interpolants.training.checkpoint_io import AtomicCheckpointIO
from interpolants.training.checkpoints import BestCheckpoint, LastCheckpoint
from interpolants.training.compiling import EagerValidation
from interpolants.training.csv_logger import AppendingCSVLogger
from interpolants.training.distributed import Heart, distributed_training
from interpolants.training.ema import EMA
from interpolants.training.figures import write_figures
from interpolants.training.guard import NonFiniteGuard
from interpolants.training.interrupt import GracefulInterrupt
from interpolants.training.loggers import closing, log_checkpoint, log_report
from interpolants.training.module import TrainingModule
from interpolants.training.power_ema import PowerEMA
from interpolants.training.progress import ProgressBar
from interpolants.training.record import RunRecord
from interpolants.training.same_data import SameData
from interpolants.training.sample_validation import LookAt, SampleValidation
from interpolants.training.settings import check_accelerator, check_settings
from interpolants.training.stream import HeldOut, StepStream
from interpolants.utils.checks import check
from interpolants.utils.ranks import own_environment


@own_environment()
def train(
    config: Mapping[str, Any], plain: dict[str, Any], build: Build, root: Path
) -> Report | None:
    """Train, validate, checkpoint, and report on the averaged weights.

    Args:
        config: the configuration, whose parts `build` turns into objects.
        plain: the same, resolved, as plain data.
        build: builds an object from a part, such as `hydra.utils.instantiate`.
        root: parent of the folder of runs.

    Returns:
        The final report, whose files are in the run's folder. Of several processes, only the first
        returns it, and the others None.

    Raises:
        ValueError: for a bad setting, before anything is written.
        NonFiniteLossError: if the loss diverges.
    """
    _quiet()
    check_settings(config)
    check_accelerator(config["trainer"].get("accelerator"))
    pl.seed_everything(config["seed"], verbose=False)
    torch.set_num_threads(config["threads"])
    data: Data = build(config["data"])
    plain |= {"event_shape": list(data.event_shape), "fingerprint": {"data": data.fingerprint()}}
    task: Task = build(config["task"])
    trainable, model, notes = task.prepare(config, plain, build, data)
    module = TrainingModule(trainable, **_module_options(config, plain, build, trainable.model))
    check_saved(plain, {**KEYS, **task.saved})
    metrics = _fitted_metrics(config, build, data)
    location = _locate(config, plain, root, task)
    module.hparams["config"] = plain
    request = task.request(config, config["validation_size"], config["seed"])
    kept = Kept(location.folder / KEPT)
    check_samples = partial(task.check_samples, model, data, metrics, kept=kept)
    record = RunRecord(location, plain, notes)
    callbacks = [*_callbacks(config, check_samples, request, plain["fingerprint"]), record]
    csv_logger = AppendingCSVLogger(location.folder)
    loggers = [csv_logger, *(build(node) for node in config["logger"].values())]
    trainer = _build_trainer(config, build, loggers, callbacks, trainable.splits_batches)
    with record.owner if trainer.is_global_zero else nullcontext():
        first = record.first_step(config["max_steps"], module, trainer)
        if record.is_finished(first, config["max_steps"], trainer.is_global_zero):
            return None
        csv_logger.truncate_after(first)
        with closing(loggers), announced(location):
            with distributed_training(trainer, callbacks):
                record.begin(trainer)
                _fit(trainer, module, data, config, location, plain)
            if not trainer.is_global_zero:
                return None
            loaded = _load(location, plain, trainer, task, model)
            report = _conclude(task, loaded, data, metrics, config, kept, trainer)
        record.end()
    return report


def _locate(
    config: Mapping[str, Any], plain: dict[str, Any], root: Path, task: Task
) -> RunLocation:
    """The run's location, which both forms of the configuration then name."""
    location = shared_location(lambda: locate_run(plain, root, task.parts))
    for each in (config, plain):
        each["run_dir"], each["run_id"] = str(location.folder), location.folder.name  # type: ignore[index]
    return location


def _load(
    location: RunLocation, plain: dict[str, Any], trainer: pl.Trainer, task: Task, model: Any
) -> Any:
    """The trained model, by the averaged weights in its last checkpoint, as `sample.py` has it."""
    device = trainer.strategy.root_device
    loaded = load(location.folder / LAST, trust=modules_named(plain), device=device, data=True)
    return task.completed(loaded, model)


def _fitted_metrics(config: Mapping[str, Any], build: Build, data: Data) -> list[Metric]:
    metrics: list[Metric] = [build(node) for node in config["metric"].values()]
    for metric in metrics:
        metric.fit(data)
    return metrics


def _conclude(
    task: Task,
    model: Any,
    data: Data,
    metrics: Sequence[Metric],
    config: Mapping[str, Any],
    kept: Kept,
    trainer: pl.Trainer,
) -> Report:
    """The final report of a run, logged."""
    folder, loggers = Path(config["run_dir"]), trainer.loggers
    for logger in loggers:
        logger.save()  # the curves are plotted from a file
    figures = write_figures(folder)
    request = task.request(config, config["report_size"], config["seed"])
    place, animation = Path(config["run_dir"]) / "samples", config["animation"]
    settings = ReportSettings(folder=place, animation=animation, kept=kept)
    with sole_writer(settings.folder, settings.stem):
        report = task.report(model, data, metrics, request, settings)
    assert report is not None
    # A trainer that forked has lost its own.
    step = trainer.global_step or read_checkpoint(folder / LAST)["global_step"]
    log_report(loggers, report, step)
    log_checkpoint(loggers, folder / LAST)
    return changed(report, files=[*report.files, *figures])


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
        # Under Slurm, Lightning starts a new run from any hpc_ckpt_*.ckpt that it finds there.
        "default_root_dir": config["run_dir"],
    }
    trainer: pl.Trainer = _named("trainer", partial(build(config["trainer"]), **settings))
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
    config: Mapping[str, Any], look: LookAt, request: SampleRequest, data: Mapping[str, Any]
) -> list[pl.Callback]:
    folder, steps = Path(config["run_dir"]), config["steps_per_batch"]
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
    return [
        SameData(data),
        EMA(decay=config["ema"], batch_steps=steps),
        NonFiniteGuard(),
        *chosen,
        GracefulInterrupt(),
        Heart(config["patience"]),
        sampling,
        ProgressBar(),
        BestCheckpoint(monitor="val/loss", dirpath=checkpoints),
        LastCheckpoint(dirpath=checkpoints, every_n_steps=config["checkpoint_every"]),
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
    )
    for logger in trainer.loggers:
        logger.log_hyperparams(plain)
    held_out = data.held_out(config["validation_size"], config["seed"])
    part = config["batch_size"] // (trainer.world_size * config["accumulate"])
    # Without gradients there is memory for more rows than in training.
    validation = HeldOut(held_out, 4 * part if module.trainable.splits_batches else None)
    trainer.fit(module, stream, validation, ckpt_path=location.checkpoint, weights_only=True)


def _module_options(
    config: Mapping[str, Any], plain: Mapping[str, Any], build: Build, model: nn.Module
) -> dict[str, Any]:
    """Arguments of the training module from the configuration.

    Raises:
        ValueError: if a setting of the optimiser or the schedule is wrong.
    """
    optimizer, scheduler = build(config["optimizer"]), build(config["scheduler"])
    # Lightning builds both after the set-up; bad settings are refused here.
    scheduler(_named("optimizer", lambda: optimizer(model.parameters())))
    settings = {key: config[key] for key in ("seed", "clip_norm", "log_every", "accumulate")}
    return {"optimizer": optimizer, "scheduler": scheduler, "config": plain} | settings


def _named(key: str, make: Callable[[], Any]) -> Any:
    """Build a part of another library, with the key of its configuration in errors."""
    try:
        return make()
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise ValueError(f"{key}: {error}") from error


def _quiet() -> None:
    """Silence Lightning's messages on settings that are chosen on purpose."""
    for name in ("lightning.pytorch", "lightning.fabric.utilities.distributed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    # Outputs of networks are not changed in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
