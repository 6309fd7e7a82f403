# Exported names, for type checkers. Made by `python docs/public_names.py`; a test compares them.
# fmt: off
# ruff: noqa
from .base import Output as Output
from .base import TableOutput as TableOutput
from .csv import CsvOutput as CsvOutput
from .jsonl import JsonlOutput as JsonlOutput
from .npz import NpzOutput as NpzOutput
from .png import PngOutput as PngOutput
