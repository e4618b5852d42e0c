"""One line of what `scripts/dev.py doctor` says. Python 3.6 can read this."""

from typing import NamedTuple


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do when that is not well."""

    level: str
    subject: str
    said: str
    advice: str = ""

    def text(self) -> str:
        """Write it for people, the advice in a line of its own."""
        line = f"{self.level:<8} {self.subject}: {self.said}"
        return f"{line}\n{'':8}   -> {self.advice}" if self.advice else line


def ok(subject: str, said: str) -> Finding:
    """Report what is as it should be."""
    return Finding("ok", subject, said)


def warning(subject: str, said: str, advice: str) -> Finding:
    """Report what works all the same, or what only some of the tests need."""
    return Finding("warning", subject, said, advice)


def missing(subject: str, said: str, advice: str) -> Finding:
    """Report what nothing works without."""
    return Finding("missing", subject, said, advice)
