"""Runs `train.py` in a process of `torchrun`, then saves its averaged weights."""

import os
import runpy
import sys
from pathlib import Path

import torch

from interpolants.training.ema import EMA


def _save(self, trainer, pl_module):
    torch.save(self._averages, f"average_{os.environ['RANK']}.pt")


EMA.on_train_end = _save
script = Path(__file__).resolve().parents[2] / "train.py"
sys.argv[0] = str(script)
runpy.run_path(str(script), run_name="__main__")
