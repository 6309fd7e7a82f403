"""Lightning's count of batches since the last validation, in a run that continues."""

from __future__ import annotations

from typing import Any


def align_epoch(checkpoint: dict[str, Any], steps_per_batch: int, validate_every: int) -> None:
    """Make a continued run validate at multiples of `validate_every` steps.

    Lightning validates after a number of batches. Its count goes wrong if the last batch before
    the checkpoint was shorter than others, at the end of a run, or if the number is another now.

    Args:
        checkpoint: the checkpoint to continue from, changed in place.
        steps_per_batch: optimiser steps of a whole Lightning batch.
        validate_every: optimiser steps between validations, a multiple of these.
    """
    step = checkpoint["global_step"]
    before = checkpoint["hyper_parameters"]["config"].get("validate_every")
    if step % steps_per_batch == 0 and before == validate_every:
        return
    progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    counts = {
        "total": progress["total"]["ready"],
        "current": step % validate_every // steps_per_batch,
    }
    for name, count in counts.items():
        progress[name] = dict.fromkeys(progress[name], count)
    progress["is_last_batch"] = False
