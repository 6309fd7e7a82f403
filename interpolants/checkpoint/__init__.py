"""Checkpoints: reading them as data, and models from them."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(
    __name__,
    "ema_profiles.reconstruct",
    "loading.load",
    "loading.load_network",
    "loading.load_teacher",
    "reading.read_checkpoint",
)
