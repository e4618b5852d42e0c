"""Scopes, leases and contexts: plain values that compare and hash."""

from uuid import UUID

import pytest

from runledger_core import (
    EVERYTHING,
    GLOBAL,
    EverythingScope,
    GlobalScope,
    JobContext,
    Lease,
    Organization,
    ValidationError,
)

JOB_ID = UUID(int=7)


def make_context(**overrides):
    values = {
        "job_id": JOB_ID,
        "run_number": 2,
        "attempt": 3,
        "max_attempts": 4,
        "organization_id": None,
        "worker_id": "worker-1",
        "job_type": "mail.send",
    }
    return JobContext(**(values | overrides))


def test_scopes_differ_from_each_other_and_equal_their_like():
    scopes = {GLOBAL, EVERYTHING, Organization(UUID(int=1)), Organization(UUID(int=2))}

    assert len(scopes) == 4
    assert GlobalScope() == GLOBAL
    assert EverythingScope() == EVERYTHING
    assert Organization(UUID(int=1)) in scopes


@pytest.mark.parametrize("value", [None, str(UUID(int=1))])
def test_an_organization_needs_a_uuid(value):
    with pytest.raises(ValidationError) as caught:
        Organization(value)

    assert caught.value.code == "identifier.invalid_uuid"


def test_leases_are_equal_only_if_all_four_parts_are():
    lease = Lease(JOB_ID, 1, 1, "a")
    others = {
        Lease(UUID(int=8), 1, 1, "a"),
        Lease(JOB_ID, 2, 1, "a"),
        Lease(JOB_ID, 1, 2, "a"),
        Lease(JOB_ID, 1, 1, "b"),
    }

    assert Lease(JOB_ID, 1, 1, "a") == lease
    assert lease not in others
    assert frozenset({lease}) == {Lease(JOB_ID, 1, 1, "a")}


def test_a_context_names_its_lease():
    assert Lease(JOB_ID, 2, 3, "worker-1") == make_context().lease


@pytest.mark.parametrize(("attempt", "is_last"), [(1, False), (3, False), (4, True)])
def test_a_context_knows_whether_this_attempt_is_the_last(attempt, is_last):
    assert is_last is make_context(attempt=attempt).is_last_attempt


def test_a_context_does_not_show_its_checkpoint():
    assert "secret" not in repr(make_context(checkpoint={"k": "secret"}))


def test_a_context_made_by_hand_belongs_to_no_workflow():
    context = make_context()

    assert (None, None, {}) == (
        context.workflow_run_id,
        context.step_key,
        context.inputs,
    )


def test_a_context_does_not_show_its_inputs():
    assert "secret" not in repr(make_context(inputs={"list": "secret"}))
