"""Folders of runs as training writes them, made without training."""

import csv

import yaml

_PART = "interpolants.interpolant.{0}.{1}Interpolant"
PARTS = {
    "linear": _PART.format("linear", "Linear"),
    "mirror": _PART.format("mirror", "Mirror"),
}


def make_run(folder, *, seed=0, hidden=32, path="linear", rows=(), end=None, **settings):
    """Write the configuration and the log of a run, and its end if it has one."""
    folder.mkdir(parents=True)
    config = {
        "name": folder.name,
        "seed": seed,
        "max_steps": 20,
        "run_dir": str(folder),
        "interpolant": {"_target_": PARTS[path], "level": 1.0 if path == "linear" else 2.0},
        "net": {"_target_": "interpolants.net.mlp.MLP", "_partial_": True, "hidden": hidden},
        "metric": {"mmd": {"_target_": "interpolants.metric.mmd.MMD"}},
        "fingerprint": {"data": {"shape": [2]}},
        **settings,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    columns = dict.fromkeys(["step", *(name for row in rows for name in row)])
    with open(folder / "metrics.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    if end is not None:
        (folder / "finished").write_text(yaml.safe_dump(end))
    return folder


def report_row(step, value, *, name="mmd", stage="test", floor=0.01):
    """A row of a log with a metric, its spread, and its floor."""
    values = {"": value, "_sd": 0.1 * value, "_floor": floor, "_floor_sd": 0.1 * floor}
    return {"step": step} | {f"{stage}/{name}{end}": number for end, number in values.items()}
