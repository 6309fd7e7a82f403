"""Rows of a data set of the library Hugging Face Datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from interpolants.data.image_fit import ImageFit
from interpolants.data.large import LargeData
from interpolants.data.row_items import as_array, stacked
from interpolants.data.row_source import Places, Rows, RowSource
from interpolants.utils.checks import check

_OWNER = "HuggingFace"


@final
class HuggingFace(LargeData):
    """Columns of a data set of Hugging Face Datasets, in a folder or by name.

    A folder is one of `save_to_disk`, whose rows are read when a batch needs them. By name a data
    set is loaded from the hub, and only with download=true; a checkpoint never downloads, so
    to compare samples with such data, save them to a folder and name it by `data.path`.

    Args:
        path: the folder, also if there is a name; relative paths start at the current folder.
        name: name on the hub instead, such as "mnist".
        config: name of a configuration of that data set.
        split: the split, where there are several.
        x: the column of rows, of numbers or lists of numbers or images; or a list of columns of
            numbers; the only one beside the label if None.
        label: the column of classes (`ClassLabel` or whole numbers) or vectors; none if None.
        size: height and width of images, or one number for both; as they are if None.
        channels, fit, ground: of images, as of `ImageFit`, if there is a size.
        flip, standardize, held_out_fraction, split_seed: as of `LargeData`.
        sample_rows, num_classes: as of `LargeData`.
        download: whether a name may be downloaded.

    Raises:
        ValueError: if there is no such data set, split or column, or the package is missing.
    """

    def __init__(
        self,
        *,
        path: str | None = None,
        name: str | None = None,
        config: str | None = None,
        split: str = "train",
        x: str | Sequence[str] | None = None,
        label: str | None = None,
        size: int | Sequence[int] | None = None,
        channels: int = 3,
        fit: str = "crop",
        ground: int = 255,
        flip: bool = False,
        standardize: bool = True,
        held_out_fraction: float = 0.2,
        split_seed: int = 0,
        sample_rows: int = 10_000,
        num_classes: int | None = None,
        download: bool = False,
    ) -> None:
        check(bool(path or name), f"{_OWNER}.path", "a folder of save_to_disk", None)
        rows = _opened(path, split) if path else _loaded(name, config, split, download)
        shape: dict[str, Any] = {"channels": channels, "fit": fit, "ground": ground}
        used = size is not None or shape == {"channels": 3, "fit": "crop", "ground": 255}
        check(used, f"{_OWNER}.size", "a size, for channels, fit or ground", size)
        image_fit = None if size is None else ImageFit(owner=_OWNER, size=size, **shape)
        source = _HuggingFaceSource(rows, path or str(name), x, label, image_fit)
        super().__init__(
            source,
            pixels=source.is_image,
            flip=flip,
            standardize=standardize,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            sample_rows=sample_rows,
            num_classes=num_classes,
        )


class _HuggingFaceSource(RowSource):
    """Rows of one split."""

    where = f"{_OWNER}.x"

    def __init__(
        self,
        rows: Any,
        place: str,
        x: str | Sequence[str] | None,
        label: str | None,
        image_fit: ImageFit | None,
    ) -> None:
        names = [name for name in rows.column_names if name != label]
        if x is None:
            rule = f"one of the columns {', '.join(names)}, or a list of them"
            check(len(names) == 1, self.where, rule, x)
            x = names[0]
        self.place, self._label, self._fit = place, label, image_fit
        self._x = [x] if isinstance(x, str) else list(x)
        for argument, columns in (("x", self._x), ("label", [label] if label else [])):
            for column in columns:
                rule = f"one of the columns {', '.join(rows.column_names)}"
                check(column in rows.column_names, f"{_OWNER}.{argument}", rule, column)
        kinds = [type(rows.features[column]).__name__ for column in self._x]
        self.is_image = self.first = kinds == ["Image"]
        check(self.is_image or image_fit is None, f"{_OWNER}.size", "null, without images", kinds)
        self.columns = () if isinstance(x, str) else tuple(self._x)
        self.classes = tuple(getattr(rows.features[label], "names", ())) if label else ()
        plain, labels = rows.with_format(None), [label] if label else []
        self._rows = plain.select_columns([*dict.fromkeys([*self._x, *labels])])
        self._labels = plain.select_columns(labels)

    def __len__(self) -> int:
        return len(self._rows)

    def fetch(self, places: Places) -> tuple[Rows, Rows | None]:
        found = self._rows[places.tolist()]
        columns = [self._column(places, found[name]) for name in self._x]
        x = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
        return x, self._classes(places, found[self._label]) if self._label else None

    def labels(self, places: Places) -> Rows | None:
        if not self._label:
            return None
        return self._classes(places, self._labels[places.tolist()][self._label])

    def _column(self, places: Places, values: Sequence[Any]) -> Rows:
        parts = [self._value(k, each) for k, each in zip(places.tolist(), values, strict=True)]
        return stacked(self.where, places.tolist(), parts)

    def _value(self, place: int, value: Any) -> Rows:
        if not self.is_image or self._fit is None:
            return as_array(self.where, place, value)
        try:
            return self._fit.pixels(value).numpy()
        # A damaged image may raise anything.
        except Exception as error:
            text = f"{self.where}: expected an image in row {place}, got {error}"
            raise ValueError(text) from error

    def _classes(self, places: Places, values: Sequence[Any]) -> Rows:
        where, rule = f"{_OWNER}.label", "a column of classes or vectors"
        fix = "number them by class_encode_column of the data set"
        text = any(isinstance(value, str) or value is None for value in values)
        check(not text, where, rule, str(self._labels.features[self._label]), fix)
        parts = [as_array(where, k, each) for k, each in zip(places.tolist(), values, strict=True)]
        return stacked(where, places.tolist(), parts)


def _package() -> Any:
    try:
        import datasets
    except ImportError as error:
        fix = "run pip install 'interpolants[huggingface]'"
        check(False, f"{_OWNER}.path", "the package datasets", str(error), fix)
    return datasets


def _opened(path: str, split: str) -> Any:
    where, fix = f"{_OWNER}.path", f"relative paths start at {Path.cwd()}"
    check(Path(path).is_dir(), where, "an existing folder of save_to_disk", path, fix)
    try:
        found = _package().load_from_disk(str(Path(path).resolve()))
    # A damaged folder may raise anything.
    except Exception as error:
        if str(error).startswith(where):
            raise
        check(False, where, f"a folder of save_to_disk in {path}", str(error))
    if not isinstance(found, dict):
        rule = f"train, as there is one split in {path}"
        check(split == "train", f"{_OWNER}.split", rule, split)
        return found
    check(split in found, f"{_OWNER}.split", f"one of {', '.join(found)}", split)
    return found[split]


def _loaded(name: str | None, config: str | None, split: str, download: bool) -> Any:
    fix = "set download=true, or path=FOLDER after `save_to_disk`"
    check(download, f"{_OWNER}.name", "null without download=true", name, fix)
    try:
        return _package().load_dataset(name, config, split=split)
    # The hub, the network and the files may fail in any way.
    except Exception as error:
        if str(error).startswith(f"{_OWNER}."):
            raise
        check(False, f"{_OWNER}.name", "a data set that can be loaded", f"{name}: {error}")
