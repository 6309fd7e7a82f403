"""Networks are tried before training, and each fault has its sentence."""

import pytest
import torch
from helpers.plain_nets import PlainMLP
from torch import nn

from interpolants.net.condition import Condition
from interpolants.net.dit import DiT
from interpolants.net.mlp import MLP
from interpolants.net.probe import probe_network


class _Net(nn.Module):
    """A network that keeps the contract of `FieldNetwork`, up to one fault."""

    def __init__(self, fault="", classes=4):
        super().__init__()
        self.fault = fault
        self.inner = PlainMLP(classes=classes, fill=0.3)
        self.norm = nn.BatchNorm1d(2)
        if fault == "frozen":
            self.requires_grad_(False)

    def forward(self, t, x, condition=None):
        if self.fault == "in place":
            x += 1
        if self.fault == "time in place":
            t.mul_(2)
        label = torch.zeros(len(x), dtype=torch.int64)
        if condition is not None:
            label = condition.label
            if condition.dropped is not None:
                label = torch.where(condition.dropped, 3, label)
        out = self.norm(self.inner(x, t.expand(len(x)), label))
        return self._changed(out)[:, None]

    def _changed(self, out):
        match self.fault:
            case "shape":
                return out[:, :1]
            case "infinite":
                return out / 0
            case "detached":
                return out.detach()
            case "centred":
                return out - out.mean(0)
            case "noise":
                return out + torch.randn_like(out)
            case "raises":
                raise RuntimeError("mat1 and mat2\nfor developers")
            case "own sentence":
                raise ValueError("net.label: expected none")
        return out


_LABELS = Condition(torch.tensor([2, 0]), None, torch.tensor([False, True]))


def test_network_without_a_fault_passes():
    for condition in (None, _LABELS):
        probe_network(_Net(), (2,), 1, condition)
    probe_network(DiT(event_shape=(3, 4, 4), heads=2, channels=32, blocks=1), (3, 4, 4), 2)
    for dtype in (torch.float64, torch.bfloat16):
        probe_network(MLP(event_shape=(3,), heads=1).to(dtype), (3,), 1)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", "net: expected predictions of shape (2, 1, 2), got (2, 1, 1); return (B, heads"),
        (
            "infinite",
            "net: expected finite predictions from normal states, got 4 of 4",
        ),
        ("in place", "net: expected arguments that stay as they are, got changed ones; copy"),
        ("time in place", "net: expected arguments that stay as they are, got changed ones; copy"),
        ("frozen", "net: expected weights to train, got none"),
        ("detached", "net: expected predictions whose gradient reaches a weight, got none that"),
        ("centred", "net: expected the same predictions of a row alone and in a batch, got other"),
        ("noise", "net: expected the same predictions from the same arguments in eval() mode, go"),
        (
            "raises",
            "net: expected a network of states (2, 2) at times (2,), got RuntimeError: mat1 and "
            "mat2",
        ),
        ("own sentence", "net.label: expected none"),
    ],
)
def test_fault_of_a_network_is_named(fault, message):
    with pytest.raises(ValueError) as error:
        probe_network(_Net(fault), (2,), 1)
    assert str(error.value).startswith(message)


def test_network_without_an_embedding_of_the_null_label_is_refused():
    told = "with class 2 and its null label, got IndexError: index out of range in self"
    with pytest.raises(ValueError, match=told):
        probe_network(_Net(classes=3), (2,), 1, _LABELS)
    probe_network(_Net(classes=3), (2,), 1, _LABELS._replace(dropped=None))


def test_trial_leaves_nothing_behind():
    net, noisy = _Net().train(), _Net("noise")
    state = {key: value.clone() for key, value in net.state_dict().items()}
    random = torch.get_rng_state()
    probe_network(net, (2,), 1)
    assert net.training and net.norm.training
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert all(weight.grad is None for weight in net.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    with pytest.raises(ValueError):
        probe_network(noisy, (2,), 1)
    assert torch.equal(torch.get_rng_state(), random)
