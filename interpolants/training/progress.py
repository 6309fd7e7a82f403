"""One line of progress for people at a terminal."""

from __future__ import annotations

import sys
import time
from typing import Any, final

import lightning.pytorch as pl
from lightning.pytorch import callbacks
from tqdm import tqdm

_REFRESH_SECONDS = 0.1


@final
class ProgressBar(callbacks.ProgressBar):
    """Steps, speed, time left and loss, in a terminal or a notebook; silent elsewhere.

    The loss is copied from the device when the line is redrawn, at most ten times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._enabled = is_watched()
        self._bar: tqdm[Any] | None = None
        self._next = 0.0

    def enable(self) -> None:
        """Show the line, if somebody may watch it."""
        self._enabled = is_watched()

    def disable(self) -> None:
        """Show nothing."""
        self._enabled = False

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print above the line."""
        if self._bar is None:
            print(*args, **kwargs)
        else:
            self._bar.write(kwargs.get("sep", " ").join(str(arg) for arg in args))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the line."""
        if self._enabled:
            form = (
                "{l_bar}{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
            )
            self._bar = tqdm(
                total=trainer.max_steps,
                initial=trainer.global_step,
                desc="train",
                unit=" steps",
                file=sys.stderr,
                dynamic_ncols=True,
                bar_format=form,
                mininterval=0,
                miniters=0,  # when to draw is decided here alone
            )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Redraw the line, unless it was redrawn just before."""
        if self._bar is not None and time.monotonic() >= self._next:
            self._draw(self._bar, trainer, outputs)
            self._next = time.monotonic() + _REFRESH_SECONDS

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the line at the last step."""
        self._close(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the line where training stopped."""
        self._close(trainer)

    def _draw(self, bar: tqdm[Any], trainer: pl.Trainer, outputs: Any) -> None:
        bar.set_postfix_str(f"loss {outputs['loss'].item():.4g}", refresh=False)
        bar.update(trainer.global_step - bar.n)

    def _close(self, trainer: pl.Trainer) -> None:
        if self._bar is not None:
            self._bar.update(trainer.global_step - self._bar.n)
            self._bar.close()
            self._bar = None


def is_watched() -> bool:
    """True if stderr is a terminal, or a notebook shows it."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules
