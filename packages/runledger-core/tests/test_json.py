"""JSON values: copied, normalised, and refused by path without showing values."""

import json
import sys
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import MAX_JSON_DEPTH, ValidationError, check_json

CODE = "job.payload_not_json"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


def refusal(value):
    with pytest.raises(ValidationError) as caught:
        check_json(value, CODE)
    assert caught.value.code == CODE
    return str(caught.value)


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


@given(json_values)
def test_json_comes_back_equal_and_survives_a_round_trip(value):
    checked = check_json(value, CODE)

    assert value == checked
    assert value == json.loads(json.dumps(checked, allow_nan=False))


@given(json_values)
def test_checking_twice_changes_nothing(value):
    once = check_json(value, CODE)

    assert once == check_json(once, CODE)


def test_the_copy_shares_no_container_with_the_original():
    original = {"list": [{"deep": 1}]}

    checked = check_json(original, CODE)
    original["list"][0]["deep"] = 2
    original["list"].append(3)

    assert checked == {"list": [{"deep": 1}]}


def test_tuples_become_lists():
    assert check_json({"pair": (1, (2,))}, CODE) == {"pair": [1, [2]]}


def test_subclasses_become_the_plain_types():
    class Colour(StrEnum):
        RED = "red"

    class Level(IntEnum):
        HIGH = 3

    class Point(NamedTuple):
        x: int

    class Ratio(float):
        pass

    checked = check_json(
        OrderedDict([(Colour.RED, [Colour.RED, Level.HIGH, Point(1), Ratio(0.5)])]),
        CODE,
    )

    assert checked == {"red": ["red", 3, [1], 0.5]}
    assert type(checked) is dict
    assert [type(key) for key in checked] == [str]
    assert [type(each) for each in checked["red"]] == [str, int, list, float]


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (b"raw", "bytes"),
        ({1}, "set"),
        (Decimal(1), "Decimal"),
        (datetime(2026, 11, 24, tzinfo=UTC), "datetime"),
        (object(), "object"),
        (range(2), "range"),
        (1j, "complex"),
    ],
)
def test_other_types_are_refused_by_name(value, type_name):
    assert f"($ is of type {type_name})" in refusal(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused(number):
    assert "$.rate is not a finite number" in refusal({"rate": number})


def test_whole_numbers_may_have_a_thousand_digits_and_no_more():
    largest = 10**1000 - 1

    assert check_json([largest, -largest], CODE) == [largest, -largest]
    for number in (largest + 1, -largest - 1, 10**5000):
        assert "$ is a whole number of more than 1000 digits" in refusal(number)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a\0b", "NUL character"), ("a\ud800", "lone surrogate")],
    ids=ascii,
)
def test_text_that_postgresql_cannot_store_is_refused_in_values_and_keys(text, reason):
    assert f"$.name has a {reason}" in refusal({"name": text})
    assert f"$.(key 1) has a {reason}" in refusal({text: 1})


def test_a_surrogate_pair_written_as_one_character_is_text():
    assert check_json("\N{GRINNING FACE}", CODE) == "\N{GRINNING FACE}"


@pytest.mark.parametrize("key", [1, None, True, ("a",), b"a"])
def test_keys_that_are_not_text_are_refused(key):
    message = refusal({"rows": {key: 1}})

    assert f"$.rows.(key 1) stands under a key of type {type(key).__name__}" in message


def test_the_path_leads_to_the_fault():
    value = {"jobs": [{"ok": [1, {"x": 2}]}, {"due-date": [0, 1, {"y": {1}}]}]}

    assert "$.jobs[1].due-date[2].y is of type set" in refusal(value)


def test_keys_that_may_hide_something_are_counted_instead_of_shown():
    message = refusal({"a": 1, "ada@example.org": {"secret value": b"secret bytes"}})

    assert "$.(key 2).(key 1) is of type bytes" in message
    assert "ada" not in message
    assert "secret" not in message


def test_a_long_path_is_cut_in_the_middle():
    value = b""
    for _ in range(100):
        value = {"somewhere": value}

    assert len(refusal(value)) < 500


def test_nesting_may_be_as_deep_as_the_limit_and_no_deeper():
    assert nested(MAX_JSON_DEPTH) == check_json(nested(MAX_JSON_DEPTH), CODE)
    assert "nested deeper than 512 levels" in refusal(nested(MAX_JSON_DEPTH + 1))


def test_depth_is_refused_no_matter_how_deep_or_how_full_the_stack_is():
    value = nested(100_000)

    def check_deep_in_the_stack(frames):
        if frames:
            return check_deep_in_the_stack(frames - 1)
        return refusal(value)

    frames_left = sys.getrecursionlimit() - 200

    assert "nested deeper" in check_deep_in_the_stack(frames_left // 2)


def test_a_value_inside_itself_is_too_deep():
    loop = {"again": []}
    loop["again"].append(loop)

    assert "nested deeper" in refusal(loop)


@given(json_values, st.sampled_from([b"x", {1}, float("nan"), "\0", "\ud800"]))
def test_one_bad_leaf_spoils_the_whole_value(value, bad):
    assert refusal([value, {"key": bad}]).startswith(f"{CODE}: ")
