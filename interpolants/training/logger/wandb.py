"""Logger of Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

from lightning.pytorch.loggers import WandbLogger as LightningLogger
from lightning.pytorch.utilities import rank_zero_only


@final
class WandbLogger(LightningLogger):
    """Lightning's logger, with wandb's own step a function of the number of optimiser steps.

    The row of step k is 2 k for training, and 2 k + 1 for what is logged after it, in validation
    and in the report. A resumed run thus writes rows after those of the run that was saved, and a
    row that it repeats, after a kill, under the same number. wandb counts the calls of a process
    otherwise, from 0 in each, and `wandb sync` then drops or mixes the rows of a resumed run.

    Args:
        project: name of the project.
        name: name of the run, chosen by wandb if None.
        id: id of the run, which a run that continues has in common with its first part.
        save_dir: folder of wandb's files.
        mode: "online", "offline", "disabled" or "shared", as of `wandb.init`.
        log_model: whether to upload checkpoints at the end, or "all" of them as they are written.
        entity, group, job_type, tags, notes: as of `wandb.init` too.
    """

    def __init__(
        self,
        *,
        project: str,
        name: str | None = None,
        id: str | None = None,
        save_dir: str = ".",
        mode: Literal["online", "offline", "disabled", "shared"] = "offline",
        log_model: bool | Literal["all"] = False,
        entity: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: Sequence[str] | None = None,
        notes: str | None = None,
    ) -> None:
        # Lightning's own takes any argument, and hands it to wandb when training begins.
        super().__init__(
            project=project,
            name=name,
            id=id,
            save_dir=save_dir,
            mode=mode,
            log_model=log_model,
            entity=entity,
            group=group,
            job_type=job_type,
            tags=tags,
            notes=notes,
        )

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Log the configuration, and ask for the best validation values beside the last ones."""
        self.experiment.define_metric(
            "val/*", step_metric="trainer/global_step", summary="min,max,last"
        )
        super().log_hyperparams(params)

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
