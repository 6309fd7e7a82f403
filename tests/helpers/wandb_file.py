"""Reads the file that wandb writes offline: the records of a run, in order.

A 7-byte head (":W&B", 0xBEE1, version 0), then blocks of 32,768 bytes that hold chunks in the
format of LevelDB's log: a CRC, a length, whether the chunk is a whole record or its first, a
middle or its last part, and the data. A record is a protocol buffer of wandb's own.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HEAD = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
_BLOCK = 32_768
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def read_records(path: Path) -> list[Any]:
    """All records of a `run-<id>.wandb` file."""
    from wandb.proto.wandb_internal_pb2 import Record

    records = []
    for data in _messages(path.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        records.append(record)
    return records


def _messages(content: bytes) -> Iterator[bytes]:
    assert content.startswith(_HEAD), content[:7]
    position, parts = len(_HEAD), []
    while position < len(content):
        left = _BLOCK - position % _BLOCK
        if left < _CHUNK.size:
            position += left
            continue
        checksum, size, kind = _CHUNK.unpack_from(content, position)
        start = position + _CHUNK.size
        data = content[start : start + size]
        assert zlib.crc32(data, zlib.crc32(bytes([kind]))) == checksum
        position = start + size
        assert kind in ((_FULL, _FIRST) if not parts else (_MIDDLE, _LAST))
        parts.append(data)
        if kind in (_FULL, _LAST):
            yield b"".join(parts)
            parts = []
    assert not parts


def of_kind(records: list[Any], kind: str) -> list[Any]:
    """The records of one kind, such as "run", "history", "artifact" or "exit"."""
    return [getattr(r, kind) for r in records if r.WhichOneof("record_type") == kind]


def values(items: Any) -> dict[str, Any]:
    """Keys and values of configuration or history items; nested keys are joined by dots."""
    return {i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in items}
