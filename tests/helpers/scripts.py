"""Run the two scripts as a user does: in a process of their own, from a folder of the user's."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from helpers.compose import ROOT, TINY, leave_out_figures
from interpolants.utils.files import replace

_OF_PROCESSES = ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def environment(**changes: str) -> dict[str, str]:
    """This process's environment with changes, and without what would make runs differ."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("WANDB_", "HYDRA_")) and k not in _OF_PROCESSES
    }
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"} | changes


def run_script(
    name: str, folder: Path, *arguments: str, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run `train.py` or `sample.py` in a folder until it ends."""
    command = [sys.executable, str(ROOT / f"{name}.py"), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(**changes), capture_output=True, text=True
    )


def train_script(
    folder: Path, *overrides: str, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run `train.py` at the smallest size; the overrides win, options such as `-m` come first."""
    first = next((i for i, word in enumerate(overrides) if "=" in word), len(overrides))
    arguments = [*overrides[:first], *TINY, *overrides[first:]]
    return run_script("train", folder, *arguments, **changes)


def runs_in(folder: Path) -> list[Path]:
    """Run folders at any depth, by name."""
    return sorted(path.parent.parent for path in folder.rglob("checkpoints/last.ckpt"))


def files_in(folder: Path) -> list[str]:
    """All files and folders below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def modules_loaded_by(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after running `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


# Starting Python and importing everything takes far longer than what the tests run.
_DRIVER = """
import contextlib, io, json, runpy, sys
from pathlib import Path
from interpolants.plot import style
from interpolants.utils.files import replace
style.save = lambda figure, path: replace(path, lambda file: None)
for script, *arguments in json.loads(sys.stdin.read()):
    sys.argv = [script, *arguments]
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as stop:
            status = stop.code or 0
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
"""


class Done(NamedTuple):
    """Result of a script."""

    status: int
    out: str
    err: str

    @property
    def complaints(self) -> str:
        """Lines on stderr beside the run's folder and its progress."""
        lines = self.err.splitlines(keepends=True)
        return "".join(line for line in lines if not re.match(r"run: |step \d+ of \d+: ", line))


def run_many(folder: Path, lines: Sequence[Sequence[str]], **changes: str) -> list[Done]:
    """Run command lines, each `train` or `sample` and its arguments, in one process, in turn.

    The files of figures are there, but empty.
    """
    scripts = [[str(ROOT / f"{name}.py"), *arguments] for name, *arguments in lines]
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        cwd=folder,
        env=environment(**changes),
        input=json.dumps(scripts),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [Done(*json.loads(line)) for line in done.stdout.splitlines()]


def run_here(folder: Path, lines: Sequence[Sequence[str]]) -> list[Done]:
    """Run command lines as `run_many` does, but in this process, which has imported everything.

    The files of figures are there, with one grey pixel.
    """
    done = []
    with pytest.MonkeyPatch.context() as patch, _warnings_of_a_script():
        patch.chdir(folder)
        leave_out_figures(patch, save_a_pixel)
        for name, *arguments in lines:
            script, out, err, status = str(ROOT / f"{name}.py"), StringIO(), StringIO(), 0
            patch.setattr(sys, "argv", [script, *arguments])
            with redirect_stdout(out), redirect_stderr(err):
                try:
                    runpy.run_path(script, run_name="__main__")
                except SystemExit as stop:
                    status = int(stop.code or 0)
            done.append(Done(status, out.getvalue(), err.getvalue()))
    return done


def save_a_pixel(figure: object, path: Path) -> None:
    """Write a picture of one grey pixel in the place of a figure."""
    replace(path, lambda file: Image.new("L", (1, 1)).save(file, "PNG"))


# Kinds of warnings that Python does not show.
_HIDDEN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@contextmanager
def _warnings_of_a_script() -> Iterator[None]:
    """Warnings go to the error stream, as outside of pytest."""

    def show(message, category, filename, lineno, file=None, line=None):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    form = warnings.formatwarning
    with warnings.catch_warnings():
        warnings.resetwarnings()
        for kind in _HIDDEN:
            warnings.simplefilter("ignore", kind)
        warnings.showwarning = show
        try:
            yield
        finally:
            warnings.formatwarning = form
