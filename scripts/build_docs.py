"""
Build the documentation site; every warning is an error.

    python scripts/build_docs.py [sphinx-build's options, such as -E]

Says at the end where to begin to read.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
SITE = DOCS / "_build"


def main() -> int:
    """Run Sphinx, and say where the site is or what is wrong."""
    strict = ["--nitpicky", "--fail-on-warning", "--keep-going"]
    command = [sys.executable, "-m", "sphinx", "--quiet", "--jobs", "auto", *strict]
    places = ["--doctree-dir", str(SITE / "doctrees"), str(DOCS), str(SITE / "html")]
    status = subprocess.run([*command, *sys.argv[1:], *places], check=False).returncode
    if status == 0:
        print(SITE / "html" / "index.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
