# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Base as Base
from .callable import CallableBase as CallableBase
from .class_average import ClassAverageBase as ClassAverageBase
from .dataset import DatasetBase as DatasetBase
from .fitted import FittedBase as FittedBase
from .fitted_iid import FittedIidBase as FittedIidBase
from .gaussian import GaussianBase as GaussianBase
from .initial_state import InitialStateBase as InitialStateBase
