# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import GaussianBase as GaussianBase
from .checkpoint import load as load
from .cli.fit import fit as fit
from .coupling import IndependentCoupling as IndependentCoupling
from .fields import Fields as Fields
from .interpolant import LinearInterpolant as LinearInterpolant
from .interpolant import OneSidedLinearInterpolant as OneSidedLinearInterpolant
from .interpolant import TrigonometricInterpolant as TrigonometricInterpolant
from .model import Model as Model
from .model import SampleRequest as SampleRequest
from .net import MLP as MLP
from .net import ResidualMLP as ResidualMLP
from .neural_sde import TimeSeriesModel as TimeSeriesModel
from .objective import DenoiserObjective as DenoiserObjective
from .objective import VelocityAndDenoiserObjective as VelocityAndDenoiserObjective
from .objective import VelocityObjective as VelocityObjective
from .objective.time_sampler import UniformTime as UniformTime
from .sampler import Sampler as Sampler
from .sampler import Samples as Samples
from .sampler.process import BackwardSDE as BackwardSDE
from .sampler.process import ForwardSDE as ForwardSDE
from .sampler.process import ProbabilityFlow as ProbabilityFlow
from .utils.version import __version__ as __version__
