"""Flow maps by few steps beside flow matching, as tables in Markdown.

    python -m benchmarks.few_step [--seeds 0 1 2] [--only lagrangian flow] [--tasks checkerboard]
    python -m benchmarks.few_step --words coupling=minibatch_ot coupling.rows=128
    python -m benchmarks.few_step --cost                     # CPU time of a training step alone

Each method trains the same network, 4 x 128, for 5,000 steps of 512 fresh samples by Adam at
0.002, which falls to 0 by a cosine, and is sampled by its average of decay 0.999. Flow matching
trains the velocity on the whole batch; maps train it on half of the batch, and jumps on the other
half. `distilled` starts from a flow of 10,000 steps and seed 0, and keeps its velocity. Scores are
sliced Wasserstein distances in the units of the data: 64 directions and 40,000
samples for the checkerboard, 128 and 10,000 for eight Gaussians to moons; the floor is that of
real samples.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor

import interpolants as si
from interpolants.data import Checkerboard, Moons
from interpolants.data.base import Data
from interpolants.model.model import Model
from interpolants.sampler.grid import UniformGrid
from interpolants.sampler.solver import Euler, Heun

COUNTS = (1, 2, 4, 8, 16)
_FLOW = ["objective=velocity", "net.time_features=2"]
METHODS = {
    "flow": _FLOW,
    "lagrangian": ["task=flow_map"],
    "semigroup": ["task=flow_map", "objective=semigroup"],
    "mean_flow": ["task=flow_map", "objective=mean_flow"],
    "distilled": ["task=flow_map", "objective=lagrangian_distillation"],
}
_PROTOCOL = ["interpolant=linear", "interpolant/gamma=zero", "optimizer=adam", "optimizer.lr=2e-3"]
_PROTOCOL += ["batch_size=512", "ema=0.999", "net.hidden=128", "net.depth=4", "clip_norm=10"]
_PROTOCOL += ["metric=[]"]
# Calls of the velocity from which a solver is judged.
_MANY = 200
_TEACHER_STEPS = 10_000
# Steps of a run, and of a shorter one, whose difference in time is that of the steps.
_LONG, _SHORT, _ROUNDS = 700, 200, 3


class Task(NamedTuple):
    """A pair of distributions, and how samples are scored."""

    data: Data
    words: Sequence[str]
    n: int
    directions: int


TASKS = {
    "checkerboard": Task(Checkerboard(), [], 40_000, 64),
    "moons": Task(Moons(), ["base=dataset", "data@base.data=eight_gaussians"], 10_000, 128),
}


def distance(x: Tensor, y: Tensor, directions: int) -> float:
    """Sliced Wasserstein distance of as many samples, by the same directions every time."""
    drawn = torch.randn(x.shape[1], directions, generator=torch.Generator().manual_seed(0))
    axes = drawn / drawn.norm(dim=0)
    gaps = (x @ axes).sort(dim=0).values - (y @ axes).sort(dim=0).values
    return float(gaps.square().mean().sqrt())


def scores(model: Model, task: Task, method: str) -> Iterator[tuple[str, list[float | None]]]:
    """Rows of the distances by calls of the network, and last by its velocity at 200 calls."""
    y = task.data.held_out(task.n, 999).x1
    score = lambda **options: distance(  # noqa: E731
        model.sample(task.n, seed=5, **options).x, y, task.directions
    )
    ode = partial(si.Sampler, process=si.ProbabilityFlow, grid=UniformGrid())
    many = score(sampler=partial(ode, solver=Heun()), num_steps=_MANY // 2)
    if method != "flow":
        yield method, [*(score(num_steps=k) for k in COUNTS), many]
        return
    euler, heun = (partial(ode, solver=solver) for solver in (Euler(), Heun()))
    yield "flow, Euler", [*(score(sampler=euler, num_steps=k) for k in COUNTS), many]
    by_heun = [None if k == 1 else score(sampler=heun, num_steps=k // 2) for k in COUNTS]
    yield "flow, Heun", [*by_heun, many]


def spread(values: Sequence[float | None]) -> str:
    """Mean and standard deviation of a cell."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    mean = f"{statistics.mean(known):.3f}"
    return mean if len(known) == 1 else f"{mean} +- {statistics.stdev(known):.3f}"


def show(cells: Sequence[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def train(
    task: Task,
    method: str,
    words: Sequence[str],
    steps: int,
    seed: int,
    folder: Path | None = None,
) -> tuple[Model, float]:
    """Train a method; returns the model and CPU seconds."""
    began = time.process_time()
    words = [*METHODS[method], *_PROTOCOL, *task.words, *words]
    if method == "distilled":
        words += [f"objective.teacher.path={folder}", f"init={folder}"]
        folder = None
    model = si.fit(task.data, *words, max_steps=steps, seed=seed, run_dir=folder)
    return model, time.process_time() - began


def table(options: argparse.Namespace, name: str, folder: Path) -> None:
    """Train and score every method with every seed."""
    task, teacher = TASKS[name], folder / name
    real = [task.data.held_out(task.n, 900 + k).x1 for k in range(5)]
    floors = [distance(x, task.data.held_out(task.n, 999).x1, task.directions) for x in real]
    print(f"\n{' '.join([name, *options.words])}, floor {spread(floors)}\n")
    show(["method", *(f"{k} calls" for k in COUNTS), f"velocity, {_MANY} calls", "CPU s"])
    show(["---"] * (len(COUNTS) + 3))
    if "distilled" in options.only:
        model, seconds = train(task, "flow", options.words, _TEACHER_STEPS, 0, teacher)
        for row, values in scores(model, task, "flow"):
            show([f"teacher: {row}", *(spread([value]) for value in values), f"{seconds:.0f}"])
    for method in options.only:
        found: dict[str, list[list[float | None]]] = {}
        times = []
        for seed in options.seeds:
            source = teacher if method == "distilled" else None
            model, seconds = train(task, method, options.words, options.steps, seed, source)
            times.append(seconds)
            for row, values in scores(model, task, method):
                found.setdefault(row, []).append(values)
        for row, runs in found.items():
            cells = [spread(column) for column in zip(*runs, strict=True)]
            show([row, *cells, f"{statistics.mean(times):.0f}"])


def costs(options: argparse.Namespace) -> None:
    """Print CPU time of a training step of each method, in turns, and over flow matching's."""
    task = TASKS["checkerboard"]
    methods = [method for method in options.only if method != "distilled"]
    methods = ["flow", *(method for method in methods if method != "flow")]
    found: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(_ROUNDS):
        for method in methods:
            long, short = (
                train(task, method, options.words, steps, 0)[1] for steps in (_LONG, _SHORT)
            )
            found[method].append((long - short) / (_LONG - _SHORT) * 1e3)
    show(["method", "CPU ms a step", "over flow matching"])
    show(["---"] * 3)
    for method, values in found.items():
        show([method, f"{min(values):.2f}", f"{min(values) / min(found['flow']):.2f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--words", nargs="+", default=[], help="further settings of all methods")
    parser.add_argument("--cost", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.cost:
        costs(options)
        return
    with TemporaryDirectory() as folder:
        for name in options.tasks:
            table(options, name, Path(folder))


if __name__ == "__main__":
    main()
