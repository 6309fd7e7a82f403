# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .model import Model as Model
from .request import SampleRequest as SampleRequest
from .scores import ScoreRequest as ScoreRequest
from .scores import Scores as Scores
from .table import table_of as table_of
from .trainable import TrainableFields as TrainableFields
from .trained import TrainedModel as TrainedModel
