"""Resumable sampling in chunks, by one process or several."""

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
from interpolants.sampler.samples import Samples
from interpolants.utils.checks import check, check_count
from interpolants.utils.describe import digest
from interpolants.utils.log import Log, silent
from interpolants.utils.ranks import Ranks
from interpolants.utils.seeds import keyed_generator


@final
class ShardedSampling:
    """Sampling of a request in chunks that are dealt to several processes.

    Each chunk is kept in a file until `clear`. A job that was interrupted draws only the missing
    samples, for any sizes of chunks, numbers of processes, and n.

    Args:
        model: the model.
        folder: folder of the files of this job only, shared by the processes.
        request: the user's request. Files of another request are refused.
        chunk_size: samples in a file.
        ranks: number of this process; the only one if None.
        log: called with a line on each chunk.
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
        """Draw this process's part, and return all samples; called by the first process.

        Args:
            full: the request with its inputs.

        Raises:
            ValueError, ConnectionError: as `draw`.
        """
        return self.draw(full).read(full.n)

    def draw(self, full: SampleRequest) -> ChunkFiles:
        """Draw this process's part, and wait for the others.

        Args:
            full: the request with its inputs.

        Returns:
            The files of all processes.

        Raises:
            ValueError: if samples share noise, there is no such label, or the folder has samples
                of another request.
            ConnectionError: if another process exits early.
        """
        _check_noise(self.model, full, f"one process and chunk_size={full.n}")
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
        """Delete the files of samples 0 to n."""
        ChunkFiles(self.folder, {}).clear(n)

    def _origin(self, full: SampleRequest) -> dict[str, Any]:
        """Settings that decide the samples, as plain data; n only if it decides initial states."""
        model = self.model
        guidance = model.guidance if full.guidance is None else full.guidance
        others = [] if guidance is None else guidance.networks(model.fields.net)
        modules = nn.ModuleList([model.fields, model.scaling, *others])
        config = json.dumps(model.config, sort_keys=True, default=str)
        # Samples depend neither on their number nor on the size of chunks.
        alike = replace(self.request, start=full.start, image=full.image, chunk_size=None, n=1)
        return alike.record() | {
            "weights": digest(modules.state_dict(), config),
            "device": model.device.type,
            "n": None if full.start is None else full.n,
        }


def write_sharded_report(
    model: Model,
    data: Data | None,
    metrics: Sequence[Metric],
    request: SampleRequest,
    settings: ReportSettings,
    ranks: Ranks | None = None,
    log: Log = silent,
) -> Report | None:
    """Write a report, with samples drawn by `ShardedSampling` if needed.

    It is needed for several processes, and for more samples than `request.chunk_size`. Chunks are
    kept in the folder `<stem>_chunks` beside the other files until the report is written.

    Args:
        model, data, metrics, settings: as in `write_report`.
        request: the samples. Its `chunk_size` is the number of samples that are drawn together and
            kept in a file. If None, a file has as many as `chunk_rows`, or fewer so that each
            process has some.
        ranks, log: as in `ShardedSampling`.

    Returns:
        The report on the first process; None on the others, which only draw.

    Raises:
        ValueError, ConnectionError: as `ShardedSampling.draw`.
    """
    ranks = ranks or Ranks()
    size = _chunk_size(model, request, ranks.world_size)
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


def check_chunks(model: Model, request: SampleRequest) -> None:
    """Require what `write_sharded_report` in one process needs, before samples are drawn.

    Raises:
        ValueError: if there are several chunks, and samples share noise.
    """
    size = _chunk_size(model, request, 1)
    if request.n > size:
        _check_noise(model, request, f"report_size={size}")


def _chunk_size(model: Model, request: SampleRequest, processes: int) -> int:
    """Number of samples in a file."""
    if request.chunk_size is not None:
        return request.chunk_size
    return min(chunk_rows(model.event_shape), -(-request.n // processes))


def _check_noise(model: Model, request: SampleRequest, otherwise: str) -> None:
    """Require noise by which a sample does not depend on other samples."""
    sampler = model.make_sampler(request.factory(model.sampler))
    noise = sampler.noise(keyed_generator(0, device=model.device))
    separate = not sampler.solver.draws(sampler.process) or noise.rows(0, 1) is not noise
    rule = "per_sample for samples that are drawn in chunks"
    fix = f"add sampler/noise=per_sample, or {otherwise}"
    check(separate, "sampler/noise", rule, type(noise).__name__, fix)
