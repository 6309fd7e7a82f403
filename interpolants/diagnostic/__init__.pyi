# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .antisymmetry import Antisymmetry as Antisymmetry
from .circulation import Circulation as Circulation
from .gradient_error import GradientError as GradientError
from .ridge_features import RidgeFeatures as RidgeFeatures
from .ridge_features import Slopes as Slopes
from .stiffness import Rotation as Rotation
