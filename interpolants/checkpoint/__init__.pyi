# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .course import Difference as Difference
from .ema_profiles import Profile as Profile
from .ema_profiles import reconstruct as reconstruct
from .loading import load as load
from .loading import load_network as load_network
from .loading import load_teacher as load_teacher
from .reading import Config as Config
from .reading import read_checkpoint as read_checkpoint
from .runs import RunLocation as RunLocation
from .runs import SavedRun as SavedRun
from .source import Source as Source
