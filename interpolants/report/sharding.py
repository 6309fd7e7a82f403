"""Samples drawn in chunks, by one process or several, that outlive an interruption."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from interpolants.data.labels import Label, labels_of
from interpolants.fields.guidance.base import Guidance
from interpolants.model.model import Model, SamplerFactory
from interpolants.report.chunk_files import ChunkFiles, missing_ranges
from interpolants.report.drawing import settings_of
from interpolants.sampler.sampler import Samples
from interpolants.utils.checks import check, is_whole
from interpolants.utils.ranks import Ranks
from interpolants.utils.seeds import keyed_generator


@final
class ShardedSampling:
    """Draws as `Model.sample` does, in chunks that several processes take in turn.

    A chunk is a file from when it is drawn until `clear`. A job that was interrupted goes on with
    what is missing then, whatever its chunks, its processes and its n were.

    Args:
        model: what to sample.
        folder: of the files, for this job alone; the processes share it.
        settings: plain data that say how samples are drawn, beside the model and the arguments
            of `draw` that say so themselves. Files of other settings are refused.
        chunk_size: samples in a file.
        ranks: which of the processes this is; the only one if None.
        tell: takes a line about each chunk.
    """

    def __init__(
        self,
        model: Model,
        folder: Path,
        *,
        settings: Mapping[str, Any],
        chunk_size: int,
        ranks: Ranks | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.model, self.folder, self.settings = model, folder, settings
        self.chunk_size, self.ranks, self.tell = chunk_size, ranks or Ranks(), tell

    def __call__(self, n: int, **options: Any) -> Samples:
        """All samples, when every process has drawn its share; the first process calls this.

        Args:
            n: how many.
            options: as of `draw`.

        Raises:
            ValueError, ConnectionError: as `draw`.
        """
        return self.draw(n, **options).read(n)

    def draw(
        self,
        n: int,
        *,
        seed: int = 0,
        label: Label | None = None,
        guidance: Guidance | None = None,
        sampler: SamplerFactory | None = None,
        start: Tensor | None = None,
        image: Tensor | None = None,
        **options: Any,
    ) -> ChunkFiles:
        """Draw the share of this process, and wait for the others.

        Args:
            n: how many samples there are to be in all.
            seed, label, guidance, sampler, start, image, options: as in `Model.sample`.

        Returns:
            The files of all.

        Raises:
            ValueError: if noise depends on what is drawn together, there is no such label, or the
                folder has samples of other settings.
            ConnectionError: if another process ends early.
        """
        _check_noise(self.model, sampler, options, n)
        given: dict[str, Any] = {"label": label, "start": start, "image": image}
        files = ChunkFiles(self.folder, self._origin(n, seed, guidance, given))
        if label is not None:
            given["label"] = labels_of(self.model.labels, label, (0, n), given=True)
        todo = missing_ranges(files.ranges(), n, self.chunk_size)
        with self.ranks.joined():
            share = self.ranks.agreed(todo)[self.ranks.rank :: self.ranks.world_size]
            for k, (first, last) in enumerate(share):
                own: dict[str, Any] = {
                    name: None if x is None else x[first:last] for name, x in given.items()
                }
                drawn = self.model.sample(
                    last - first,
                    seed=seed,
                    first=first,
                    guidance=guidance,
                    sampler=sampler,
                    **own,
                    **options,
                )
                files.write(first, drawn)
                self.tell(f"chunk {k + 1} of {len(share)}: {drawn.seconds:.1f} s")
            self.ranks.wait()
        return files

    def clear(self, n: int) -> None:
        """Delete the files of samples 0 to n, which are kept elsewhere by now."""
        ChunkFiles(self.folder, {}).clear(n)

    def _origin(
        self, n: int, seed: int, guidance: Guidance | None, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What decides the samples, as plain data; n only where it decides their beginnings."""
        model = self.model
        guidance = model.guidance if guidance is None else guidance
        others = [] if guidance is None else guidance.networks(model.fields.net)
        modules = nn.ModuleList([model.fields, model.scaling, *others])
        weights = {k: w for k, w in modules.state_dict().items() if isinstance(w, Tensor)}
        return {
            "weights": _digest(weights, json.dumps(model.config, sort_keys=True, default=str)),
            "device": model.device.type,
            "seed": seed,
            "n": None if given["start"] is None else n,
            **{key: _plain(part) for key, part in given.items()},
            **self.settings,
        }


def _check_noise(
    model: Model, sampler: SamplerFactory | None, options: dict[str, Any], n: int
) -> None:
    """Require that a sample does not depend on what is drawn beside it."""
    draw = model.make_sampler(sampler, **settings_of(options))
    noise = draw.noise(keyed_generator(0, device=model.device))
    own = draw.process.noise_type == "none" or noise.rows(0, 1) is not noise
    rule = "per_sample for samples that are drawn in chunks"
    fix = f"add sampler/noise=per_sample, or draw all at once by one process, chunk_size={n}"
    check(own, "sampler/noise", rule, type(noise).__name__, fix)


def _digest(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """A short name of tensors with their names, and of a text."""
    digest = hashlib.blake2b(text.encode(), digest_size=8)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _plain(given: Label | None) -> int | str | None:
    """What was given, or a short name of it."""
    return given if given is None or is_whole(given) else _digest({"": torch.as_tensor(given)})
