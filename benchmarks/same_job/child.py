"""One part of the job in a process of its own, which prints its seconds of CPU time.

    python -m benchmarks.same_job.child MODULE train|ode|sde FOLDER SEED

Rows are read from FOLDER/rows.pt, samples written to FOLDER/ode.pt or FOLDER/sde.pt.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

import torch

SAMPLES = 5_000


def main() -> int:
    module, part, folder, seed = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(1)
    job, model = import_module(f"benchmarks.same_job.{module}"), str(folder / "model")
    if part == "train":
        job.train(torch.load(folder / "rows.pt"), model, seed)
    else:
        torch.save(getattr(job, part)(model, SAMPLES, seed), folder / f"{part}.pt")
    print(time.process_time())
    return 0


if __name__ == "__main__":
    sys.exit(main())
