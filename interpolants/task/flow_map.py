"""The task of flow maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from torch import Tensor

from interpolants.data.base import Data
from interpolants.data.row_file import RowFile
from interpolants.metric.base import Metric
from interpolants.model.request import SampleRequest
from interpolants.model.scores import ScoreRequest
from interpolants.objective.time_sampler.base import TimeSampler
from interpolants.task.base import Build, SampleCheck, Task, TaskSetup
from interpolants.task.fields_setup import fields_setup
from interpolants.task.interpolant import InterpolantTask
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks

if TYPE_CHECKING:
    from interpolants.report.kept import Kept
    from interpolants.report.report import Report
    from interpolants.report.row_report import RowReport
    from interpolants.report.settings import ReportSettings

# Held-out pairs of the residuals that are logged.
_PAIRS = 512


@final
class FlowMapTask(Task):
    """Task of jumps between any two times of a path, whose diagonal is a velocity.

    All but its reports is as of an interpolant, with a network of two times.
    """

    title: ClassVar[str] = "a flow map"
    parts: ClassVar[tuple[str, ...]] = InterpolantTask.parts
    saved: ClassVar[Mapping[str, Any]] = {**InterpolantTask.saved, "time_sampler": TimeSampler}
    unused: ClassVar[tuple[str, ...]] = InterpolantTask.unused

    def __init__(self) -> None:
        self._fields = InterpolantTask()

    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> TaskSetup:
        return fields_setup(config, plain, build, data, two_times=True)

    def rebuild(
        self,
        config: Mapping[str, Any],
        state: Mapping[str, Tensor],
        build: Callable[[str], Any],
        device: torch.device | str,
    ) -> Any:
        return self._fields.rebuild(config, state, build, device)

    def completed(self, loaded: Any, trained: Any) -> Any:
        return self._fields.completed(loaded, trained)

    def check_samples(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        request: SampleRequest,
        kept: Kept | None = None,
    ) -> SampleCheck:
        """Check samples, and the residuals of the map on held-out data."""
        from interpolants.flow_map.residuals import map_residuals

        found = self._fields.check_samples(model, data, metrics, request, kept)
        residuals = map_residuals(model, data, _PAIRS, request.seed)
        return found._replace(numbers={**found.numbers, **residuals})

    def check_report(self, model: Any, request: SampleRequest) -> None:
        self._fields.check_report(model, request)

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
        from interpolants.flow_map.report import write_map_report

        return write_map_report(model, data, metrics, request, settings, ranks, log)

    def score(
        self, model: Any, file: RowFile, request: ScoreRequest, settings: ReportSettings
    ) -> RowReport:
        return self._fields.score(model, file, request, settings)

    def translate(
        self, model: Any, file: RowFile, request: SampleRequest, settings: ReportSettings
    ) -> RowReport:
        return self._fields.translate(model, file, request, settings)
