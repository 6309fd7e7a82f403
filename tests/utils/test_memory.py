"""Freed memory is kept for the next operations."""

import resource

import pytest
import torch

from interpolants.utils.memory import keep_freed_memory


def _faults(rounds):
    """Page faults while four blocks of 8 MB are filled and freed, again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        blocks = [torch.ones(2**21) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_pages_are_obtained_once():
    if not keep_freed_memory():
        pytest.skip("another C library than glibc")
    _faults(2)
    assert _faults(8) < 2**13  # the pages of one round
