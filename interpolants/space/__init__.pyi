# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Space as Space
from .euclidean import EuclideanSpace as EuclideanSpace
from .log import LogSpace as LogSpace
from .logit import LogitSpace as LogitSpace
from .positive_map import PositiveMap as PositiveMap
from .scaling import Scaling as Scaling
from .signed_log import SignedLogSpace as SignedLogSpace
