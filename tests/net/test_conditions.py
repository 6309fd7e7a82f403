"""What networks are told beside time and state, beyond the contract of networks."""

from functools import partial

import pytest
import torch
from torch import nn

from interpolants.net.condition import Condition
from interpolants.net.dit import DiT
from interpolants.net.label_embedding import LabelEmbedding
from interpolants.net.mlp import MLP
from interpolants.net.residual_mlp import ResidualMLP
from interpolants.net.unet import UNet

_NETS = {
    "mlp": partial(MLP, hidden=8),
    "residual_mlp": partial(ResidualMLP, hidden=8),
    "unet": partial(UNet, channels=8, multipliers=(1,), blocks=1, attention=()),
    "dit": partial(DiT, channels=8, head_channels=8, blocks=1),
}
_every_net = pytest.mark.parametrize("make", _NETS.values(), ids=_NETS)
_SHAPE = (1, 4, 4)


def _seeded(make, **options):
    torch.manual_seed(3)
    return make(event_shape=_SHAPE, heads=1, **options)


def test_mlp_without_labels_begins_with_the_draws_of_its_layers_alone():
    net = _seeded(_NETS["mlp"], depth=2, time_features=4)
    torch.manual_seed(3)
    layers = nn.Sequential(
        *[nn.Linear(16 + 5, 8), nn.SiLU(), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 16)]
    )
    assert list(net.state_dict()) == [f"layers.{key}" for key in layers.state_dict()]
    assert all(
        torch.equal(a, b) for a, b in zip(net.parameters(), layers.parameters(), strict=True)
    )


def test_residual_mlp_begins_alike_with_and_without_labels():
    plain, told = (_seeded(_NETS["residual_mlp"], classes=k).state_dict() for k in (0, 3))
    assert set(told) - set(plain) == {"label.table.weight"}
    assert not any(key.startswith("label") for key in plain)
    assert all(torch.equal(told[key], value) for key, value in plain.items())


def test_label_embedding_is_a_row_for_each_class_and_the_last_for_none():
    part = LabelEmbedding(classes=3, label_size=0, features=5)
    rows = part.table.weight
    label, dropped = torch.tensor([2, 0, 1]), torch.tensor([False, True, False])
    assert torch.equal(part(Condition(label)), rows[[2, 0, 1]])
    assert torch.equal(part(Condition(label, None, dropped)), rows[[2, 3, 1]])
    assert torch.equal(part(Condition(label.int())), rows[[2, 0, 1]])
    assert torch.equal(part(None), rows[3:])
    assert LabelEmbedding(classes=0, label_size=0, features=5)(Condition()) is None


def test_label_embedding_learns_only_what_it_was_told():
    part = LabelEmbedding(classes=3, label_size=0, features=5)
    dropped = torch.tensor([True, False])
    part(Condition(torch.tensor([0, 1]), None, dropped)).sum().backward()
    assert (part.table.weight.grad != 0).any(dim=1).tolist() == [False, True, False, True]


def test_label_embedding_takes_vectors_of_any_precision():
    part = LabelEmbedding(classes=0, label_size=2, features=5).double()
    label = torch.randn(3, 2)
    torch.testing.assert_close(part(Condition(label)), part.map(label.double()))
    nn.init.normal_(part.null)
    assert torch.equal(part(Condition()), part.null[None])


def test_label_embedding_of_dropped_vectors_is_that_of_none():
    part = LabelEmbedding(classes=0, label_size=2, features=5)
    nn.init.normal_(part.null)
    label, dropped = torch.randn(3, 2), torch.tensor([False, True, False])
    found, kept = part(Condition(label, None, dropped)), part(Condition(label))
    assert torch.equal(found[dropped], part.null[None])
    assert torch.equal(found[~dropped], kept[~dropped])


_CLASSES, _VECTORS = torch.arange(3), torch.randn(3, 2)


@_every_net
@pytest.mark.parametrize(
    ("options", "condition", "message"),
    [
        ({}, Condition(_CLASSES), "net.label: expected none for a network that was built without"),
        ({"classes": 3}, Condition(_CLASSES.float()), "net.label: expected class numbers (B,)"),
        ({"classes": 3}, Condition(_CLASSES > 0), "net.label: expected class numbers (B,)"),
        ({"classes": 3}, Condition(_CLASSES[:, None]), "net.label: expected class numbers (B,)"),
        ({"label_size": 2}, Condition(_CLASSES), "net.label: expected vectors (B, 2), got"),
        ({"label_size": 3}, Condition(_VECTORS), "net.label: expected vectors (B, 3), got"),
        ({}, Condition(image=torch.zeros(3, 1, 4, 4)), "net.image: expected none: built without"),
    ],
)
def test_net_refuses_conditions_it_was_not_built_for(make, options, condition, message):
    net = _seeded(make, **options)
    with pytest.raises(ValueError) as error:
        net(torch.tensor(0.5), torch.zeros(3, *_SHAPE), condition)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("stem", ["unet", "dit"])
@pytest.mark.parametrize("shape", [(3, 1, 4, 4), (3, 2, 4, 2), (2, 2, 4, 4), None])
def test_image_net_refuses_other_channels_than_it_was_built_for(stem, shape):
    net = _seeded(_NETS[stem], image_channels=2)
    condition = None if shape is None else Condition(image=torch.zeros(shape))
    rule = "net.image: expected channels of shape (3, 2, 4, 4) beside the state, got"
    with pytest.raises(ValueError) as error:
        net(torch.tensor(0.5), torch.zeros(3, *_SHAPE), condition)
    assert str(error.value) == f"{rule} {shape}"


@_every_net
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 3, "label_size": 2}, "net.label_size: expected 0 beside classes, got 2"),
        ({"classes": -1}, "net.classes: expected a whole number >= 0, got -1"),
        ({"label_size": 2.0}, "net.label_size: expected a whole number >= 0, got 2.0"),
    ],
)
def test_net_refuses_kinds_of_labels_that_there_are_not(make, options, message):
    with pytest.raises(ValueError) as error:
        _seeded(make, **options)
    assert str(error.value) == message
