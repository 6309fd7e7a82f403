# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .checkpoint_io import AtomicCheckpointIO as AtomicCheckpointIO
from .checkpoints import BestCheckpoint as BestCheckpoint
from .checkpoints import LastCheckpoint as LastCheckpoint
from .compiling import EagerValidation as EagerValidation
from .conclude import Outcome as Outcome
from .csv_logger import AppendingCSVLogger as AppendingCSVLogger
from .distributed import Heart as Heart
from .ema import EMA as EMA
from .guard import NonFiniteGuard as NonFiniteGuard
from .guard import NonFiniteLossError as NonFiniteLossError
from .interrupt import GracefulInterrupt as GracefulInterrupt
from .interrupt import HangUpException as HangUpException
from .module import TrainingModule as TrainingModule
from .own_record import OwnRecord as OwnRecord
from .parts import RunParts as RunParts
from .power_ema import PowerEMA as PowerEMA
from .progress import ProgressBar as ProgressBar
from .record import RunRecord as RunRecord
from .run import train as train
from .same_data import SameData as SameData
from .sample_validation import SampleValidation as SampleValidation
from .speed import Speed as Speed
from .status import StatusLines as StatusLines
from .stream import Chunk as Chunk
from .stream import HeldOut as HeldOut
from .stream import Step as Step
from .stream import StepStream as StepStream
from .warm_start import Taken as Taken
