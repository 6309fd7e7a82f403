"""Words of the command line that nothing would read are refused before anything is composed."""

import re

import pytest
from helpers.compose import CONF

from interpolants.cli.main import start
from interpolants.cli.words import check_words

_CASES = {
    "train --ckpt x": "--ckpt: expected key=value, got an unknown option; write ckpt=x",
    "train --run-dir=x": "--run-dir: expected key=value, got an unknown option; write run_dir=x",
    "train --ckpt": "--ckpt: expected key=value, got an unknown option; write ckpt=...",
    "train --epochs 3": "--epochs: expected key=value, got an unknown option; --help lists the "
    "options",
    "train --cfg jobs": "argument --cfg/-c: invalid choice: 'jobs' ",
    "train seed=1 -m name=a": "name=a: expected all settings side by side, got an option between "
    "them; write options first",
    "train n=100": "n: expected a setting of interpolants train, got one of interpolants sample; "
    "leave it out",
    "sample data=moons": "data: expected a setting of it, such as data.path=moons, got the whole; "
    "a trained model keeps its data",
    "sample +data=moons": "data: expected a setting of it, such as data.path=moons, got the whole",
    "sample net.hidden=3": "net: expected a setting of interpolants sample, got one of ",
    "sample label_dropout=3": "label_dropout: expected a setting of interpolants sample, got one ",
    "train net=null": "net: expected one of its options, got None; see --help",
    "train metric=null": "metric: expected one of its options, got None; metric=[] for none",
    "train trainer.max_epochs=3": "trainer.max_epochs: expected no such setting, got '3'; use ",
    "train +trainer.callbacks=[a]": "trainer.callbacks: expected no such setting, got '[a]'; "
    "use callbacks=[...], a group of yaml files, which may name your own class",
    "train ++trainer.callbacks._target_=a": "trainer.callbacks: expected no such setting,",
    "train +trainer.fast_dev_run=true": "trainer.fast_dev_run: expected no such setting, got "
    "'true'; use debug=one_step",
    "train trainer.overfit_batches=1": "trainer.overfit_batches: expected no such setting, got "
    "'1'; use debug=overfit_batch",
    "train debug=true": "debug: expected one of its options, got 'true'; traceback=true shows "
    "that of an error",
    "train net=False": "net: expected one of its options, got 'False'; see --help",
}


@pytest.mark.parametrize("case", _CASES)
def test_words_that_nothing_reads_are_refused(case):
    command, *words = case.split()
    with pytest.raises(ValueError, match=f"^{re.escape(_CASES[case])}"):
        check_words(command, [CONF], words)


@pytest.mark.parametrize(
    "line",
    [
        "train -m seed=0,1 hydra/launcher=joblib hydra.launcher.n_jobs=2",
        "train --config-dir mine net=mine net.width=-3 name=null ~clip_norm guidance=null",
        "train data@base.data=moons base=dataset sampler/solver=heun +trainer.benchmark=true",
        "sample --cfg job sampler=sde n=3 guidance=null likelihood=null",
        "sample",
    ],
)
def test_words_that_are_read_are_taken(line):
    command, *words = line.split()
    check_words(command, [CONF], words)


_HYDRAS = {
    "max_steps": "max_steps: expected key=value, got no value; write it without spaces",
    "-m seed=0, 1": "seed=0,: expected values after the comma, got none; remove the space "
    "behind it",
    "seed=0,1": "seed: expected one value, got 0,1; add -m to run each of them, or write "
    "'seed=[0,1]' for a list",
    "+net=mlp": "net: expected one option, got two; write net=... without +",
    "trainer.deterministic=true": "trainer.deterministic: expected a key of the configuration, "
    "got one that is not in it; write +trainer.deterministic=...",
    # The parent alone is no likeness.
    "optimizer.foo=1": "optimizer.foo: expected an existing key, got an unknown one; list all "
    "keys with --cfg job",
}


@pytest.mark.parametrize("line", _HYDRAS)
def test_words_that_hydra_cannot_read_are_refused_with_their_fix(line, capsys):
    with pytest.raises(SystemExit) as stop:
        start("train", line.split())
    assert stop.value.code == 1
    assert capsys.readouterr().err == f"error: {_HYDRAS[line]}\n"
