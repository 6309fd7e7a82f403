"""Names of files and columns that commands on rows write."""

import csv
import json
from pathlib import Path

import numpy as np
from helpers.compose import config_of, leave_out_figures, sample_with, train_with

from interpolants.cli.score import main


def test_files_have_all_of_the_name_of_the_data_and_the_key_and_say_what_is_assumed(
    tmp_path, monkeypatch
):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    x0 = np.random.default_rng(9).uniform(size=(80, 2))
    np.savez("pairs.npz", x0=x0, x1=3 * x0)
    words = ("data=pairs", "data.path=pairs.npz", "coupling=paired", "metric=[]", "run_dir=run")
    train_with(tmp_path, *words)
    for name in ("rows.2025.csv", "rows.2026.csv"):
        np.savetxt(name, x0, delimiter=",", header="a,b", comments="")
    data = ["pairs.npz data.key=x0", "pairs.npz data.key=x1", "rows.2025.csv", "rows.2026.csv"]
    for file in data:
        words = f"data.path={file}".split()
        main(config_of("ckpt=run", *words, "out=out", "num_steps=2", name="score"))
    stems = {path.name.removesuffix("_ode_num_steps_2.csv") for path in Path("out").glob("*.csv")}
    assert stems == {"pairs_x0", "pairs_x1", "rows.2025", "rows.2026"}
    notes = json.load(open("out/pairs_x1_ode_num_steps_2.json"))["notes"]
    assert "scores assume that x0 of the pairs is distributed as GaussianBase is" in notes


def test_label_named_like_a_coordinate_replaces_none(tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(3)
    np.savez("rows.npz", x=random.normal(size=(60, 2)), x0=random.integers(2, size=60))
    words = ["data=file", "data.path=rows.npz", "data.key=x", "data.label=x0", "metric=[]"]
    train_with(tmp_path, *words, "label_dropout=0.1", f"run_dir={tmp_path / 'run'}")
    sample_with("ckpt=run", "n=5", "out=.", "metric=[]", "output=csv")
    with open("ode.csv", newline="") as file:
        row, *_ = csv.DictReader(file)
    assert list(row) == ["x0", "x1", "x0_label"] and row["x0_label"] in ("0", "1")
