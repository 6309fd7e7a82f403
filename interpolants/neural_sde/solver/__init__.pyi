# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import DrivenSolver as DrivenSolver
from .driven_euler import DrivenEuler as DrivenEuler
from .driven_heun import DrivenHeun as DrivenHeun
