# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .augmented import AugmentedProcess as AugmentedProcess
from .density import DensityProcess as DensityProcess
from .path_kl import PathKL as PathKL
from .scored_density import ScoredDensity as ScoredDensity
from .transported_density import TransportedDensity as TransportedDensity
