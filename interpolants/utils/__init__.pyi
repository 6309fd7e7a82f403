# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .heartbeat import Heartbeat as Heartbeat
from .limits import TensorLimit as TensorLimit
from .locks import SoleUser as SoleUser
from .plain import Rule as Rule
from .ranks import Ranks as Ranks
