# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Mode as Mode
from .checkpointed import Checkpointed as Checkpointed
from .compiled import Compiled as Compiled
from .cuda_graph import CudaGraph as CudaGraph
from .eager import Eager as Eager
