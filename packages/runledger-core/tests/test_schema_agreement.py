"""Core and the migrations it carries say the same, shown without a database."""

import re

import pytest

from runledger_core import (
    IDENTIFIER_WHITESPACE,
    MAX_IDENTIFIER_BYTES,
    MAX_MISFIRE_LIMIT,
    AttemptOutcome,
    DependencyReleaseMode,
    JobDefinition,
    JobEventType,
    JobStage,
    JobStatus,
    MisfirePolicy,
    OverlapPolicy,
    StepExecutionKind,
    WorkflowRunStatus,
    WorkflowStepStatus,
    load_migrations,
)

ENUMS = {
    "job_status": JobStatus,
    "job_event_type": JobEventType,
    "job_failure_kind": AttemptOutcome,
    "workflow_run_status": WorkflowRunStatus,
    "workflow_step_status": WorkflowStepStatus,
    "workflow_dependency_release_mode": DependencyReleaseMode,
    "workflow_step_execution_kind": StepExecutionKind,
}


@pytest.fixture(scope="module")
def ddl():
    """The text of all migrations, oldest first, without comments."""
    text = "\n".join(each.sql for each in load_migrations("runledger_core").migrations)
    return re.sub(r"--[^\n]*", "", text)


def test_every_enum_of_the_schema_is_an_enum_here(ddl):
    created = re.findall(r"CREATE TYPE (\w+) AS ENUM", ddl)

    assert sorted(ENUMS) == sorted(created)


@pytest.mark.parametrize("sql_type", ENUMS)
def test_the_labels_and_their_order_are_the_schema_s(ddl, sql_type):
    (labels,) = re.findall(rf"CREATE TYPE {sql_type} AS ENUM \(([^)]*)\)", ddl)
    added = re.findall(
        rf"ALTER TYPE {sql_type} ADD VALUE (?:IF NOT EXISTS )?'(\w+)'", ddl
    )

    assert re.findall(r"'(\w+)'", labels) + added == list(ENUMS[sql_type])


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("version", "version"),
        ("max_attempts", "max_attempts"),
        ("default_timeout_seconds", "timeout_seconds"),
        ("default_priority", "priority"),
        ("is_enabled", "is_enabled"),
    ],
)
def test_a_definition_has_the_defaults_of_its_table(ddl, column, field):
    (table,) = re.findall(r"CREATE TABLE job_definitions \((.*?)\n\);", ddl, re.DOTALL)
    (default,) = re.findall(rf"\b{column} \w+ NOT NULL DEFAULT (\w+)", table)

    assert default == str(getattr(JobDefinition("a"), field)).lower()


def test_the_default_stage_is_that_of_the_table(ddl):
    assert re.findall(r"\bstage text NOT NULL DEFAULT '(\w+)'", ddl) == [
        JobStage.QUEUED
    ]


def test_identifiers_are_measured_and_trimmed_alike(ddl):
    _, _, rest = ddl.partition("CREATE FUNCTION runledger_is_identifier(")
    body, _, _ = rest.partition("CREATE ")
    (limit,) = re.findall(r"BETWEEN 1 AND (\d+)", body)
    # A literal may go on in the next line; the E before its first part holds for all.
    literals = re.findall(r"E'[^']*'(?:\s*\n\s*'[^']*')*", body)

    assert int(limit) == MAX_IDENTIFIER_BYTES
    assert literals
    for literal in literals:
        escaped = "".join(re.findall(r"'([^']*)'", literal))
        characters = escaped.encode("ascii").decode("unicode_escape")
        assert sorted(IDENTIFIER_WHITESPACE) == sorted(characters)


@pytest.mark.parametrize(
    ("column", "policies"),
    [("misfire_policy", MisfirePolicy), ("overlap_policy", OverlapPolicy)],
)
def test_a_policy_of_schedules_has_the_labels_of_its_check(ddl, column, policies):
    (labels,) = re.findall(rf"CHECK \({column} IN \(([^)]*)\)\)", ddl)

    assert re.findall(r"'(\w+)'", labels) == list(policies)


def test_the_misfire_limit_has_the_bounds_of_its_check(ddl):
    assert f"CHECK (misfire_limit BETWEEN 1 AND {MAX_MISFIRE_LIMIT})" in ddl
