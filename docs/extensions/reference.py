"""Writes the reference before Sphinx reads its pages: settings from `conf/`, an API from modules.

`docs/reference/settings` has a page for each folder of `conf/`, and `docs/reference/api` one for
each package; both are made anew at every build and kept out of the repository.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import api_pages
import settings_pages
from sphinx.application import Sphinx


def _write(app: Sphinx) -> None:
    """Write both parts of the reference."""
    root = Path(app.srcdir).parent
    for name, pages in (
        ("settings", settings_pages.pages(root / "conf")),
        ("api", api_pages.pages(root / "interpolants")),
    ):
        folder = Path(app.srcdir) / "reference" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, text in pages.items():
            (folder / file).write_text(text)


def _skip(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool:
    """Leave out the fields of named tuples, which the class describes already."""
    return skip or type(obj).__name__ == "_tuplegetter"


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages as soon as Sphinx knows its folders."""
    app.connect("builder-inited", _write)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
