"""
Ask where packages come from, and whether they do: a part of `scripts/dev.py doctor`.

pip itself is asked, in whatever form there is one: its answer counts certificates,
proxies, mirrors and netrc files as an installation would.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import dev
from doctor_finding import Finding, missing, ok, warning

INDEX_SECONDS = 60
# Settings that say where packages come from, and through what. No other is shown.
PLACES = (
    "cert",
    "constraint",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "trusted-host",
)
CREDENTIALS = re.compile(r"//[^/@\s'\"]*@")


def check_pip_settings() -> "Finding":
    """Show which index is asked, without names and passwords."""
    pip = pip_command()
    if pip is None:
        return missing("pip", "not found", "install it (ensurepip would bring one)")
    done = run_pip([*pip, "config", "list"])
    if done.returncode != 0:
        reason = without_credentials(dev.last_line(done.stderr))
        return missing("pip", f"does not start: {reason}", "repair its configuration")
    # Lines such as global.index-url='https://...' and :env:.proxy='...'.
    settings = [
        without_credentials(line)
        for line in done.stdout.splitlines()
        if line.partition("=")[0].rpartition(".")[2] in PLACES
    ]
    return ok("pip", ", ".join(settings) or "asks the public index")


def check_installer() -> "Finding":
    """Say which of the two installers sessions will use."""
    if shutil.which("uv", path=str(dev.SCRIPTS)):
        return ok("installer", "uv, unless pip is told of an index of your own")
    if not dev.works(dev.PYTHON):
        return ok("installer", "dev.py brings uv with its first call, if it can")
    return warning(
        "installer", "pip, since there is no uv here", "nothing, it is only slower"
    )


def check_index() -> "Finding":
    """Fetch what dev.py installs first, and throw it away."""
    pip = pip_command()
    if pip is None:
        return missing("package index", "nobody to ask it", "install pip")
    with tempfile.TemporaryDirectory() as folder:
        command = ["download", "--quiet", "--no-deps", "--no-cache-dir"]
        command += ["--retries", "0", "--timeout", "15", "--dest", folder, dev.NOX]
        try:
            done = run_pip([*pip, *command])
        except subprocess.TimeoutExpired:
            return not_reachable(f"no answer within {INDEX_SECONDS} seconds")
        if done.returncode != 0:
            return not_reachable(without_credentials(dev.last_line(done.stderr)))
    return ok("package index", f"has {dev.NOX}")


def not_reachable(reason: str) -> "Finding":
    """Say that there is no index; once all is installed, one can do without."""
    if dev.works(dev.PYTHON) and (dev.ROOT / ".nox" / "dev").is_dir():
        return warning(
            "package index", reason, "what is installed works, nothing can be added"
        )
    return missing(
        "package index",
        reason,
        "connect to a network, or tell pip of an index: PIP_INDEX_URL, PIP_PROXY,"
        " PIP_CERT or pip.conf",
    )


def pip_command() -> "list[str] | None":
    """Return how to call a pip: of .venv, of this Python, or the one in ensurepip."""
    if dev.works(dev.PYTHON):
        return [str(dev.PYTHON), "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    # Debian has taken the wheel out of the package and put it elsewhere.
    places = (Path(spec.origin).parent / "_bundled", Path("/usr/share/python-wheels"))
    for place in places:
        for wheel in sorted(place.glob("pip-*.whl")):
            return [sys.executable, str(wheel / "pip")]
    return None


def run_pip(command: "list[str]") -> "subprocess.CompletedProcess[str]":
    """Run pip, which asks no questions and does not wait for ever."""
    return subprocess.run(
        command,
        env=dict(os.environ, PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=INDEX_SECONDS,
    )


def without_credentials(text: str) -> str:
    """Leave out what stands before the host of a URL."""
    return CREDENTIALS.sub("//", text)
