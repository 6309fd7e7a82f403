"""The task of stochastic interpolants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import torch
from torch import Tensor, nn

from interpolants.base.base import Base
from interpolants.coupling.base import Coupling
from interpolants.data.base import Data
from interpolants.data.columns import Columns
from interpolants.data.labels import Labels
from interpolants.data.row_file import RowFile
from interpolants.fields.guidance.base import Guidance
from interpolants.interpolant.base import Interpolant
from interpolants.metric.base import Metric
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.model.scores import ScoreRequest
from interpolants.net.field_network import FieldNetwork
from interpolants.objective.base import Objective
from interpolants.sampler.sampler import Sampler
from interpolants.task.base import Build, SampleCheck, Task, TaskSetup
from interpolants.task.building import (
    build_fields,
    load_state,
)
from interpolants.task.fields_setup import fields_setup
from interpolants.utils.checks import check
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks

if TYPE_CHECKING:
    from interpolants.report.kept import Kept
    from interpolants.report.report import Report
    from interpolants.report.row_report import RowReport
    from interpolants.report.settings import ReportSettings


@final
class InterpolantTask(Task):
    """Task of fields on a path between base and data, with a free choice of sampler."""

    title: ClassVar[str] = "an interpolant"
    parts: ClassVar[tuple[str, ...]] = (
        "base",
        "coupling",
        "interpolant",
        "objective",
        "time_sampler",
        "net",
        "label_dropout",
        "precondition",
    )
    saved: ClassVar[Mapping[str, Any]] = {
        "base": Base,
        "coupling": Coupling,
        "interpolant": Interpolant,
        "objective": Objective,
        "net": Callable[..., FieldNetwork | nn.Module],
        "sampler": Callable[..., Sampler],
        "guidance": Guidance | None,
        "labels": Labels | None,
        "columns": Columns | None,
        "std": float | None,
    }
    unused: ClassVar[tuple[str, ...]] = ("context_length",)

    def prepare(
        self, config: Mapping[str, Any], plain: dict[str, Any], build: Build, data: Data
    ) -> TaskSetup:
        return fields_setup(config, plain, build, data, two_times=False)

    def rebuild(
        self,
        config: Mapping[str, Any],
        state: Mapping[str, Tensor],
        build: Callable[[str], Any],
        device: torch.device | str,
    ) -> Model:
        labels, shape = build("labels"), build("event_shape")
        fields, _ = build_fields(build, shape, labels, build("std"))
        scaling = load_state(fields.to(device), build("space"), state, shape).to(device)
        model = Model(
            fields=fields,
            event_shape=shape,
            scaling=scaling,
            sampler=build("sampler"),
            labels=labels,
            guidance=build("guidance"),
            columns=_columns(build("columns"), shape),
            config=config,
        )
        model.make_sampler()  # its errors are raised now
        return model

    def completed(self, loaded: Model, trained: Model) -> Model:
        loaded.guidance = trained.guidance  # may have a network of another run
        return loaded

    def check_samples(
        self,
        model: Any,
        data: Data,
        metrics: Sequence[Metric],
        request: SampleRequest,
        kept: Kept | None = None,
    ) -> SampleCheck:
        """Check samples, and count those that are not finite, if there may be some."""
        from interpolants.plot.samples import plot_samples
        from interpolants.report.figure_info import figure_info
        from interpolants.report.report import measure

        drawn, found, results, lost = measure(model, data, metrics, request, kept=kept)
        real = None if found.references is None else found.references.pairs[0][0]
        numbers = {"outside": lost} if lost or drawn.outside is not None else {}
        info = figure_info(model, data, request)
        figure = plot_samples(drawn.x.cpu(), real, found.name, info)
        return SampleCheck(results, figure, numbers)

    def check_report(self, model: Any, request: SampleRequest) -> None:
        from interpolants.report.sharding import check_chunks

        check_chunks(model, request)

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
        from interpolants.report.sharding import write_sharded_report

        return write_sharded_report(model, data, metrics, request, settings, ranks, log)

    def score(
        self, model: Any, file: RowFile, request: ScoreRequest, settings: ReportSettings
    ) -> RowReport:
        from interpolants.report.row_report import write_scores

        return write_scores(model, file, request, settings)

    def translate(
        self, model: Any, file: RowFile, request: SampleRequest, settings: ReportSettings
    ) -> RowReport:
        from interpolants.report.row_report import write_translation

        return write_translation(model, file, request, settings)


def _columns(columns: Columns | None, shape: Sequence[int]) -> Columns | None:
    """Columns of a checkpoint, which must be those of its samples."""
    size = None if columns is None else len(columns.coordinates)
    fits = columns is None or (size,) == tuple(shape)
    check(fits, "columns", f"columns for samples of shape {tuple(shape)}", size)
    return columns
