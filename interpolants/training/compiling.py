"""Compiled networks and batches of other sizes."""

from __future__ import annotations

from typing import Any, final

import lightning.pytorch as pl
import torch


@final
class EagerValidation(pl.Callback):
    """Callback that runs compiled networks eagerly in validation.

    Training batches have one size; those of validation and sampling have others, each of which
    would need a compilation.
    """

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Switch to eager execution."""
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
