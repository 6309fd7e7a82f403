from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from interpolants.net.embedding import TimeEmbedding
from interpolants.net.mlp import MLP
from interpolants.net.residual_mlp import ResidualMLP

torch.set_num_threads(1)

Builder = Callable[..., nn.Module]
BUILDERS: list[Builder] = [MLP, ResidualMLP]


def build(builder: Builder, event_shape: tuple[int, ...], heads: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return builder(event_shape=event_shape, heads=heads, hidden=16).double()


def test_embedding_is_injective_and_of_full_rank_on_the_unit_interval() -> None:
    t = torch.linspace(0, 1, 200)
    features = TimeEmbedding(features=32)(t).double()
    singular = torch.linalg.svdvals(features)
    assert (singular > 1e-3 * singular[0]).sum() >= 20
    distance = torch.cdist(features, features) + 10 * torch.eye(200)
    assert distance.min() > 0.3


def test_embedding_of_no_features_is_the_time_itself() -> None:
    t = torch.rand(5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(TimeEmbedding(features=0)(t), t[:, None])


def test_embedding_frequencies_run_from_half_a_period_to_the_maximum() -> None:
    frequencies = TimeEmbedding(features=10, max_frequency=81 * torch.pi).frequencies / torch.pi
    torch.testing.assert_close(frequencies, torch.tensor([1.0, 3.0, 9.0, 27.0, 81.0]))


@pytest.mark.parametrize("builder", BUILDERS)
def test_net_heads_are_separate_rows_of_the_last_layer(builder: Builder) -> None:
    net = build(builder, (2, 3), heads=3)
    x, t = torch.randn(4, 2, 3, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64)
    net(t, x)[:, 1].sum().backward()
    last = list(net.parameters())[-1].grad
    assert last is not None
    expected = torch.zeros(3, 6, dtype=torch.float64)
    expected[1] = 4.0
    torch.testing.assert_close(last, expected.flatten())


@pytest.mark.parametrize("builder", BUILDERS)
def test_net_derivative_by_forward_mode_equals_finite_difference(builder: Builder) -> None:
    net = build(builder, (3,))
    x = torch.randn(4, 3, dtype=torch.float64)
    direction = torch.randn_like(x)
    t = torch.full((4,), 0.4, dtype=torch.float64)
    derivative = torch.func.jvp(net, (t, x), (torch.ones_like(t), direction))[1]
    h = 1e-6
    difference = (net(t + h, x + h * direction) - net(t - h, x - h * direction)) / (2 * h)
    torch.testing.assert_close(derivative, difference, rtol=1e-5, atol=1e-7)


def target(t: Tensor, x: Tensor) -> Tensor:
    """A field that turns with time, so that neither argument can be ignored."""
    angle = 4 * t[:, None]
    return torch.cat((angle.cos() * x[:, :1], angle.sin() * x[:, 1:]), dim=1)


@pytest.mark.parametrize("builder", BUILDERS)
def test_net_learns_a_field_that_depends_on_time(builder: Builder) -> None:
    torch.manual_seed(0)
    net = builder(event_shape=(2,), heads=1, hidden=64)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(400):
        x, t = torch.randn(256, 2), torch.rand(256)
        loss = (net(t, x)[:, 0] - target(t, x)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x, t = torch.randn(2000, 2), torch.rand(2000)
    error = (net(t, x)[:, 0] - target(t, x)).square().mean()
    # The mean square of the target is about 0.5.
    assert error < 0.02


def test_mlp_without_time_features_is_the_plain_benchmark_network() -> None:
    d, width, heads = 2, 64, 2
    net = MLP(
        event_shape=(d,), heads=heads, hidden=width, depth=3, activation="selu", time_features=0
    )
    count = sum(p.numel() for p in net.parameters())
    assert count == (d + 2) * width + 2 * (width + 1) * width + (width + 1) * heads * d
    plain = nn.Sequential(
        *[nn.Linear(d + 1, width), nn.SELU(), nn.Linear(width, width), nn.SELU()],
        *[nn.Linear(width, width), nn.SELU(), nn.Linear(width, heads * d)],
    )
    plain.load_state_dict(net.layers.state_dict())
    x, t = torch.randn(9, d), torch.rand(9)
    expected = plain(torch.cat((x, t[:, None]), dim=1)).view(9, heads, d)
    torch.testing.assert_close(net(t, x), expected)


def test_net_state_holds_parameters_only() -> None:
    for builder in BUILDERS:
        net = build(builder, (2,))
        assert set(net.state_dict()) == {name for name, _ in net.named_parameters()}


@pytest.mark.parametrize("name", ["selu", "silu", "relu", "gelu", "tanh"])
def test_mlp_activation_is_the_one_named(name: str) -> None:
    net = MLP(event_shape=(1,), heads=1, hidden=4, depth=1, activation=name)
    x = torch.linspace(-2, 2, 9)
    reference = getattr(nn.functional, name)
    torch.testing.assert_close(net.layers[1](x), reference(x))


@pytest.mark.parametrize(
    ("builder", "arguments", "message"),
    [
        (MLP, {"hidden": 0}, "MLP.hidden: expected a whole number > 0, got 0"),
        (MLP, {"hidden": 2.5}, "MLP.hidden: expected a whole number > 0, got 2.5"),
        (MLP, {"depth": 0}, "MLP.depth: expected a whole number > 0, got 0"),
        (MLP, {"heads": 0}, "MLP.heads: expected a whole number > 0, got 0"),
        (MLP, {"event_shape": ()}, "MLP.event_shape: expected one or more whole numbers > 0"),
        (
            MLP,
            {"activation": "swish"},
            "MLP.activation: expected one of selu, silu, relu, gelu, tanh, got 'swish'",
        ),
        (
            MLP,
            {"time_features": 3},
            "TimeEmbedding.features: expected an even whole number >= 0, got 3",
        ),
        (ResidualMLP, {"blocks": 0}, "ResidualMLP.blocks: expected a whole number > 0, got 0"),
        (ResidualMLP, {"hidden": -1}, "ResidualMLP.hidden: expected a whole number > 0, got -1"),
        (ResidualMLP, {"activation": "x"}, "ResidualMLP.activation: expected one of selu"),
    ],
)
def test_net_refuses_bad_sizes_by_name(
    builder: Builder, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        builder(**{"event_shape": (2,), "heads": 1, **arguments})
    assert str(error.value).startswith(message)
