# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Decoder as Decoder
from .identity import IdentityDecoder as IdentityDecoder
from .video import VideoDecoder as VideoDecoder
