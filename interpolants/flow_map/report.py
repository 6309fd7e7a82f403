"""Reports on flow maps: one number of steps says little, so that several are compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from interpolants.data.base import Data
from interpolants.flow_map.residuals import map_residuals
from interpolants.metric.base import Metric
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.plot.figure_info import FigureInfo
from interpolants.plot.snapshots import plot_snapshots
from interpolants.plot.step_counts import plot_step_counts
from interpolants.plot.style import save
from interpolants.report.figure_info import figure_info
from interpolants.report.report import Measured, Report, as_plain, measure, write_numbers
from interpolants.report.settings import ReportSettings
from interpolants.report.sharding import write_sharded_report
from interpolants.sampler.process.flow_map import FlowMap
from interpolants.sampler.process.stochastic_flow_map import StochasticFlowMap
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks

COUNTS = (1, 2, 4, 8, 16)
"""Numbers of steps that a report compares, where the map was trained for their jumps."""
_PAIRS, _DRAWN = 1_000, 2_000


def write_map_report(
    model: Model,
    data: Data | None,
    metrics: Sequence[Metric],
    request: SampleRequest,
    settings: ReportSettings,
    ranks: Ranks | None = None,
    log: Log = silent,
) -> Report | None:
    """Write a report of samples, and compare numbers of steps of the same sampler.

    Beside the files of `write_sharded_report` there are `<stem>_steps.json`, with metrics by the
    number of steps, and figures of them and of the samples. The numbers of the report have the
    residuals of held-out data (`map_residuals`). By another sampler than one of jumps, the map is
    reported on as a velocity.

    Args:
        model, data, metrics, request, settings, ranks, log: as of `write_sharded_report`.
    """
    report = write_sharded_report(model, data, metrics, request, settings, ranks, log)
    process = model.make_sampler(request.factory(model.sampler)).process
    if report is None or data is None or not isinstance(process, FlowMap | StochasticFlowMap):
        return report
    by_count = {count: dataclasses.replace(request, num_steps=count) for count in COUNTS}
    asked = {count: each for count, each in by_count.items() if _is_known(model, each)}
    found = {
        count: measure(model, data, metrics, each, kept=settings.kept)
        for count, each in asked.items()
    }
    numbers = {f"{m.name}_{k}_steps": m.value for k, each in found.items() for m in each.results}
    residuals = map_residuals(model, data, _PAIRS, request.seed)
    return dataclasses.replace(
        report,
        numbers={**report.numbers, **residuals, **numbers},
        files=[*report.files, *_write(found, figure_info(model, data, request), settings)],
    )


def _is_known(model: Model, request: SampleRequest) -> bool:
    """True if the map was trained for the jumps of a number of steps."""
    try:
        model.make_sampler(request.factory(model.sampler), num_steps=request.num_steps)
    except ValueError:
        return False
    return True


def _write(
    found: Mapping[int, Measured], info: FigureInfo, settings: ReportSettings
) -> list[Path]:
    """Write metrics and samples by the number of steps; returns the files."""
    start = settings.folder / settings.stem
    info = dataclasses.replace(info, title=info.title.rpartition(",")[0])  # without the steps
    files = [start.with_name(f"{start.name}_steps.{kind}") for kind in ("json", "png")]
    results = {str(k): as_plain(each.results) for k, each in found.items()}
    write_numbers(files[0], results)
    least = min(_DRAWN, *(len(each.samples.x) for each in found.values()))
    panels = torch.stack([each.samples.x[:least].cpu() for each in found.values()])
    names = [f"{count} step{'s' if count > 1 else ''}" for count in found]
    save(plot_snapshots(panels, torch.arange(len(found)), info, names), files[1])
    by_metric = list(zip(*(each.results for each in found.values()), strict=True))
    if by_metric:
        curves = {each[0].name: [(m.value, m.sd) for m in each] for each in by_metric}
        floors = {each[-1].name: (each[-1].floor, each[-1].floor_sd) for each in by_metric}
        files.append(start.with_name(f"{start.name}_curve.png"))
        save(plot_step_counts(tuple(found), curves, floors, info), files[-1])
    return files
