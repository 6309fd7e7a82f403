"""Averages of every process of a run; as a program, `train.py` that saves them."""

import runpy
import sys
from pathlib import Path

import torch

from interpolants.training.ema import EMA


def save_averages(self, trainer, pl_module):
    """The end of training in each process, which saves its own averages."""
    torch.save(self._averages, f"average_{trainer.global_rank}.pt")


if __name__ == "__main__":
    EMA.on_train_end = save_averages
    script = Path(__file__).resolve().parents[2] / "train.py"
    sys.argv[0] = str(script)
    runpy.run_path(str(script), run_name="__main__")
