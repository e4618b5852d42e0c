"""The packaged consumer: all of it, and what it says when something is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "consumer_smoke.py"


@pytest.fixture
def consumer(load_script):
    return load_script("consumer_environment")


@pytest.fixture
def environment(consumer, tmp_path):
    """An environment into which nothing was installed."""
    return consumer.Environment.made("core", tmp_path / "empty", index=None)


@pytest.mark.build
@pytest.mark.db
@pytest.mark.slow
def test_every_layer_installs_alone_and_works(tmp_path):
    # Into a folder of its own: the checkout's dist/ is not for tests to replace.
    command = [sys.executable, str(SCRIPT), "--dist", str(tmp_path / "dist")]

    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "every layer installs alone and works" in done.stdout


def test_what_is_missing_is_named_with_the_layer(consumer, environment, load_script):
    core = load_script("consumer_layers").CORE

    with pytest.raises(consumer.ConsumerError) as caught:
        environment.check_contents(core)

    assert str(caught.value).startswith("layer core: attrs, croniter, runledger-core ")


def test_what_nobody_needs_is_named(consumer, environment, load_script):
    core = load_script("consumer_layers").CORE
    (packages,) = environment.home.glob("lib/*/site-packages")
    for name in [*core.needs, "Left_Pad"]:
        folder = packages / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")

    with pytest.raises(consumer.ConsumerError, match="layer core: left-pad: installed"):
        environment.check_contents(core)


def test_a_command_that_fails_is_shown_with_its_output(consumer, environment, tmp_path):
    with pytest.raises(consumer.ConsumerError) as caught:
        environment.run("-c", "print('so far'); raise SystemExit(3)", cwd=tmp_path)

    assert "layer core: " in str(caught.value)
    assert str(caught.value).endswith("ended with 3")
    assert "so far\n" == caught.value.output


def test_a_wheel_that_is_not_ours_is_refused(consumer, load_script, tmp_path):
    artifacts = load_script("artifacts")
    core = artifacts.distributions()[0]
    index = consumer.Index("", tmp_path, [core], {core.wheel: "0" * 64})
    environment = consumer.Environment("core", tmp_path, index)
    origin = {
        "url": "https://example.org/core.whl",
        "archive_info": {"hashes": {"sha256": "1" * 64}},
    }
    item = {"metadata": {"name": "runledger_core"}, "download_info": origin}

    with pytest.raises(consumer.ConsumerError, match=r"example\.org"):
        environment.check_origin({"install": [item]})


def test_what_would_leak_into_a_layer_does_not(consumer, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("DATABASE_URL", "postgresql:///production")
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")

    variables = consumer.clean_variables()

    assert not {"PYTHONPATH", "DATABASE_URL"} & variables.keys()
    assert "https://example.org/simple" == variables["PIP_INDEX_URL"]
