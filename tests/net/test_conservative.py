"""Conservative networks: the predictions are gradients of the potentials."""

from functools import partial

import pytest
import torch
from helpers.compose import TINY_POTENTIAL, run_folder, train_with

from interpolants.checkpoint.loading import load
from interpolants.fields.divergence.exact import ExactDivergence
from interpolants.net.condition import Condition
from interpolants.net.conservative import Conservative
from interpolants.net.dit import DiT
from interpolants.net.mlp import MLP
from interpolants.net.residual_mlp import ResidualMLP
from interpolants.net.torch_module import TorchModule
from interpolants.net.unet import UNet
from interpolants.testing import check_net

_FORMS = ("scalar", "inner_product", "squared_error")
_MLP = partial(MLP, hidden=16, depth=2)
_UNET = partial(UNet, channels=8, multipliers=(1,), blocks=1, attention=(4,))
_DIT = partial(DiT, channels=8, head_channels=8, blocks=1)
_IMAGE = (2, 4, 4)


def _randomised(net):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for weight in net.parameters():
            weight.data.add_(0.1 * torch.randn_like(weight))
    return net.double().eval()


def _net(potential=_MLP, form="scalar", shape=(3,), heads=2, **options):
    return _randomised(
        Conservative(event_shape=shape, heads=heads, potential=potential, form=form, **options)
    )


def _asymmetry(field, x):
    """Largest |J - J^T| of a field of one state, relative to the largest |J|."""
    jacobian = torch.autograd.functional.jacobian(lambda row: field(row[None])[0], x)
    jacobian = jacobian.reshape(x.numel(), x.numel())
    return float((jacobian - jacobian.T).abs().max() / jacobian.abs().max())


def _heads_of(net, shape, condition=None):
    t, generator = torch.tensor(0.3).double(), torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    called = (lambda x: net(t, x)) if condition is None else lambda x: net(t, x, condition)
    return x, [lambda x, k=k: called(x)[:, k] for k in range(2)]


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("potential", [_MLP, partial(ResidualMLP, hidden=16, blocks=1)])
def test_conservative_predictions_are_free_of_curl(potential, form):
    x, heads = _heads_of(_net(potential, form), (3,))
    assert all(_asymmetry(head, x) < 1e-10 for head in heads)


@pytest.mark.parametrize("potential", [_UNET, _DIT])
def test_conservative_networks_of_images_are_free_of_curl_under_a_condition(potential):
    condition = Condition(torch.tensor([1]), torch.ones(1, 1, 4, 4).double())
    net = _net(potential, shape=_IMAGE, classes=3, image_channels=1)
    x, heads = _heads_of(net, _IMAGE, condition)
    assert all(_asymmetry(head, x) < 1e-10 for head in heads)


def test_network_that_is_no_gradient_has_curl():
    x, heads = _heads_of(_randomised(_MLP(event_shape=(3,), heads=2)), (3,))
    assert all(_asymmetry(head, x) > 1e-2 for head in heads)


@pytest.mark.parametrize("form", _FORMS)
def test_conservative_potentials_are_those_of_the_form(form):
    net, x, t = _net(form=form), torch.randn(5, 3).double(), torch.rand(5).double()
    made = net.potential(t, x)
    by_form = {
        "scalar": made.sum(2),
        "inner_product": torch.einsum("bd,bkd->bk", x, made),
        "squared_error": -(x[:, None] - made).square().sum(2) / 2,
    }
    torch.testing.assert_close(net.potentials(t, x), by_form[form])


@pytest.mark.parametrize("form", _FORMS)
def test_conservative_predictions_are_slopes_of_the_potentials(form):
    net, x, t = _net(form=form), torch.randn(5, 3).double(), torch.rand(5).double()
    v, h = torch.randn_like(x), 1e-5
    with torch.no_grad():
        change = (net.potentials(t, x + h * v) - net.potentials(t, x - h * v)) / (2 * h)
        slope = torch.einsum("bkd,bd->bk", net(t, x), v)
    torch.testing.assert_close(slope, change, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("form", _FORMS)
def test_conservative_networks_keep_the_contract(form):
    check_net(_Vectors(form))


class _Vectors:
    """Factory without the argument `image_channels`, which an MLP does not take."""

    def __init__(self, form):
        self.form = form

    def __call__(self, *, event_shape, heads, classes=0, label_size=0):
        return Conservative(
            event_shape=event_shape,
            heads=heads,
            classes=classes,
            label_size=label_size,
            potential=partial(MLP, hidden=16, depth=2),
            form=self.form,
        )


@pytest.mark.parametrize("potential", [_UNET, _DIT])
def test_conservative_gradients_by_weights_go_through_attention(potential):
    net = _net(potential, shape=_IMAGE).train()
    x, t = torch.randn(2, *_IMAGE).double(), torch.rand(2).double()
    weight = max(net.parameters(), key=torch.Tensor.numel)
    v, h = torch.randn_like(weight), 1e-5

    def loss():
        return net(t, x).square().sum()

    (slope,) = torch.autograd.grad(loss(), weight)
    values = []
    for step in (h, -2 * h):
        weight.data.add_(step * v)
        values.append(loss().detach())
    change = (values[0] - values[1]) / (2 * h)
    torch.testing.assert_close((slope * v).sum(), change, rtol=1e-6, atol=1e-9)


def test_conservative_networks_work_in_inference_mode_and_under_autocast():
    net = _net(_UNET, shape=_IMAGE).float()
    x, t = torch.randn(2, *_IMAGE), torch.rand(2)
    expected, slope = net(t, x).detach(), _slope_by_weights(net, t, x)
    with torch.inference_mode():
        torch.testing.assert_close(net(t, x), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for _ in range(2):
            found = _slope_by_weights(net, t, x)
            assert (found - slope).norm() < 0.05 * slope.norm()
            with torch.inference_mode():
                assert (net(t, x) - expected).norm() < 0.05 * expected.norm()


def _slope_by_weights(net, t, x):
    slopes = torch.autograd.grad(net(t, x).square().sum(), list(net.parameters()))
    return torch.cat([slope.flatten() for slope in slopes])


def test_conservative_weights_all_get_a_gradient():
    net = _net()
    net(torch.rand(4).double(), torch.randn(4, 3).double()).sum().backward()
    assert all(weight.grad is not None for weight in net.parameters())
    assert (list(net.parameters())[-1].grad == 0).all()


@pytest.mark.parametrize("potential", [_UNET, _DIT, _MLP])
@pytest.mark.parametrize("gradients", [False, True])
def test_conservative_networks_have_divergences(potential, gradients):
    net = _net(potential, shape=_IMAGE, heads=1)
    t, x = torch.tensor(0.3).double(), torch.randn(2, 32).double()

    def field(x):
        return (net(t, x.unflatten(1, _IMAGE))[:, 0].flatten(1),)

    with torch.set_grad_enabled(gradients):
        divergence = ExactDivergence()(field, x, torch.empty(2, 1, 0))[1]
    slopes = torch.func.vmap(torch.func.jacfwd(lambda row: field(row[None])[0][0]))(x)
    expected = torch.diagonal(slopes, dim1=1, dim2=2).sum(1)
    torch.testing.assert_close(divergence[:, 0], expected)


class _Field(torch.nn.Module):
    """A module of another code base, of states and times (B, 1)."""

    def __init__(self, dim):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(dim + 1, 8), torch.nn.Tanh(), torch.nn.Linear(8, dim)
        )

    def forward(self, x, t):
        return self.layers(torch.cat([x, t], dim=1))


def test_conservative_networks_take_modules_of_other_code_bases():
    module = partial(
        TorchModule, module=_Field, time_column=True, sizes=["dim=channels"], inputs=["x", "t"]
    )
    net = _net(module, heads=1)
    t, x = torch.tensor(0.3).double(), torch.randn(3).double()
    assert _asymmetry(lambda x: net(t, x)[:, 0], x) < 1e-10


def test_conservative_network_trains_and_its_fields_are_free_of_curl(tmp_path):
    overrides = ["net=conservative", "objective=velocity", "interpolant=one_sided_linear"]
    report = train_with(tmp_path, *overrides, "precondition=true", sizes=TINY_POTENTIAL)
    fields = load(run_folder(report)).fields.double()
    assert isinstance(fields.net, Conservative) and fields.preconditioning is not None
    t, x = torch.tensor(0.3).double(), torch.tensor([0.4, -0.7]).double()
    assert _asymmetry(lambda x: fields.score(t, x), x) < 1e-10
    assert _asymmetry(lambda x: fields.velocity(t, x), x) < 1e-10


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"form": "energy"}, "form: expected one of scalar, inner_product, squared_error, got 'e"),
        (
            {"potential": partial(MLP, activation="relu")},
            "smooth activations, got 'ReLU'; use silu",
        ),
        ({"potential": partial(MLP, activation="selu")}, "smooth activations, got 'SELU'"),
        ({"potential": partial(DiT, checkpoint=True)}, "set net.potential.checkpoint=false"),
    ],
)
def test_conservative_network_refuses_what_it_cannot_differentiate(options, rule):
    with pytest.raises(ValueError, match=f"Conservative.*{rule}"):
        Conservative(event_shape=_IMAGE, heads=1, **({"potential": _UNET} | options))


def test_conservative_network_is_refused_for_flow_maps(tmp_path):
    with pytest.raises(ValueError, match="task=flow_map sets, got 'Conservative'"):
        train_with(tmp_path, "task=flow_map", "net=conservative", sizes=TINY_POTENTIAL)
