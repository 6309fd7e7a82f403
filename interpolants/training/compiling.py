"""A compiled network beside sizes that it was not compiled for."""

from __future__ import annotations

from typing import Any, final

import lightning.pytorch as pl
import torch


@final
class EagerValidation(pl.Callback):
    """Runs what `torch.compile` compiled as it was written, in validation.

    Batches of training have one size; those of validation and of samples have others, and each
    would be compiled for.
    """

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the compiled code."""
        _stance("force_eager")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go back to it."""
        _stance("default")

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Go back to it."""
        _stance("default")


def _stance(name: Any) -> None:
    torch.compiler.set_stance(name)
