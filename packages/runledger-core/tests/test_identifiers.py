"""Identifiers: what is accepted, what is refused, and with which code."""

from enum import StrEnum
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runledger_core import (
    IDENTIFIER_WHITESPACE,
    MAX_IDENTIFIER_BYTES,
    ValidationError,
    check_identifier,
    check_uuid,
    identifier_field,
)

storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
visible = st.characters(
    exclude_categories=["Cs"], exclude_characters="\0" + IDENTIFIER_WHITESPACE
)
whitespace = st.sampled_from(IDENTIFIER_WHITESPACE)


def code_of_refusal(value):
    with pytest.raises(ValidationError) as caught:
        check_identifier(value, "job_type")
    return caught.value.code


@given(st.text(visible, min_size=1, max_size=128))
def test_text_without_whitespace_is_an_identifier(text):
    assert text == check_identifier(text, "job_type")


@given(visible, st.text(storable, max_size=64), visible)
def test_whitespace_in_the_middle_is_allowed(first, middle, last):
    text = first + middle + last

    assert text == check_identifier(text, "job_type")


@given(st.text(whitespace, max_size=20))
def test_only_whitespace_is_blank(text):
    assert code_of_refusal(text) == "identifier.blank"


@given(whitespace, visible)
def test_whitespace_at_either_end_is_padding(space, letter):
    assert code_of_refusal(space + letter) == "identifier.padded"
    assert code_of_refusal(letter + space) == "identifier.padded"


@pytest.mark.parametrize("separator", "\x1c\x1d\x1e\x1f", ids=ascii)
def test_what_only_python_calls_whitespace_is_not_padding(separator):
    text = separator + "a" + separator

    assert text == check_identifier(text, "job_type")


@pytest.mark.parametrize(
    "text", ["a" * 512, "é" * 256, "\N{GRINNING FACE}" * 128], ids=["1", "2", "4"]
)
def test_the_limit_counts_bytes_not_characters(text):
    assert len(text.encode()) == MAX_IDENTIFIER_BYTES
    assert text == check_identifier(text, "job_type")
    assert code_of_refusal(text + "a") == "identifier.too_long"


@pytest.mark.parametrize(
    "value", [None, 7, b"job", ["job"], "a\0b", "a\ud800b", "\udfff"], ids=ascii
)
def test_what_postgresql_cannot_store_as_text_is_refused(value):
    assert code_of_refusal(value) == "identifier.invalid_text"


def test_a_member_of_a_str_enum_becomes_its_text():
    class Kind(StrEnum):
        MAIL = "mail.send"

    checked = check_identifier(Kind.MAIL, "job_type")

    assert checked == "mail.send"
    assert type(checked) is str


@pytest.mark.parametrize("value", [" secret", "secret\0", "secret" * 100, {"secret"}])
def test_a_refusal_names_the_field_and_never_the_value(value):
    with pytest.raises(ValidationError) as caught:
        check_identifier(value, "stage")

    assert "stage" in str(caught.value)
    assert "secret" not in str(caught.value) + repr(caught.value)


def test_an_attrs_field_can_be_validated_as_an_identifier():
    @attrs.frozen
    class Named:
        name: str = attrs.field(validator=identifier_field)

    assert Named("a").name == "a"
    with pytest.raises(ValidationError, match="name") as caught:
        Named("")
    assert caught.value.code == "identifier.blank"


def test_a_uuid_is_returned_as_it_is():
    value = UUID(int=1)

    assert value is check_uuid(value, "job_id")


@pytest.mark.parametrize("value", [None, 1, str(UUID(int=1))])
def test_what_is_no_uuid_is_refused_even_if_it_spells_one(value):
    with pytest.raises(ValidationError, match="job_id") as caught:
        check_uuid(value, "job_id")

    assert caught.value.code == "identifier.invalid_uuid"
