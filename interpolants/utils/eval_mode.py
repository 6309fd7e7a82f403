"""Evaluation mode within a context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and back into its previous mode at the end."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
