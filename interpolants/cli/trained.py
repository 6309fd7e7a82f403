"""The trained model of a command, and the files that it may write."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

# What a folder is hardly called.
_FILES = (".csv", ".jsonl", ".json", ".npz", ".npy", ".png")


class Trained(NamedTuple):
    """A trained model, as a command asks for it.

    Attributes:
        ckpt: its checkpoint or folder.
        model: the model.
        task: its kind.
        used: line that says which weights they are.
    """

    ckpt: Path
    model: Any
    task: Any
    used: str

    @property
    def run(self) -> Path:
        """Folder of its run; the folder itself of a saved model."""
        return self.ckpt if self.ckpt.is_dir() else self.ckpt.parent.parent

    def folder(self, out: str | None, name: str) -> Path:
        """Folder of the files that a command writes, `out` or one of that name in the run's."""
        return self.run / name if out is None else Path(out)


def trained(cfg: Any, device: str, *, data: bool = False) -> Trained:
    """Load the model of `ckpt`, or of the newest run, after the settings of the process.

    Args:
        cfg: the configuration of the command.
        device: where to load it.
        data: as of `interpolants.load`.

    Raises:
        FileNotFoundError, ValueError: if there is none, or a setting has no meaning for its kind.
    """
    import torch
    from hydra.core.hydra_config import HydraConfig

    from interpolants.checkpoint.loading import load, task_of
    from interpolants.checkpoint.runs import checkpoint_at, newest_checkpoint
    from interpolants.utils.checks import check, check_count
    from interpolants.utils.log import to_stderr
    from interpolants.utils.memory import keep_freed_memory
    from interpolants.utils.ranks import Ranks

    keep_freed_memory()
    check_count("threads", cfg.threads)
    out = Path(cfg.out or "")
    fix = f"stem={out.stem} names the files, and output= their format"
    check(out.suffix.lower() not in _FILES, "out", "a folder", cfg.out, fix)
    torch.set_num_threads(cfg.threads)
    newest = newest_checkpoint(Path("outputs")) if cfg.ckpt is None else Path(cfg.ckpt)
    ckpt, trust = checkpoint_at(newest), list(cfg.trust)
    if cfg.ckpt is None and Ranks.of_environment().rank == 0:
        to_stderr(f"ckpt: {ckpt}, of the run that trained last")
    model = load(ckpt, weights=cfg.weights, trust=trust, device=device, data=data)
    task = task_of(model.config, trust)
    task.check_overrides(HydraConfig.get().overrides.task)
    named = isinstance(cfg.weights, str)
    used = f"{cfg.weights} weights" if named else f"average of relative width {cfg.weights}"
    return Trained(ckpt, model, task, f"{ckpt} ({used})")
