"""The git repository to which a release is pushed: what it has, and the push."""

from __future__ import annotations

from enum import StrEnum

import attrs

from .errors import ReleaseError
from .repository import MAIN, Repository

TIMEOUT_SECONDS = 120.0
BRANCH = f"refs/heads/{MAIN}"


class RemoteState(StrEnum):
    """How a remote stands to a release commit."""

    BEHIND = "it can take the release commit"
    RELEASED = "it has the release commit"
    AHEAD = "it has commits that the release commit does not have"


@attrs.frozen
class Remote:
    """A remote, by name or URL, and the commit and tag that it is to have."""

    repository: Repository
    name: str
    commit: str
    tag: str

    def has_tag(self) -> bool:
        """Tell whether the tag is there; refuse one that names something else."""
        reference = f"refs/tags/{self.tag}"
        found = self._references(reference, f"{reference}^{{}}")
        # Of an annotated tag the second is the commit, the first is the tag itself.
        at = found.get(f"{reference}^{{}}", found.get(reference))
        if at is not None and at != self.commit:
            raise ReleaseError(
                f"{self.tag} exists on {self.name} and is another commit ({at[:12]})"
            )
        return at is not None

    def state(self) -> RemoteState:
        """Find out whether the main branch there can take the release commit."""
        at = self._references(BRANCH).get(BRANCH)
        if at is None:
            return RemoteState.BEHIND
        if not self.repository.knows(at):
            return RemoteState.AHEAD
        if self.repository.contains(at, self.commit):
            return RemoteState.RELEASED
        if self.repository.contains(self.commit, at):
            return RemoteState.BEHIND
        return RemoteState.AHEAD

    def try_push(self) -> None:
        """Find out whether a push would be let in, as far as that can be asked."""
        self._git("push", "--quiet", "--dry-run", self.name, f"{self.commit}:{BRANCH}")

    def push(self, *, tip: str | None) -> None:
        """Push the tag, and with it the main branch up to a commit, or nothing more."""
        references = [f"refs/tags/{self.tag}"]
        if tip is not None:
            references.append(f"{tip}:{BRANCH}")
        self._git("push", "--quiet", "--atomic", self.name, *references)

    def _references(self, *patterns: str) -> dict[str, str]:
        lines = self._git("ls-remote", self.name, *patterns).splitlines()
        pairs = (line.split("\t") for line in lines)
        return {name: commit for commit, name in pairs}

    def _git(self, *arguments: str) -> str:
        return self.repository.git(*arguments, timeout_seconds=TIMEOUT_SECONDS)
