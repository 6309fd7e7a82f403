"""What the benchmarks share: the project's configuration, composed outside the scripts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from interpolants.report import Report
from interpolants.training.run import train

_CONF = Path(__file__).resolve().parent.parent / "conf"
# The network of the 2-D tutorials of the field.
SMALL_NET = ("net.hidden=64", "net.depth=3", "net.activation=selu", "net.time_features=0")

build: Callable[[Any], Any] = partial(instantiate, _convert_="all")


def configure(*overrides: str) -> Any:
    """The configuration of `train.py` with these overrides, metrics and figures left out."""
    with initialize_config_dir(str(_CONF), version_base="1.3"):
        cfg = compose("train", ["name=benchmark", "metric=[]", "report_size=100", *overrides])
    torch.set_num_threads(cfg.threads)
    return cfg


def run(cfg: Any, folder: Path, build: Callable[[Any], Any] = build) -> Report:
    """`train.py` as it is, writing below `folder`."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    return train(cfg, plain, build, folder)
