"""What a process of `torchrun` runs: `train.py`, and then it writes down its averaged weights."""

import os
import runpy
import sys
from pathlib import Path

import torch

from interpolants.training.ema import EMA


def _tell(self, trainer, pl_module):
    torch.save(self._averages, f"average_{os.environ['RANK']}.pt")


EMA.on_train_end = _tell
script = Path(__file__).resolve().parent.parent / "train.py"
sys.argv[0] = str(script)
runpy.run_path(str(script), run_name="__main__")
