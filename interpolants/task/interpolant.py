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
from interpolants.fields.fields import Fields
from interpolants.fields.guidance.base import Guidance
from interpolants.interpolant.base import Interpolant
from interpolants.metric.base import Metric
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.model.scores import ScoreRequest
from interpolants.model.trainable import TrainableFields
from interpolants.net.field_network import FieldNetwork
from interpolants.objective.base import Objective
from interpolants.objective.time_sampler.base import TimeSampler
from interpolants.sampler.sampler import Sampler
from interpolants.task.base import Build, SampleCheck, Task, TaskSetup
from interpolants.task.building import (
    build_fields,
    fit_base,
    fit_scaling,
    load_state,
    probe_fields,
    root_mean_square,
)
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
        "time_sampler": TimeSampler,
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
        labels = _labels(config["label_dropout"], data)
        scaling = fit_scaling(data, build(config["space"]))
        std = root_mean_square(data, scaling) if config["precondition"] else None
        fields, objective = build_fields(
            lambda key: build(config[key]), data.event_shape, labels, std
        )
        probe_fields(fields, data.event_shape, labels)
        if config["compile"]:
            # In place, so that the names of weights in checkpoints do not change.
            fields.net.compile(dynamic=False)
        fit_base(data, scaling, fields)
        _check_batch(data, fields, labels)
        plain["labels"] = None if labels is None else labels.plain()
        plain["columns"] = None if data.table is None else data.table.plain()
        plain["std"] = std
        if fields.base.fingerprint():
            plain.setdefault("fingerprint", {})["base.data"] = fields.base.fingerprint()
        data.train_batch(0, config["batch_size"], config["seed"])
        model = Model(
            fields=fields,
            event_shape=data.event_shape,
            scaling=scaling,
            sampler=build(config["sampler"]),
            labels=labels,
            guidance=_guidance(config, build, labels),
            columns=data.table,
            config=plain,
        )
        model.make_sampler()
        trainable = TrainableFields(
            model=fields,
            scaling=scaling,
            objective=objective,
            time_sampler=build(config["time_sampler"]),
            labels=labels,
        )
        return TaskSetup(trainable, model, _notes(labels))

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


def _labels(dropout: float | None, data: Data) -> Labels | None:
    """Labels of the training rows, if the network is conditioned on them."""
    if dropout is None:
        return None
    names = {"names": data.classes, "columns": data.label_columns}
    return Labels.of(data.labels(), dropout, data.num_classes, **names)


def _guidance(config: Mapping[str, Any], build: Build, labels: Labels | None) -> Guidance | None:
    """Build the guidance, and check that it fits the labels."""
    if not config["guidance"]:
        return None
    guidance: Guidance = build(config["guidance"])
    guidance.check(labels)
    return guidance


def _check_batch(data: Data, fields: Fields, labels: Labels | None) -> None:
    """Require data without missing observations that the coupling can pair."""
    generator = torch.Generator().manual_seed(0)
    one = data.sample(1, generator)
    fix = "use task=neural_sde"
    rule = "data with no observations missing, for an interpolant"
    check(one.mask is None, "data", rule, type(data).__name__, fix)
    check(
        one.x0 is not None or not fields.coupling.needs_pairs,
        "coupling",
        "data whose batches have x0, for paired data",
        type(data).__name__,
        "use coupling=independent or minibatch_ot",
    )
    x0 = one.x0
    if x0 is None:
        x0 = fields.base.sample(1, data.event_shape, generator)
    fields.coupling.pair(x0, one.x1, None if labels is None else one.label, generator)


def _notes(labels: Labels | None) -> list[str]:
    """Line with the names of the classes, if they have some."""
    return [labels.mapping()] if labels is not None and labels.names else []
