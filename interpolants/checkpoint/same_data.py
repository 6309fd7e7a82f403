"""Comparison of data and package version with those of the run that is continued or sampled."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from interpolants.data.fingerprint import data_differences
from interpolants.utils.checks import check


def check_continues(config: Mapping[str, Any], content: Mapping[str, Any], path: Path) -> None:
    """Require the data of the run that is continued; warn of another version of the package.

    Args:
        config: configuration of the present run.
        content: the checkpoint that it continues from.
        path: its file.

    Raises:
        ValueError: if the data differ, naming what does.
    """
    saved = content["hyper_parameters"]["config"]["fingerprint"]
    found = data_differences(saved, config["fingerprint"])
    fix = "restore those data, or start a new run with resume=never"
    check(not found, "data", f"the data that {path} was trained on", found, fix)
    writer, present = content["interpolants"]["version"], version("interpolants")
    if writer != present:
        text = f"{path} was written by interpolants {writer}, and is continued by {present}"
        warnings.warn(text, stacklevel=2)


def data_note(config: Mapping[str, Any], fingerprint: Mapping[str, Any]) -> str:
    """Line for reports on data that are not those of training; empty if they are.

    Args:
        config: configuration of the model.
        fingerprint: that of the data that samples are compared with.
    """
    found = data_differences({"data": config["fingerprint"]["data"]}, {"data": fingerprint})
    return f"the data are not those of training: {found}" if found else ""
