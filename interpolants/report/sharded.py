"""The report of samples that may be drawn in chunks, by several processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interpolants.data.base import Data
from interpolants.metric.base import Metric
from interpolants.model.chunks import chunk_rows
from interpolants.model.model import Model
from interpolants.report.drawing import begin
from interpolants.report.report import Report, write_report
from interpolants.report.sharding import ShardedSampling
from interpolants.utils.checks import check_count
from interpolants.utils.ranks import Ranks


def write_sharded_report(
    model: Model,
    data: Data,
    metrics: Sequence[Metric],
    folder: Path,
    *,
    n: int,
    stem: str,
    settings: Mapping[str, Any],
    writing: Mapping[str, Any],
    chunk_size: int | None = None,
    ranks: Ranks | None = None,
    tell: Callable[[str], None] = lambda _: None,
    **drawing: Any,
) -> Report | None:
    """As `write_report`, with samples drawn by `ShardedSampling` where that is called for.

    It is where there are several processes, or more samples than `chunk_size`. Their files are
    in `<stem>_chunks` beside the others until the report is written.

    Args:
        model, data, metrics, folder, n, stem: as in `write_report`.
        settings, ranks, tell: as in `ShardedSampling`.
        writing: what else `write_report` takes that is not for drawing samples.
        chunk_size: samples drawn at once and kept in a file. If None these are two numbers: a
            file has as many as `chunk_rows` says, or fewer, for each process to have some.
        drawing: as `options` of `write_report`, and its `seed` and `sampler`.

    Returns:
        The report of the first process; None on the others, which only draw.

    Raises:
        ValueError, ConnectionError: as `ShardedSampling.draw`.
    """
    ranks = ranks or Ranks()
    drawing |= {"n": n, "chunk_size": chunk_size}
    if chunk_size is None:
        chunk_size = min(chunk_rows(model.event_shape), -(-n // ranks.world_size))
    check_count("chunk_size", chunk_size)
    if ranks.world_size == 1 and n <= chunk_size:
        return write_report(model, data, metrics, folder, stem=stem, **writing, **drawing)
    first = ranks.rank == 0
    sharded = ShardedSampling(
        model,
        folder / f"{stem}_chunks",
        settings=settings,
        chunk_size=chunk_size,
        ranks=ranks,
        tell=tell if first else lambda _: None,
    )
    if not first:
        begun = begin(model, data, **drawing)
        sharded.draw(begun.n, **begun.options)
        return None
    writing = {"stem": stem, "sample": sharded, **writing}
    report = write_report(model, data, metrics, folder, **writing, **drawing)
    sharded.clear(n)
    return report
