"""Settings of the documentation site; `nox -s docs` builds it."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Runledger"
author = "the Runledger authors"
copyright = author  # noqa: A001 - Sphinx wants this name
release = installed_version("runledger-core")
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "api_pages",
    "cross_links",
    "state_diagrams",
]
root_doc = "index"
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_ext", "changelog.d"]

# A broken link is an error here, and the build knows no network: other projects' types
# are linked by a table in _ext/elsewhere.py, not by inventories that would be fetched.
nitpicky = True
nitpick_ignore_regex = [
    # Type variables and special forms stand in signatures and have no page.
    ("py:class", r"[A-Z]|[A-Z]\w*T|P\.(kw)?args|optional|runledger_\w+\.\w+\.T"),
]

myst_enable_extensions = ["colon_fence"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 4
# Docstrings: what they put into single backticks is code, which may become a link.
default_role = "literal"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autoclass_content = "class"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    # Of private bases: _ext/values.py leaves out what others document.
    "inherited-members": True,
}
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
python_display_short_literal_types = True
maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"Runledger {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
pygments_style = "friendly"
pygments_dark_style = "monokai"
