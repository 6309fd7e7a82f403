# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Schedule as Schedule
from .constant import ConstantSchedule as ConstantSchedule
from .geometric import GeometricSchedule as GeometricSchedule
from .linear import LinearSchedule as LinearSchedule
from .variance_preserving import VariancePreservingSchedule as VariancePreservingSchedule
