# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .heartbeat import Heartbeat as Heartbeat
from .locks import SoleUser as SoleUser
from .ranks import Ranks as Ranks
