"""Compose a configuration and train on it in this process, as a script would."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import OmegaConf, open_dict

from helpers.image_files import write_image_data
from interpolants.cli.composed import check_composed

ROOT = Path(__file__).parent.parent.parent
CONF = ROOT / "conf"
_SIZES = (
    "max_steps=4",
    "steps_per_batch=2",
    "batch_size=32",
    "log_every=1",
    "validate_every=2",
    "sample_every=2",
    "checkpoint_every=2",
    "validation_size=32",
    "report_size=32",
)
TINY = ("net.hidden=16", *_SIZES, "sampler.num_steps=4")
TINY_POTENTIAL = ("net.potential.hidden=16", *TINY[1:])
# Networks of images take most of the time of what they are in.
_FEW = ("batch_size=8", "validation_size=16", "report_size=16", "sampler.num_steps=2")
TINY_IMAGE = (*_SIZES, *_FEW, "net.channels=8", "net.multipliers=[1,1]", "net.blocks=1")
TINY_PATCHES = (*_SIZES, *_FEW, "net.channels=8", "net.head_channels=8", "net.blocks=1")
TINY_SERIES = (*_SIZES, "batch_size=8", "neural_sde.num_steps=1")


@cache
def _of_options(name: str, options: tuple[str, ...]) -> Any:
    """The configuration with these options of groups, by far the slowest step."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose(name, overrides=list(options), return_hydra_config=True)


def _is_option(override: str) -> bool:
    """True for what decides which files are read: an option of a group, or a setting of Hydra."""
    key = override.partition("=")[0].lstrip("+~")
    return key.startswith("hydra") or (CONF / key.partition("@")[0]).is_dir()


def config_of(*overrides: str, name: str = "train") -> Any:
    """The configuration of a script with these overrides, checked, as its `main` gets it.

    Hydra, too, applies values after options, by the same function.
    """
    values = [override for override in overrides if not _is_option(override)]
    parsed = OverridesParser.create().parse_overrides(values)
    ConfigLoaderImpl.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=False)
    cfg = copy.deepcopy(_of_options(name, tuple(filter(_is_option, overrides))))
    ConfigLoaderImpl._apply_overrides_to_config(parsed, cfg)
    cfg.hydra.overrides.task = [word for word in overrides if not word.startswith("hydra")]
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    check_composed(cfg, name, [CONF])
    return cfg


def train_with(folder: Path, *overrides: str, sizes: Sequence[str] = TINY) -> Any:
    """Train below a folder; returns the report. The overrides follow, and so win over, sizes."""
    from interpolants.training.run import train

    cfg = config_of(*sizes, *overrides)
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    return train(cfg, plain, partial(instantiate, _convert_="all"), folder)


def sample_with(*overrides: str) -> float:
    """Sample from the present folder as `sample.py` does; returns the first metric."""
    from interpolants.cli.sample import main

    return main(config_of(*overrides, name="sample"))


def write_user_files(folder: Path) -> None:
    """A user's files: `rows.csv` of three columns a, b, c, `rows.npy` of the same, `pairs.npz`
    with x1 = 3 x0 + 1, and sets of images."""
    rows = np.random.default_rng(0).normal(size=(80, 3))
    np.save(folder / "rows.npy", rows)
    np.savetxt(folder / "rows.csv", rows, delimiter=",", header="a,b,c", comments="")
    x0 = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    np.savez(folder / "pairs.npz", x0=x0, x1=3 * x0 + 1)
    write_image_data(folder)


def leave_out_figures(monkeypatch: Any, save: Callable[..., None] = lambda *_: None) -> None:
    """Skip the drawing of figures, and have them saved by `save`."""
    from interpolants.neural_sde import report as series_report
    from interpolants.report import paths as path_report
    from interpolants.report import report
    from interpolants.training import figures
    from interpolants.training import sample_validation as sampling

    drawn = {
        report: ("plot_samples",),
        path_report: ("plot_images", "plot_snapshots", "plot_trajectories"),
        series_report: ("plot_errors", "plot_frames", "plot_time_series"),
        figures: ("plot_loss",),
    }
    for module in (report, path_report, series_report, figures, sampling):
        monkeypatch.setattr(module, "save", save)
    monkeypatch.setattr("interpolants.plot.samples.plot_samples", lambda *_, **__: None)
    for module, names in drawn.items():
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, **__: None)


def first_infinite_weight(power: float) -> tuple[int, float]:
    """Step and least time of the first batch of TINY where t^power overflows at some time t."""
    from interpolants.objective.time_sampler.uniform import UniformTime
    from interpolants.objective.weight.power import PowerWeight
    from interpolants.training.module import _TRAIN
    from interpolants.utils.seeds import keyed_generator

    for step in itertools.count():
        generator = keyed_generator(_TRAIN, step, 0, 0)
        torch.randn(32, 2, generator=generator)  # x0 is drawn before the times
        t, _ = UniformTime().sample(32, generator)
        if PowerWeight(a=power).value(t).isinf().any():
            return step, t.min().item()
    raise AssertionError


def run_folder(report: Any) -> Path:
    """The folder of the run that a report is of."""
    return report.files[0].parent.parent
