"""Videos of handwritten digits that move and bounce off walls at random speeds."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import pad

from interpolants.data.base import Batch, Distribution
from interpolants.data.digits import Digits
from interpolants.data.time_series_data import TimeSeriesData
from interpolants.utils.checks import check, check_count, check_positive, is_whole


@final
class MovingDigits(Distribution, TimeSeriesData):
    """Stochastic Moving MNIST with the digits of scikit-learn.

    Each digit starts at a uniform position in the frame. Along each axis it keeps its speed until
    it hits a wall, where it turns back at a new speed; all speeds are uniform. Where digits
    overlap, the brighter pixel wins. Positions are real numbers, and an image is the bilinear
    interpolation of its 8 x 8 pixels, zero at the border of its square. Pixels are from 0 to 1, in
    raw and in the networks' units. Held-out videos show digits that are not used in training.

    Args:
        digits: number of digits in a video.
        frames: T, the length of a video, at least 2.
        spacing: time between two frames, > 0; the first is at time 0.
        canvas: height and width of a frame in pixels.
        digit_size: side of the square that a digit fills, in pixels, less than `canvas`.
        slowest, fastest: the range of speeds along each axis, in pixels per frame, > 0.
        split_seed: another seed makes another choice of the 500 held-out digits.

    Attributes:
        train_images, held_out_images: the digits, shape (K, 8, 8), in [0, 1].

    Raises:
        ValueError: if a number is out of range.
    """

    # Videos are large.
    num_fit_draws = 256

    def __init__(
        self,
        *,
        digits: int = 2,
        frames: int = 25,
        spacing: float = 0.1,
        canvas: int = 64,
        digit_size: int = 28,
        slowest: float = 1.0,
        fastest: float = 4.0,
        split_seed: int = 0,
    ) -> None:
        check_count("MovingDigits.digits", digits)
        check(is_whole(frames) and frames >= 2, "MovingDigits.frames", "at least 2", frames)
        check_positive("MovingDigits.spacing", spacing)
        check_count("MovingDigits.digit_size", digit_size)
        roomy = is_whole(canvas) and canvas > digit_size
        check(roomy, "MovingDigits.canvas", f"more than the {digit_size} of a digit", canvas)
        check_positive("MovingDigits.slowest", slowest)
        check_positive("MovingDigits.fastest", fastest)
        rule = f"at least the slowest, {slowest}"
        check(fastest >= slowest, "MovingDigits.fastest", rule, fastest)
        self.digits, self.canvas, self.digit_size = digits, canvas, digit_size
        self.slowest, self.fastest = slowest, fastest
        self.times = tuple(spacing * k for k in range(frames))
        self.event_shape = (frames, 1, canvas, canvas)
        self.shift, self.scale = self.units(False)
        images = Digits(split_seed=split_seed)
        self.train_images = images.train_rows.squeeze(1) / 16
        self.held_out_images = images.held_out(len(self.train_images), 0).x1.squeeze(1) / 16

    def sample(self, n: int, generator: torch.Generator) -> Batch:
        return self._videos(self.train_images, n, generator)

    def sample_unseen(self, n: int, generator: torch.Generator) -> Batch:
        return self._videos(self.held_out_images, n, generator)

    def places(self, count: int, generator: torch.Generator) -> Tensor:
        """Left or upper edges of squares that move along one axis, (count, T).

        They are in [0, canvas - digit_size] and fixed by the generator.
        """
        device, frames = generator.device, self.event_shape[0]
        reach = float(self.canvas - self.digit_size)
        # Enough segments that the last one ends after the last frame, at any speeds.
        segments = 3 + int((frames - 1) * self.fastest / reach)
        # On an unfolded axis without walls, of which every second segment is mirrored.
        start = 2 * reach * torch.rand(count, 1, generator=generator, device=device)
        u = torch.rand(count, segments, generator=generator, device=device)
        speeds = self.slowest + (self.fastest - self.slowest) * u
        # Positions and times of the start of each segment, and of the end of the last one.
        walls = reach * (1 + (start / reach).floor() + torch.arange(segments, device=device))
        places = torch.cat([start, walls], dim=1)
        times = pad((places.diff(dim=1) / speeds).cumsum(dim=1), (1, 0))
        now = torch.arange(frames, dtype=times.dtype, device=device).repeat(count, 1)
        segment = torch.searchsorted(times, now, right=True) - 1
        since = now - times.gather(1, segment)
        place = places.gather(1, segment) + speeds.gather(1, segment) * since
        return reach - (place % (2 * reach) - reach).abs()

    def _videos(self, images: Tensor, n: int, generator: torch.Generator) -> Batch:
        count, device = n * self.digits, generator.device
        chosen = torch.randint(len(images), (count,), generator=generator, device=device)
        pixels = images.to(device)[chosen].unsqueeze(1)
        rows, columns = self._weights(self.places(2 * count, generator)).chunk(2)
        frames = rows @ (pixels @ columns.mT)
        return Batch(frames.view(n, self.digits, *frames.shape[1:]).amax(dim=1).unsqueeze(2))

    def _weights(self, places: Tensor) -> Tensor:
        """Weight of each of 8 pixels in each pixel of an axis, (*places, canvas, 8)."""
        centres = torch.arange(self.canvas, device=places.device) + 0.5 - places.unsqueeze(-1)
        knots = torch.arange(1, 9, device=places.device)
        distance = (9 / self.digit_size * centres).unsqueeze(-1) - knots
        return distance.abs_().neg_().add_(1).clamp_(min=0)
