# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import TimeSampler as TimeSampler
from .beta import BetaTime as BetaTime
from .dyadic_pairs import DyadicPairs as DyadicPairs
from .end_pairs import EndPairs as EndPairs
from .importance import ImportanceTime as ImportanceTime
from .logit_normal import LogitNormalTime as LogitNormalTime
from .logit_normal_pairs import LogitNormalPairs as LogitNormalPairs
from .pairs import TimePairs as TimePairs
from .stratified import StratifiedTime as StratifiedTime
from .uniform import UniformTime as UniformTime
from .uniform_pairs import UniformPairs as UniformPairs
