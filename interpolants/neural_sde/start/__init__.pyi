# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Start as Start
from .base import StartDraw as StartDraw
from .base import Whitened as Whitened
from .fixed import FixedStart as FixedStart
from .gaussian import GaussianStart as GaussianStart
