"""Run the two scripts as a user does: in a process of their own, from a folder of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from compose import ROOT, TINY

def environment(**changes: str) -> dict[str, str]:
    """This process's environment with changes, and without what would make runs differ."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "HYDRA_"))}
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
