"""Randomness by name: a generator that is a pure function of integers.

What is drawn at training step k of run seed s on rank r depends on (s, k, r) alone, so a resumed
run draws exactly what the uninterrupted one would have drawn, with no state to save.
"""

from __future__ import annotations

import hashlib
import struct

import torch


def keyed_generator(*key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator seeded by a hash of `key`.

    Args:
        key: any 64-bit signed integers; different keys give independent streams.
        device: where the generator draws.
    """
    digest = hashlib.blake2b(struct.pack(f"<{len(key)}q", *key), digest_size=8).digest()
    seed = int.from_bytes(digest, "little") >> 1
    return torch.Generator(device=device).manual_seed(seed)
