"""
Show Mermaid blocks, drawn where the reader's browser can fetch what draws them.

The build needs nothing for it: pages hold the diagram's text, which can be read as it
is, and a script that replaces it by a picture when the network is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

MERMAID = "https://cdn.jsdelivr.net/npm/mermaid@11/dist/mermaid.esm.min.mjs"
DRAW = f"""\
const isDark = () =>
  document.body.dataset.theme === "dark" ||
  (document.body.dataset.theme !== "light" &&
    window.matchMedia("(prefers-color-scheme: dark)").matches);
import("{MERMAID}").then(({{ default: mermaid }}) => {{
  mermaid.initialize({{ startOnLoad: false, theme: isDark() ? "dark" : "neutral" }});
  mermaid.run({{ querySelector: "pre.mermaid" }});
}}).catch(() => {{}});
"""


class diagram(nodes.General, nodes.Element):  # noqa: N801 - as docutils names nodes
    """The text of a Mermaid diagram."""


class MermaidDirective(SphinxDirective):
    """What MyST makes of a fenced block in the language ``mermaid``."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        return [diagram("", text="\n".join(self.content))]


def visit_diagram(translator: HTML5Translator, node: diagram) -> None:
    """Write the diagram's text, where the script will look for it."""
    text = translator.encode(node["text"])
    translator.body.append(f'<pre class="mermaid">{text}</pre>\n')
    raise nodes.SkipNode


def draw_on_pages(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Add the script to the pages that have a diagram, and to no other."""
    if doctree is not None and next(iter(doctree.findall(diagram)), None) is not None:
        app.add_js_file(None, body=DRAW, type="module")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.add_node(diagram, html=(visit_diagram, None))
    app.add_directive("mermaid", MermaidDirective)
    app.connect("html-page-context", draw_on_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
