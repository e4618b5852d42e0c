"""Texts for people: anything that says something and that PostgreSQL can store."""

import pytest

from runledger_core import MAX_TEXT_BYTES, JobStatus, ValidationError, check_text

CODE = "job.invalid_reason"


@pytest.mark.parametrize(
    "text", ["x", " padded\n", "\u00fc" * 32768, "\x01"], ids=ascii
)
def test_a_text_that_says_something_is_returned_as_it_is(text):
    assert text == check_text(text, CODE)


def test_a_member_of_an_enum_becomes_its_text():
    assert type(check_text(JobStatus.CANCELED, CODE)) is str


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "type NoneType"),
        (b"x", "type bytes"),
        ("", "blank"),
        (" \u3000\t", "blank"),
        ("secret\0", "NUL"),
        ("secret\ud800", "surrogate"),
        ("x" * (MAX_TEXT_BYTES + 1), "65537 bytes"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_no_such_text_is_refused_without_repeating_it(value, fault):
    with pytest.raises(ValidationError, match=fault) as caught:
        check_text(value, CODE)

    assert CODE == caught.value.code
    assert "secret" not in str(caught.value)
