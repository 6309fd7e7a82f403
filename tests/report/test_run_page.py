"""The page of runs is one file with everything in it."""

import re

import numpy as np
from helpers.runs import make_run, report_row
from PIL import Image

from interpolants.report.run_page import page, titles
from interpolants.report.runs import read_runs


def _page(tmp_path, count=2):
    for seed in range(count):
        rows = [report_row(step, 0.1, stage="val") for step in (10, 20)]
        folder = make_run(tmp_path / f"run<{seed}>", seed=seed, rows=[*rows, report_row(20, 0.2)])
        (folder / "samples").mkdir()
        pixels = np.full((900, 900, 3), 40 * seed, np.uint8)
        Image.fromarray(pixels).save(folder / "samples" / "samples.png")
    return read_runs(tmp_path), page(read_runs(tmp_path), "A & B")


def test_page_needs_no_other_file_and_shows_every_run(tmp_path):
    runs, text = _page(tmp_path)
    assert set(re.findall(r'src="(.{11})', text)) == {"data:image/"}
    assert "http" not in text and "<script" not in text
    assert text.count("<figure>") == 2 and text.count('alt="curves of all runs"') == 1
    assert "<title>A &amp; B</title>" in text and "run&lt;1&gt;" in text
    assert "0.2 &plusmn; 0.02" in text
    assert list(titles(runs)) == ["seed=0", "seed=1"]


def test_page_says_what_figures_it_lacks(tmp_path):
    folder = make_run(tmp_path / "none", rows=[report_row(20, 0.2)])
    (folder / "figures").mkdir()
    (folder / "figures" / "step_0000020.png").write_bytes(b"no image")
    make_run(tmp_path / "other", seed=1)
    text = page(read_runs(tmp_path), "runs")
    assert "step_0000020.png is damaged" in text and "no figure of samples" in text


def test_titles_are_names_where_nothing_differs(tmp_path):
    for name in ("a", "b"):
        make_run(tmp_path / name)
    assert list(titles(read_runs(tmp_path))) == ["a", "b"]
