"""Overrides, the words of a command line, as they are kept with a run."""

from __future__ import annotations

OWN_KEYS = {"resume", "ckpt", "run_dir", "run_id", "change", "traceback", "hparams_search"}
"""Settings of where a run is and how it is started, never taken from another start."""


def key_of(word: str) -> str:
    """Key that an override sets: `net.hidden`, `interpolant/gamma`, `data@base.data`, ..."""
    return word.lstrip("+~").partition("=")[0]
