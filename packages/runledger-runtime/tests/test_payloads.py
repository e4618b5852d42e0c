"""Payloads: attrs classes out of JSON, strictly, and misfits without their values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import attrs
import pytest

from runledger_core import FailureKind, JobFailure
from runledger_runtime._payloads import payload_json, read_payload_with


class Colour(Enum):
    RED = "red"


@attrs.frozen
class Item:
    name: str
    count: int = 1


def _positive(_instance: Any, _attribute: Any, value: int) -> None:
    if value < 0:
        raise ValueError(f"secret {value}")


@attrs.frozen
class Order:
    id: UUID | None = None
    items: list[Item] = attrs.field(factory=list)
    tags: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    prices: dict[str, float] = attrs.field(factory=dict)
    extra: dict[str, Any] = attrs.field(factory=dict)
    colour: Colour = Colour.RED
    mode: Literal["fast", "slow"] = "fast"
    at: datetime | None = None
    total: Decimal | None = None
    first: Item | None = None
    words: list[str] | None = None
    is_paid: bool = False
    size: int = attrs.field(default=0, validator=_positive)


read = read_payload_with(Order)


def test_every_field_is_made_of_its_json():
    payload = {
        "id": str(UUID(int=1)),
        "items": [{"name": "nail", "count": 3}],
        "tags": ["a", "b"],
        "labels": ["x"],
        "prices": {"nail": 2},
        "extra": {"anything": [1, None]},
        "colour": "red",
        "mode": "slow",
        "at": "2030-01-01T00:00:00+00:00",
        "total": "10.50",
        "first": {"name": "screw"},
        "words": None,
        "is_paid": True,
        "size": 5,
    }

    order = read(payload)

    assert (
        Order(
            id=UUID(int=1),
            items=[Item("nail", 3)],
            tags=("a", "b"),
            labels=frozenset({"x"}),
            prices={"nail": 2.0},
            extra={"anything": [1, None]},
            mode="slow",
            at=datetime(2030, 1, 1, tzinfo=UTC),
            total=Decimal("10.50"),
            first=Item("screw"),
            is_paid=True,
            size=5,
        )
        == order
    )


def test_what_was_enqueued_comes_back_equal():
    order = Order(id=UUID(int=1), items=[Item("nail")], total=Decimal("1.5"))

    assert order == read(payload_json(order))


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        ({"id": "sesame"}, "$.id is not a value of "),
        ({"items": [{"name": "a"}, {"nome": "b"}]}, "$.items[1].name is missing"),
        ({"items": "sesame"}, "$.items is not a value of "),
        ({"items": {"name": "sesame"}}, "$.items is not a value of "),
        ({"tags": "sesame"}, "$.tags is not a value of "),
        ({"tags": [1]}, "$.tags[0] is not a value of str"),
        ({"labels": "sesame"}, "$.labels is not a value of "),
        ({"prices": {"nail": "2"}}, "$.prices.nail is not a value of float"),
        ({"prices": {"open sesame": True}}, "$.prices.(another key) is not a value"),
        ({"prices": [["nail", 2]]}, "$.prices is not a value of "),
        ({"colour": "sesame"}, "$.colour is not a value of Colour"),
        ({"mode": "sesame"}, "$.mode is not a value of "),
        ({"at": "sesame"}, "$.at is not a value of "),
        ({"total": "sesame"}, "$.total is not a value of "),
        ({"first": ["sesame"]}, "$.first is not a value of "),
        ({"words": "sesame"}, "$.words is not a value of "),
        ({"is_paid": 1}, "$.is_paid is not a value of bool"),
        ({"size": True}, "$.size is not a value of int"),
        ({"size": "5"}, "$.size is not a value of int"),
        ({"size": 5.0}, "$.size is not a value of int"),
        ({"size": None}, "$.size is not a value of int"),
        ({"size": -1}, "$ is refused by its class"),
        ({"siez": 1}, "$ has keys that do not belong there: siez"),
        ({"open sesame": 1}, "$ has keys that do not belong there: others"),
        ([], "$ is not a value of Order"),
        ("sesame", "$ is not a value of Order"),
        (None, "$ is not a value of Order"),
    ],
)
def test_a_misfit_names_its_place_and_never_its_value(payload, where):
    with pytest.raises(JobFailure) as caught:
        read(payload)

    assert FailureKind.TERMINAL is caught.value.kind
    assert "job.invalid_payload" == caught.value.code
    assert where in caught.value.message
    assert "sesame" not in caught.value.message
    assert "secret" not in caught.value.message


def test_all_misfits_are_named_up_to_ten():
    payload = {"items": [{"name": 1} for _ in range(12)]}

    with pytest.raises(JobFailure) as caught:
        read(payload)

    assert "$.items[9].name" in caught.value.message
    assert caught.value.message.endswith("; and 2 more")


@attrs.frozen
class Tree:
    leaves: list[Tree] = attrs.field(factory=list)


def test_a_class_may_refer_to_itself():
    tree = read_payload_with(Tree)({"leaves": [{"leaves": []}, {}]})

    assert Tree([Tree(), Tree()]) == tree


def test_a_raw_payload_is_left_alone():
    payload = {"a": object()}

    assert payload is payload_json(payload)
