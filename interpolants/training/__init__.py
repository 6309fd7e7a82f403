"""Training on Lightning: the only package that imports it."""

from interpolants.utils.lazy import family

__getattr__, __dir__ = family(
    __name__,
    "run.train",
)
