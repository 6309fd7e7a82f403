# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Encoded as Encoded
from .base import Encoder as Encoder
from .recurrent import RecurrentEncoder as RecurrentEncoder
from .video import VideoEncoder as VideoEncoder
