"""Loads every checkpoint of a folder; prints the most memory beyond that of a good one, in MB.

The process is killed if they take more than two CPU seconds each, on average.
"""

import resource
import sys
from pathlib import Path

import interpolants


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


good, folder = map(Path, sys.argv[1:])
interpolants.load(good)
before, files = _peak(), sorted(folder.iterdir())
used = resource.getrusage(resource.RUSAGE_SELF)
limit = int(used.ru_utime + used.ru_stime) + 1 + 2 * len(files)
resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
for file in files:
    try:
        interpolants.load(file)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        raise AssertionError(file)
print(_peak() - before)
