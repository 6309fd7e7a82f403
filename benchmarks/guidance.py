"""Effect of classifier-free guidance on a trained model: a table and a figure over scales.

    python -m benchmarks.guidance CKPT [--scales 0 0.5 1 1.5 2 3 4] [--n 500] [--interval 0 1]

For each scale w of the guided field f_null + w (f - f_null): the Frechet distance to the training
data in features of a classifier of them, precision, recall, density and coverage, and the share
of samples that the classifier takes for the class that was asked for. All scales have the same
starts and labels. The last row has as many held-out data. The figure is written beside those of
the run, as `figures/guidance.png`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from interpolants.checkpoint.data_of import data_of
from interpolants.checkpoint.loading import load
from interpolants.fields.guidance.classifier_free import ClassifierFreeGuidance
from interpolants.metric.feature_metric import chosen
from interpolants.metric.features.classifier import ClassifierFeatures
from interpolants.metric.frechet_distance import FrechetDistance
from interpolants.metric.precision_recall import PrecisionRecall
from interpolants.model.model import Model
from interpolants.plot import style

SHARES = ("precision", "recall", "density", "coverage", "right class")


def measure(
    x: Tensor, label: Tensor, features: ClassifierFeatures, training: Tensor
) -> dict[str, float]:
    """All numbers of a set of images with the classes that were asked for."""
    found = features(x)
    real = chosen(training, len(found))
    right = (features.classes(x) == label).double().mean()
    return {
        "frechet": float(FrechetDistance().distance(found, training)),
        **{name: one.value for name, one in PrecisionRecall().numbers(real, found).items()},
        "right class": float(right),
    }


def draw(rows: dict[float, dict[str, float]], floor: dict[str, float], file: Path) -> None:
    """Plot the curves over scales, with the values of real data as dashed lines."""
    figure = style.new_figure(8.6, 3.4, gap=0.06)
    left, right = figure.subplots(1, 2)
    scales = list(rows)
    left.plot(scales, [row["frechet"] for row in rows.values()], "o-", color=style.SAMPLES_COLOUR)
    left.axhline(floor["frechet"], linestyle="--", color=style.DATA_COLOUR)
    left.set(xlabel="guidance scale", ylabel="Frechet distance", yscale="log")
    for name in SHARES:
        (line,) = right.plot(scales, [row[name] for row in rows.values()], "o-", label=name)
        right.axhline(floor[name], linestyle="--", linewidth=0.8, color=line.get_color())
    right.set(xlabel="guidance scale", ylim=(0, None))
    right.legend(frameon=False, fontsize=8)
    for ax in (left, right):
        style.tidy(ax)
    style.save(figure, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ckpt", type=Path)
    parser.add_argument("--scales", type=float, nargs="+", default=[0, 0.5, 1, 1.5, 2, 3, 4])
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--interval", type=float, nargs=2, default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load(options.ckpt, data=True)
    assert isinstance(model, Model)
    data = data_of(model.config, options.ckpt, {})
    features = ClassifierFeatures()
    features.fit(data)
    training = features.of_training(data)
    held = data.held_out(options.n, 0)
    assert held.label is not None
    floor = measure(held.x1, held.label, features, training)
    print(features.name)
    print(f"{'scale':>8}" + "".join(f"{name:>13}" for name in floor))
    rows = {}
    for scale in options.scales:
        guidance = ClassifierFreeGuidance(scale=scale, interval=tuple(options.interval))
        drawn = model.sample(options.n, guidance=guidance)
        assert drawn.label is not None
        rows[scale] = measure(drawn.x, drawn.label, features, training)
        print(f"{scale:>8g}" + "".join(f"{v:>13.4g}" for v in rows[scale].values()), flush=True)
    print(f"{'real':>8}" + "".join(f"{v:>13.4g}" for v in floor.values()))
    file = options.ckpt.parent.parent / "figures" / "guidance.png"
    draw(rows, floor, file)
    print(file)


if __name__ == "__main__":
    main()
