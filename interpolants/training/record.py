"""Record of a run in its folder: who owns it, and its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import lightning.pytorch as pl
import yaml

from interpolants.checkpoint.reading import read_checkpoint
from interpolants.checkpoint.runs import LAST, RunLocation
from interpolants.checkpoint.same_data import check_continues
from interpolants.training.own_callbacks import stop_reason
from interpolants.training.resumed import check_resumed
from interpolants.utils.files import remove_leftovers, replace
from interpolants.utils.log import to_stderr

_GO_ON = "go on with callbacks=[], or with other settings of them"


@final
class RunRecord(pl.Callback):
    """Callback that keeps the lock and `config.yaml` of a run's folder.

    If they are deleted during training, they are written again with the next checkpoint. The
    first process writes.

    Args:
        location: the run's folder.
        config: the resolved configuration as plain data, written when training begins.
        notes: lines that are printed then.

    Attributes:
        owner: context in which this process alone trains in the folder.
    """

    def __init__(
        self, location: RunLocation, config: Mapping[str, Any], notes: Sequence[str] = ()
    ) -> None:
        self.location, self.config, self.notes = location, config, notes
        self.owner = location.owner()
        self._stopped, self._has_same_callbacks = "", False
        self._file = location.folder / "config.yaml"

    def first_step(self, max_steps: int, module: pl.LightningModule, trainer: pl.Trainer) -> int:
        """Step that training begins with, on the data of the run that it continues.

        Raises:
            ValueError: if the data are others, as of `check_resumed` if the checkpoint does not
                fit the run, or as of `RunLocation.first_step`.
        """
        path = self.location.checkpoint
        if path is not None:
            content = read_checkpoint(path, resume=True)
            check_continues(self.config, content, path)
            check_resumed(content, path, module, trainer)
            saved = content["hyper_parameters"]["config"]
            self._has_same_callbacks = saved.get("callbacks") == self.config.get("callbacks")
        return self.location.first_step(max_steps)

    def is_finished(self, step: int, max_steps: int, speaks: bool) -> bool:
        """True if the run has its report and is not to train on, which is said if `speaks`."""
        if not self.location.end.exists():
            return False
        end = yaml.safe_load(self.location.end.read_text())
        stopped = end.get("stopped", "") if isinstance(end, dict) else ""
        done = step == max_steps
        stays = not done and bool(stopped) and self._has_same_callbacks
        if speaks and (done or stays):
            what = f"has finished its {step} steps" if done else f"stopped at step {step}"
            fix = "train longer with a larger max_steps" if done else f"{stopped}; {_GO_ON}"
            to_stderr(f"{self.location.folder} {what}: nothing to do; {fix}")
        return done or stays

    def stop(self, step: int, config: Mapping[str, Any], callbacks: Sequence[pl.Callback]) -> None:
        """Note and say if callbacks of the user ended training before its last step."""
        if step == config["max_steps"]:
            return
        reason = self._stopped = stop_reason(callbacks, config["callbacks"])
        to_stderr(f"stopped at step {step}: {reason}")

    def end(self) -> None:
        """Note that the run has ended with its report: its last step, and seconds of training."""
        last = read_checkpoint(self.location.folder / LAST)
        end = {"step": last["global_step"], "seconds": last["trained_seconds"]}
        text = yaml.safe_dump(end | ({"stopped": self._stopped} if self._stopped else {}))
        replace(self.location.end, lambda file: file.write(text.encode()))

    def begin(self, trainer: pl.Trainer) -> None:
        """Write the configuration, delete what killed processes left, and print the notes."""
        if trainer.is_global_zero:
            folder = self.location.folder
            for each in (folder, folder / LAST.parent, folder / "ema", folder / "figures"):
                remove_leftovers(each)
            self.location.end.unlink(missing_ok=True)
            self._write()
            for line in self.notes:
                to_stderr(line)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write again what was deleted.

        Raises:
            BlockingIOError: if another process has taken the folder since.
        """
        if trainer.is_global_zero:
            self.owner.renew()
            if not self._file.exists():
                self._write()

    def _write(self) -> None:
        text = yaml.safe_dump(dict(self.config), sort_keys=False)
        replace(self._file, lambda file: file.write(text.encode()))
