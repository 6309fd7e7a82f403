"""Logger of TensorBoard."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, final

import matplotlib.image
import yaml
from lightning.pytorch.loggers import TensorBoardLogger as LightningLogger
from lightning.pytorch.utilities import rank_zero_only


@final
class TensorBoardLogger(LightningLogger):
    """Lightning's logger, in one folder for all parts of a run, with its settings and figures.

    Args:
        save_dir: folder of TensorBoard's files.

    Raises:
        ModuleNotFoundError: if TensorBoard is not installed.
    """

    def __init__(self, *, save_dir: str) -> None:
        importlib.import_module("tensorboard")
        super().__init__(save_dir, name="", version="", default_hp_metric=False)

    def truncate_after(self, step: int) -> None:
        """Hide what a killed run logged of later steps, which are logged again."""
        self._kwargs["purge_step"] = step + 1

    @rank_zero_only
    def log_hyperparams(  # type: ignore[override]
        self, params: Mapping[str, Any], *args: Any, **kwargs: Any
    ) -> None:
        """Log the configuration as a text."""
        text = yaml.safe_dump(dict(params), sort_keys=False)
        self.experiment.add_text("settings", f"```yaml\n{text}```")

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[str], step: int) -> None:
        """Log image files under one name."""
        for file in images:
            pixels = matplotlib.image.imread(file)
            form = "HW" if pixels.ndim == 2 else "HWC"
            self.experiment.add_image(key, pixels, step, dataformats=form)
