# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Diffusion as Diffusion
from .constant import ConstantDiffusion as ConstantDiffusion
from .coordinate import CoordinateDiffusion as CoordinateDiffusion
