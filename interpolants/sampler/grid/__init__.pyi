# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Grid as Grid
from .base import WarpedGrid as WarpedGrid
from .explicit import ExplicitGrid as ExplicitGrid
from .fractional import FractionalGrid as FractionalGrid
from .geometric import GeometricGrid as GeometricGrid
from .log_snr import LogSNRGrid as LogSNRGrid
from .power import PowerGrid as PowerGrid
from .sine_squared import SineSquaredGrid as SineSquaredGrid
from .uniform import UniformGrid as UniformGrid
