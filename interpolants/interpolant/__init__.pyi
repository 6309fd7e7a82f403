# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import AffineInterpolant as AffineInterpolant
from .base import Coefficients as Coefficients
from .base import Interpolant as Interpolant
from .base import InterpolantSample as InterpolantSample
from .base import OneSidedInterpolant as OneSidedInterpolant
from .custom import CustomInterpolant as CustomInterpolant
from .encoder_decoder import EncoderDecoderInterpolant as EncoderDecoderInterpolant
from .geometric_brownian import GeometricBrownianInterpolant as GeometricBrownianInterpolant
from .linear import LinearInterpolant as LinearInterpolant
from .mirror import MirrorInterpolant as MirrorInterpolant
from .one_sided_linear import OneSidedLinearInterpolant as OneSidedLinearInterpolant
from .one_sided_trigonometric import OneSidedTrigonometricInterpolant as OneSidedTrigonometricInterpolant
from .trigonometric import TrigonometricInterpolant as TrigonometricInterpolant
from .variance_exploding import VarianceExplodingInterpolant as VarianceExplodingInterpolant
from .variance_preserving import VariancePreservingInterpolant as VariancePreservingInterpolant
