"""Signs of life: who stands still is named, and the limit ends the others."""

import pytest

from interpolants.utils.heartbeat import Heartbeat


class _Store(dict):
    def set(self, key, value):
        self[key] = value.encode()

    def check(self, keys):
        return all(key in self for key in keys)


def _pair(patience=None):
    """Two processes with one store, and what the first says and why it ends."""
    store, said, ends = _Store(), [], []
    first = Heartbeat(store, 0, 2, patience, said.append, ends.append)
    return first, Heartbeat(store, 1, 2, None, pytest.fail, pytest.fail), said, ends


def test_heartbeat_is_silent_while_both_beat():
    first, second, said, ends = _pair(patience=60)
    for _ in range(40):
        second.beat()
        first.beat()
    assert (said, ends) == ([], [])


def test_heartbeat_names_once_a_minute_after_who_stands_still_and_ends_at_the_limit():
    first, second, said, ends = _pair(patience=75)
    second.beat()
    for number in range(1, 15):
        first.beat()
        assert len(said) == (number >= 13)  # the first saw the beat; twelve of 5 s follow
    assert said[0].startswith("process 1 of 2 has not answered for 60 s: it may be stopped")
    assert ends == []
    first.beat()
    first.beat()
    assert ends[0].startswith(
        "process 1 of 2 has not answered for 75 s, the limit set by patience"
    )


def test_heartbeat_without_a_limit_waits_for_ever_and_starts_anew_with_a_beat():
    first, second, said, ends = _pair()
    for _ in range(3):
        second.beat()
        for _ in range(100):
            first.beat()
    assert (len(said), ends) == (3, [])


def test_heartbeat_of_a_process_that_is_done_is_not_missed():
    first, second, said, _ = _pair()
    second.beat()
    second.close()
    second._run()
    for _ in range(100):
        first.beat()
    assert said == []


def test_heartbeat_ends_its_process_if_the_store_is_lost(monkeypatch):
    first, _, _, ends = _pair()
    monkeypatch.setattr(first._closed, "wait", lambda _: False)
    monkeypatch.setattr(first, "beat", lambda: (_ for _ in ()).throw(RuntimeError("reset")))
    first._run()
    assert ends == ["the process that this one was started with has ended"]
