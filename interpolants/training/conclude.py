"""The end of a run: the trained model, and the final report on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from pathlib import Path
from typing import Any, NamedTuple

import lightning.pytorch as pl

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST
from interpolants.data.base import Data
from interpolants.metric.base import Metric
from interpolants.model.request import SampleRequest
from interpolants.report.kept import Kept
from interpolants.report.report import Report
from interpolants.report.settings import ReportSettings
from interpolants.report.writer import sole_writer
from interpolants.task.base import Task
from interpolants.training.figures import write_figures
from interpolants.training.loggers import log_checkpoint, log_report


class Outcome(NamedTuple):
    """Outcome of a run.

    Attributes:
        task: its kind of model.
        model: the trained model, by the averaged weights in its last checkpoint.
        step: the last step.
        data, metrics: the data, and metrics fitted on them.
        config: the configuration.
        kept: results on real samples.
    """

    task: Task
    model: Any
    step: int
    data: Data
    metrics: Sequence[Metric]
    config: Mapping[str, Any]
    kept: Kept


def last_step(trainer: pl.Trainer, folder: Path) -> int:
    """Last step of a run; that of its last checkpoint if the trainer forked and has lost it."""
    step: int = trainer.global_step or read_checkpoint(folder / LAST)["global_step"]
    return step


def report_request(task: Task, config: Mapping[str, Any]) -> SampleRequest:
    """Request for the samples of the final report."""
    return task.request(config, config["report_size"], config["seed"])


def final_report(run: Outcome, loggers: Sequence[Any]) -> Report:
    """Sample the trained model, write the report, and log it."""
    config, folder = run.config, Path(run.config["run_dir"])
    for logger in loggers:
        logger.save()  # the curves are plotted from a file
    figures = write_figures(folder)
    request = report_request(run.task, config)
    settings = ReportSettings(
        folder=folder / "samples", animation=config["animation"], kept=run.kept
    )
    with sole_writer(settings.folder, settings.stem):
        report = run.task.report(run.model, run.data, run.metrics, request, settings)
    assert report is not None
    log_report(loggers, report, run.step)
    log_checkpoint(loggers, folder / LAST)
    return changed(report, files=[*report.files, *figures])
