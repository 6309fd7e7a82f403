# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Features as Features
from .classifier import ClassifierFeatures as ClassifierFeatures
from .inception import InceptionFeatures as InceptionFeatures
from .raw import RawFeatures as RawFeatures
