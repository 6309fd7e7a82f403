"""Tasks: the interface of a kind of model for training, loading and reports."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.data.row_file import RowFile
from interpolants.metric.base import Metric, MetricResult
from interpolants.model.request import SampleRequest
from interpolants.model.scores import ScoreRequest
from interpolants.objective.trainable import Trainable
from interpolants.utils.checks import check
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks

if TYPE_CHECKING:  # a report plots: loading a model need not import matplotlib
    from interpolants.report.kept import Kept
    from interpolants.report.report import Report
    from interpolants.report.row_report import RowReport
    from interpolants.report.settings import ReportSettings

Build = Callable[[Any], Any]
"""Function that builds an object from a part of the configuration."""


class TaskSetup(NamedTuple):
    """Objects of a run.

    Attributes:
        trainable: the module that is trained.
        model: the model with the same weights, in the units of the data.
        notes: lines to print before training.
    """

    trainable: Trainable[Any]
    model: Any
    notes: Sequence[str] = ()


class SampleCheck(NamedTuple):
    """Metrics and figure of samples during training.

    Attributes:
        results: metrics with their floors.
        figure: matplotlib figure of the samples.
        numbers: further values to log, by name.
    """

    results: Sequence[MetricResult]
    figure: Any
    numbers: Mapping[str, float]


class Task(abc.ABC):
    """Kind of model, with its construction, rebuilding, sampling and reports.

    Attributes:
        title: how messages call it, with its article.
        parts: keys of the configuration that decide the course of training, beside those that
            all tasks share.
        saved: keys of the configuration that the model is rebuilt from, beside those that all
            tasks share, and the type of each: the family of its class, with its base class.
        unused: arguments of `SampleRequest` and `ReportSettings` that have no meaning here.
    """

    title: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]
    saved: ClassVar[Mapping[str, Any]]
    unused: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> TaskSetup:
        """Build everything, and check it before anything is written.

        Args:
            config: the configuration, whose parts `build` turns into objects.
            plain: the same as plain data; the task adds further values to rebuild the model from.
            build: builds an object from a part of `config`.
            data: the training data.

        Raises:
            ValueError: if parts do not fit together.
        """

    @abc.abstractmethod
    def rebuild(
        self,
        config: Mapping[str, Any],
        state: Mapping[str, Tensor],
        build: Callable[[str], Any],
        device: torch.device | str,
    ) -> Any:
        """Rebuild the trained model of a checkpoint.

        Args:
            config: its configuration as plain data.
            state: `state_dict` of the `Trainable`.
            build: builds the object of a key of `saved`, or of those that all tasks share.
            device: device of the model.

        Raises:
            ValueError, RuntimeError, KeyError: if the state is another model's.
        """

    def completed(self, loaded: Any, trained: Any) -> Any:
        """A loaded model with the parts of the one in training that no checkpoint names."""
        return loaded

    def request(self, config: Mapping[str, Any], n: int, seed: int) -> SampleRequest:
        """Request for the samples that a run draws."""
        return SampleRequest(n=n, seed=seed)

    @abc.abstractmethod
    def check_samples(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        request: SampleRequest,
        kept: Kept | None = None,
    ) -> SampleCheck:
        """Draw samples with the present weights, compute metrics, and plot.

        Args:
            model, data, metrics, request: as in `report`.
            kept: results on real samples of earlier checks.
        """

    @abc.abstractmethod
    def check_report(self, model: Any, request: SampleRequest) -> None:
        """Require samples that `report` can draw in one process; called before training.

        Raises:
            ValueError: if it cannot.
        """

    @abc.abstractmethod
    def report(
        self,
        model: Any,
        data: Data | None,
        metrics: Sequence[Metric],
        request: SampleRequest,
        settings: ReportSettings,
        ranks: Ranks | None = None,
        log: Log = silent,
    ) -> Report | None:
        """Draw samples of a trained model, compute metrics, and write files.

        Args:
            model: a model from `interpolants.load`.
            data, metrics: data to compare with, and metrics; without data there are none.
            request: the samples.
            settings: further output, and folder and stem of the files.
            ranks: number of this process; the only one if None.
            log: called with lines of progress.

        Returns:
            The report; None on all processes but the first.
        """

    def score(
        self, model: Any, file: RowFile, request: ScoreRequest, settings: ReportSettings
    ) -> RowReport:
        """Write log densities of the rows of a file, as `write_scores`.

        Raises:
            ValueError: if this kind of model has none.
        """
        raise ValueError(f"ckpt: expected a model with log densities of rows, got {self.title}")

    def translate(
        self, model: Any, file: RowFile, request: SampleRequest, settings: ReportSettings
    ) -> RowReport:
        """Write the partners of the rows of a file, as `write_translation`.

        Raises:
            ValueError: if this kind of model has none.
        """
        raise ValueError(f"ckpt: expected a model between two data sets, got {self.title}")

    def stem(self, sampler: str) -> str:
        """Default stem of sample files; `sampler` is the name of the sampler's yaml."""
        return sampler

    def check_overrides(self, overrides: Sequence[str]) -> None:
        """Refuse settings of the command line that have no meaning for this kind of model.

        Args:
            overrides: words of the command line, such as `sampler.solver=heun`.

        Raises:
            ValueError: for the first such setting.
        """
        for word in overrides:
            key = word.lstrip("+~").partition("=")[0]
            setting = key.partition("/")[0].partition(".")[0].partition("@")[0]
            rule = f"no such setting for {self.title}"
            check(setting not in self.unused, key, rule, word, "leave it out")
