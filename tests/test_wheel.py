"""The archives are complete, and the installed wheel is a program: `make wheel-test`.

The wheel is built from the source archive, and installed into an environment of its own. Other
packages come from the environment of this test by a path file.
"""

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.compose import CONF, ROOT
from helpers.scripts import environment, files_in, runs_in

pytestmark = pytest.mark.slow

_PACKAGE = ROOT / "interpolants"
_BUILD = "from setuptools.build_meta import {0}; import sys; {0}(sys.argv[-1])"
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "outputs")
_MINE = """# @package _global_
# The settings of a user.
defaults:
  - override /interpolant: trigonometric

max_steps: 5
steps_per_batch: 5
validate_every: 5
sample_every: 5
validation_size: 100
report_size: 100
"""


def _built(kind, source, folder):
    """An archive, built in a copy of the tree with the tools of this environment."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _BUILD.format(f"build_{kind}"), str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The source archive, and the wheel made of it."""
    folder = tmp_path_factory.mktemp("archives")
    shutil.copytree(ROOT, folder / "tree", ignore=_LEFT_OUT)
    sdist = _built("sdist", folder / "tree", folder / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    return sdist, _built("wheel", source, folder / "wheel")


def _package_files():
    """Paths of what is installed: code, stubs, data, py.typed, and conf below its folder."""
    data = [p for p in (_PACKAGE / "data" / "files").iterdir() if p.is_file()]
    files = [*_PACKAGE.rglob("*.py"), *_PACKAGE.rglob("*.pyi"), _PACKAGE / "py.typed", *data]
    own = {p.relative_to(ROOT).as_posix() for p in files}
    return own, {p.relative_to(CONF).as_posix() for p in CONF.rglob("*") if p.is_file()}


def test_wheel_has_every_file(archives):
    own, conf = _package_files()
    assert "train.yaml" in conf and "interpolants/data/files/nile.csv" in own
    with zipfile.ZipFile(archives[1]) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    installed = {name for name in names if ".dist-info/" not in name}
    assert installed == own | {f"interpolants/conf/{name}" for name in conf}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_wheel_source_archive_has_every_file(archives):
    own, conf = _package_files()
    with tarfile.open(archives[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert own <= names and {f"conf/{name}" for name in conf} <= names
    assert {"LICENSE", "README.md", "pyproject.toml", "setup.py", "train.py", "sample.py"} <= names


@pytest.fixture(scope="module")
def installed(archives, tmp_path_factory):
    """The folder of the programs of an environment with the wheel."""
    home = tmp_path_factory.mktemp("installed") / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(archives[1])], check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "bin"


def _run(program, folder, *arguments):
    changes = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [*map(str, program), *arguments],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
    )


def test_wheel_is_what_runs(installed, tmp_path):
    code = "import interpolants; print(interpolants.__file__, interpolants.__version__)"
    done = _run([installed / "python", "-c", code], tmp_path)
    file, version = done.stdout.split()
    assert Path(file).is_relative_to(installed.parent)
    (metadata,) = installed.parent.glob("lib/*/*/interpolants-*.dist-info")
    assert metadata.name == f"interpolants-{version}.dist-info"


def test_wheel_trains_and_samples_in_an_empty_folder(installed, tmp_path):
    mine = tmp_path / "conf" / "experiment" / "mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text(_MINE)
    train, sample = ["train", "data=moons"], ["sample", "n=500"]
    done = _run([installed / "interpolants"], tmp_path, *train, "max_steps=200")
    assert done.returncode == 0, done.stderr
    (run,) = runs_in(tmp_path)
    assert run.is_relative_to(tmp_path / "outputs" / "moons")
    done = _run([installed / "interpolants"], tmp_path, *sample)
    assert done.returncode == 0, done.stderr
    assert np.load(run / "samples" / "ode.npz")["x"].shape == (500, 2)
    module = [installed / "python", "-m", "interpolants"]
    done = _run(module, tmp_path, *train, "experiment=mine", "run_dir=outputs/mine")
    assert done.returncode == 0, done.stderr
    assert "TrigonometricInterpolant" in (tmp_path / "outputs/mine/config.yaml").read_text()


def test_wheel_starts_several_processes(installed, tmp_path):
    words = ["train", "data=moons", "max_steps=10", "steps_per_batch=5", "validate_every=10"]
    words += ["sample_every=10", "validation_size=100", "report_size=100", "metric=[]"]
    words += ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"]
    done = _run([installed / "interpolants"], tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert len(runs_in(tmp_path)) == 1


def test_wheel_answers_wrong_commands_and_names_in_a_sentence(installed, tmp_path):
    done = _run([installed / "interpolants"], tmp_path, "trian")
    assert done.returncode == 1
    assert done.stderr.startswith("error: interpolants: expected one of train, ")
    clash = tmp_path / "conf" / "data" / "moons.yaml"
    clash.parent.mkdir(parents=True)
    clash.write_text("size: 4.0\n")
    before = files_in(tmp_path)
    done = _run([installed / "interpolants"], tmp_path, "train", "data=moons")
    assert done.returncode == 1
    assert done.stderr.startswith("error: conf/data/moons.yaml: expected another name than that")
    assert "site-packages/interpolants/conf/data/moons.yaml, got" in done.stderr
    assert files_in(tmp_path) == before
