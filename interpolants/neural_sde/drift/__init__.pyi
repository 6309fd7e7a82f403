# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Drift as Drift
from .mean_reverting import MeanRevertingDrift as MeanRevertingDrift
from .zero import ZeroDrift as ZeroDrift
