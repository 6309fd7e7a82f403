# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .driven_sde import DrivenSDE as DrivenSDE
from .forecast import Forecast as Forecast
from .guide import Guide as Guide
from .guide import NoiseDistribution as NoiseDistribution
from .known_posterior import KnownPosterior as KnownPosterior
from .linear_guide import LinearGuide as LinearGuide
from .model import TimeSeriesModel as TimeSeriesModel
from .neural_sde import Elbo as Elbo
from .neural_sde import NeuralSDE as NeuralSDE
from .trainable import TrainableNeuralSDE as TrainableNeuralSDE
