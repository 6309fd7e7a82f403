"""Speed on a GPU: solves beside bare calls of the network and torchdiffeq, training, sampling.

    python -m benchmarks.gpu [--rounds 15] [--device cuda]

Wall time in turns inside one process, medians over rounds, each work ending with the device's
queue empty. The network is that of `benchmarks.core`. Then steps and images a second of runs of
digits, in single precision and in bfloat16 with a compiled network. Prints the card's name.
`make gpu` runs this after the tests that need a GPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.core import network, solve
from benchmarks.peers import torchdiffeq_nodes
from benchmarks.table import HEADER, Row, paired_row, print_rows
from benchmarks.throughput import measure
from benchmarks.timing import Work, in_turns
from interpolants.sampler.mode.cuda_graph import CudaGraph
from interpolants.sampler.mode.eager import Eager
from interpolants.sampler.solver.euler import Euler
from interpolants.sampler.solver.euler_maruyama import EulerMaruyama

BATCHES, CALLS = (64, 4096, 65_536), 64


def wall_seconds(work: Work) -> float:
    """Wall time of one call, until the device has finished."""
    _synchronize()
    began = time.perf_counter()
    work()
    _synchronize()
    return time.perf_counter() - began


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def solves(batch: int, rounds: int, device: str) -> Iterator[Row]:
    """Solves by Euler's method and Euler-Maruyama, eager and captured, of `CALLS` steps."""
    net, x = network().to(device), torch.randn(batch, 2, device=device)
    t = torch.tensor(0.5, device=device)

    def field(t: Tensor, y: Tensor) -> Tensor:
        return net(t, y).select(1, 0)

    works: dict[str, Work] = {"bare": lambda: [net(t, x) for _ in range(CALLS)]}
    for solver in (Euler(), EulerMaruyama()):
        name = type(solver).__name__
        works[name] = solve(net, solver, CALLS, x, Eager())
        works[f"{name} captured"] = solve(net, solver, CALLS, x, CudaGraph(block=16))
    works["torchdiffeq"] = torchdiffeq_nodes(field, x, CALLS)
    found = in_turns(works, rounds, wall_seconds)
    for name in works:
        if name != "bare":
            label = f"us per call, B={batch}: {name}"
            yield paired_row(label, found[name], found["bare"], 1e6 / CALLS, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=200, help="timed training steps")
    options = parser.parse_args()
    is_gpu = options.device != "cpu"
    print(torch.cuda.get_device_name() if is_gpu else "CPU", f"torch {torch.__version__}")
    print(HEADER.replace("peer", "bare"))
    with torch.no_grad():
        for batch in BATCHES:
            print_rows(solves(batch, options.rounds, options.device))
    trainer = "trainer=gpu" if is_gpu else "trainer=cpu"
    for more in ((), ("trainer.precision=bf16-mixed", "compile=true")):
        measure(["experiment=digits", trainer, *more], options.steps, 256)


if __name__ == "__main__":
    main()
