"""Memory that operations free, kept for those that follow."""

from __future__ import annotations

import ctypes

# Parameters of glibc's mallopt, with the largest values that are worth it: above 32 MB a block
# takes longer to fill than to obtain, and 256 MB of free memory are kept.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = (-3, 2**25), (-1, 2**28)


def keep_freed_memory() -> bool:
    """Keep freed memory in this process, up to 256 MB; False if it cannot, without glibc.

    By default glibc hands back to the system what a tensor of some megabytes took, so that the
    next operation waits for new pages full of zeros.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return all([mallopt(*setting) for setting in (_MMAP_THRESHOLD, _TRIM_THRESHOLD)])
