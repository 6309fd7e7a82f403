"""Mathematics as MathML, made when the pages are built: a reader's browser needs no script.

Sphinx's own writers of mathematics fetch a typesetter from a server when a page is opened. This
one uses the converter of docutils, and a formula that it does not understand is a warning.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

_LOG = logging.getLogger(__name__)


def _convert(node: nodes.Element, as_block: bool) -> str:
    """The MathML of a formula; its source, with a warning, where it cannot be converted."""
    text = node.astext()
    if as_block and "\\\\" in text and "\\begin" not in text:
        text = f"\\begin{{aligned}}{text}\\end{{aligned}}"
    try:
        return str(tex2mathml(text, as_block=as_block))
    except MathError as error:
        _LOG.warning("formula %r: %s", text, error, location=node)
        return f"<code>{text}</code>"


def _visit_inline(self: Any, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{_convert(node, as_block=False)}</span>')
    raise nodes.SkipNode


def _visit_block(self: Any, node: nodes.math_block) -> None:
    number = ""
    if node["number"]:
        number = f'<span class="eqno">({get_node_equation_number(self, node)})</span>'
    self.body.append(f'<div class="math">{number}{_convert(node, as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the writer."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
