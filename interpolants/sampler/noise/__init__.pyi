# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .antithetic import AntitheticNoise as AntitheticNoise
from .base import Noise as Noise
from .coupled import CoupledNoise as CoupledNoise
from .fixed import FixedNoise as FixedNoise
from .generator import GeneratorNoise as GeneratorNoise
from .per_sample import PerSampleNoise as PerSampleNoise
