"""Locks: one owner, named to others, for as long as its process lives."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from helpers.compose import ROOT
from helpers.waiting import wait_until

from interpolants.utils.locks import SoleUser, is_free


def test_lock_has_one_owner_whom_others_name(tmp_path):
    lock = tmp_path / "run" / ".lock"
    with SoleUser(lock, "run_dir: expected another folder"):
        assert not is_free(lock)
        with (
            pytest.raises(BlockingIOError) as error,
            SoleUser(lock, "run_dir: expected x", "wait"),
        ):
            pass
        host = os.uname().nodename
        assert str(
            error.value
        ) == f"run_dir: expected x, which process {os.getpid()} on {host} " + ("uses; wait")
    assert is_free(lock) and not lock.parent.exists()


def test_lock_of_a_killed_process_is_free_at_once_though_its_children_live(tmp_path):
    lock, ready = tmp_path / ".lock", tmp_path / "ready"
    code = (
        "import os, time\nfrom pathlib import Path\n"
        "from interpolants.utils.locks import SoleUser\n"
        f"with SoleUser({str(lock)!r}, 'x'):\n"
        f"    if os.fork() == 0:\n        Path({str(ready)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    try:
        child = int(wait_until(lambda: ready.exists() and ready.read_text(), process))
        assert not is_free(lock)
        process.kill()
        process.wait()
        assert is_free(lock)
        os.kill(child, signal.SIGKILL)
    finally:
        process.kill()


def test_lock_is_taken_again_where_its_folder_was_deleted_unless_another_was_faster(tmp_path):
    lock = tmp_path / "run" / ".lock"
    with SoleUser(lock, "x") as owner:
        shutil.rmtree(lock.parent)
        owner.renew()
        assert not is_free(lock)
        shutil.rmtree(lock.parent)
        with SoleUser(lock, "x"), pytest.raises(BlockingIOError):
            lock.write_text("1 elsewhere")
            owner.renew()
