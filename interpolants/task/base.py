"""A kind of model: how it is built, trained, loaded from a checkpoint, and reported on."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.metric.base import Metric, MetricResult
from interpolants.model.request import SampleRequest
from interpolants.objective.trainable import Trainable
from interpolants.utils.checks import check
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks

if TYPE_CHECKING:  # a report plots: loading a model need not import matplotlib
    from interpolants.report.report import Report
    from interpolants.report.settings import ReportSettings

Build = Callable[[Any], Any]
"""Makes an object from a part of the configuration."""


class TaskSetup(NamedTuple):
    """The objects of a run.

    Attributes:
        trainable: what is trained.
        model: the same weights as a model in the units of the data.
    """

    trainable: Trainable[Any]
    model: Any


class SampleCheck(NamedTuple):
    """Samples during training, measured and plotted.

    Attributes:
        results: each metric with its floor.
        figure: of the samples, by matplotlib.
        numbers: further values to log, by name.
    """

    results: Sequence[MetricResult]
    figure: Any
    numbers: Mapping[str, float]


class Task(abc.ABC):
    """A kind of model.

    Attributes:
        title: how messages call it, with its article.
        parts: keys of the configuration that decide the course of training, beside those that
            all tasks share.
        saved: keys of the configuration that the model is rebuilt from, beside those that all
            tasks share.
        unused: arguments of `SampleRequest` and `ReportSettings` that have no meaning here.
    """

    title: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    saved: ClassVar[tuple[str, ...]]
    unused: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> TaskSetup:
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
    def rebuild(
        self,
        config: Mapping[str, Any],
        state: Mapping[str, Tensor],
        build: Callable[[str], Any],
        device: torch.device | str,
    ) -> Any:
        """The trained model of a checkpoint.

        Args:
            config: its configuration as plain data.
            state: `state_dict` of the `Trainable`.
            build: makes the object of a key of the configuration.
            device: where to put the model.

        Raises:
            ValueError, RuntimeError, KeyError: if the state is another model's.
        """

    def request(self, config: Mapping[str, Any], n: int, seed: int) -> SampleRequest:
        """The samples that a run draws, by its configuration."""
        return SampleRequest(n=n, seed=seed)

    @abc.abstractmethod
    def check_samples(
        self, model: Any, data: Data, metrics: Sequence[Metric], request: SampleRequest
    ) -> SampleCheck:
        """Samples of the present weights, measured and plotted."""

    @abc.abstractmethod
    def report(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        request: SampleRequest,
        settings: ReportSettings,
        ranks: Ranks | None = None,
        log: Log = silent,
    ) -> Report | None:
        """Draw samples of a trained model, measure them, and write files.

        Args:
            model: what `interpolants.load` returned.
            data, metrics: what to compare with, and how.
            request: the samples.
            settings: what is written, and where.
            ranks: which of several processes this is; the only one if None.
            log: takes lines of progress.

        Returns:
            The report; None on all processes but the first.
        """

    def stem(self, sampler: str) -> str:
        """How files of samples are named by default; `sampler` is the name of the sampler's yaml."""
        return sampler

    def check_overrides(self, overrides: Sequence[str]) -> None:
        """Refuse settings of the command line that have no meaning for this kind of model.

        Args:
            overrides: as typed, such as `sampler.solver=heun`.

        Raises:
            ValueError: for the first of them.
        """
        for word in overrides:
            key = word.lstrip("+~").partition("=")[0]
            setting = key.partition("/")[0].partition(".")[0].partition("@")[0]
            rule = f"no such setting for {self.title}"
            check(setting not in self.unused, key, rule, word, "leave it out")
