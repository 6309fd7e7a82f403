# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .integrate import SaveAt as SaveAt
from .integrate import SaveReduction as SaveReduction
from .integrate import SaveTimes as SaveTimes
from .plan import Equation as Equation
from .plan import Plan as Plan
from .plan import Segment as Segment
from .plan import Stages as Stages
from .remembered import Reach as Reach
from .remembered import Remembered as Remembered
from .sampler import Sampler as Sampler
from .samples import Samples as Samples
