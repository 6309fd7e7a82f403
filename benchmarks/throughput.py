"""Steps and images a second of `train.py`, and samples a second of what it trained.

    python -m benchmarks.throughput [--steps 100] [--samples 256] [key=value ...]

    python -m benchmarks.throughput experiment=cifar10 data=photo_patches compile=true

Wall time, with all that a run does but validation, samples and the first steps, in which code is
compiled and memory laid out; and of drawing samples, with labels and without guidance, once all
is warm. Prints the device, the precision, and the most memory that a GPU needed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as pl
import torch

from benchmarks.common import build_with, configure, run
from interpolants.checkpoint.loading import load
from interpolants.checkpoint.runs import LAST
from interpolants.model.model import Model


class Stopwatch(pl.Callback):
    """Callback that takes the time at two optimiser steps.

    Attributes:
        seconds: time of each of them, after the device has finished.
    """

    def __init__(self, steps: tuple[int, int]) -> None:
        self.steps = steps
        self.seconds: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        if trainer.global_step in self.steps:
            self.seconds.append(_now())


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _device(model: Model) -> str:
    if model.device.type != "cuda":
        return f"cpu, {torch.get_num_threads()} threads"
    memory = torch.cuda.max_memory_allocated() / 2**30
    return f"{torch.cuda.get_device_name()}, {memory:.1f} GiB at most"


def measure(overrides: Sequence[str], steps: int, samples: int) -> None:
    """Train for so many timed steps and draw samples; prints a line of each."""
    # A recipe's warm-up may be longer than this run, and costs no time.
    cfg = configure("scheduler.warmup_steps=0", "report_size=2", *overrides)
    chunk = cfg.steps_per_batch
    first = chunk * -(-max(10, steps // 5) // chunk)
    last = first + chunk * -(-steps // chunk)
    cfg.max_steps = last
    for key in ("validate_every", "sample_every", "checkpoint_every"):
        cfg[key] = 10 * last
    watch = Stopwatch((first, last))
    with TemporaryDirectory() as folder:
        run(cfg, Path(folder), build_with(watch, cfg))
        (path,) = Path(folder).glob(f"**/{LAST}")
        model = load(path, device="cuda" if cfg.trainer.accelerator == "gpu" else "cpu")
    assert isinstance(model, Model)
    rate = (last - first) / (watch.seconds[1] - watch.seconds[0])
    how = f"{cfg.trainer.precision}, {'compiled' if cfg.compile else 'not compiled'}"
    print(f"training, {how}: {rate:.4g} steps/s, {rate * cfg.batch_size:.4g} images/s")
    model.sample(samples)
    began = _now()
    drawn = model.sample(samples)
    seconds = _now() - began
    print(f"sampling, NFE {drawn.nfe}: {samples / seconds:.4g} images/s")
    print(f"{_device(model)}, torch {torch.__version__}, batch {cfg.batch_size}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("overrides", nargs="*", help="settings of train.py, key=value")
    options = parser.parse_args()
    measure(options.overrides or ["experiment=mnist"], options.steps, options.samples)


if __name__ == "__main__":
    main()
