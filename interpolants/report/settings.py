"""What a report writes, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interpolants.likelihood.base import LikelihoodFactory
from interpolants.report.output.base import Output


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """What a report writes besides its numbers and figures, and where.

    Attributes:
        folder: of the files; made if it is not there.
        stem: beginning of the files' names.
        output: how samples are written; as `<stem>.npz` if None.
        likelihood: estimates log densities of at most `n` held-out data; none if None.
        animation: whether to write a GIF of the flow too.
    """

    folder: Path
    stem: str = "samples"
    output: Output | None = None
    likelihood: LikelihoodFactory | None = None
    animation: bool = False
