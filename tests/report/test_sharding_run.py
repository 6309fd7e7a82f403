"""`sample.py` in several processes, killed and continued."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.compose import ROOT, leave_out_figures, run_folder, sample_with, train_with
from helpers.scripts import environment, files_in, run_script
from helpers.waiting import LONGEST, wait_until
from PIL import Image

from interpolants.report.chunk_files import _files
from interpolants.utils.ranks import Ranks

_SAMPLE = [str(ROOT / "sample.py"), "n=1000", "metric=[]"]


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory):
    """The checkpoint of a run on images, as an override."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as monkeypatch:
        leave_out_figures(monkeypatch)
        report = train_with(folder, "data=digits", "metric=[]")
    return f"ckpt={run_folder(report) / 'checkpoints' / 'last.ckpt'}"


def _start(folder, processes, *words):
    """Start `sample.py`; under torchrun if there are several processes."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(torchrun if processes > 1 else []), *_SAMPLE, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment(), **pipes)


def _wait_for_files(folder, count, process):
    """Wait until a job has written some chunks; the ranges that they are of."""
    wait_until(lambda: len(list(_files(folder))) >= count, process)
    return list(_files(folder))


def _samples(folder, stem="ode"):
    with np.load(folder / f"{stem}.npz") as content:
        return content["x"]


@pytest.mark.slow
def test_sharding_killed_job_continues_by_two_processes(ckpt, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    slow = [ckpt, "num_steps=400", f"out={tmp_path}", "sampler/solver=euler", "stem=ode"]
    process = _start(tmp_path, 1, *slow, "chunk_size=40")
    chunks = tmp_path / "ode_chunks"
    _wait_for_files(chunks, 3, process)
    process.kill()
    process.communicate()
    kept = {path: path.stat().st_mtime_ns for path in chunks.glob("[0-9]*.npz")}
    drawn = 40 * len(kept)
    assert 120 <= drawn < 1000 and "ode.npz" not in files_in(tmp_path)
    other = run_script("sample", tmp_path, *_SAMPLE[1:], *slow, "chunk_size=70", "seed=5")
    assert other.returncode == 1
    assert re.match(r"error: seed: expected 0 as in .*, got 5; go on with that job", other.stderr)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept

    process = _start(tmp_path, 2, *slow, "chunk_size=70")
    out, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, err
    # The share of the first process: every second of the chunks that were missing.
    missing = -(-(1000 - drawn) // 70)
    assert re.findall(r"^chunk \d+ of (\d+)", err, re.MULTILINE) == [str(-(-missing // 2))] * (
        -(-missing // 2)
    )
    assert out.count("weights)") == 1
    assert not chunks.exists()
    sample_with("n=1000", "metric=[]", *slow[:-1], "stem=whole")
    assert np.abs(_samples(tmp_path) - _samples(tmp_path, "whole")).max() < 1e-4


def _children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in /proc")
def test_sharding_process_that_is_killed_ends_the_job_which_continues(ckpt, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    options = [ckpt, "sampler=sde", "sampler/noise=per_sample", "num_steps=300"]
    options += [f"out={tmp_path}", "stem=sde"]
    process = _start(tmp_path, 3, *options, "chunk_size=10")
    _wait_for_files(tmp_path / "sde_chunks", 7, process)
    os.kill(_children(process.pid)[1], signal.SIGKILL)
    process.communicate(timeout=LONGEST)  # ends by itself, and does not wait for the killed one
    assert process.returncode != 0
    kept = len(list(_files(tmp_path / "sde_chunks")))
    assert 7 <= kept < 100 and "sde.npz" not in files_in(tmp_path)
    process = _start(tmp_path, 2, *options, "chunk_size=64")
    _, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, err
    sample_with("n=1000", "metric=[]", *options[:-1], "stem=whole")
    assert np.abs(_samples(tmp_path, "sde") - _samples(tmp_path, "whole")).max() < 1e-4


def test_sharding_leaves_small_jobs_as_they_are(ckpt, tmp_path, monkeypatch):
    """The files of one process with all in one chunk; no others on the way."""
    leave_out_figures(monkeypatch)
    monkeypatch.setattr("interpolants.report.sharding.ShardedSampling", None)
    sample_with("n=50", ckpt, f"out={tmp_path}", "metric=[]", "chunk_size=50")
    assert files_in(tmp_path) == ["ode.json", "ode.npz"]


def test_sharding_writes_images_of_images(ckpt, tmp_path, monkeypatch):
    leave_out_figures(monkeypatch)
    words = ["n=50", ckpt, "metric=[]", "output=png", "output.high=16", "stem=ode"]
    words += ["num_steps=4"]
    for size, folder in ((20, tmp_path / "a"), (50, tmp_path / "b")):
        sample_with(*words, f"chunk_size={size}", f"out={folder}")
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")
    assert len(list((tmp_path / "a" / "ode").iterdir())) == 50
    for path in (tmp_path / "a" / "ode").iterdir():
        pair = [np.asarray(Image.open(tmp_path / k / "ode" / path.name), int) for k in "ab"]
        assert np.abs(pair[0] - pair[1]).max() <= 1 and pair[0].max() > 100


def test_ranks_are_what_the_environment_tells(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    assert Ranks.of_environment() == Ranks(0, 1, 0)
    assert Ranks().device("cuda") == "cuda" and Ranks().agreed([1]) == [1]
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert Ranks.of_environment() == Ranks(0, 1, 0)
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "here")
    ranks = Ranks.of_environment()
    assert ranks == Ranks(5, 8, 1)
    assert [ranks.device(name) for name in ("cuda", "cuda:3", "cpu")] == [
        "cuda:1",
        "cuda:3",
        "cpu",
    ]


_ALONE = """
import os
from interpolants.utils.ranks import Ranks
ranks = Ranks.of_environment()
with ranks.joined():
    print(ranks.agreed(f"of {ranks.rank}"), flush=True)
    if ranks.rank == 1:
        os._exit(3)
    ranks.wait()
"""


def test_ranks_agree_and_tell_when_another_has_ended():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    place["TORCHELASTIC_RUN_ID"] = "here"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ALONE],
            env=environment(**place, RANK=rank, LOCAL_RANK=rank),
            **pipes,
        )
        for rank in "01"
    ]
    (out, err), (other, _) = (process.communicate(timeout=LONGEST) for process in processes)
    assert out == other == "of 0\n"
    assert [process.returncode for process in processes] == [1, 3]
    assert "ConnectionError: another process ended before its work was done" in err
