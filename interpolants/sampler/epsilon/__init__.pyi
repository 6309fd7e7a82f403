# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Epsilon as Epsilon
from .constant import ConstantEpsilon as ConstantEpsilon
from .kl_optimal import KLOptimalEpsilon as KLOptimalEpsilon
from .noise_level import NoiseLevelEpsilon as NoiseLevelEpsilon
from .sine_squared import SineSquaredEpsilon as SineSquaredEpsilon
