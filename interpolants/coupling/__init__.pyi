# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Coupling as Coupling
from .base import Pair as Pair
from .independent import IndependentCoupling as IndependentCoupling
from .inpainting import InpaintingCoupling as InpaintingCoupling
from .minibatch_ot import MinibatchOTCoupling as MinibatchOTCoupling
from .paired import PairedCoupling as PairedCoupling
from .super_resolution import SuperResolutionCoupling as SuperResolutionCoupling
