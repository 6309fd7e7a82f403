"""The progress bar: its content, how often it is drawn, and where it is silent."""

import io
import re
import sys
from types import SimpleNamespace
from weakref import WeakSet

import tqdm.std
from helpers.tiny import Tiny, fit

from interpolants.training import progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _shown(folder, monkeypatch, seconds_per_step, stream):
    """Output of 40 steps in chunks of 5 to stderr, on a clock that only steps advance."""
    clock = SimpleNamespace(now=1000.0)

    def tick(step):
        clock.now += seconds_per_step
        # A thread of tqdm's own redraws bars with more, by a clock of its own.
        assert all(bar.miniters <= 1 for bar in tqdm.std.tqdm._instances)

    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(tqdm.std, "time", lambda: clock.now)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "100")
    # Bars that other tests left open would be drawn around.
    monkeypatch.setattr(tqdm.std.tqdm, "_instances", WeakSet(), raising=False)
    fit(folder, 40, Tiny(hook=tick), callbacks=[progress.ProgressBar()])
    return stream.getvalue()


def _steps(shown):
    return [int(step) for step in re.findall(r"train: .*?(\d+)/40 ", shown)]


def test_progress_shows_steps_time_left_rate_and_loss(tmp_path, monkeypatch):
    lines = _shown(tmp_path, monkeypatch, 0.5, _Terminal()).split("\r")
    assert len(lines) > 8
    (half,) = (line for line in lines if " 20/40 " in line)
    said = r"train:  50%\|#{10} {10}\| 20/40 \[00:10<00:10,  2\.00 steps/s, loss [0-9.e-]+\] *"
    assert re.fullmatch(said, half)
    assert re.search(r" 40/40 \[00:20<00:00,  2\.00 steps/s, loss [0-9.e-]+\] *\n$", lines[-1])


def test_progress_is_redrawn_ten_times_a_second_at_most_and_ends_at_the_last_step(
    tmp_path, monkeypatch
):
    """Chunks end every 0.06 s: every second one is drawn, and the end in any case."""
    shown = _steps(_shown(tmp_path, monkeypatch, 0.012, _Terminal()))
    assert shown[:6] == [0, 5, 15, 25, 35, 40]
    assert set(shown[6:]) <= {40}


def test_progress_draws_every_chunk_that_takes_longer_than_a_tenth_of_a_second(
    tmp_path, monkeypatch
):
    shown = _steps(_shown(tmp_path, monkeypatch, 0.5, _Terminal()))
    assert shown[:9] == list(range(0, 41, 5))
    assert set(shown[9:]) <= {40}


def test_progress_is_silent_where_stderr_is_no_terminal(tmp_path, monkeypatch):
    assert "train" not in _shown(tmp_path, monkeypatch, 0.5, io.StringIO())
