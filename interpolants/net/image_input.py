"""Input channels of image networks."""

from __future__ import annotations

import torch
from torch import Tensor

from interpolants.net.condition import Condition
from interpolants.utils.checks import check


def with_image(x: Tensor, condition: Condition | None, channels: int) -> Tensor:
    """Concatenate the conditioning image to the state (B, C, H, W): (B, C + K, H, W).

    Args:
        x: the state, of any shape (B, *event) where K = 0.
        condition: condition with an `image` of shape (B, K, H, W).
        channels: K of the network.

    Raises:
        ValueError: if the image does not have the channels that the network was built for.
    """
    image = None if condition is None else condition.image
    got = None if image is None else tuple(image.shape)
    expected = (len(x), channels, *x.shape[2:]) if channels else None
    rule = f"channels of shape {expected} beside the state" if channels else "none: built without"
    check(got == expected, "net.image", rule, got)
    return x if image is None else torch.cat([x, image.to(x.dtype)], dim=1)
