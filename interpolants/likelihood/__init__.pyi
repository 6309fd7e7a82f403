# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Likelihood as Likelihood
from .base import LogProb as LogProb
from .expectation import ExpectationLikelihood as ExpectationLikelihood
from .feynman_kac import FeynmanKacLikelihood as FeynmanKacLikelihood
from .flow import FlowLikelihood as FlowLikelihood
