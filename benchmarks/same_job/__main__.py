"""The same job by this package and by others, as a table in Markdown.

    pip install --no-deps torchcfm==1.0.7 pot==0.9.7.post1 flow_matching==1.0.10
    pip install --no-deps azula==0.11.1 einops==0.8.2
    python -m benchmarks.same_job [--seeds 3] [--only azula ...]

The job: from 5,000 rows of two moons, whose columns have units of 100 and 0.1 and means far
from 0, train 2,000 steps of 256 rows, keep averaged weights and the units, save, load in another
process and draw 5,000 samples, by an ODE with 64 calls of the network and, where the package has
one, by an SDE with 128. Networks have four hidden layers of 128 and 50,000 to 55,000 weights; the
learning rate of Adam falls from 0.004 to 0 by a cosine.

Lines are those of the script beside this file that do the job by the ODE: imports count; blank
lines, comments, docstrings and the function `sde` do not. Seconds are CPU time of a whole process
with one thread, imports included. Distances are those of the samples to 20,000 held-out rows, in
units where the half moons have radius 3; every seed has separate rows, the same for every script.
"""

from __future__ import annotations

import argparse
import ast
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.common import spread
from benchmarks.same_job.child import SAMPLES
from interpolants.data import Moons
from interpolants.metric.energy_distance import EnergyDistance
from interpolants.metric.sliced_wasserstein import SlicedWasserstein

SCRIPTS = {
    "ours": "interpolants, the README's three lines",
    "ours_flow": "interpolants, flow matching",
    "torchcfm": "torchcfm",
    "flow_matching": "flow_matching",
    "azula": "azula",
}
HEADER = [
    "script",
    "lines",
    "training, s",
    *("ODE, s", "energy distance", "sliced W2"),
    *("SDE, s", "energy distance", "sliced W2"),
]
INSTALL = "python -m benchmarks.same_job --help has the pip line"
_UNITS, _MEANS = torch.tensor([100.0, 0.1]), torch.tensor([1000.0, -5.0])
_REFERENCE_SEED = 10_000


class Drawn(NamedTuple):
    """Samples of one script and seed: CPU seconds, and distances to held-out rows."""

    seconds: float
    energy: float
    sliced: float


def run(script: str, part: str, folder: Path, seed: int) -> float:
    """CPU seconds of a process that does one part of the job."""
    command = [sys.executable, "-m", "benchmarks.same_job.child", script, part, str(folder)]
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(seed)], env=os.environ | one_thread, stdout=subprocess.PIPE, check=True
    )
    return float(done.stdout.split()[-1])


def rows(n: int, seed: int) -> Tensor:
    return Moons().held_out(n, seed).x1 * _UNITS + _MEANS


@cache
def reference() -> tuple[Tensor, Tensor]:
    """Held-out rows in units of the moons, and the part of the energy distance that is theirs."""
    y = Moons().held_out(20_000, _REFERENCE_SEED).x1
    return y, EnergyDistance().prepare(y)


def measure(x: Tensor, seconds: float = 0.0) -> Drawn:
    """Distances of samples to the held-out rows."""
    x, (y, own) = (x - _MEANS) / _UNITS, reference()
    metric = EnergyDistance()
    energy = metric.estimate(x, y, metric.prepare(x), own).value
    return Drawn(seconds, energy, float(SlicedWasserstein()(x, y)))


def cells(draws: Sequence[Drawn]) -> list[str]:
    """Three cells of the table, empty if there are no samples."""
    if not draws:
        return ["", "none", "none"]
    seconds, energy, sliced = zip(*draws, strict=True)
    return [f"{statistics.mean(seconds):.1f}", spread(energy), spread(sliced, 3)]


def row(script: str, seeds: int) -> list[str]:
    """Train with every seed, and sample in new processes."""
    job = import_module(f"benchmarks.same_job.{script}")
    lines = code_lines(Path(str(job.__file__)))
    training: list[float] = []
    drawn: dict[str, list[Drawn]] = {"ode": [], "sde": []}
    for seed in range(seeds):
        with TemporaryDirectory() as name:
            folder = Path(name)
            torch.save(rows(SAMPLES, seed), folder / "rows.pt")
            training.append(run(script, "train", folder, seed))
            for part in filter(lambda part: hasattr(job, part), drawn):
                seconds = run(script, part, folder, seed)
                drawn[part].append(measure(torch.load(folder / f"{part}.pt"), seconds))
    sampled = [cell for draws in drawn.values() for cell in cells(draws)]
    return [SCRIPTS[script], str(lines), spread(training, 1), *sampled]


def floor() -> list[str]:
    """Distances of ten sets of real rows, as many as there are samples."""
    fresh = (rows(SAMPLES, _REFERENCE_SEED + k) for k in range(1, 11))
    _, *distances = cells([measure(x) for x in fresh])
    return ["real rows, the floor", "", "", "", *distances, "", *distances]


def code_lines(path: Path) -> int:
    """Lines of code without blank lines, comments, docstrings and the function `sde`.

    A statement that is written over several lines counts once, whatever its format.
    """
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if getattr(node, "name", "") != "sde"]
    for node in ast.walk(tree):
        can_have_docstring = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if can_have_docstring and ast.get_docstring(node):
            del node.body[0]
    return sum(bool(line.strip()) for line in ast.unparse(tree).splitlines())


def show(line: Sequence[str]) -> None:
    print("| " + " | ".join(line) + " |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    options = parser.parse_args()
    show(HEADER)
    show(["---"] * len(HEADER))
    absent = []
    for script in options.only:
        try:
            show(row(script, options.seeds))
        except ImportError as error:
            absent.append(f"{SCRIPTS[script]} left out: {error}; {INSTALL}")
    show(floor())
    print(*absent, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
