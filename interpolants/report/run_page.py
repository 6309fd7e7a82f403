"""Page of runs: one HTML file with tables, curves and figures, which needs no other file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

from PIL import Image

from interpolants.plot.curves import plot_curves
from interpolants.report.run_table import RunTable, seed_table, setting, table
from interpolants.report.runs import RunSummary, differences

# Runs whose figures are shown, and the largest side of a figure in pixels.
_MOST, _SIDE = 60, 640
_LOSSES = ("val/loss", "train/loss")

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 80rem;
       padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.25rem 0.8rem; border-bottom: 1px solid #ddd;
         white-space: nowrap; }
th { background: #f5f5f5; }
img { max-width: 100%; }
.runs { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-size: 0.85rem; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def page(runs: Sequence[RunSummary], title: str) -> str:
    """Page with what differs, metrics with spreads, curves, and the samples of each run.

    Args:
        runs: at least one run; figures of the first 60 are shown.
        title: heading of the page.
    """
    return _PAGE.substitute(title=html.escape(title), body="\n".join(_sections(runs)))


def titles(runs: Sequence[RunSummary]) -> dict[str, RunSummary]:
    """Runs by what differs, or by their names if that does not distinguish them."""
    keys = differences(runs)
    words = [" ".join(f"{key}={setting(run.settings.get(key))}" for key in keys) for run in runs]
    if len(set(words)) < len(runs) or "" in words:
        words = [run.name for run in runs]
    return dict(zip(words, runs, strict=True))


def _sections(runs: Sequence[RunSummary]) -> Iterator[str]:
    yield "<h2>Runs</h2>"
    yield _table(table(runs))
    over_seeds = seed_table(runs)
    if over_seeds is not None:
        yield "<h2>Means over seeds, with standard deviations</h2>"
        yield _table(over_seeds)
    named = titles(runs)
    curves = _curves(named)
    if curves:
        yield "<h2>Curves</h2>"
        yield f'<img alt="curves of all runs" src="{curves}">'
    yield "<h2>Samples</h2>"
    yield '<div class="runs">'
    for title, run in list(named.items())[:_MOST]:
        yield _figure(title, run)
    yield "</div>"
    if len(runs) > _MOST:
        yield f"<p>Figures of the first {_MOST} of {len(runs)} runs are shown.</p>"


def _table(rows: RunTable) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows.head)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>\n" for row in rows.rows
    )
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}</table></div>'


def _cell(text: str) -> str:
    return html.escape(text).replace("+-", "&plusmn;")


def _curves(named: dict[str, RunSummary]) -> str:
    """Source of an image of the loss and of all metrics that validation logged."""
    logged = dict.fromkeys(name for run in named.values() for name in run.curves)
    metrics = [name.removesuffix("_floor") for name in logged if name.endswith("_floor")]
    losses = [name for name in _LOSSES if name in logged][:1]
    names = [*losses, *(name for name in metrics if name.startswith("val/"))]
    if not names:
        return ""
    out = io.BytesIO()
    plot_curves({title: run.curves for title, run in named.items()}, names).savefig(out)
    return _source(out.getvalue())


def _figure(title: str, run: RunSummary) -> str:
    file = _samples_of(run.folder)
    image = "no figure of samples" if file is None else _shown(file)
    return f"<figure>{image}<figcaption>{html.escape(title)}</figcaption></figure>"


def _samples_of(folder: Path) -> Path | None:
    """Figure of the final samples, or of the latest ones during training."""
    last = sorted((folder / "figures").glob("step_*.png"))[-1:]
    found = [path for path in [folder / "samples" / "samples.png", *last] if path.is_file()]
    return found[0] if found else None


def _shown(file: Path) -> str:
    try:
        with Image.open(file, formats=("PNG",)) as image:
            small = image.convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
            out = io.BytesIO()
            small.save(out, "PNG", optimize=True)
    except OSError as error:
        return html.escape(f"{file.name} is damaged ({error})")
    return f'<img alt="samples" src="{_source(out.getvalue())}">'


def _source(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
