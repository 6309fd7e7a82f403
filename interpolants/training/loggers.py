"""Final logs of a run: report, checkpoint, and exit status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from interpolants.metric.base import MetricResult
from interpolants.report.report import Report


@contextmanager
def closing(loggers: Sequence[Any]) -> Iterator[None]:
    """Context that ends each logger's run, so that the next job of a sweep starts its own."""
    exit_code = 1
    try:
        yield
        exit_code = 0
    finally:
        for logger in loggers:
            logger.finalize("failed" if exit_code else "success")
            finish = getattr(getattr(logger, "experiment", None), "finish", None)
            if finish is not None:
                finish(exit_code=exit_code)


def truncate_after(loggers: Sequence[Any], step: int) -> None:
    """Drop or hide what was logged of later steps, where a logger can."""
    for logger in loggers:
        truncate = getattr(logger, "truncate_after", None)
        if truncate is not None:
            truncate(step)


def numbers_of(results: Sequence[MetricResult], stage: str) -> dict[str, float]:
    """Values and floors of metrics with their spreads, by the names in logs."""
    values: dict[str, float] = {}
    for found in results:
        name = f"{stage}/{found.name}"
        values |= {name: found.value, f"{name}_sd": found.sd}
        values |= {f"{name}_floor": found.floor, f"{name}_floor_sd": found.floor_sd}
    return values


def log_report(loggers: Sequence[Any], report: Report, step: int) -> None:
    """Log the numbers and figures of a report; figures to loggers that take images."""
    values = numbers_of(report.metrics, "test")
    values |= {f"test/{name}": value for name, value in report.numbers.items()}
    images = [file for file in report.files if file.suffix == ".png"]
    for logger in loggers:
        if values:
            logger.log_metrics(values, step=step)
        for file in images if hasattr(logger, "log_image") else ():
            logger.log_image(key=f"test/{file.stem}", images=[str(file)], step=step)


def log_checkpoint(loggers: Sequence[Any], path: Path) -> None:
    """Log a checkpoint as an artifact to loggers for which Lightning logs the best one."""
    for logger in loggers:
        if isinstance(logger, WandbLogger) and logger._log_model:
            run = logger.experiment
            run.log_artifact(str(path), name=f"model-{run.id}", type="model", aliases=["last"])
