# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Divergence as Divergence
from .exact import ExactDivergence as ExactDivergence
from .hutchinson import HutchinsonDivergence as HutchinsonDivergence
