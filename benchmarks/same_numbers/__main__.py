"""Compare two commits that must train and sample to the same bits.

    python -m benchmarks.same_numbers OLD NEW [--only NAME ...] [--keep FOLDER] [--jobs 2]

OLD and NEW are checkouts (folders), or commits, of which temporary worktrees are made. Both train
and sample every configuration of `benchmarks.same_numbers.cases` anew with the same seeds, OLD
first, by `train.py` and `sample.py` on one thread. Losses, weights, reports and samples are then
compared bit for bit; times are not. Prints a line for each configuration; exits with 1 if
anything differs or a run fails.

Settings that have another name in NEW belong in `cases.RENAMED`. `--keep` stores the
results of commits below FOLDER, and takes from there what it has; results of folders with changes
that are not committed are never kept. They hold for one machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.same_numbers.cases import CASES, SAMPLE, TRAIN, Case, spelt_for
from benchmarks.same_numbers.outcome import count, difference, outcome

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("runner.py")
LOG = "log.txt"


@dataclass(frozen=True, kw_only=True)
class Side:
    """A checkout, and where its results go.

    Args:
        checkout: the folder with `train.py` and `sample.py`.
        results: a folder of its own, with one for each configuration.
    """

    checkout: Path
    results: Path


class Runner:
    """A process that runs a checkout's scripts; see `runner`."""

    def __init__(self, checkout: Path, scratch: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "SLURM_"))}
        environment |= {
            "PYTHONPATH": str(checkout),
            "HOME": str(scratch),
            "MPLCONFIGDIR": str(scratch / "matplotlib"),
            "MPLBACKEND": "Agg",
            "OMP_NUM_THREADS": "1",
            "WANDB_MODE": "disabled",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(RUNNER)],
            cwd=checkout,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        origin = self._answer()
        if not Path(origin).is_relative_to(checkout):
            raise SystemExit(f"{checkout}: expected its own interpolants, got that of {origin}")

    def run(self, home: Path, log: Path, argv: list[str]) -> bool:
        """Run a script with its overrides; whether it went well."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(home), str(log), argv]) + "\n")
        self._process.stdin.flush()
        return self._answer() == "0"

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def run_case(case: Case, side: Side, runner: Runner) -> Path:
    """The folder with all results of a configuration; of a failed one, its log."""
    commands = [
        [script, *spelt_for(side.checkout, f"{common} {own}")]
        for script, common, own in (
            ("train.py", TRAIN, case.train),
            *(("sample.py", SAMPLE, overrides) for overrides in case.samples),
        )
    ]
    digest = hashlib.sha256(json.dumps([commands, torch.__version__]).encode()).hexdigest()
    done = side.results / f"{case.name}-{digest[:12]}"
    if done.is_dir():
        return done
    with TemporaryDirectory(dir=side.results) as temporary:
        folder = Path(temporary, "made")
        folder.mkdir()
        if not _run_all(commands, folder, Path(temporary), runner):
            return Path(shutil.move(folder / LOG, side.results / f"{case.name}.failed.txt"))
        return folder.rename(done)


def _run_all(commands: list[list[str]], folder: Path, scratch: Path, runner: Runner) -> bool:
    home, run = scratch / "home", folder / "0_train"
    home.mkdir()
    (folder / LOG).touch()
    pairs = _write_pairs(scratch / "pairs.npz")
    for i, (script, *overrides) in enumerate(commands):
        if i == 0:
            where = [f"run_dir={run}"]
        else:
            newest = max(run.rglob("*.ckpt"), key=lambda path: path.stat().st_mtime_ns)
            where = [f"ckpt={newest}", f"out={folder / f'{i}_sample'}"]
        argv = [script, *(word.replace("{pairs}", pairs) for word in overrides), *where]
        if not runner.run(home, folder / LOG, argv):
            return False
    for picture in folder.rglob("*.png"):
        picture.unlink()
    return True


def _write_pairs(file: Path) -> str:
    x0 = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
    np.savez(file, x0=x0, x1=np.tanh(x0[:, ::-1]) + 0.1 * x0**2)
    return str(file)


def run_cases(cases: list[Case], side: Side, jobs: int, scratch: Path) -> Iterator[Path]:
    """Results of the configurations in their order, `jobs` of them made at once."""
    with ExitStack() as stack:
        runners: Queue[Runner] = Queue()
        for _ in range(min(jobs, len(cases))):
            runner = Runner(side.checkout, scratch)
            stack.callback(runner.close)
            runners.put(runner)

        def run(case: Case) -> Path:
            runner = runners.get()
            try:
                return run_case(case, side, runner)
            finally:
                runners.put(runner)

        yield from stack.enter_context(ThreadPoolExecutor(jobs)).map(run, cases)


@contextmanager
def opened(name: str, keep: Path | None) -> Iterator[Side]:
    """A side by its folder or commit; a worktree made for it is removed at the end."""
    with TemporaryDirectory(prefix="same_numbers_") as temporary, ExitStack() as stack:
        checkout = Path(name).resolve()
        if not checkout.is_dir():
            checkout = Path(temporary, "worktree").resolve()
            if _git(ROOT, "worktree", "add", "--detach", str(checkout), name) is None:
                raise SystemExit(f"{name}: expected a folder or a commit of {ROOT}")
            stack.callback(_git, ROOT, "worktree", "remove", "--force", str(checkout))
        commit = _git(checkout, "rev-parse", "HEAD")
        is_clean = _git(checkout, "status", "--porcelain") == ""
        results = Path(temporary, "results")
        if keep is not None and commit and is_clean:
            results = keep.resolve() / commit
        elif keep is not None:
            print(f"{name}: not a clean checkout, its results are not kept", file=sys.stderr)
        results.mkdir(parents=True, exist_ok=True)
        yield Side(checkout=checkout, results=results)


def _git(folder: Path, *words: str) -> str | None:
    """The output of a git command, or None if it fails."""
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def verdict(old: Path, new: Path) -> tuple[bool, str]:
    """Compare two results: whether they are equal, and a line that says so."""
    for name, path in (("OLD", old), ("NEW", new)):
        if path.is_file():
            lines = path.read_text().strip().splitlines() or ["no output"]
            return False, f"{name} failed: {lines[-1]}"
    found = outcome(old)
    text = difference(found, outcome(new))
    return text is None, f"equal: {count(found)}" if text is None else f"DIFFERS: {text}"


def compare(sides: list[Side], run: Callable[[Side], Iterator[Path]], names: list[str]) -> bool:
    """Run one side after the other and print a line for each configuration; whether all agree."""
    old = list(run(sides[0]))
    print(f"{'':<22}OLD has run", file=sys.stderr, flush=True)
    all_equal = True
    for name, *results in zip(names, old, run(sides[1]), strict=True):
        is_equal, text = verdict(*results)
        all_equal &= is_equal
        print(f"{name:<22}{text}", flush=True)
    return all_equal


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("old", help="a checkout's folder, or a commit")
    parser.add_argument("new", help="likewise")
    names = [case.name for case in CASES]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--keep", type=Path, help="where results of commits are stored")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    cases = [case for case in CASES if case.name in options.only]
    began = time.perf_counter()
    with ExitStack() as stack:
        sides = [
            stack.enter_context(opened(name, options.keep)) for name in (options.old, options.new)
        ]
        if sides[0].results == sides[1].results:
            raise SystemExit("NEW: expected another commit than OLD; one with itself: no --keep")
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        run = partial(run_cases, cases, jobs=options.jobs, scratch=scratch)
        all_equal = compare(sides, run, [case.name for case in cases])
    print(f"{time.perf_counter() - began:.0f} s, torch {torch.__version__}")
    return int(not all_equal)


if __name__ == "__main__":
    sys.exit(main())
