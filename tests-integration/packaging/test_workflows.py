"""What is run elsewhere can be run at home: workflows, hooks and pages."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from runledger_test_support import _settings

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
}
JOBS = [
    pytest.param(job, id=f"{name}-{key}")
    for name, workflow in WORKFLOWS.items()
    for key, job in workflow["jobs"].items()
]
# A session, and words for it that no shell reads anything into.
COMMAND = re.compile(r"python3? scripts/dev\.py ([a-z_]+)(?: -- [\w ./-]+)?")
ACTION = re.compile(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
PAGES = ("CONTRIBUTING.md", "README.md", "SECURITY.md", "llms.txt")


def sessions():
    """Return what can be given to dev.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    decorated = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("session" in ast.unparse(each) for each in node.decorator_list)
    }
    return decorated | {"doctor"}


def test_there_is_a_workflow():
    assert "ci.yml" in WORKFLOWS


@pytest.mark.parametrize("job", JOBS)
def test_a_step_runs_a_session_and_nothing_else(job):
    for step in job["steps"]:
        # An action or a session: no shell, no condition that hides a failure.
        assert set(step) in ({"uses"}, {"uses", "with"}, {"run"}), step
        if "run" in step:
            match = COMMAND.fullmatch(step["run"])
            assert match, step
            assert match[1] in sessions()


@pytest.mark.parametrize("job", JOBS)
def test_a_job_ends_in_time_on_a_known_system(job):
    assert job["timeout-minutes"] <= 60
    assert not job["runs-on"].endswith("latest")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_action_is_pinned_to_a_commit_that_is_named(name):
    text = (ROOT / ".github" / "workflows" / name).read_text("utf-8")

    used = re.findall(r"uses: (.*)", text)
    assert used
    assert [action for action in used if not ACTION.match(action)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=list(WORKFLOWS))
def test_a_workflow_may_read_the_repository_and_nothing_else(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    assert "secrets." not in yaml.safe_dump(workflow)
    # YAML 1.1 reads the key `on` as true.
    assert "pull_request_target" not in workflow[True]


def test_every_supported_version_is_tested():
    project = tomllib.loads(
        (ROOT / "packages" / "runledger-core" / "pyproject.toml").read_text("utf-8")
    )["project"]
    supported = {
        version
        for line in project["classifiers"]
        for version in re.findall(r"Python :: (3\.\d+)$", line)
    }
    tests = WORKFLOWS["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["include"]

    assert {each["python"] for each in tests} == supported
    assert {each["postgres"] for each in tests} == {"15", "16", "17", "18"}
    assert {each["server"] for each in tests} <= set(_settings.ServerKind)


def test_the_tests_are_told_of_their_server_by_variables_that_they_know():
    known = {
        value
        for value in vars(_settings).values()
        if isinstance(value, str) and value.startswith("RUNLEDGER_TEST_")
    }

    assert set(WORKFLOWS["ci.yml"]["jobs"]["test"]["env"]) <= known


def test_a_hook_is_a_session_too():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    (repository,) = config["repos"]

    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        match = COMMAND.fullmatch(hook["entry"])
        assert match, hook
        assert match[1] in sessions()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_sessions_that_there_are(page):
    text = (ROOT / page).read_text("utf-8")
    named = re.findall(r"(?:scripts/dev\.py|nox -s) ([a-z_]+)", text)

    assert set(named) <= sessions()


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_a_page_names_files_that_there_are(page):
    text = (ROOT / page).read_text("utf-8")
    linked = re.findall(r"\]\(([^)#:]+)[)#]", text)
    quoted = re.findall(
        r"`((?:docs|packages|scripts|tests-integration)/[\w./-]+)`", text
    )

    missing = [name for name in linked + quoted if not (ROOT / name).exists()]
    assert missing == []
