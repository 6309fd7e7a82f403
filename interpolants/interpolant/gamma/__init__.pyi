# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Gamma as Gamma
from .brownian_bridge import BrownianBridgeGamma as BrownianBridgeGamma
from .quadratic import QuadraticGamma as QuadraticGamma
from .sigmoid_difference import SigmoidDifferenceGamma as SigmoidDifferenceGamma
from .sine_squared import SineSquaredGamma as SineSquaredGamma
from .zero import ZeroGamma as ZeroGamma
