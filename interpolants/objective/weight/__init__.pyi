# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Weight as Weight
from .constant import ConstantWeight as ConstantWeight
from .noise_level import NoiseLevelWeight as NoiseLevelWeight
from .power import PowerWeight as PowerWeight
