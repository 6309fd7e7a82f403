"""Channels of the maps between a frame and 4x4 pixels, in encoders and decoders."""

from __future__ import annotations

from collections.abc import Sequence

from interpolants.net.shape_checks import check_event_shape
from interpolants.utils.checks import check, is_whole

# Normalisation is over so many groups of channels.
GROUPS = 8


def frame_widths(where: str, frame_shape: Sequence[int], features: int) -> list[int]:
    """Channels of the maps at half, a quarter, ... of a frame's sides, the last of 4x4 pixels.

    They are F, 2 F, 4 F, 4 F, ...

    Args:
        where: name of the class with `frame_shape` and `features`, for errors.
        frame_shape: (C, S, S) with S = 8, 16, 32, ...
        features: F, a multiple of 8.

    Raises:
        ValueError: if an argument is out of range.
    """
    shape = check_event_shape(f"{where}.frame_shape", frame_shape)
    # A power of two has one bit.
    good = len(shape) == 3 and shape[1] == shape[2] >= 8 and shape[1].bit_count() == 1
    check(
        good,
        f"{where}.frame_shape",
        "(C, S, S) with S one of 8, 16, 32, ...",
        shape,
        "crop or pad the frames",
    )
    check(
        is_whole(features) and features > 0 and features % GROUPS == 0,
        f"{where}.features",
        f"a multiple of {GROUPS} above 0",
        features,
    )
    levels = shape[1].bit_length() - 3
    return [features * min(2**level, 4) for level in range(levels)]
