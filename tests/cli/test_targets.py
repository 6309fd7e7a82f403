"""Hydra builds what the configuration names, and nothing else."""

from contextlib import contextmanager

import hydra.utils
from helpers.compose import CONF

from interpolants.cli.run import run
from interpolants.cli.targets import targets


def test_targets_are_found_at_any_depth():
    plain = {"_target_": "a.A", "b": [{"_target_": "b.B", "_partial_": True}, 1], "c": {"d": None}}
    assert list(targets(plain)) == ["a.A", "b.B"]


def test_targets_of_the_configuration_are_those_that_hydra_may_build(monkeypatch):
    active = []

    @contextmanager
    def whitelist(names):
        active.append(names)
        yield
        active.pop()

    # As Hydra 1.4 has it.
    monkeypatch.setattr(hydra.utils, "execution_whitelist", whitelist, raising=False)
    seen = []
    arguments = ["metric=[]", "+metric.mine._target_=parts.Mine", "optimizer=adamw"]
    run(lambda cfg: seen.extend(active), "train", CONF, arguments)
    (names,) = seen
    assert names == sorted(set(names))
    assert {"parts.Mine", "torch.optim.AdamW", "lightning.pytorch.Trainer"} <= set(names)
    assert not {"torch.optim.Adam", "os.system"} & set(names)
    assert active == []
