"""Runs are compared by what their own folders say."""

import csv
import io
import math

import pytest
from helpers.runs import make_run, report_row

from interpolants.report.run_table import as_csv, duration, seed_table, table
from interpolants.report.runs import Measurement, differences, read_runs

_END = {"step": 20, "seconds": 75.2}


@pytest.fixture
def runs(tmp_path):
    """Two networks with two seeds each, the last of them stopped at a validation."""
    values = iter((0.2, 0.4, 0.1, 0.3))
    for hidden in (16, 32):
        for seed in (0, 1):
            rows = [report_row(10, 0.5, stage="val"), report_row(20, next(values))]
            last = (hidden, seed) == (32, 1)
            make_run(
                tmp_path / f"{hidden}_{seed}",
                seed=seed,
                hidden=hidden,
                rows=rows[:1] if last else rows,
                end=None if last else _END,
            )
    return read_runs(tmp_path)


def test_runs_have_what_differs_and_the_metrics_of_the_final_report(runs):
    assert differences(runs) == ["seed", "net.hidden"]
    first, *_, last = runs
    assert first.metrics == {"mmd": pytest.approx(Measurement(0.2, 0.02, 0.01, 0.001))}
    assert (first.step, first.seconds, first.finished) == (20, 75.2, True)
    assert last.metrics["mmd"].value == 0.5  # of the last validation
    assert (last.step, last.finished) == (10, False) and math.isnan(last.seconds)
    assert first.curves["val/mmd"] == [(10, 0.5)]


def test_table_names_runs_with_spreads_steps_time_and_shared_floors(runs):
    text = table(runs).text().splitlines()
    assert text[0].split() == ["run", "seed", "net.hidden", "mmd", "steps", "time"]
    assert text[1].split() == ["16_0", "0", "16", "0.2", "+-", "0.02", "20", "1", "min", "15", "s"]
    assert text[4].split() == ["32_1", "1", "32", "0.5", "+-", "0.05", "10", "of", "20", "-"]
    assert text[5].split() == ["floor", "0.01", "+-", "0.001"]


def test_seed_table_has_means_and_deviations_over_seeds(runs):
    rows = [row.split() for row in seed_table(runs[:2] + runs[2:3]).text().splitlines()]
    assert rows == [
        ["net.hidden", "seeds", "mmd"],
        ["16", "2", "0.3", "+-", "0.14"],
        ["32", "1", "0.1"],
    ]
    assert seed_table([runs[0], runs[2]]) is None


def test_csv_has_all_numbers(runs):
    first, *_, last = csv.DictReader(io.StringIO(as_csv(runs)))
    assert (first["run"], first["seed"], first["net.hidden"]) == ("16_0", "0", "16")
    assert (float(first["mmd"]), float(first["mmd_floor_sd"])) == pytest.approx((0.2, 0.001))
    assert (last["seconds"], last["finished"], last["step"]) == ("", "False", "10")


def test_arguments_of_different_classes_are_not_compared(tmp_path):
    for name in ("linear", "mirror"):
        make_run(tmp_path / name, path=name)
    assert differences(read_runs(tmp_path)) == ["interpolant"]
    assert "LinearInterpolant" in table(read_runs(tmp_path)).text()


def test_runs_that_cannot_be_read_are_left_out_by_name(tmp_path):
    make_run(tmp_path / "good", rows=[report_row(20, 0.2)])
    bad = make_run(tmp_path / "bad", rows=[report_row(20, 0.2)])
    (bad / "config.yaml").write_text("max_steps: [")
    torn = make_run(tmp_path / "torn", rows=[report_row(10, 0.1), report_row(20, 0.2)])
    text = (torn / "metrics.csv").read_text()
    (torn / "metrics.csv").write_text(text[: text.rindex("\n", 0, -1) + 8])  # a killed process
    with pytest.warns(UserWarning, match=r"bad: not read as a run"):
        found = read_runs(tmp_path)
    assert [run.name for run in found] == ["good", "torn"]
    assert found[1].step == 10


def test_no_runs_are_said_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"^runs: expected trained runs below .*, got none; name"):
        read_runs(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.532, "0.532 s"), (59.7, "1 min 0 s"), (75.2, "1 min 15 s"), (7380, "2 h 3 min")],
)
def test_duration_in_words(seconds, words):
    assert duration(seconds) == words
