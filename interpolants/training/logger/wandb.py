"""Logger of Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from lightning.pytorch.loggers import WandbLogger as LightningLogger
from lightning.pytorch.utilities import rank_zero_only


@final
class WandbLogger(LightningLogger):
    """Lightning's logger, with wandb's own step a function of the number of optimiser steps.

    The row of step k is 2 k for training, and 2 k + 1 for what is logged after it, in validation
    and in the report. A resumed run thus writes rows after those of the run that was saved, and a
    row that it repeats, after a kill, under the same number. wandb counts the calls of a process
    otherwise, from 0 in each, and `wandb sync` then drops or mixes the rows of a resumed run.

    Its arguments are those of Lightning's logger.
    """

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log values by name.

        Args:
            metrics: the values; `val/` and `test/` begin the names of those after a step.
            step: optimiser steps taken; wandb's next row if None.
        """
        if step is None:
            super().log_metrics(metrics)
            return
        after = any(name.startswith(("val/", "test/")) for name in metrics)
        row = {**metrics, "trainer/global_step": step}
        self.experiment.log(row, step=2 * step + after)
