"""Every logger's own run: filled by the report, and ended with what became of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from interpolants.report.report import Report


@contextmanager
def closing(loggers: Sequence[Any]) -> Iterator[None]:
    """End each logger's run with the context, so that the next job of a sweep begins its own."""
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


def log_report(loggers: Sequence[Any], report: Report, step: int) -> None:
    """Log what was measured, metrics with their floors, and the pictures where a logger takes
    them."""
    values = {f"test/{m.name}": m.value for m in report.metrics}
    values |= {f"test/{m.name}_floor": m.floor for m in report.metrics}
    values |= {f"test/{name}": value for name, value in report.numbers.items()}
    pictures = [file for file in report.files if file.suffix == ".png"]
    for logger in loggers:
        if values:
            logger.log_metrics(values, step=step)
        for file in pictures if hasattr(logger, "log_image") else ():
            logger.log_image(key=f"test/{file.stem}", images=[str(file)], step=step)


def log_checkpoint(loggers: Sequence[Any], path: Path) -> None:
    """Make a checkpoint an artifact of the run, where Lightning makes the best one such."""
    for logger in loggers:
        if isinstance(logger, WandbLogger) and logger._log_model:
            run = logger.experiment
            run.log_artifact(str(path), name=f"model-{run.id}", type="model", aliases=["last"])
