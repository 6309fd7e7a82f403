"""Checkpoints of a run: the best by a validation metric, and the last to resume from."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from interpolants.training.guard import NonFiniteLossError
from interpolants.utils.checks import check
from interpolants.utils.plain import brief


@final
class BestCheckpoint(ModelCheckpoint):
    """Callback that keeps `<dirpath>/best.ckpt`, the state with the least `monitor`.

    Lightning's own deletes the files that a checkpoint names, and lets loggers upload them. Here a
    run that continues takes the best score alone from it.

    Args:
        monitor: name of a metric logged in validation.
        dirpath: the folder.
    """

    def __init__(self, *, monitor: str, dirpath: str | Path) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="best",
            monitor=monitor,
            mode="min",
            save_top_k=1,
            auto_insert_metric_name=False,
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )

    @property
    def state_key(self) -> str:
        """Key in checkpoints, that of Lightning's own."""
        own, lightnings = type(self).__qualname__, ModelCheckpoint.__qualname__
        return super().state_key.replace(own, lightnings, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from the best score of a run in this folder.

        Raises:
            ValueError: if the score is not a number.
        """
        score = state_dict.get("best_model_score")
        if score is None or state_dict.get("dirpath") != self.dirpath:
            return
        is_one = isinstance(score, Tensor) and score.numel() == 1
        check(is_one, "callbacks.best_model_score", "a tensor of one number", brief(score))
        path = self.format_checkpoint_name({})
        self.best_model_score = self.kth_value = score
        self.best_model_path = self.kth_best_model_path = path
        self.best_k_models = {path: score}


@final
class LastCheckpoint(Checkpoint):
    """Callback that keeps `<dirpath>/last.ckpt`, the state to resume from.

    It is written at the end of the first Lightning batch in each interval of `every_n_steps`
    optimiser steps, after the validation that may follow that batch, at the end of training, and
    when training is stopped by a signal or an error. It is never written in the middle of a
    Lightning batch, after a non-finite loss, or after an error that only one of several processes
    may have had. A run without steps left to train writes it too, since the sampling settings
    and the folder may have changed. Every checkpoint has the time of its last step, in seconds
    since 1970, as "trained_at", since the times of files change when they are copied, and the
    seconds of training so far as "trained_seconds", without those that a kill lost.

    Lightning's own callback requires `global_step % n == 0`, which is missed if the count
    advances by several steps, and saves in the middle of a batch after an error.

    Args:
        dirpath: the folder.
        every_n_steps: optimiser steps between saves; at least 1.
        is_complete: whether callbacks have seen the last batch, after an error; always if None.

    Raises:
        ValueError: if `every_n_steps` is below 1.
    """

    def __init__(
        self,
        *,
        dirpath: str | Path,
        every_n_steps: int = 1000,
        is_complete: Callable[[pl.Trainer], bool] | None = None,
    ) -> None:
        ok = isinstance(every_n_steps, int) and every_n_steps >= 1
        check(ok, "LastCheckpoint.every_n_steps", "an integer >= 1", every_n_steps)
        self.path = Path(dirpath) / "last.ckpt"
        self.every_n_steps = every_n_steps
        self.is_complete = is_complete
        self._step = 0
        self._started = False
        self._finished = False
        self._trained_at = self._seconds = 0.0
        self._since = time.monotonic()

    @property
    def last_model_path(self) -> str:
        """Path of the file, or an empty string before the first save."""
        return str(self.path) if self.path.is_file() else ""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count from the step at which training starts or resumes."""
        # After a validation that is repeated first, the file must be replaced.
        repeats = trainer.fit_loop.epoch_loop.val_loop.restarted_mid_evaluation
        self._step = -1 if repeats else trainer.global_step
        self._started, self._since = True, time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any, **__: Any
    ) -> None:
        """Save if due, unless validation follows."""
        self._trained_at = time.time()
        if self._due(trainer) and not validation_follows(trainer):
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save if due: a run resumed from here does not repeat the validation."""
        if self._started and trainer.state.fn == TrainerFn.FITTING and self._due(trainer):
            self._save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the final state."""
        if trainer.global_step != self._step or not self.path.exists():
            self._save(trainer)
        self._started, self._finished = False, True

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the loaded state, if there was nothing left to train."""
        if not self._finished:
            self._save(trainer)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Note when the last step was trained, and for how long the run has trained."""
        now = time.monotonic()
        if self._started:
            self._seconds += now - self._since
            self._since = now
        checkpoint |= {"trained_at": self._trained_at, "trained_seconds": self._seconds}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Remember when the last step was trained, and the time of training so far."""
        self._trained_at = checkpoint.get("trained_at", 0.0)
        self._seconds = checkpoint.get("trained_seconds", 0.0)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Save the state at which training stopped, if that is between two Lightning batches."""
        started, self._started = self._started, False
        if isinstance(exception, NonFiniteLossError) or not started:
            return
        everywhere = isinstance(exception, (KeyboardInterrupt, SIGTERMException))
        if trainer.world_size > 1 and not everywhere:
            return
        progress = trainer.fit_loop.epoch_loop.batch_progress.current
        between = progress.ready == progress.processed  # type: ignore[attr-defined]
        between &= self.is_complete is None or self.is_complete(trainer)
        if between and trainer.global_step != self._step:
            if trainer.validating:
                _repeat_validation(trainer)
            self._save(trainer)

    def _due(self, trainer: pl.Trainer) -> bool:
        return trainer.global_step // self.every_n_steps > self._step // self.every_n_steps

    def _save(self, trainer: pl.Trainer) -> None:
        # Noted before the attempt, so that a failed one is not repeated when training stops.
        self._step = trainer.global_step
        if not getattr(trainer, "fast_dev_run", False):
            for logger in trainer.loggers:
                logger.save()  # values that a resumed run will not log again
            trainer.save_checkpoint(self.path)


def _repeat_validation(trainer: pl.Trainer) -> None:
    """Make a state saved within validation resume at the first validation batch.

    Lightning would continue after the last batch and report the mean over the rest, or regard a
    validation that stopped between two batches as finished.
    """
    progress = trainer.fit_loop.epoch_loop.val_loop.batch_progress
    for tracker in (progress.total, progress.current):
        tracker.load_state_dict({"ready": 1, "started": 1, "processed": 0, "completed": 0})


def validation_follows(trainer: pl.Trainer) -> bool:
    """True if validation runs right after the training batch that is ending.

    A state saved before it resumes after it, since Lightning regards that validation as finished.
    """
    loop = trainer.fit_loop
    assert loop._data_fetcher is not None
    return loop.epoch_loop._should_check_val_fx(loop._data_fetcher)
