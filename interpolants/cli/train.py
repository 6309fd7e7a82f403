"""Train a model: `interpolants train [experiment=...] [group=option] [key=value] [-m]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interpolants.cli.overrides import OWN_KEYS, key_of

if TYPE_CHECKING:  # a wrong setting is refused before torch is loaded
    from interpolants.report.report import Report


def main(cfg: Any) -> float:
    """Train as configured; returns the value that sweeps minimise, or NaN."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    from interpolants.training.settings import check_settings, check_sweep
    from interpolants.utils.checks import check

    settings = HydraConfig.get()
    # A sweep's folders are new, and jobs may differ in what no run is told apart by.
    is_lost = settings.mode == RunMode.MULTIRUN and cfg.resume == "auto" and cfg.run_dir is None
    fix = "set run_dir to a folder for each job, such as outputs/seeds/${seed}"
    check(not is_lost, "resume", "never in a sweep without run_dir", cfg.resume, fix)
    if settings.mode == RunMode.MULTIRUN:
        check_sweep(cfg.trainer)
    search = settings.runtime.choices.get("hparams_search")
    alone = settings.mode != RunMode.MULTIRUN and search is not None
    check(not alone, "hparams_search", "a sweep", search, "add -m, and name settings to search")
    blind = search is not None and not cfg.metric and cfg.sweep_value is None
    fix = "set sweep_value=val/loss"
    check(not blind, "sweep_value", "a value to search by, where metric=[]", None, fix)
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    check_settings(plain)  # before torch and Lightning are loaded
    typed, root = list(settings.overrides.task), Path(settings.runtime.output_dir)
    if plain["resume"] == "never" and plain["ckpt"] is None:
        return _train(cfg, typed, root)

    from interpolants.cli.composing import checked, recorded
    from interpolants.cli.continuing import continued

    sources = settings.runtime.config_sources
    folders = [Path(source.path) for source in sources if source.schema == "file"]
    found = continued(plain, typed, root, folders)
    if found is None:
        return _train(cfg, typed, root)
    with recorded(found.full) as own:
        check_settings(checked(own, "train", folders))
        return _train(own, found.words, root, found.checkpoint)


def _train(cfg: Any, words: Sequence[str], root: Path, checkpoint: Path | None = None) -> float:
    """Train by a configuration that was composed from some words."""
    from functools import partial

    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from interpolants.cli.stem import file_name
    from interpolants.cli.targets import allowed_targets
    from interpolants.training.run import train
    from interpolants.utils.log import to_stderr

    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    settings = HydraConfig.get()
    if settings.mode == RunMode.MULTIRUN and plain["run_dir"] is None:
        name = f"{settings.job.num}_{settings.job.override_dirname}"
        plain["run_dir"] = str(root / file_name(name))
    plain["overrides"] = [word for word in words if key_of(word) not in OWN_KEYS]
    # Without conversion Hydra would wrap our frozen dataclasses in configs of its own.
    build = partial(instantiate, _convert_="all")
    with allowed_targets(cfg):
        report = train(cfg, plain, build, root, checkpoint)
    if report is not None:
        print(report.table())
        to_stderr(f"run: {plain['run_dir']}")
    return _value(report, plain)


def _value(report: Report | None, plain: Mapping[str, Any]) -> float:
    """Value of a run that sweeps minimise."""
    from interpolants.report.runs import log_rows

    name = plain["sweep_value"]
    if name is None:
        return report.metrics[0].value if report and report.metrics else float("nan")
    rows = log_rows(Path(plain["run_dir"]) / "metrics.csv")
    return min((float(row[name]) for row in rows if row.get(name)), default=float("nan"))
