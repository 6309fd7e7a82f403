"""Encoder and decoder of videos: what they compute, what masks mean, what they refuse."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from interpolants.neural_sde.decoder.video import VideoDecoder
from interpolants.neural_sde.encoder.base import Encoded
from interpolants.neural_sde.encoder.video import VideoEncoder

TIMES = tuple(0.1 * i for i in range(6))


def encoder(**sizes: object) -> VideoEncoder:
    torch.manual_seed(0)
    arguments = {"features": 8, "hidden": 12, "context_size": 5, "content_size": 3, **sizes}
    shape = arguments.pop("frame_shape", (1, 16, 16))
    return VideoEncoder(frame_shape=shape, times=TIMES, **arguments).double()  # type: ignore[arg-type]


def decoder(**sizes: object) -> VideoDecoder:
    torch.manual_seed(0)
    arguments = {"latent": 4, "content_size": 3, "features": 8, "hidden": 12, **sizes}
    shape = arguments.pop("frame_shape", (1, 16, 16))
    return VideoDecoder(frame_shape=shape, **arguments).double()  # type: ignore[arg-type]


def videos(count: int = 3, num_frames: int = 6, channels: int = 1, side: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (count, num_frames, channels, side, side)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def everything(values: Tensor) -> Tensor:
    return torch.ones(values.shape[:2], dtype=torch.bool)


def encode(net: VideoEncoder, values: Tensor, mask: Tensor) -> Encoded:
    return net(values * mask[..., None, None, None], mask)  # type: ignore[no-any-return]


def content_of(encoded: Encoded) -> Tensor:
    assert encoded.content is not None
    return encoded.content


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 16), (1, 32), (2, 64)])
def test_video_nets_map_frames_to_features_and_back(channels: int, side: int) -> None:
    frame_shape = (channels, side, side)
    net, back = encoder(frame_shape=frame_shape), decoder(frame_shape=frame_shape)
    values = videos(channels=channels, side=side)
    encoded = net(values, everything(values))
    assert encoded.context.shape == (3, 6, net.context_size)
    assert encoded.start.shape == (3, net.start_size)
    assert content_of(encoded).shape == (3, net.content_size)
    mean = back(torch.randn(3, 4, dtype=torch.float64), encoded.content)
    assert mean.shape == (3, *frame_shape)
    assert 0 < mean.min() < mean.max() < 1


def test_video_encoder_features_of_a_frame_are_those_of_the_plain_layers() -> None:
    net = encoder(frame_shape=(2, 32, 32), features=16)
    frames = videos(channels=2, side=32)[:, 0]
    expected = frames
    for convolution, _, normalisation, _ in net.frame[0]:  # type: ignore[attr-defined]
        expected = nn.functional.conv2d(expected, convolution.weight, padding=1)
        expected = expected.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(4, 5))
        groups = expected.unflatten(1, (8, -1))
        mean = groups.mean(dim=(2, 3, 4), keepdim=True)
        variance = groups.var(dim=(2, 3, 4), keepdim=True, correction=0)
        expected = ((groups - mean) / (variance + normalisation.eps).sqrt()).flatten(1, 2)
        expected = expected * expected.sigmoid()
    assert expected.shape == (3, 64, 4, 4)
    torch.testing.assert_close(net.frame(frames), net.frame[2](expected.flatten(1)))


def test_video_content_is_of_the_median_of_the_frames_that_there_are() -> None:
    net, values = encoder(), videos()
    mask = everything(values)
    mask[0, [1, 3, 4]] = False
    mask[1, [0, 5]] = False
    h = net.frame(values.flatten(0, 1)).view(3, 6, -1)
    medians = [h[i, mask[i]].quantile(0.5, dim=0) for i in range(3)]
    encoded = encode(net, values, mask)
    assert net.content is not None
    torch.testing.assert_close(encoded.content, net.content(torch.stack(medians)))


@pytest.mark.parametrize("missing", [0, 2, 5])
def test_video_frame_that_is_missing_changes_nothing_whatever_it_holds(missing: int) -> None:
    net, values = encoder(), videos()
    mask = everything(values)
    mask[:, missing] = False
    changed = values.clone()
    changed[:, missing] = 0.7
    for got, expected in zip(net(changed, mask), net(values, mask), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=0)
    whole = encode(net, values, everything(values))
    # What a frame tells reaches the two frames before and behind it.
    away = [i for i in range(6) if abs(i - missing) > 2]
    context = encode(net, values, mask).context
    torch.testing.assert_close(context[:, away], whole.context[:, away])
    assert not torch.allclose(context[:, missing], whole.context[:, missing])


def test_video_that_is_cut_short_is_one_whose_last_frames_are_missing() -> None:
    net, values = encoder(), videos()
    mask = everything(values)
    mask[:, 4:] = False
    short, masked = net(values[:, :4], mask[:, :4]), encode(net, values, mask)
    torch.testing.assert_close(short.context, masked.context[:, :4])
    torch.testing.assert_close(short.start, masked.start)
    torch.testing.assert_close(short.content, masked.content)


def test_video_start_repeats_the_last_frame_of_short_videos() -> None:
    net, values = encoder(), videos(num_frames=1)
    encoded = net(values, everything(values))
    h = net.frame(values[:, 0])
    expected = net.start(torch.cat((encoded.context[:, 0], h, h, h), dim=1))
    torch.testing.assert_close(encoded.start, expected)
    torch.testing.assert_close(encoded.content, net.content(h))  # type: ignore[misc]


def test_video_without_any_frame_has_finite_features_and_gradients() -> None:
    net, values = encoder(), videos()
    mask = everything(values)
    mask[1] = False
    encoded = encode(net, values, mask)
    sum(part.sum() for part in encoded).backward()  # type: ignore[union-attr]
    assert all(torch.isfinite(part).all() for part in encoded if part is not None)
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()


def test_video_nets_pass_gradients_to_all_parameters() -> None:
    net, back, values = encoder(), decoder(), videos()
    encoded = net(values, everything(values))
    x = torch.cat((encoded.context.mean(dim=1)[:, :2], encoded.start[:, :2]), dim=1)
    (back(x, encoded.content) - values[:, 0]).square().sum().backward()
    for name, parameter in [*net.named_parameters(), *back.named_parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 1e-9, name


def test_video_decoder_step_up_is_copies_then_a_convolution() -> None:
    step = decoder(features=16).up[0][0]
    x = torch.randn(2, 32, 5, 5, dtype=torch.float64)
    copies = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    expected = nn.functional.conv2d(copies, step.weight, padding=1)
    torch.testing.assert_close(step(x), expected)


def test_video_decoder_default_deviation_makes_the_likelihood_the_squared_error() -> None:
    back = decoder()
    std = back.std()
    assert std.shape == ()
    error = torch.tensor([0.3, -1.2])
    distribution = torch.distributions.Normal(0.0, std.float())
    constant = 0.5 * math.log(math.pi)
    torch.testing.assert_close(-distribution.log_prob(error), error.square() + constant)
    assert decoder(std=0.25).std().item() == 0.25
    assert not back.linear


def test_video_nets_without_content_have_none() -> None:
    net, back, values = encoder(content_size=0), decoder(content_size=0), videos()
    encoded = net(values, everything(values))
    assert encoded.content is None
    assert net.content_size == 0
    assert back(encoded.start[:, :4], None).shape == (3, 1, 16, 16)


def test_video_nets_learn_where_a_dot_is() -> None:
    torch.manual_seed(0)
    net, back = encoder(content_size=0).float(), decoder(content_size=0).float()
    # One bright square in each of 16 places: its place has to go through four numbers.
    places = torch.eye(16).view(16, 1, 1, 4, 4)
    values = torch.kron(places, torch.ones(1, 1, 1, 4, 4))
    parameters = [*net.parameters(), *back.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(150):
        encoded = net(values, torch.ones(16, 1, dtype=torch.bool))
        loss = (back(encoded.context[:, 0, :4], None) - values[:, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    # The best constant frame has 1/16 - 1/256 = 0.059.
    assert loss < 0.01


_FRAMES = "expected (C, S, S) with S one of 8, 16, 32, ..., got"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"frame_shape": (1, 24, 24)}, f"frame_shape: {_FRAMES} (1, 24, 24); crop or pad"),
        ({"frame_shape": (1, 16, 32)}, f"frame_shape: {_FRAMES} (1, 16, 32)"),
        ({"frame_shape": (1, 4, 4)}, f"frame_shape: {_FRAMES} (1, 4, 4)"),
        ({"frame_shape": (16, 16)}, f"frame_shape: {_FRAMES} (16, 16)"),
        ({"features": 12}, "features: expected a multiple of 8 above 0, got 12"),
        ({"features": 0}, "features: expected a multiple of 8 above 0, got 0"),
        ({"hidden": 0}, "hidden: expected a whole number > 0, got 0"),
        ({"content_size": -1}, "content_size: expected a whole number >= 0, got -1"),
    ],
)
@pytest.mark.parametrize("build", [encoder, decoder])
def test_video_nets_refuse_bad_sizes_by_name(
    build: type, sizes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        build(**sizes)
    name = {"encoder": "VideoEncoder", "decoder": "VideoDecoder"}[build.__name__]
    assert str(error.value).startswith(f"{name}.{message}")


@pytest.mark.parametrize("std", [0.0, -1.0, math.nan])
def test_video_decoder_refuses_a_deviation_that_is_none(std: float) -> None:
    with pytest.raises(ValueError, match=r"^VideoDecoder\.std: expected a number > 0"):
        decoder(std=std)
