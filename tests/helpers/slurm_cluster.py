"""A whole Slurm on this machine: one node, with its own keys, ports and files."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.waiting import LONGEST

_PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel")
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
_CONF = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=20
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def lacking() -> str:
    """Why no Slurm can be started here; empty if one can."""
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"Slurm is not installed: no {', '.join(missing)}"
    return "" if os.geteuid() == 0 else "only root may start Slurm"


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A running Slurm; yields the variables that its commands need."""
    folder.mkdir()
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    conf = folder / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    # Two cores at least, so that two tasks may run.
    cpus = max(2, os.cpu_count() or 1)
    conf.write_text(_CONF.format(folder=folder, host=host, cpus=cpus, ports=_free_ports()))
    variables = {"SLURM_CONF": str(conf), "PATH": _PATH}
    environment = os.environ | variables
    files = {name: f"{folder}/munge.{name}" for name in ("key", "socket", "pid", "log", "seed")}
    subprocess.run(
        ["mungekey", "--create", f"--keyfile={files['key']}"], check=True, env=environment
    )
    options = [f"--{name}-file={files[name]}" for name in ("key", "pid", "log", "seed")]
    commands = (
        ["munged", "--foreground", "--force", f"--socket={files['socket']}", *options],
        ["slurmctld", "-D", "-i"],
        ["slurmd", "-D"],
    )
    daemons = []
    try:
        for command in commands:
            log = open(folder / f"{command[0]}.out", "w")
            daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            time.sleep(1)
        _wait_until_idle(environment, folder)
        try:
            yield variables
        finally:
            _end_jobs(environment)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=30)


def _end_jobs(environment: dict[str, str]) -> None:
    """Leave no job behind: its processes would wait for their Slurm for ever."""
    subprocess.run(["scancel", "--full", "--user=root"], env=environment, check=True)
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        jobs = subprocess.run(["squeue", "--noheader"], env=environment, capture_output=True)
        if not jobs.stdout.strip():
            return
        time.sleep(0.5)
    raise AssertionError(f"jobs that do not end: {jobs.stdout.decode()}")


def _free_ports() -> list[int]:
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    state, until = "", time.monotonic() + LONGEST
    while time.monotonic() < until:
        command = ["sinfo", "--noheader", "--format=%T"]
        state = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
        if state.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(file.read_text()[-2000:] for file in folder.glob("*.log"))
    raise AssertionError(f"the node is {state.strip() or 'not there'}\n{logs}")
