"""An explicit list of times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import torch
from torch import Tensor

from interpolants.sampler.grid.base import Grid, LogSNR
from interpolants.utils.checks import check, is_number


@final
@dataclass(frozen=True, kw_only=True)
class ExplicitGrid(Grid):
    """Nodes at listed times.

    Args:
        values: increasing times in [0, 1], one more than there are steps, from one end of the
            process's span to the other; ends that lie beyond it are moved onto it.
    """

    values: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0)

    def __post_init__(self) -> None:
        values = list(self.values)
        numbers = len(values) > 1 and all(is_number(value) for value in values)
        ok = numbers and 0 <= values[0] and values[-1] <= 1
        ok = ok and all(before < after for before, after in pairwise(values))
        rule = "two or more increasing times in [0, 1]"
        check(ok, "ExplicitGrid.values", rule, values)

    def nodes(self, num_steps: int, span: tuple[float, float], log_snr: LogSNR | None) -> Tensor:
        count = len(self.values) - 1
        fix = f"set sampler.num_steps={count}"
        check(num_steps == count, "ExplicitGrid.values", f"{num_steps + 1} times", count + 1, fix)
        t = torch.tensor(list(self.values), dtype=torch.float64)
        start, end = span
        inside = t[1:-1]
        check(
            bool(
                (inside > start).all() and (inside < end).all() and t[0] <= start and t[-1] >= end
            ),
            "ExplicitGrid.values",
            f"times from {start} to {end}, where the process can be solved",
            list(self.values),
        )
        return t
