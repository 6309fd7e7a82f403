"""Samples in one .npz file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import numpy as np
from torch import Tensor

from interpolants.report.output.base import Output, Table
from interpolants.utils.files import replace


@final
class NpzOutput(Output):
    """File `<stem>.npz` with the samples as `x` in their precision, and any labels as `label`."""

    def write(
        self,
        x: Tensor,
        label: Tensor | None,
        folder: Path,
        stem: str,
        table: Callable[[], Table] = dict,
    ) -> list[Path]:
        path, arrays = folder / f"{stem}.npz", dict[str, Any](x=x.numpy())
        if label is not None:
            arrays["label"] = label.cpu().numpy()
        replace(path, lambda file: np.savez_compressed(file, **arrays))
        return [path]
