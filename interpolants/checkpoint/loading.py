"""Models from their checkpoints, as data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from interpolants.checkpoint import spec
from interpolants.checkpoint.building import build_fields, restore
from interpolants.checkpoint.ema_profiles import WIDEST, reconstruct, snapshot_steps
from interpolants.checkpoint.reading import read_checkpoint
from interpolants.data.labels import Labels
from interpolants.model.model import Model
from interpolants.neural_sde.model import SeriesModel, build_neural_sde
from interpolants.utils.checks import check, is_number


def load(
    path: str | Path,
    *,
    weights: str | float = "ema",
    trust: Sequence[str] = (),
    device: torch.device | str = "cpu",
) -> Model | SeriesModel:
    """Rebuild a trained model from its checkpoint alone. Loading never runs code from the file.

    Args:
        path: a checkpoint file.
        weights: "ema" for the averaged weights, "raw" for the last ones; a number in (0, 0.25]
            for the average of that relative width (`interpolants.checkpoint.ema_profiles`), made of those
            in the run's folder `ema`: at the last step written there that is not after the
            checkpoint's, with a warning if it is before.
        trust: modules outside this package whose classes the checkpoint may name.
        device: where to put the model.

    Returns:
        A `Model`; of a neural SDE a `SeriesModel`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a checkpoint of this package, names something else than its
            classes, or holds weights of another network than it describes; or if there are no
            averages of the kind asked for.
    """
    known = weights in ("ema", "raw") or (is_number(weights) and 0 < weights <= WIDEST)
    rule = f"'ema', 'raw', or a relative width in (0, {WIDEST}]"
    check(known, "load.weights", rule, weights)
    _check_device(device)
    content = read_checkpoint(path)
    config = content["hyper_parameters"]["config"]
    state: dict[str, Tensor] = dict(content["state_dict"])
    # What was trained, by its name in the module that trained it.
    name = "model" if "model" in config else "fields"
    if weights != "raw":
        averaged = _averaged(content, path, weights)
        state |= {f"{name}.{key}": weight for key, weight in averaged.items()}
    return _rebuild(name, config, state, path, trust, device)


def load_network(path: str, weights: str | float = "ema") -> nn.Module:
    """The network of a trained interpolant: what autoguidance takes.

    Args:
        path, weights: as in `load`.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """
    model = load(path, weights=weights)
    check(isinstance(model, Model), "load_network.path", "an interpolant's checkpoint", path)
    assert isinstance(model, Model)
    return model.fields.net


def _averaged(
    content: Mapping[str, Any], path: str | Path, weights: str | float
) -> dict[str, Tensor]:
    """The averages in a checkpoint, or those made of what its run wrote beside it."""
    if isinstance(weights, str):
        averaged: dict[str, Tensor] = content.get("ema", {}).get("weights", {})
        rule, fix = "a checkpoint with averaged weights", "pass weights='raw'"
        check(bool(averaged), "load.weights", rule, str(path), fix)
        return averaged
    folder, step = Path(path).resolve().parent.parent / "ema", content["global_step"]
    steps = [s for s in snapshot_steps(folder) if s <= step]
    rule = f"averages in {folder} of steps up to {step}, the checkpoint's, for width {weights}"
    check(bool(steps), "load.weights", rule, "none", "train with power_ema=1000")
    if steps[-1] < step:
        text = f"the average is of step {steps[-1]}, the last written up to the checkpoint's"
        warnings.warn(f"load.weights: {text}, {step}", stacklevel=3)
    return reconstruct(folder, weights, steps[-1])


def _rebuild(
    name: str,
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    path: str | Path,
    trust: Sequence[str],
    device: torch.device | str,
) -> Model | SeriesModel:
    def build(key: str) -> Any:
        return spec.build(config[key], where=key, trust=trust)

    event_shape = config["event_shape"]
    if name == "model":
        model = build_neural_sde(build("model"), event_shape, config["times"]).to(device)
        scaling = restore(name, model, build("space"), state, path).to(device)
        return SeriesModel(model=model, event_shape=event_shape, scaling=scaling, config=config)
    labels = None if config["labels"] is None else Labels.from_plain(config["labels"])
    fields, _ = build_fields(build, event_shape, labels, config["deviation"])
    scaling = restore(name, fields.to(device), build("space"), state, path).to(device)
    return Model(
        fields=fields,
        event_shape=event_shape,
        scaling=scaling,
        sampler=build("sampler"),
        labels=labels,
        guidance=build("guidance") if config["guidance"] else None,
        config=config,
    )


def _check_device(device: torch.device | str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        check(False, "load.device", "a device of this machine", str(device), reason)
