"""Broadcasting of times onto data, and sums over the event.

A time is a 0-d tensor, shared by the batch, or has shape (B,), one per sample. Data has shape
(B, *event). A (B,) time multiplied into (B, B) data would silently broadcast along the wrong
axis, so every product of a time and data goes through `expand_time`. No other module depends on
the number of dimensions of the data.
"""

from __future__ import annotations

from torch import Tensor


def expand_time(t: Tensor, x: Tensor) -> Tensor:
    """View a time, or a function of it, so that it multiplies data sample by sample.

    Args:
        t: 0-d, or shape (B,).
        x: shape (B, *event).

    Returns:
        `t` itself if it is 0-d, else its view of shape (B, 1, ..., 1).
    """
    return t if t.dim() == 0 else t.view(-1, *(1,) * (x.dim() - 1))


def flatten_event(x: Tensor) -> Tensor:
    """(B, *event) to (B, D)."""
    return x.reshape(x.shape[0], x.shape[1:].numel())


def sum_event(x: Tensor) -> Tensor:
    """Sum over the event: (B, *event) to (B,)."""
    return flatten_event(x).sum(dim=1)
