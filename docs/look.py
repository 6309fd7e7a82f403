"""Pictures of the built documentation by a headless Chromium, to be looked at by a person.

    python docs/look.py build/docs build/look [page ...]

Without pages, a few of each kind. Needs `chromium` (or `google-chrome`) on the path.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_PAGES = (
    "index",
    "start",
    "guides/tables",
    "guides/time_series",
    "coming_from",
    "mathematics",
    "parts",
    "design",
    "contributing",
    "reference/settings/train",
    "reference/settings/sampler",
    "reference/api/index",
    "reference/api/interpolants.sampler.solver",
    "search",
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def look(site: Path, folder: Path, pages: list[str]) -> None:
    """Write a picture of each page, 1280 pixels wide."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        sys.exit("docs/look.py needs a browser: on Debian run 'apt-get install chromium'")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        for page in pages:
            name, _, query = page.partition("?")
            url = (site / f"{name}.html").resolve().as_uri() + (f"?{query}" if query else "")
            picture = folder / f"{name.replace('/', '_')}.png"
            subprocess.run(
                [
                    browser,
                    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                    *("--disable-background-networking", "--disable-sync", "--hide-scrollbars"),
                    *(f"--user-data-dir={profile}", "--window-size=1280,1600"),
                    *("--virtual-time-budget=4000", f"--screenshot={picture.resolve()}", url),
                ],
                check=True,
                capture_output=True,
            )
            print(picture)


if __name__ == "__main__":
    look(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or list(_PAGES))
