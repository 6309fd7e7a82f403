"""CPU time of a conservative network against the network inside it.

    python -m benchmarks.conservative_step [--rounds 20] [--steps 50] [key=value ...]

`net=mlp` and `net=conservative` around the same network, of two coordinates, with the default
batch of `train.py`: an optimiser step (forward, loss, backward, fused Adam, on states that are
already drawn), and an evaluation without gradients, as in sampling. They take turns inside one
process, on one thread. Overrides go to both, such as `batch_size=1024`.

Prints the median over rounds of CPU time in ms, and of the ratio to `net=mlp`.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial

import torch
from torch import nn

from benchmarks.common import build, configure
from benchmarks.timing import Work, in_turns, ratio

NETS = ("mlp", "conservative")
HEADS = {"one prediction": 1, "two predictions (default)": 2}


def optimiser_steps(net: nn.Module, size: int, heads: int, steps: int) -> None:
    """Take steps of regression towards fixed values."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    t, x, target = torch.rand(size), torch.randn(size, 2), torch.randn(size, heads, 2)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        (net(t, x) - target).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@torch.inference_mode()
def evaluations(net: nn.Module, size: int, steps: int) -> None:
    """Evaluate a network as samplers do."""
    t, x = torch.tensor(0.5), torch.randn(size, 2)
    for _ in range(steps):
        net(t, x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=50, help="per round")
    parser.add_argument("overrides", nargs="*", help="settings of train.py, key=value")
    options = parser.parse_args()
    print(f"{'':<44}{'mlp ms':>9}{'ours ms':>9}{'ratio':>8}")
    for name, heads in HEADS.items():
        steps: dict[str, Work] = {}
        calls: dict[str, Work] = {}
        for choice in NETS:
            cfg = configure(f"net={choice}", *options.overrides)
            net, size = build(cfg.net)(event_shape=(2,), heads=heads), cfg.batch_size
            steps[choice] = partial(optimiser_steps, net, size, heads, options.steps)
            calls[choice] = partial(evaluations, net, size, options.steps)
        for what, works in (("optimiser step", steps), ("evaluation", calls)):
            found = in_turns(works, options.rounds)
            inner, ours = (1e3 * statistics.median(found[k]) / options.steps for k in NETS)
            times = ratio(found["conservative"], found["mlp"])
            print(f"{what + ', ' + name:<44}{inner:>9.3f}{ours:>9.3f}{times:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
