"""Lines of `sample` about choices that nobody typed: the run, and the sampler."""

import pytest
from helpers.compose import TINY
from helpers.scripts import run_here

_TRAIN = ["train", *TINY, "metric=[]", "sampler=sde", "run_dir=outputs/a", "data=moons"]
_SAMPLE = ["sample", "n=20", "metric=[]"]
_RUN = "ckpt: outputs/a/checkpoints/last.ckpt, of the run that trained last"
_SAMPLER = "sampled with the default, sampler=ode; the run's own sampler is another: Sampler, "
_SAMPLER += "ForwardSDE, AB2Maruyama, num_steps=4"


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    typed = ([], ["sampler=sde", "ckpt=outputs/a"], ["num_steps=4"])
    samples = [[*_SAMPLE, *words] for words in typed]
    train, *found = run_here(tmp_path_factory.mktemp("sample"), [_TRAIN, *samples])
    assert [train.status, *(done.status for done in found)] == [0] * 4
    return found


def test_run_that_nobody_named_is_named_before_it_is_loaded(lines):
    assert [_RUN in done.err for done in lines] == [True, False, True]


def test_sampler_that_nobody_chose_and_is_not_that_of_the_run_is_named(lines):
    assert [_SAMPLER in done.out for done in lines] == [True, False, True]


def test_folder_of_samples_that_looks_like_a_file_is_refused(tmp_path):
    (done,) = run_here(tmp_path, [[*_SAMPLE, "out=new.csv", "output=csv"]])
    fix = "stem=new names the files, and output= their format"
    assert done.status == 1 and f"out: expected a folder, got 'new.csv'; {fix}" in done.err


def test_sampler_of_another_form_is_named_too():
    from omegaconf import OmegaConf

    from interpolants.cli.sample import _other_sampler

    own = {"sampler": {"_target_": "mine.Sampler", "_partial_": True}}
    cfg = OmegaConf.create({"sampler": {"_target_": "a.B"}})
    assert _other_sampler(cfg, own, []).endswith("is another: Sampler")
    assert _other_sampler(cfg, {}, []) == _other_sampler(cfg, own, ["sampler=sde"]) == ""
