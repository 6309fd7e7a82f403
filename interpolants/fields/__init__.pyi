# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .conditioned import ConditionedNetwork as ConditionedNetwork
from .fields import Fields as Fields
from .jumps import Jumps as Jumps
from .potentials import log_density_difference as log_density_difference
from .preconditioning import Preconditioning as Preconditioning
from .preconditioning import Scales as Scales
from .wasserstein import GradientFlow as GradientFlow
from .wasserstein import VelocityParts as VelocityParts
from .wasserstein import gradient_flow as gradient_flow
from .wasserstein import velocity_parts as velocity_parts
