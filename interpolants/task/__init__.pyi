# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import SampleCheck as SampleCheck
from .base import Task as Task
from .base import TaskSetup as TaskSetup
from .flow_map import FlowMapTask as FlowMapTask
from .interpolant import InterpolantTask as InterpolantTask
from .neural_sde import NeuralSDETask as NeuralSDETask
