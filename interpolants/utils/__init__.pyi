# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .limits import TensorLimit as TensorLimit
from .plain import Rule as Rule
from .ranks import Ranks as Ranks
