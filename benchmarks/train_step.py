"""CPU time of one optimiser step: `train.py` against a loop written by hand.

    python -m benchmarks.train_step [--rounds 20] [--steps 100] [key=value ...]

Both train the same network on the same objective (two-sided linear path, gamma = sqrt(t(1-t)),
antithetic pairs, velocity and denoiser), with fresh checkerboard draws and a fused Adam, on one
thread. Ours is `train.py` at its defaults, to which overrides may follow (`clip_norm=1.0`):
averaged weights, schedule, logging, guards, checkpoints. The hand-written loop has none of these.
The two take turns inside one process, so that both see the same machine: a callback of the
trainer runs `steps` steps of the other loop after every `steps` of ours. Validation is not part
of a step and does not occur.

Prints the median over rounds of CPU time per step and of the ratio; exits with 1 if a ratio is
above its goal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from benchmarks.common import SMALL_NET, build, build_with, configure, run
from interpolants.data.base import Data

CASES = {
    "MLP 3x64": (SMALL_NET, 1.15),
    "MLP 4x128 (default)": ((), 1.05),
}
WARMUP = 100


def bare_loop(net: nn.Module, data: Data, size: int, lr: float) -> Callable[[int], None]:
    """Loop without a framework, called with the number of steps to take."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    generator = torch.Generator().manual_seed(0)

    def normal() -> Tensor:
        return torch.randn(size, 2, generator=generator)

    def loop(steps: int) -> None:
        for _ in range(steps):
            x1 = (data.sample(size, generator).x1 - data.shift) / data.scale
            x0, z = normal(), normal()
            t = 1e-4 + (1 - 2e-4) * torch.rand(size, 1, generator=generator)
            gamma = (t * (1 - t)).sqrt()
            mean, mean_dot = (1 - t) * x0 + t * x1, x1 - x0
            noise, noise_dot = gamma * z, (0.5 - t) / gamma * z
            xt = torch.cat([mean + noise, mean - noise])
            xt_dot = torch.cat([mean_dot + noise_dot, mean_dot - noise_dot])
            velocity, denoiser = net(torch.cat([t, t]).squeeze(1), xt).unbind(1)
            loss = ((0.5 * velocity - xt_dot) * velocity).sum(1).mean()
            loss = loss + ((0.5 * denoiser - torch.cat([z, -z])) * denoiser).sum(1).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return loop


def two_sided_loop(cfg: Any, data: Data) -> Callable[[int], None]:
    """The bare loop of the default objective and path."""
    net = build(cfg.net)(event_shape=data.event_shape, heads=2)
    return bare_loop(net, data, cfg.batch_size, cfg.optimizer.lr)


class TakeTurns(pl.Callback):
    """Interrupts training every `steps` steps to run the other loop for as many.

    Attributes:
        ours, bare: CPU seconds per step of each round.
    """

    def __init__(self, other: Callable[[int], None], steps: int, warmup: int) -> None:
        self.other, self.steps, self.warmup = other, steps, warmup
        self.ours: list[float] = []
        self.bare: list[float] = []
        self._began: float | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any) -> None:
        now, step = time.process_time(), trainer.global_step
        if step < self.warmup or (step - self.warmup) % self.steps:
            return
        if self._began is not None:
            self.ours.append((now - self._began) / self.steps)
        before = time.process_time()
        self.other(self.steps)
        after = time.process_time()
        if self._began is not None:
            self.bare.append((after - before) / self.steps)
        self._began = time.process_time()


def measure(
    overrides: tuple[str, ...],
    rounds: int,
    steps: int,
    other: Callable[[Any, Data], Callable[[int], None]] = two_sided_loop,
    warmup: int = WARMUP,
) -> tuple[float, float, float]:
    """Medians: ours and the bare loop's in ms per step, and the ratio of a round.

    `other(cfg, data)` makes the bare loop, which is called with the number of steps to take.
    """
    total = warmup + rounds * steps
    # Intervals longer than the run: what happens every thousand steps is not part of a step.
    later = 10 * total
    cfg = configure(
        *overrides,
        f"max_steps={total}",
        *(f"{key}={later}" for key in ("validate_every", "sample_every", "checkpoint_every")),
    )
    chunk = cfg.steps_per_batch
    if steps % chunk or warmup % chunk:
        raise SystemExit(f"--steps: expected a multiple of steps_per_batch = {chunk}, got {steps}")
    data = build(cfg.data)
    turns = TakeTurns(other(cfg, data), steps, warmup)
    with TemporaryDirectory() as folder:
        run(cfg, Path(folder), build_with(turns, cfg))
    ratios = [ours / bare for ours, bare in zip(turns.ours, turns.bare, strict=True)]
    ours, bare = (1e3 * statistics.median(side) for side in (turns.ours, turns.bare))
    return ours, bare, statistics.median(ratios)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100, help="per round")
    parser.add_argument("overrides", nargs="*", help="settings of train.py, key=value")
    options = parser.parse_args()
    print(f"{'name':<22}{'ours ms':>9}{'bare ms':>9}{'ratio':>8}{'goal':>7}")
    missed = False
    for name, (overrides, goal) in CASES.items():
        ours, bare, ratio = measure(
            (*overrides, *options.overrides), options.rounds, options.steps
        )
        missed |= ratio > goal
        verdict = "MISS" if ratio > goal else "ok"
        print(
            f"{name:<22}{ours:>9.3f}{bare:>9.3f}{ratio:>8.3f}{goal:>7.2f}  {verdict}", flush=True
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
