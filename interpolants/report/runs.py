"""Runs below a folder, read from their configurations and logs alone."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from interpolants.utils.checks import check

# Settings that decide no weight and no sample, or are derived from the data.
_ELSEWHERE = {
    *("run_dir", "run_id", "resume", "ckpt", "overrides", "history", "name", "sweep_value"),
    *("traceback", "threads", "patience", "workers", "logger", "animation", "metric"),
    *("log_every", "validate_every", "sample_every", "checkpoint_every"),
    *("fingerprint", "event_shape", "times", "std", "validation_size", "report_size"),
}
_TARGET = "_target_"
_STAGES = ("test/", "val/")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Measurement(NamedTuple):
    """Value of a metric with its spread, and that of as many real samples.

    Attributes:
        value, sd: the value and its standard deviation over repetitions.
        floor, floor_sd: the same of real samples; NaN if there is none.
    """

    value: float
    sd: float = math.nan
    floor: float = math.nan
    floor_sd: float = math.nan


@dataclass(frozen=True)
class RunSummary:
    """Configuration, progress and metrics of a run, from its folder.

    Attributes:
        folder: the folder.
        name: its path below the folder of all runs.
        settings: the configuration by dotted keys; a part is named by its class.
        step: optimiser steps taken.
        max_steps: optimiser steps asked for.
        seconds: duration of the training; NaN if it is not known.
        finished: whether the run ended with its report.
        metrics: metrics of the final report by name, else of the latest validation.
        curves: steps and values of each column of the log.
    """

    folder: Path
    name: str
    settings: Mapping[str, Any]
    step: int
    max_steps: int
    seconds: float
    finished: bool
    metrics: Mapping[str, Measurement]
    curves: Mapping[str, list[tuple[int, float]]]


def read_runs(root: Path) -> list[RunSummary]:
    """Read all runs at any depth below a folder, by name.

    A run whose files cannot be read is left out, with a warning.

    Raises:
        ValueError: if there is none.
    """
    found = []
    for path in sorted(root.glob("**/config.yaml")):
        if (path.parent / "metrics.csv").is_file():
            try:
                found.append(_read(root, path.parent))
            except (ValueError, OSError, yaml.YAMLError) as error:
                reason = str(error).partition("\n")[0]
                warnings.warn(f"{path.parent}: not read as a run ({reason})", stacklevel=2)
    fix = "name a folder of runs, such as outputs or outputs/sweeps/<time>"
    if not found:
        raise ValueError(f"runs: expected trained runs below {root}/, got none; {fix}")
    return found


def differences(runs: Sequence[RunSummary]) -> list[str]:
    """Keys of the settings in which runs differ, in the order of the configuration.

    The arguments of a part are compared only between runs in which it is of one class.
    """
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    return [key for key in keys if _differs(key, runs)]


def log_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a log of training; an incomplete last line is left out."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if None not in row.values()]


def _differs(key: str, runs: Sequence[RunSummary]) -> bool:
    for owner in _owners(key):
        if len({str(run.settings.get(owner)) for run in runs}) > 1:
            return False
    return len({str(run.settings.get(key)) for run in runs}) > 1


def _owners(key: str) -> Iterator[str]:
    """Parts that a setting belongs to, outermost first."""
    names = key.split(".")
    return (".".join(names[:k]) for k in range(1, len(names)))


def _read(root: Path, folder: Path) -> RunSummary:
    config = yaml.load((folder / "config.yaml").read_text(encoding="utf-8"), Loader=_LOADER)
    check(isinstance(config, dict) and "max_steps" in config, "config.yaml", "a run's", "another")
    end = folder / "finished"
    record = yaml.safe_load(end.read_text()) if end.is_file() else None
    seconds = record.get("seconds", math.nan) if isinstance(record, dict) else math.nan
    curves = _curves(folder / "metrics.csv")
    chosen = {key: value for key, value in config.items() if key not in _ELSEWHERE}
    return RunSummary(
        folder=folder,
        name=folder.relative_to(root).as_posix() if folder != root else folder.name,
        settings=dict(_flat(chosen, "")),
        step=max((points[-1][0] for points in curves.values()), default=0),
        max_steps=int(config["max_steps"]),
        seconds=float(seconds),
        finished=end.is_file(),
        metrics=_metrics(curves),
        curves=curves,
    )


def _flat(node: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    """Settings by dotted keys, each part before its arguments."""
    for key, value in node.items():
        name = f"{where}.{key}" if where else str(key)
        if isinstance(value, dict):
            if _TARGET in value:
                yield name, str(value[_TARGET]).rpartition(".")[2]
            yield from _flat(value, name)
        elif not str(key).startswith("_"):
            yield name, value


def _curves(path: Path) -> dict[str, list[tuple[int, float]]]:
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in log_rows(path):
        step = int(row.pop("step"))
        for name, value in row.items():
            if value:
                curves.setdefault(name, []).append((step, float(value)))
    return curves


def _metrics(curves: Mapping[str, list[tuple[int, float]]]) -> dict[str, Measurement]:
    """Latest metrics with a floor, of the final report if there is one."""

    def last(name: str) -> float:
        return curves[name][-1][1] if name in curves else math.nan

    for stage in _STAGES:
        names = [name.removesuffix("_floor") for name in curves if name.endswith("_floor")]
        found = {
            name.removeprefix(stage): Measurement(
                *(last(f"{name}{end}") for end in ("", "_sd", "_floor", "_floor_sd"))
            )
            for name in names
            if name.startswith(stage)
        }
        if found:
            return found
    return {}
