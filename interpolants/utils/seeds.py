"""Randomness by name: a generator that is a pure function of integers.

What is drawn at training step k of run seed s on rank r depends on (s, k, r) alone, so a resumed
run draws exactly what the uninterrupted one would have drawn, with no state to save.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import torch
from torch import Tensor

_BLOCK = 256


def keyed_generator(*key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator seeded by a hash of `key`.

    Args:
        key: any 64-bit signed integers; different keys give independent streams.
        device: where the generator draws.
    """
    digest = hashlib.blake2b(struct.pack(f"<{len(key)}q", *key), digest_size=8).digest()
    seed = int.from_bytes(digest, "little") >> 1
    return torch.Generator(device=device).manual_seed(seed)


def stream_rows(
    draw: Callable[[int, torch.Generator], Tensor],
    first: int,
    last: int,
    *key: int,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Rows `first` to `last` (exclusive) of an endless stream of draws, named by `key`.

    The stream is drawn in blocks of its own, so that a row is the same whoever asks for it, and
    beside whichever others.

    Args:
        draw: `draw(n, generator)` gives n independent rows.
        first, last: numbers >= 0 with first < last.
        key: as of `keyed_generator`.
        device: where to draw.
    """
    begin = first // _BLOCK
    blocks = [
        draw(_BLOCK, keyed_generator(*key, block, device=device))
        for block in range(begin, -(-last // _BLOCK))
    ]
    return torch.cat(blocks)[first - begin * _BLOCK : last - begin * _BLOCK]
