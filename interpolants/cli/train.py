"""Train a model: `interpolants train [experiment=...] [group=option] [key=value] [-m]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def main(cfg: Any) -> float:
    """Train as configured; returns the first metric, which sweeps minimise, or NaN."""
    from functools import partial

    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    from interpolants.cli.stem import file_name
    from interpolants.training.settings import check_settings, check_sweep
    from interpolants.utils.checks import check

    settings = HydraConfig.get()
    # A sweep's folders are new, and jobs may differ in what no run is told apart by.
    is_lost = settings.mode == RunMode.MULTIRUN and cfg.resume == "auto" and cfg.run_dir is None
    fix = "set run_dir to a folder for each job, such as outputs/seeds/${seed}"
    check(not is_lost, "resume", "never in a sweep without run_dir", cfg.resume, fix)
    if settings.mode == RunMode.MULTIRUN:
        check_sweep(cfg.trainer)
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    root = Path(settings.runtime.output_dir)
    if settings.mode == RunMode.MULTIRUN and cfg.run_dir is None:
        name = file_name(f"{settings.job.num}_{settings.job.override_dirname}")
        plain["run_dir"] = str(root / name)
    check_settings(plain)  # before torch and Lightning are loaded

    from interpolants.training.run import train

    # Without conversion Hydra would wrap our frozen dataclasses in configs of its own.
    build = partial(instantiate, _convert_="all")
    report = train(cfg, plain, build, root)
    if report is None:
        return float("nan")
    print(report.table())
    return report.metrics[0].value if report.metrics else float("nan")
