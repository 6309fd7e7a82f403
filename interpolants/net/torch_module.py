"""Any torch module as a network of time, state and condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from interpolants.net.condition import Condition
from interpolants.net.image_input import with_image
from interpolants.net.shape_checks import check_event_shape, check_label, check_label_counts
from interpolants.utils.checks import check, check_count, check_finite

_INPUTS = ("x", "t", "label")


@final
class TorchModule(nn.Module):
    """Network around a module of another code base, whose own code stays as it is.

    It is called as a `FieldNetwork` and calls the module with what its `forward` takes. The module
    returns predictions with an axis of heads, (B, heads, C, ...), or with the heads one after the
    other along the channels, (B, heads C, ...); with one head that is (B, C, ...).

    Args:
        event_shape: shape (C, ...) of one sample.
        heads: number of fields predicted, each of the event's shape.
        classes: number of classes; the null label is class number `classes`, of which the module
            needs an embedding too if labels are dropped in training.
        label_size: length of label vectors. The null label is a learned vector, zero at first.
        image_channels: channels of the conditioning image, which follow those of the state in x.
        module: makes the module, without those arguments that `sizes` gives.
        inputs: arguments of its `forward` in order, each x, t or label, or by keyword, such as
            `class_labels=label`. x is (B, C, ...), contiguous, and t (B,), in x's precision but
            at least in float32. A label is int64, (B,), or of x's precision, (B, label_size);
            without labels it is None.
        time_scale: factor of the time in t, which is in [0, 1] otherwise.
        time_column: whether t has the shape (B, 1).
        output: key, attribute or index of the predictions in what the module returns; None if it
            returns the tensor itself.
        sizes: arguments of the constructor that follow from the data, such as
            `in_channels=channels`; out of event_shape, size (without the channels; empty for
            vectors), channels (with those of the conditioning image; of vectors, their length),
            heads, out_channels (heads times C), classes (with the null label; None without
            classes) and label_size.

    Raises:
        ValueError: if an argument is out of range or the module cannot be made.
    """

    def __init__(
        self,
        *,
        event_shape: Sequence[int],
        heads: int,
        classes: int = 0,
        label_size: int = 0,
        image_channels: int = 0,
        module: Callable[..., nn.Module],
        inputs: Sequence[str] = ("x", "t"),
        time_scale: float = 1.0,
        time_column: bool = False,
        output: str | int | None = None,
        sizes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        shape = check_event_shape("net.event_shape", event_shape)
        check_count("net.heads", heads)
        check_finite("net.time_scale", time_scale)
        check_label_counts(classes, label_size)
        self._shape, self._heads = shape, heads
        self._classes, self._label_size = classes, label_size
        self.image_channels = image_channels
        self._inputs = _parsed_inputs(inputs, labelled=bool(classes or label_size))
        self._time_scale, self._time_column, self._output = time_scale, time_column, output
        self.module = _made(module, self._sizes(sizes))
        if label_size:
            self.null = nn.Parameter(torch.zeros(label_size))

    def _sizes(self, sizes: Sequence[str]) -> dict[str, Any]:
        """Arguments of the module's constructor that follow from the data."""
        shape, heads = self._shape, self._heads
        known = {
            "event_shape": shape,
            "size": shape[1:],
            "channels": shape[0] + self.image_channels,
            "heads": heads,
            "out_channels": heads * shape[0],
            "classes": self._classes + 1 if self._classes else None,
            "label_size": self._label_size,
        }
        rule = f"a list of argument=size, with a size out of {', '.join(known)}"
        check(_are_words(sizes), "net.sizes", rule, sizes)
        pairs = [each.partition("=") for each in sizes]
        good = all(argument.isidentifier() and name in known for argument, _, name in pairs)
        check(good, "net.sizes", rule, list(sizes))
        return {argument: known[name] for argument, _, name in pairs}

    def forward(self, t: Tensor, x: Tensor, condition: Condition | None = None) -> Tensor:
        """Evaluate all heads; arguments and result as of `FieldNetwork`."""
        given = {
            # Many modules use `view`, which other layouts do not have.
            "x": with_image(x, condition, self.image_channels).contiguous(),
            "t": self._times(t, x),
            "label": self._label(condition, x),
        }
        positional, named = self._inputs
        arguments = {argument: given[name] for argument, name in named.items()}
        out = self.module(*(given[name] for name in positional), **arguments)
        return self._with_heads(_found(out, self._output), len(x))

    def _times(self, t: Tensor, x: Tensor) -> Tensor:
        """Scaled times, (B,) or (B, 1). In half precision 999 is 1000."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        t = (self._time_scale * t).to(dtype).expand(len(x))
        return t[:, None] if self._time_column else t

    def _label(self, condition: Condition | None, x: Tensor) -> Tensor | None:
        """Labels with the null label where they are dropped or missing; None without labels."""
        label, _, dropped, *_ = Condition() if condition is None else condition
        if label is not None:
            check_label(label, self._classes, self._label_size)
        if self._classes:
            if label is None:
                return x.new_full((len(x),), self._classes, dtype=torch.int64)
            label = label.long()
            return label if dropped is None else torch.where(dropped, self._classes, label)
        if not self._label_size:
            return None
        null = self.null.to(x.dtype)
        if label is None:
            return null.expand(len(x), -1)
        label = label.to(x.dtype)
        return label if dropped is None else torch.where(dropped[:, None], null, label)

    def _with_heads(self, out: Any, rows: int) -> Tensor:
        """Predictions with an axis of heads, (B, heads, *event)."""
        rule = "a module that returns a tensor"
        fix = "set net.output to its key, attribute or index in what the module returns"
        check(isinstance(out, Tensor), "net.module", rule, _kind(out), fix)
        split = (rows, self._heads, *self._shape)
        predictions: Tensor = out
        if predictions.shape == split:
            return predictions
        stacked = (rows, self._heads * self._shape[0], *self._shape[1:])
        rule = f"predictions of shape {stacked} or {split}, heads = {self._heads}"
        check(predictions.shape == stacked, "net.module", rule, tuple(out.shape), _HEADS_FIX)
        return predictions.reshape(split)


_HEADS_FIX = "give the module so many outputs, one head for each field that the objective predicts"


class _Inputs(NamedTuple):
    """Arguments of a module's forward, out of `_INPUTS`: by position, and by keyword."""

    positional: Sequence[str]
    named: Mapping[str, str]


def _parsed_inputs(inputs: Sequence[str], labelled: bool) -> _Inputs:
    """Arguments of the module; requires x and t once each, and the label if there are labels."""
    rule = "a list of x, t and label, each alone or as keyword=name, in the order of forward"
    fix = "write such as net.inputs=[x,t,'class_labels=label']"
    check(_are_words(inputs), "net.inputs", rule, inputs, fix)
    pairs = [entry.rpartition("=") for entry in inputs]
    names, keywords = [pair[2] for pair in pairs], [pair[0] for pair in pairs]
    ordered = keywords == sorted(keywords, key=bool)
    distinct = len(set(names)) == len(names) and all(k.isidentifier() for k in keywords if k)
    known = set(names) <= set(_INPUTS) and {"x", "t"} <= set(names)
    check(ordered and distinct and known, "net.inputs", rule, list(inputs), fix)
    fix = "add label, or set label_dropout=null"
    check(not labelled or "label" in names, "net.inputs", "label among them", list(inputs), fix)
    return _Inputs(
        [name for keyword, _, name in pairs if not keyword],
        {keyword: name for keyword, _, name in pairs if keyword},
    )


def _made(module: Callable[..., nn.Module], sizes: Mapping[str, Any]) -> nn.Module:
    """Module of its factory and of the sizes that the data decide."""
    makes = callable(module) and not isinstance(module, nn.Module)
    fix = "write _partial_: true below its _target_"
    check(makes, "net.module", "a class, which is called with net.sizes", _kind(module), fix)
    twice = sorted(sizes.keys() & getattr(module, "keywords", {}).keys())
    fix = "remove it there or here"
    check(not twice, "net.sizes", "none that net.module has as well", twice, fix)
    try:
        made = module(**sizes)
    # A foreign constructor may raise anything.
    except Exception as error:
        called = ", ".join(f"{key}={value!r}" for key, value in sizes.items())
        text = f"net.module: {error}; called with net.sizes: {called or 'none'}"
        vectors = "; the length of vectors is channels" if () in sizes.values() else ""
        raise ValueError(text + vectors) from error
    check(isinstance(made, nn.Module), "net.module", "a class of torch modules", _kind(made))
    return made


def _found(out: Any, key: str | int | None) -> Any:
    """Predictions in what a module returns."""
    if key is None:
        return out
    try:
        if isinstance(key, int) or isinstance(out, Mapping):
            return out[key]
        return getattr(out, key)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        rule = "a key, attribute or index of what the module returns"
        found = f"{key!r} in {_kind(out)}"
        raise ValueError(f"net.output: expected {rule}, got {found}") from error


def _are_words(value: Any) -> bool:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return listed and all(isinstance(each, str) for each in value)


def _kind(value: object) -> str:
    return type(value).__name__
