"""Samples drawn in chunks, by one process or several, that survive an interruption."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from torch import nn

from interpolants.data.base import Data
from interpolants.data.labels import labels_of
from interpolants.metric.base import Metric
from interpolants.model.batching import chunk_rows
from interpolants.model.inputs import with_inputs
from interpolants.model.model import Model
from interpolants.model.request import SampleRequest
from interpolants.report.chunk_files import ChunkFiles, missing_ranges
from interpolants.report.report import Report, write_report
from interpolants.report.settings import ReportSettings
from interpolants.sampler.sampler import Samples
from interpolants.utils.checks import check, check_count
from interpolants.utils.describe import digest
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks
from interpolants.utils.seeds import keyed_generator


@final
class ShardedSampling:
    """Draws the samples of a request in chunks that several processes take in turn.

    A chunk is a file from when it is drawn until `clear`. A job that was interrupted goes on with
    what is missing then, whatever its chunks, its processes and its n were.

    Args:
        model: what to sample.
        folder: of the files, for this job alone; the processes share it.
        request: the samples as asked for. Files of another request are refused.
        chunk_size: samples in a file.
        ranks: which of the processes this is; the only one if None.
        log: takes a line about each chunk.
    """

    def __init__(
        self,
        model: Model,
        folder: Path,
        *,
        request: SampleRequest,
        chunk_size: int,
        ranks: Ranks | None = None,
        log: Log = silent,
    ) -> None:
        check_count("chunk_size", chunk_size)
        self.model, self.folder, self.request = model, folder, request
        self.chunk_size, self.ranks, self.log = chunk_size, ranks or Ranks(), log

    def __call__(self, full: SampleRequest) -> Samples:
        """All samples, once every process has drawn its part; the first process calls this.

        Args:
            full: the request with its inputs.

        Raises:
            ValueError, ConnectionError: as `draw`.
        """
        return self.draw(full).read(full.n)

    def draw(self, full: SampleRequest) -> ChunkFiles:
        """Draw the part of this process, and wait for the others.

        Args:
            full: the request with its inputs.

        Returns:
            The files of all.

        Raises:
            ValueError: if noise depends on what is drawn together, there is no such label, or the
                folder has samples of another request.
            ConnectionError: if another process ends early.
        """
        _check_noise(self.model, full)
        files = ChunkFiles(self.folder, self._origin(full))
        if full.label is not None:
            numbers = (0, full.n)
            label = labels_of(self.model.labels, full.label, numbers, from_data=True)
            full = replace(full, label=label)
        missing = missing_ranges(files.ranges(), full.n, self.chunk_size)
        with self.ranks.joined():
            own = self.ranks.agreed(missing)[self.ranks.rank :: self.ranks.world_size]
            for k, (first, last) in enumerate(own):
                drawn = self.model.draw(full.rows(first, last))
                files.write(first, drawn)
                self.log(f"chunk {k + 1} of {len(own)}: {drawn.seconds:.1f} s")
            self.ranks.wait()
        return files

    def clear(self, n: int) -> None:
        """Delete the files of samples 0 to n, which are kept elsewhere by now."""
        ChunkFiles(self.folder, {}).clear(n)

    def _origin(self, full: SampleRequest) -> dict[str, Any]:
        """What decides the samples, as plain data; n only where it decides initial states."""
        model = self.model
        guidance = model.guidance if full.guidance is None else full.guidance
        others = [] if guidance is None else guidance.networks(model.fields.net)
        modules = nn.ModuleList([model.fields, model.scaling, *others])
        config = json.dumps(model.config, sort_keys=True, default=str)
        # How many are drawn, and how many at once, decides none of them.
        asked = replace(self.request, start=full.start, image=full.image, chunk_size=None, n=1)
        return asked.record() | {
            "weights": digest(modules.state_dict(), config),
            "device": model.device.type,
            "n": None if full.start is None else full.n,
        }


def write_sharded_report(
    model: Model,
    data: Data,
    metrics: Sequence[Metric],
    request: SampleRequest,
    settings: ReportSettings,
    ranks: Ranks | None = None,
    log: Log = silent,
) -> Report | None:
    """As `write_report`, with samples drawn by `ShardedSampling` where that is called for.

    It is where there are several processes, or more samples than `request.chunk_size`. Their
    files are in `<stem>_chunks` beside the others until the report is written.

    Args:
        model, data, metrics, settings: as in `write_report`.
        request: the samples. Its `chunk_size` is the number that are drawn at once and kept in a
            file. If None these are two numbers: a file has as many as `chunk_rows` says, or
            fewer, for each process to have some.
        ranks, log: as in `ShardedSampling`.

    Returns:
        The report of the first process; None on the others, which only draw.

    Raises:
        ValueError, ConnectionError: as `ShardedSampling.draw`.
    """
    ranks = ranks or Ranks()
    size = request.chunk_size
    if size is None:
        size = min(chunk_rows(model.event_shape), -(-request.n // ranks.world_size))
    if ranks.world_size == 1 and request.n <= size:
        return write_report(model, data, metrics, request, settings)
    sharded = ShardedSampling(
        model,
        settings.folder / f"{settings.stem}_chunks",
        request=request,
        chunk_size=size,
        ranks=ranks,
        log=log if ranks.rank == 0 else silent,
    )
    if ranks.rank != 0:
        sharded.draw(with_inputs(model, data, request))
        return None
    report = write_report(model, data, metrics, request, settings, sharded)
    sharded.clear(request.n)
    return report


def _check_noise(model: Model, request: SampleRequest) -> None:
    """Require that a sample does not depend on what is drawn beside it."""
    sampler = model.make_sampler(request.factory(model.sampler))
    noise = sampler.noise(keyed_generator(0, device=model.device))
    own = sampler.process.noise_type == "none" or noise.rows(0, 1) is not noise
    rule = "per_sample for samples that are drawn in chunks"
    fix = "add sampler/noise=per_sample, or draw all at once by one process, "
    check(own, "sampler/noise", rule, type(noise).__name__, f"{fix}chunk_size={request.n}")
