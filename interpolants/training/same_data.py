"""Comparison of the data of several processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import lightning.pytorch as pl
from torch import distributed

from interpolants.data.fingerprint import data_differences
from interpolants.utils.checks import check


@final
class SameData(pl.Callback):
    """Callback that requires the same data in every process, before the first step.

    Args:
        fingerprint: the record of this process, by setting.

    Raises:
        ValueError: in the first process, if another has other data; the others exit.
    """

    def __init__(self, fingerprint: Mapping[str, Any]) -> None:
        self.fingerprint = fingerprint

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the records of all processes."""
        if trainer.world_size == 1:
            return
        records: list[Any] = [None] * trainer.world_size
        distributed.all_gather_object(records, self.fingerprint)
        found = {k: data_differences(records[0], record) for k, record in enumerate(records)}
        others = {k: text for k, text in found.items() if text}
        if others and trainer.global_rank:
            raise SystemExit(0)  # the first process says why
        for rank, text in others.items():
            fix = "give all processes the same files"
            check(False, "data", "the same data in every process", f"{text} in {rank}", fix)
