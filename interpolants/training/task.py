"""What a run trains: how its parts become a module, and what is said of the trained model."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from interpolants.data.base import Data
from interpolants.metric.base import Metric
from interpolants.report.report import Report
from interpolants.training.chunk_module import ChunkModule
from interpolants.training.sampling import Look

Build = Callable[[Any], Any]
"""Makes an object from a part of the configuration."""


class Prepared(NamedTuple):
    """What a task brings to a run.

    Attributes:
        module: what Lightning trains.
        look: samples of the module's weights as they are, measured: `look(metrics, n)`.
    """

    module: ChunkModule
    look: Callable[[Sequence[Metric], int], Look]


class Task(abc.ABC):
    """A kind of model that runs train.

    Attributes:
        parts: keys of the configuration that decide the course of training, beside those that
            all tasks share.
    """

    parts: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> Prepared:
        """Build everything, and check it before anything is written.

        Args:
            config: the configuration, whose parts `build` turns into objects.
            plain: the same as plain data; the task adds what a model is rebuilt from.
            build: as for `train`.
            data: what to train on.

        Raises:
            ValueError: for parts that do not go together.
        """

    @abc.abstractmethod
    def report(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        folder: Path,
        config: Mapping[str, Any],
    ) -> Report:
        """The final report on a model that was loaded from a checkpoint of this task.

        Args:
            model: what `interpolants.load` returned.
            data, metrics: what to compare with, and how.
            folder: of the report's files.
            config: the configuration.
        """


def module_options(
    config: Mapping[str, Any], plain: Mapping[str, Any], build: Build, trained: nn.Module
) -> dict[str, Any]:
    """The arguments that all modules share but the scaling, from the configuration.

    Raises:
        ValueError: if the optimiser or the schedule refuses its settings.
    """
    optimizer, scheduler = build(config["optimizer"]), build(config["scheduler"])
    # Lightning makes both when it has set up the run; bad settings are refused now.
    scheduler(named("optimizer", lambda: optimizer(trained.parameters())))
    settings = {key: config[key] for key in ("seed", "clip_norm", "log_every", "accumulate")}
    return {"optimizer": optimizer, "scheduler": scheduler, "config": plain} | settings


def named(key: str, make: Callable[[], Any]) -> Any:
    """Make a part of another library; its errors get the key that the part is configured by."""
    try:
        return make()
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise ValueError(f"{key}: {error}") from error
