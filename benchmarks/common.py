"""What the benchmarks share: the configuration of `train.py` and the run it starts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf, open_dict

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
    """What `train.py` does, writing below `folder`."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    train(cfg, plain, build, folder)
