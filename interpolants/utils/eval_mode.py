"""A module in evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and back in its own however the context ends."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
