"""Modules of other code bases behind the interface of networks."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from helpers.plain_nets import PlainConv, PlainMLP, PlainRows, Recorder, TimeFirst
from torch import nn

from interpolants.net.condition import Condition
from interpolants.net.precision import call_network
from interpolants.net.torch_module import TorchModule
from interpolants.testing import check_net

_T = torch.tensor([0.25, 0.5, 0.75])
_X = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
_LABEL = torch.tensor([2, 0, 1])
_DROPPED = torch.tensor([False, True, False])


def _wrapped(module, shape=(2,), heads=1, **options):
    return TorchModule(event_shape=shape, heads=heads, module=module, **options)


def _recorded(shape=(2,), condition=None, t=_T, x=_X, **options):
    """The module, after a call of the network around it."""
    net = _wrapped(lambda: Recorder(lambda *args, **kwargs: x), shape, **options)
    net(t, x, condition)
    return net.module


@pytest.mark.parametrize(
    ("inputs", "args", "kwargs"),
    [
        (["x", "t"], (_X, _T), {}),
        (["t", "x"], (_T, _X), {}),
        (["x", "time=t"], (_X,), {"time": _T}),
        (["timestep=t", "sample=x"], (), {"timestep": _T, "sample": _X}),
    ],
)
def test_module_gets_its_arguments_in_the_order_and_by_the_keywords_asked_for(
    inputs, args, kwargs
):
    got = _recorded(inputs=inputs)
    assert all(torch.equal(a, b) for a, b in zip(got.args, args, strict=True))
    assert got.kwargs.keys() == kwargs.keys()
    assert all(torch.equal(got.kwargs[key], value) for key, value in kwargs.items())


def test_module_gets_a_scaled_time_for_every_row():
    assert torch.equal(_recorded(time_scale=1000.0).args[1], 1000 * _T)
    assert torch.equal(_recorded(time_column=True).args[1], _T[:, None])
    shared = _recorded(t=torch.tensor(0.5, dtype=torch.float64), time_scale=10.0).args[1]
    assert torch.equal(shared, torch.full((3,), 5.0)) and shared.dtype == torch.float32


def test_module_gets_contiguous_states():
    wide = torch.randn(3, 2, 9)[..., :8]
    got = _recorded((2, 8), x=wide).args[0]
    assert got.is_contiguous() and torch.equal(got, wide)


def test_module_in_half_precision_gets_times_that_are_not_rounded():
    net = _wrapped(lambda: Recorder(lambda x, t: x), time_scale=1000.0).bfloat16()
    call_network(net, torch.tensor(0.999), _X)
    assert torch.equal(net.module.args[1], torch.full((3,), 1000 * torch.tensor(0.999)))


def test_module_knows_the_null_label_as_the_class_after_the_last():
    options = {"inputs": ["x", "t", "label"], "classes": 3}
    for condition, expected in [
        (Condition(_LABEL), [2, 0, 1]),
        (Condition(_LABEL, None, _DROPPED), [2, 3, 1]),
        (Condition(_LABEL.int(), None, _DROPPED), [2, 3, 1]),
        (Condition(), [3, 3, 3]),
        (None, [3, 3, 3]),
    ]:
        got = _recorded(condition=condition, **options).args[2]
        assert got.tolist() == expected and got.dtype == torch.int64


def test_module_gets_no_label_from_a_network_without_labels():
    assert _recorded(inputs=["x", "t", "y=label"]).kwargs == {"y": None}


def test_null_label_among_vectors_is_learned():
    options = {"inputs": ["x", "t", "label"], "label_size": 2}
    net = _wrapped(lambda: Recorder(lambda x, t, label: label), **options)
    nn.init.normal_(net.null)
    label = torch.randn(3, 2, dtype=torch.float64)
    out = net(_T, _X, Condition(label, None, _DROPPED))[:, 0]
    assert torch.equal(out[1], net.null)
    assert torch.equal(out[~_DROPPED], label[~_DROPPED].float())
    assert torch.equal(net(_T, _X)[:, 0], net.null.expand(3, -1))
    out[1].sum().backward()
    assert torch.equal(net.null.grad, torch.ones(2))


def test_conditioning_image_follows_the_channels_of_the_state():
    x, image = torch.randn(2, 3, 4, 4), torch.randn(2, 1, 4, 4)
    options = {"image_channels": 1, "sizes": ["n=channels"]}
    net = _wrapped(lambda n: Recorder(lambda x, t: x[:, :3]), (3, 4, 4), **options)
    net(_T[:2], x, Condition(image=image))
    assert torch.equal(net.module.args[0], torch.cat([x, image], dim=1))
    with pytest.raises(ValueError, match=r"^net\.image: expected channels of shape"):
        net(_T[:2], x)


@pytest.mark.parametrize(
    ("output", "box"),
    [
        (None, lambda out: out),
        ("sample", lambda out: SimpleNamespace(sample=out)),
        ("sample", lambda out: {"sample": out}),
        (1, lambda out: (None, out)),
    ],
)
def test_predictions_are_found_in_what_a_module_returns(output, box):
    net = _wrapped(lambda: Recorder(lambda x, t: box(x)), output=output)
    assert torch.equal(net(_T, _X), _X[:, None])


@pytest.mark.parametrize("shape", [(2,), (3, 4), (3, 4, 4)])
def test_heads_are_stacked_in_channels_or_have_an_axis(shape):
    parts = torch.randn(3, 2, *shape)
    x = torch.zeros(3, *shape)
    for out in (parts, parts.flatten(1, 2), parts.flatten(1, 2).mT.contiguous().mT):
        if out.dim() > 1:
            net = _wrapped(lambda out=out: Recorder(out), shape, heads=2)
            assert torch.equal(net(_T, x), parts)
    one = _wrapped(lambda: Recorder(parts[:, 0]), shape)
    assert torch.equal(one(_T, x), parts[:, :1])


def test_sizes_that_follow_from_the_data_are_given_to_the_constructor():
    names = ("event_shape", "size", "channels", "heads", "out_channels", "classes", "label_size")
    made = partial(
        TorchModule,
        event_shape=(3, 8, 4),
        heads=2,
        image_channels=1,
        module=Recorder,
        inputs=["x", "t", "label"],
        sizes=[f"own_{name}={name}" for name in names],
    )
    sizes = [(3, 8, 4), (8, 4), 4, 2, 6, None, 0]
    assert list(made().module.sizes) == [f"own_{name}" for name in names]
    assert list(made().module.sizes.values()) == sizes
    assert made(classes=10).module.sizes["own_classes"] == 11
    assert made(label_size=5).module.sizes["own_label_size"] == 5


def test_module_computes_what_it_computes_alone():
    module = PlainMLP(fill=0.3)
    for cls, inputs in ((PlainMLP, ["x", "t"]), (TimeFirst, ["t", "x"])):
        net = _wrapped(partial(cls, fill=0.3), inputs=inputs)
        assert torch.equal(net(_T, _X)[:, 0], module(_X, _T))


def _rows(*, event_shape, heads, classes=0, label_size=0):
    """Without the arguments for images, so that the contract tries shapes of all dimensions."""
    names = ("event_shape", "heads", "classes", "label_size")
    return _wrapped(
        PlainRows,
        event_shape,
        heads,
        classes=classes,
        label_size=label_size,
        inputs=["x", "t", "label"],
        sizes=[f"{name}={name}" for name in names],
    )


def _maps(*, event_shape, heads, image_channels=0):
    return _wrapped(
        PlainConv,
        event_shape,
        heads,
        image_channels=image_channels,
        inputs=["sample=x", "timestep=t"],
        sizes=["in_channels=channels", "out_channels=out_channels"],
        time_scale=1000.0,
        output="sample",
    )


@pytest.mark.parametrize("build", [_rows, _maps])
def test_networks_around_modules_keep_the_contract_of_networks(build):
    check_net(build)


_REFUSED = [
    ({"inputs": ["x"]}, "net.inputs: expected a list of x, t and label"),
    ({"inputs": ["x", "t", "x"]}, "net.inputs: expected a list of x, t and label"),
    ({"inputs": ["x", "t", "z"]}, "net.inputs: expected a list of x, t and label"),
    ({"inputs": ["a=x", "t"]}, "net.inputs: expected a list of x, t and label"),
    ({"inputs": ["x", "1=t"]}, "net.inputs: expected a list of x, t and label"),
    ({"inputs": "xt"}, "net.inputs: expected a list of x, t and label"),
    ({"classes": 3}, "net.inputs: expected label among them, got ['x', 't']; add label"),
    ({"time_scale": float("inf")}, "net.time_scale: expected a finite number, got inf"),
    ({"sizes": ["dim"]}, "net.sizes: expected a list of argument=size, with a size out of event"),
    ({"sizes": ["dim=width"]}, "net.sizes: expected a list of argument=size"),
    ({"sizes": ["dim=channels", "fill=heads"]}, "net.sizes: expected none that net.module has as"),
    ({"module": PlainMLP()}, "net.module: expected a class, which is called with net.sizes, got "),
    ({"module": dict}, "net.module: expected a class of torch modules, got 'dict'"),
    ({"sizes": ["depth=heads"]}, "net.module: PlainMLP.__init__() got an unexpected keyword"),
    ({"heads": 0}, "net.heads: expected a whole number > 0, got 0"),
    ({"classes": 2, "label_size": 2}, "net.label_size: expected 0 beside classes, got 2"),
]


@pytest.mark.parametrize(("options", "message"), _REFUSED)
def test_network_around_a_module_refuses_settings_by_name(options, message):
    with pytest.raises(ValueError) as error:
        _wrapped(**{"module": partial(PlainMLP, fill=0.3), **options})
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("result", "output", "message"),
    [
        (_X.mT, None, "net.module: expected predictions of shape (3, 2) or (3, 1, 2), heads = 1"),
        (torch.cat([_X, _X], 1), None, "net.module: expected predictions of shape (3, 2) or"),
        ((_X,), None, "net.module: expected a module that returns a tensor, got 'tuple'; set net"),
        (
            _X,
            "sample",
            "net.output: expected a key, attribute or index of what the module returns",
        ),
        ((_X,), 1, "net.output: expected a key, attribute or index of what the module returns"),
        ({"x": _X}, "sample", "net.output: expected a key, attribute or index"),
    ],
)
def test_network_around_a_module_refuses_other_predictions(result, output, message):
    net = _wrapped(lambda: Recorder(result), output=output)
    with pytest.raises(ValueError) as error:
        net(_T, _X)
    assert str(error.value).startswith(message)
