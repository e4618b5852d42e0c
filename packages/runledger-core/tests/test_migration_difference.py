"""Comparison of two sets of migrations: every version they disagree about."""

from runledger_core import (
    Migration,
    MigrationDifferenceKind,
    MigrationSet,
    compare_migrations,
)

BASELINE = Migration(202603280001, "baseline", "a" * 64, "SELECT 1;")
SECOND = Migration(202604100001, "second", "b" * 64, "SELECT 2;")


def make_set(*migrations):
    return MigrationSet("package", migrations, "SELECT 0;")


def differences(first, second):
    return [
        (each.version, each.kind)
        for each in compare_migrations(make_set(*first), make_set(*second))
    ]


def test_equal_sets_do_not_differ():
    assert differences([BASELINE, SECOND], [BASELINE, SECOND]) == []


def test_a_version_in_one_set_only_is_named_with_its_side():
    found = differences([BASELINE], [SECOND])

    assert found == [
        (BASELINE.version, MigrationDifferenceKind.ONLY_IN_FIRST),
        (SECOND.version, MigrationDifferenceKind.ONLY_IN_SECOND),
    ]


def test_a_renamed_version_differs_by_name():
    renamed = Migration(BASELINE.version, "base", BASELINE.checksum, BASELINE.sql)

    found = differences([BASELINE], [renamed])

    assert found == [(BASELINE.version, MigrationDifferenceKind.NAME)]


def test_an_edited_version_differs_by_checksum():
    edited = Migration(BASELINE.version, BASELINE.name, "c" * 64, "SELECT 3;")

    found = differences([BASELINE], [edited])

    assert found == [(BASELINE.version, MigrationDifferenceKind.CHECKSUM)]


def test_a_difference_carries_both_sides_and_reads_as_a_clause():
    edited = Migration(BASELINE.version, BASELINE.name, "c" * 64, "SELECT 3;")
    renamed = Migration(SECOND.version, "other", SECOND.checksum, SECOND.sql)
    third = Migration(202605180001, "third", "d" * 64, "SELECT 4;")
    fourth = Migration(202605220001, "fourth", "e" * 64, "SELECT 5;")

    found = compare_migrations(
        make_set(BASELINE, SECOND, third), make_set(edited, renamed, fourth)
    )

    assert [(each.first, each.second) for each in found] == [
        (BASELINE, edited),
        (SECOND, renamed),
        (third, None),
        (None, fourth),
    ]
    assert [str(each) for each in found] == [
        "202603280001 has other content in each set",
        "202604100001 has another name in each set",
        "202605180001 is only in the first set",
        "202605220001 is only in the second set",
    ]
