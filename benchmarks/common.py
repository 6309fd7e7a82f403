"""Shared by the benchmarks: the configuration of `train.py`, its runs, and spreads."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as pl
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf, open_dict

from interpolants.checkpoint.loading import load
from interpolants.checkpoint.runs import LAST
from interpolants.training.run import train

CONF = Path(__file__).resolve().parent.parent / "conf"
# The network of the field's 2-D tutorials.
SMALL_NET = ("net.hidden=64", "net.depth=3", "net.activation=selu", "net.time_features=0")

build: Callable[[Any], Any] = partial(instantiate, _convert_="all")


def configure(*overrides: str) -> Any:
    """The configuration of `train.py` with these overrides, its metrics left out."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", ["name=benchmark", "report_size=100", *overrides])
    with open_dict(cfg):
        cfg.metric = {}
    torch.set_num_threads(cfg.threads)
    return cfg


def run(cfg: Any, folder: Path, build: Callable[[Any], Any] = build) -> None:
    """Run `train.py`, writing below `folder`."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    train(cfg, plain, build, folder)


def build_with(callback: pl.Callback, cfg: Any) -> Callable[[Any], Any]:
    """`build`, but that the trainer of a configuration has one callback more."""

    def build_all(node: Any) -> Any:
        made = build(node)
        if node is not cfg.trainer:
            return made
        return lambda callbacks, **rest: made(callbacks=[*callbacks, callback], **rest)

    return build_all


def trained(cfg: Any) -> Any:
    """The model that a run ends with, by its last checkpoint; nothing else is kept of the run."""
    cfg.validate_every = cfg.sample_every = cfg.checkpoint_every = 10 * cfg.max_steps
    with TemporaryDirectory() as folder:
        run(cfg, Path(folder))
        (checkpoint,) = Path(folder).glob(f"**/{LAST}")
        return load(checkpoint, data=True)


def spread(values: Sequence[float], digits: int = 4) -> str:
    """Mean and standard deviation, which is nan of one value."""
    std = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.{digits}f} +- {std:.{digits}f}"
