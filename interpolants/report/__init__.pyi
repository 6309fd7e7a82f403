# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .chunk_files import ChunkFiles as ChunkFiles
from .kept import Kept as Kept
from .references import Reference as Reference
from .report import Measured as Measured
from .report import Report as Report
from .report import compare as compare
from .report import measure as measure
from .report import write_report as write_report
from .row_report import RowReport as RowReport
from .run_table import RunTable as RunTable
from .runs import Measurement as Measurement
from .runs import RunSummary as RunSummary
from .settings import ReportSettings as ReportSettings
from .sharding import ShardedSampling as ShardedSampling
