"""Loading of buffers whose shapes are known only after a fit."""

from __future__ import annotations

from typing import Any

from torch import nn


def take_loaded_shapes(module: nn.Module) -> None:
    """Let the module's own buffers take their shapes from any state dict that is loaded.

    They keep their device and dtype, as buffers of a fixed shape do.
    """
    module.register_load_state_dict_pre_hook(_resize_buffers)  # type: ignore[no-untyped-call]


def _resize_buffers(module: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    for name, buffer in module.named_buffers(recurse=False):
        saved = state.get(prefix + name)
        if saved is not None and saved.shape != buffer.shape:
            setattr(module, name, buffer.new_empty(saved.shape))
