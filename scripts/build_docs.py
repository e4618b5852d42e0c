"""
Build the documentation site; every warning is an error.

    python scripts/build_docs.py [--check] [sphinx-build's options, such as -E]

Says at the end where to begin to read. ``--check`` reads all pages anew and follows all
links, but writes no site: that takes half of the time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
SITE = DOCS / "_build"


def main() -> int:
    """Run Sphinx, and say where the site is or what is wrong."""
    options = sys.argv[1:]
    is_check = "--check" in options
    if is_check:
        options.remove("--check")
        options += ["--builder", "dummy", "--fresh-env"]
    strict = ["--nitpicky", "--fail-on-warning", "--keep-going"]
    command = [sys.executable, "-m", "sphinx", "--quiet", "--jobs", "auto", *strict]
    output = SITE / ("check" if is_check else "html")
    places = ["--doctree-dir", f"{output}-doctrees", str(DOCS), str(output)]
    status = subprocess.run([*command, *options, *places], check=False).returncode
    if status == 0 and not is_check:
        print(output / "index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
