"""The catalog and the registry: what they take, and what they refuse."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest

from runledger_core import JobDefinition, JobEnqueue, JsonValue, RetryPolicy
from runledger_runtime import JobCatalog, JobRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as UnknownHere

    from runledger_core import JobContext


@attrs.frozen
class Mail:
    to: str


@attrs.frozen
class Unreadable:
    to: object


class NotAttrs:
    pass


@pytest.fixture
def catalog():
    return JobCatalog()


def test_the_decorator_leaves_the_handler_as_it_was(catalog):
    async def send(context: JobContext, payload: Mail) -> None:
        pass

    assert send is catalog.job("mail.send")(send)


def test_definitions_come_sorted_with_what_was_given(catalog):
    @catalog.job("b.job", max_attempts=3, timeout_seconds=10, priority=5, version=2)
    async def first(context: JobContext, payload: Any) -> None:
        pass

    @catalog.job("a.job", is_enabled=False)
    def second(context: JobContext, payload: Any) -> None:
        pass

    expected = (
        JobDefinition("a.job", is_enabled=False),
        JobDefinition(
            "b.job", max_attempts=3, timeout_seconds=10, priority=5, version=2
        ),
    )
    assert expected == catalog.definitions()
    assert ("a.job", "b.job") == catalog.to_registry().registered_types


async def async_handler(context: JobContext, payload: Mail) -> None:
    pass


def plain_handler(context: JobContext, payload: Mail) -> None:
    pass


class AsyncClass:
    async def execute(self, context: JobContext, payload: Mail) -> None:
        pass


class PlainClass:
    def execute(self, context: JobContext, payload: Mail) -> None:
        pass


class CallableObject:
    async def __call__(self, context: JobContext, payload: Mail) -> None:
        pass


@pytest.mark.parametrize(
    ("handler", "is_async"),
    [
        (async_handler, True),
        (plain_handler, False),
        (AsyncClass, True),
        (AsyncClass(), True),
        (PlainClass, False),
        (CallableObject(), True),
        (functools.partial(async_handler), True),
    ],
)
def test_every_form_of_handler_is_understood(handler, is_async):
    registry = JobRegistry()
    registry.register("mail.send", handler)
    entry = registry.get("mail.send")

    assert is_async == entry.is_async
    assert Mail is entry.payload_type


def takes_json(context: JobContext, payload: JsonValue) -> None:
    pass


def takes_mapping(context: JobContext, payload: Mapping[str, Any] | None) -> None:
    pass


def takes_list(context: JobContext, payload: list[str]) -> None:
    pass


def takes_anything(context: JobContext, payload):
    pass


def takes_all(*arguments: Any) -> None:
    pass


@pytest.mark.parametrize(
    "handler", [takes_json, takes_mapping, takes_list, takes_anything, takes_all]
)
def test_plain_json_is_passed_as_it_is(handler):
    registry = JobRegistry()
    registry.register("mail.send", handler)

    assert registry.get("mail.send").read_payload is None


def takes_unknown(context: JobContext, payload: UnknownHere) -> None:
    pass


def takes_not_attrs(context: JobContext, payload: NotAttrs) -> None:
    pass


def takes_uuid(context: JobContext, payload: UUID | None) -> None:
    pass


def takes_unreadable(context: JobContext, payload: Unreadable) -> None:
    pass


@pytest.mark.parametrize(
    "handler", [takes_unknown, takes_not_attrs, takes_uuid, takes_unreadable]
)
def test_a_payload_type_that_json_cannot_fill_is_refused(handler, catalog, raises_code):
    with raises_code("catalog.invalid_payload_type") as caught:
        catalog.job("mail.send")(handler)

    assert "mail.send" in str(caught.value)
    assert () == catalog.definitions()


def test_the_payload_type_can_be_named_where_annotations_cannot(catalog):
    catalog.job("mail.send", payload_type=Mail)(takes_anything)

    assert Mail is catalog.to_registry().get("mail.send").payload_type


def takes_one(context):
    pass


def takes_three(context, payload, more):
    pass


def takes_keywords(*, context, payload):
    pass


def generates(context, payload):
    yield


async def generates_async(context, payload):
    yield


class NeedsArguments:
    def __init__(self, mailer):
        pass

    def execute(self, context, payload):
        pass


@pytest.mark.parametrize(
    "handler",
    [
        takes_one,
        takes_three,
        takes_keywords,
        generates,
        generates_async,
        NeedsArguments,
        NotAttrs,
        NotAttrs(),
        "mail.send",
        None,
    ],
)
def test_what_cannot_be_called_as_a_handler_is_refused(handler, catalog, raises_code):
    with raises_code("catalog.invalid_handler"):
        catalog.job("mail.send")(handler)

    assert () == catalog.definitions()


@pytest.mark.parametrize("classes", [["ValueError"], [ValueError()], [int]])
def test_panic_on_takes_exception_classes_only(classes, catalog, raises_code):
    with raises_code("catalog.invalid_handler"):
        catalog.job("mail.send", panic_on=classes)(plain_handler)


def test_a_job_type_has_one_handler(catalog, raises_code):
    catalog.job("mail.send")(plain_handler)

    with raises_code("catalog.duplicate_job_type") as caught:
        catalog.job("mail.send")(async_handler)

    assert "mail.send" in str(caught.value)


@pytest.mark.parametrize(
    ("job_type", "code"),
    [
        ("", "identifier.blank"),
        (" \u3000", "identifier.blank"),
        (" a", "identifier.padded"),
        ("a" * 513, "identifier.too_long"),
        (None, "identifier.invalid_text"),
    ],
)
def test_a_job_type_is_an_identifier(job_type, code, catalog, raises_code):
    with raises_code(code):
        catalog.job(job_type)(plain_handler)


def test_a_definition_is_checked_when_it_is_made(catalog, raises_code):
    with raises_code("job_definition.invalid_max_attempts"):
        catalog.job("mail.send", max_attempts=0)


def test_a_registry_that_was_handed_out_does_not_change(catalog):
    registry = catalog.to_registry()

    catalog.job("mail.send")(plain_handler)

    assert () == registry.registered_types


def test_the_retry_policy_is_kept():
    policy = RetryPolicy(base_seconds=1)
    registry = JobRegistry()

    registry.register("mail.send", plain_handler, retry=policy)

    assert policy is registry.get("mail.send").retry


def test_a_request_carries_the_payload_as_json(catalog):
    catalog.job("mail.send")(plain_handler)
    due = datetime(2030, 1, 1, tzinfo=UTC)
    organization = UUID(int=5)

    request = catalog.job_enqueue(
        "mail.send",
        Mail("ada@example.org"),
        organization_id=organization,
        priority=1,
        max_attempts=2,
        timeout_seconds=3,
        next_run_at=due,
        idempotency_key="k",
        stage="s",
    )

    expected = JobEnqueue(
        "mail.send",
        {"to": "ada@example.org"},
        organization_id=organization,
        priority=1,
        max_attempts=2,
        timeout_seconds=3,
        next_run_at=due,
        idempotency_key="k",
        stage="s",
    )
    assert expected == request


def test_a_request_without_payload_has_an_empty_object(catalog):
    catalog.job("mail.send")(takes_json)

    assert {} == catalog.job_enqueue("mail.send").payload


def test_a_payload_of_uuids_and_times_becomes_text(catalog):
    @attrs.frozen
    class Booking:
        id: UUID
        at: datetime

    catalog.job("book", payload_type=Booking)(takes_anything)

    request = catalog.job_enqueue(
        "book", Booking(UUID(int=1), datetime(2030, 1, 1, tzinfo=UTC))
    )

    assert {
        "id": str(UUID(int=1)),
        "at": "2030-01-01T00:00:00+00:00",
    } == request.payload


@pytest.mark.parametrize("job_type", ["mail.sent", "", None])
def test_a_request_for_a_type_outside_the_catalog_is_refused(
    job_type, catalog, raises_code
):
    catalog.job("mail.send")(plain_handler)

    with raises_code("catalog.unknown_job_type"):
        catalog.job_enqueue(job_type, {})


def test_a_request_for_a_disabled_type_is_refused(catalog, raises_code):
    catalog.job("mail.send", is_enabled=False)(plain_handler)

    with raises_code("catalog.disabled_job_type"):
        catalog.job_enqueue("mail.send", {})


def test_a_payload_that_is_not_json_is_refused(catalog, raises_code):
    catalog.job("mail.send")(takes_json)

    with raises_code("job.payload_not_json"):
        catalog.job_enqueue("mail.send", {"when": object()})
