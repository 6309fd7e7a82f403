"""Spread of metrics between two samples of real data.

    python -m benchmarks.floors [--draws 20] [key=value ...]

For each metric of `train.py` and its data (checkerboard unless overridden), the distance between
two disjoint real sets of `report_size` samples, over independent pairs of sets: mean, standard
deviation, least and largest. Reports average three such pairs.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import torch
from hydra import compose, initialize_config_dir

from benchmarks.common import CONF, build


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("overrides", nargs="*", help="settings of train.py, key=value")
    options = parser.parse_args()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", options.overrides)
    torch.set_num_threads(cfg.threads)
    data = build(cfg.data)
    pairs = [data.reference_pair(cfg.report_size, draw) for draw in range(options.draws)]
    print(f"{'metric':<24}{'mean':>11}{'std':>11}{'least':>11}{'largest':>11}")
    for name, node in cfg.metric.items():
        metric = build(node)
        values = [float(metric(x, y)) for x, y in pairs]
        spread = (statistics.mean(values), statistics.stdev(values), min(values), max(values))
        print(f"{name:<24}" + "".join(f"{value:>11.5f}" for value in spread))
    return 0


if __name__ == "__main__":
    sys.exit(main())
