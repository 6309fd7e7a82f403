# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Control as Control
from .control_schedule import ControlSchedule as ControlSchedule
from .mlp import MLPControl as MLPControl
