# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Driver as Driver
from .base import Forecast as Forecast
from .base import Increment as Increment
from .brownian import Brownian as Brownian
from .estimate import HurstEstimate as HurstEstimate
from .estimate import exact_likelihood as exact_likelihood
from .estimate import markov_likelihood as markov_likelihood
from .estimate import variogram_hurst as variogram_hurst
from .exact_fractional_brownian import ExactFractionalBrownian as ExactFractionalBrownian
from .fractional_noise import FractionalNoise as FractionalNoise
from .geometric_speeds import GeometricSpeeds as GeometricSpeeds
from .hurst import Hurst as Hurst
from .mandelbrot_van_ness import MandelbrotVanNess as MandelbrotVanNess
from .markov_fractional_brownian import MarkovFractionalBrownian as MarkovFractionalBrownian
from .matched_speeds import MatchedSpeeds as MatchedSpeeds
from .representation import Representation as Representation
from .riemann_liouville import RiemannLiouville as RiemannLiouville
from .speeds import Speeds as Speeds
from .weights import optimal_weights as optimal_weights
