# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .ambient_sde import AmbientSDE as AmbientSDE
from .backward_sde import BackwardSDE as BackwardSDE
from .base import FieldProcess as FieldProcess
from .base import Process as Process
from .combinations import Combinations as Combinations
from .diffusive import DiffusiveProcess as DiffusiveProcess
from .flow_map import FlowMap as FlowMap
from .forward_sde import ForwardSDE as ForwardSDE
from .fractional_bridge import FractionalBridge as FractionalBridge
from .fractional_flow import FractionalFlow as FractionalFlow
from .memory import MemoryProcess as MemoryProcess
from .probability_flow import ProbabilityFlow as ProbabilityFlow
from .stochastic_flow_map import StochasticFlowMap as StochasticFlowMap
from .target_mean import TargetMean as TargetMean
