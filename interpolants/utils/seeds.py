"""Keyed random generators, pure functions of integers.

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
    """Return a generator seeded by a hash of `key`.

    Args:
        key: any 64-bit signed integers; different keys give independent streams.
        device: where the generator draws.
    """
    return torch.Generator(device=device).manual_seed(keyed_seed(*key))


def keyed_seed(*key: int) -> int:
    """Seed of 63 bits, a hash of `key`; see `keyed_generator`."""
    digest = hashlib.blake2b(struct.pack(f"<{len(key)}q", *key), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def stream_rows(
    draw: Callable[[int, torch.Generator], Tensor],
    first: int,
    last: int,
    *key: int,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Rows `first` to `last` (exclusive) of an endless stream of draws, named by `key`.

    The stream is drawn in fixed blocks, so that a row does not depend on which other rows are
    drawn in the same call.

    Args:
        draw: `draw(n, generator)` gives n independent rows.
        first, last: numbers >= 0 with first < last.
        key: as of `keyed_generator`.
        device: where to draw.
    """
    first_block = first // _BLOCK
    blocks = [
        draw(_BLOCK, keyed_generator(*key, block, device=device))
        for block in range(first_block, -(-last // _BLOCK))
    ]
    offset = first_block * _BLOCK
    return torch.cat(blocks)[first - offset : last - offset]
