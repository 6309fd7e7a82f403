# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import TimeSampler as TimeSampler
from .beta import BetaTime as BetaTime
from .importance import ImportanceTime as ImportanceTime
from .logit_normal import LogitNormalTime as LogitNormalTime
from .stratified import StratifiedTime as StratifiedTime
from .uniform import UniformTime as UniformTime
