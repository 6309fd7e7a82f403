"""CPU time of one optimiser step of a U-Net: `train.py` against a loop written by hand.

    python -m benchmarks.unet_step [--rounds 8] [key=value ...]

Both train the network of `experiment=mnist` in bfloat16, preconditioned, on the velocity of the
one-sided linear path, with batches of 64 patches (3, 32, 32) of scikit-learn's photographs and
clipped gradients, on one thread. Ours has averaged weights, schedule, logging, guards and
checkpoints besides; the two take turns as in `benchmarks.train_step`.

Prints the median over rounds of CPU time per step and of the ratio, and the share of a step that
making its batch takes; exits with 1 if the ratio is above its goal of 1.03.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.common import build, configure
from benchmarks.train_step import measure
from interpolants.data.base import Data
from interpolants.space.euclidean import EuclideanSpace
from interpolants.task.building import fit_scaling, root_mean_square

GOAL = 1.03
CHUNK = 10
OVERRIDES = (
    *("experiment=mnist", "data=photo_patches", "label_dropout=null", "net.attention=[8]"),
    *(
        "batch_size=64",
        f"steps_per_batch={CHUNK}",
        f"log_every={CHUNK}",
        "scheduler.warmup_steps=0",
    ),
)


def bare_loop(cfg: Any, data: Data) -> Callable[[int], None]:
    """Loop without a framework, called with the number of steps to take."""
    net = build(cfg.net)(event_shape=data.event_shape, heads=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=cfg.optimizer.lr, fused=True)
    generator, size = torch.Generator().manual_seed(0), cfg.batch_size
    std = root_mean_square(data, fit_scaling(data, EuclideanSpace()))
    taken = 0

    def loop(steps: int) -> None:
        nonlocal taken
        for step in range(taken, taken + steps):
            x1 = (data.train_batch(step, size, 1).x1 - data.shift) / data.scale
            x0 = torch.randn(x1.shape, generator=generator)
            t = torch.rand(size, 1, 1, 1, generator=generator)
            xt, target = (1 - t) * x0 + t * x1, x1 - x0
            square = (1 - t) ** 2 + (std * t) ** 2
            with torch.autocast("cpu", torch.bfloat16):
                raw = net(t.flatten(), xt * square.rsqrt())[:, 0]
            skip = (t * std**2 - (1 - t)) / square
            velocity = std * square.rsqrt() * raw.float() + skip * xt
            loss = 0.5 * (velocity - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), cfg.clip_norm)
            optimizer.step()
        taken += steps

    return loop


def batch_ms(overrides: tuple[str, ...]) -> float:
    """CPU time of making a batch."""
    cfg = configure(*overrides)
    data, count = build(cfg.data), 200
    began = time.process_time()
    for step in range(count):
        data.train_batch(step, cfg.batch_size, 0)
    return 1e3 * (time.process_time() - began) / count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("overrides", nargs="*", help="settings of train.py, key=value")
    options = parser.parse_args()
    overrides = (*OVERRIDES, *options.overrides)
    ours, bare, ratio = measure(overrides, options.rounds, CHUNK, bare_loop, CHUNK)
    verdict = "MISS" if ratio > GOAL else "ok"
    print(f"U-Net, batch 64: ours {ours:.1f} ms, bare {bare:.1f} ms, ratio {ratio:.3f} ", end="")
    print(f"(goal {GOAL}) {verdict}")
    batch = batch_ms(overrides)
    print(f"making a batch: {batch:.3f} ms, {batch / ours:.2%} of a step")
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
