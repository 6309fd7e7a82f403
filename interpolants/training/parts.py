"""Objects of a run, built and checked before anything is written."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch

from interpolants.checkpoint.reading import KEYS
from interpolants.checkpoint.saved import check_saved
from interpolants.data.base import Data
from interpolants.metric.base import Metric
from interpolants.task.base import Build, Task
from interpolants.training.module import TrainingModule
from interpolants.training.options import module_options
from interpolants.training.own_callbacks import check_sweep_value, own_callbacks
from interpolants.training.settings import check_accelerator, check_settings
from interpolants.training.warm_start import freeze


class RunParts(NamedTuple):
    """Objects of a run.

    Attributes:
        task: its kind of model.
        model: the model, with the weights that are trained.
        data: the training data.
        module: the training module.
        metrics: metrics, fitted on the data.
        notes: lines for the user.
        callbacks: callbacks of the user.
    """

    task: Task
    model: Any
    data: Data
    module: TrainingModule
    metrics: list[Metric]
    notes: Sequence[str]
    callbacks: list[pl.Callback]


def prepared_parts(
    config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data | None
) -> RunParts:
    """Build and check everything that needs no folder.

    Args:
        config, plain, build, data: as of `interpolants.training.run.run_training`.

    Raises:
        ValueError: for a bad setting.
    """
    _set_process(config)
    data = build(config["data"]) if data is None else data
    assert data is not None
    plain |= {"event_shape": list(data.event_shape), "fingerprint": {"data": data.fingerprint()}}
    task: Task = build(config["task"])
    trainable, model, notes = task.prepare(config, plain, build, data)
    freeze(trainable.model, plain["freeze"])
    module = TrainingModule(trainable, **module_options(config, plain, build, trainable.model))
    check_saved(plain, {**KEYS, **task.saved})
    metrics: list[Metric] = [build(node) for node in config["metric"].values()]
    check_sweep_value(config["sweep_value"], metrics)
    callbacks = own_callbacks(config, build, metrics)
    for metric in metrics:  # which may take minutes
        metric.fit(data)
    return RunParts(task, model, data, module, metrics, notes, callbacks)


def _set_process(config: Mapping[str, Any]) -> None:
    """Set seeds and threads; silence Lightning's messages on settings that are chosen on purpose.

    Raises:
        ValueError: for a wrong setting.
    """
    check_settings(config)
    check_accelerator(config["trainer"].get("accelerator"))
    pl.seed_everything(config["seed"], verbose=False)
    torch.set_num_threads(config["threads"])
    for name in ("lightning.pytorch", "lightning.fabric.utilities.distributed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.callbacks").setLevel(logging.INFO)
    warnings.filterwarnings("ignore", module="lightning")
    # Outputs of networks are not changed in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
