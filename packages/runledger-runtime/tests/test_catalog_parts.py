"""What a catalog says: defaults, declarations, merging, schedules and workflows."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from runledger_core import (
    JobContext,
    JobDefinition,
    JobSchedule,
    MisfirePolicy,
    OverlapPolicy,
    RetryPolicy,
)
from runledger_core.workflows import WorkflowDagError
from runledger_runtime import JobCatalog, JobCatalogDefaults

SLOW = RetryPolicy(base_seconds=60)
FAST = RetryPolicy(base_seconds=1)


@attrs.frozen
class Mail:
    to: str


@attrs.frozen
class SlotMail:
    to: str
    _schedule: Any = None


def send(context: JobContext, payload: Any) -> None:
    pass


async def send_mail(context: JobContext, payload: Mail) -> None:
    pass


@pytest.fixture
def catalog():
    catalog = JobCatalog()
    catalog.declare("mail.send", payload_type=Mail)
    catalog.declare("mail.old", is_enabled=False)
    return catalog


def test_defaults_hold_for_what_a_job_type_does_not_say():
    defaults = JobCatalogDefaults(
        version=2, max_attempts=3, timeout_seconds=60, priority=5, retry=SLOW
    )
    catalog = JobCatalog(defaults=defaults)
    catalog.job("a", max_attempts=9, retry=FAST)(send)
    catalog.declare("b", priority=0, is_enabled=False)
    catalog.job("c")(send)

    common = {"version": 2, "timeout_seconds": 60}
    expected = (
        JobDefinition("a", max_attempts=9, priority=5, **common),
        JobDefinition("b", max_attempts=3, priority=0, is_enabled=False, **common),
        JobDefinition("c", max_attempts=3, priority=5, **common),
    )
    assert expected == catalog.definitions()
    assert {"a": FAST, "c": SLOW} == catalog.to_registry().retry_policies()


def test_job_types_can_be_disabled_by_default():
    catalog = JobCatalog(defaults=JobCatalogDefaults(is_enabled=False))
    catalog.declare("a")
    catalog.declare("b", is_enabled=True)

    assert [False, True] == [each.is_enabled for each in catalog.definitions()]


def test_defaults_that_nothing_could_be_made_of_are_refused(raises_code):
    with raises_code("job_definition.invalid_max_attempts"):
        JobCatalogDefaults(max_attempts=0)


def test_a_declared_type_is_defined_and_runs_nowhere(catalog):
    assert ["mail.old", "mail.send"] == [d.job_type for d in catalog.definitions()]
    assert () == catalog.to_registry().registered_types
    assert {"to": "a"} == catalog.job_enqueue("mail.send", Mail("a")).payload


def test_a_handler_is_bound_later_and_gets_the_declared_payloads(catalog):
    assert send is catalog.handler("mail.send", retry=FAST, panic_on=[OSError])(send)

    entry = catalog.to_registry().get("mail.send")
    assert (Mail, FAST, (OSError,)) == (
        entry.payload_type,
        entry.retry,
        entry.panic_on,
    )


def test_a_type_that_is_not_declared_takes_no_handler(catalog, raises_code):
    with raises_code("catalog.unknown_job_type"):
        catalog.handler("mail.sned")


@pytest.mark.parametrize("again", ["declare", "job", "handler"])
def test_a_type_is_declared_once_and_has_one_handler(catalog, raises_code, again):
    catalog.handler("mail.send")(send)

    with raises_code("catalog.duplicate_job_type"):
        if again == "declare":
            catalog.declare("mail.send")
        else:
            getattr(catalog, again)("mail.send")(send)


def test_a_handler_that_is_none_leaves_the_type_unbound(catalog, raises_code):
    with raises_code("catalog.invalid_handler"):
        catalog.handler("mail.send")("send")

    catalog.handler("mail.send")(send)


def test_a_declared_payload_type_is_checked(catalog, raises_code):
    with raises_code("catalog.invalid_payload_type"):
        catalog.declare("mail.print", payload_type=dict)


def test_catalogs_are_merged(catalog):
    prints = JobCatalog(defaults=JobCatalogDefaults(priority=7))
    prints.job("mail.print")(send)
    prints.schedule("nightly", "mail.print", "0 2 * * *")

    merged = JobCatalog.merged(catalog, prints)

    names = [each.job_type for each in merged.definitions()]
    assert ["mail.old", "mail.print", "mail.send"] == names
    assert 7 == merged.definitions()[1].priority
    assert ("mail.print",) == merged.to_registry().registered_types
    assert prints.schedules() == merged.schedules()
    assert () == catalog.schedules()


def test_a_handler_that_is_bound_after_the_merge_runs_there_too(catalog):
    merged = JobCatalog().include(catalog)

    catalog.handler("mail.send")(send)

    assert ("mail.send",) == merged.to_registry().registered_types


def test_the_same_catalog_may_come_by_several_ways(catalog):
    catalog.schedule("nightly", "mail.send", "0 2 * * *", Mail("a"))
    one, other = JobCatalog().include(catalog), JobCatalog().include(catalog)

    assert catalog.definitions() == JobCatalog.merged(one, other).definitions()


def test_names_that_clash_are_all_told_and_nothing_is_taken(catalog, raises_code):
    other = JobCatalog()
    for job_type in ("mail.send", "mail.old", "mail.new"):
        other.declare(job_type)

    with raises_code("catalog.duplicate_job_type") as caught:
        catalog.include(other)

    assert "mail.old, mail.send" in str(caught.value)
    assert 2 == len(catalog.definitions())


def test_schedules_that_clash_are_refused(catalog, raises_code):
    other = JobCatalog()
    other.declare("mail.print")
    other.schedule("nightly", "mail.print", "0 2 * * *")
    catalog.schedule("nightly", "mail.send", "0 2 * * *")

    with raises_code("catalog.duplicate_schedule"):
        catalog.include(other)
    with raises_code("catalog.duplicate_schedule"):
        catalog.schedule("nightly", "mail.send", "0 3 * * *")
    assert 2 == len(catalog.definitions())


def test_a_schedule_is_made_of_what_is_said(catalog):
    catalog.schedule(
        "nightly",
        "mail.send",
        "0 2 * * *",
        Mail("ada"),
        max_jitter_seconds=60,
        misfire_policy=MisfirePolicy.ALL,
        misfire_limit=3,
        overlap_policy=OverlapPolicy.SKIP,
    )
    catalog.schedule("off", "mail.old", "0 2 * * *", is_active=False)

    expected = (
        JobSchedule(
            "nightly",
            "mail.send",
            "0 2 * * *",
            payload_template={"to": "ada"},
            max_jitter_seconds=60,
            misfire_policy=MisfirePolicy.ALL,
            misfire_limit=3,
            overlap_policy=OverlapPolicy.SKIP,
        ),
        JobSchedule("off", "mail.old", "0 2 * * *", is_active=False),
    )
    assert expected == catalog.schedules()


@pytest.mark.parametrize(
    ("job_type", "code"),
    [
        ("mail.sned", "catalog.unknown_job_type"),
        ("mail.old", "catalog.disabled_job_type"),
    ],
)
def test_a_schedule_needs_a_job_type_that_is_there(
    catalog, raises_code, job_type, code
):
    with raises_code(code):
        catalog.schedule("nightly", job_type, "0 2 * * *")
    with raises_code(code):
        catalog.job_schedule("nightly", job_type, "0 2 * * *")

    assert () == catalog.schedules()


@pytest.mark.parametrize(("handler", "expected"), [(SlotMail, "S"), (Mail, None)])
def test_a_payload_class_takes_the_slot_if_it_has_a_field_for_it(handler, expected):
    catalog = JobCatalog()
    catalog.job("mail.send", payload_type=handler)(send)
    read = catalog.to_registry().get("mail.send").read_payload

    payload = read({"to": "ada", "_schedule": "S"})

    assert "ada" == payload.to
    assert expected == getattr(payload, "_schedule", None)


def test_a_workflow_is_built_of_jobs_of_the_catalog(catalog):
    run = (
        catalog.workflow_dag("welcome", Mail("meta"))
        .job("first", "mail.send", Mail("ada"))
        .external("gate")
        .job("last", "mail.send")
        .after_success("last", ["first", "gate"])
        .build()
    )

    assert {"to": "meta"} == run.metadata
    assert [{"to": "ada"}, {}, {}] == [step.payload for step in run.steps]


def test_every_fault_of_a_workflow_is_told_at_once(catalog):
    builder = (
        catalog.workflow_dag("welcome")
        .job("a", "mail.sned")
        .job("b", "mail.old")
        .job("c", "mail.send")
        .after_success("c", "nowhere")
    )

    with pytest.raises(WorkflowDagError) as caught:
        builder.build()

    found = {(fault.code, fault.step_key) for fault in caught.value.faults}
    assert {
        ("catalog.unknown_job_type", "a"),
        ("catalog.disabled_job_type", "b"),
        ("workflow.invalid_dag_missing_dependency", "c"),
    } == found


def test_a_workflow_sees_what_the_catalog_has_when_it_is_built(catalog):
    builder = catalog.workflow_dag("welcome").job("a", "mail.new")
    with pytest.raises(WorkflowDagError, match=r"catalog\.unknown_job_type"):
        builder.build()

    catalog.declare("mail.new")

    assert 1 == len(builder.build().steps)
