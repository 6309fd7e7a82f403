# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .autoguidance import Autoguidance as Autoguidance
from .base import Guidance as Guidance
from .classifier_free import ClassifierFreeGuidance as ClassifierFreeGuidance
from .map_guidance import MapGuidance as MapGuidance
