"""Settings of reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interpolants.likelihood.base import LikelihoodFactory
from interpolants.report.kept import Kept
from interpolants.report.output.base import Output


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """Output of a report besides its numbers and figures, and its place.

    Attributes:
        folder: folder of the files, created if needed.
        stem: stem of the file names.
        output: format of the samples; `<stem>.npz` if None.
        likelihood: estimates log densities of at most `n` held-out data; none if None.
        animation: whether to write an animation of the flow (GIF).
        kept: floors and other results on real samples that were computed before.
        notes: lines for readers of the report.
    """

    folder: Path
    stem: str = "samples"
    output: Output | None = None
    likelihood: LikelihoodFactory | None = None
    animation: bool = False
    kept: Kept = field(default_factory=Kept)
    notes: Sequence[str] = ()
