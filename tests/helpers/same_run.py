"""Comparison of two runs bit by bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from interpolants.checkpoint.reading import read_checkpoint

_STATE = ("state_dict", "ema", "optimizer_states", "lr_schedulers")


def assert_same_run(got: Path, expected: Path, checkpoints: str = "checkpoints") -> None:
    """Same metrics, and the same steps and states in the last and the best checkpoint, to the bit.

    Args:
        got, expected: folders of the runs.
        checkpoints: the folder of the checkpoints in each of them.
    """
    for name in ("last.ckpt", "best.ckpt"):
        one, other = (read_checkpoint(run / checkpoints / name) for run in (got, expected))
        assert one["global_step"] == other["global_step"], name
        for key in _STATE:
            _assert_same(one[key], other[key], f"{name}: {key}")
    assert (got / "metrics.csv").read_text() == (expected / "metrics.csv").read_text()


def _assert_same(got: Any, expected: Any, where: str) -> None:
    assert type(got) is type(expected), where
    if isinstance(got, torch.Tensor):
        assert torch.equal(got, expected), where
    elif isinstance(got, dict):
        assert got.keys() == expected.keys(), where
        for key in got:
            _assert_same(got[key], expected[key], f"{where}.{key}")
    elif isinstance(got, (list, tuple)):
        assert len(got) == len(expected), where
        for i, (one, other) in enumerate(zip(got, expected, strict=True)):
            _assert_same(one, other, f"{where}[{i}]")
    else:
        assert got == expected, where
