"""What a release asks git, and the few things that it has git do."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import attrs

from .errors import ReleaseError, last_lines

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "main"
SHOWN = 10


@attrs.frozen
class Repository:
    """A checkout: the maintainer's own, or the one in which a release is made."""

    root: Path

    @property
    def workshop(self) -> Path:
        """Where a release is made and remembered; git ignores it."""
        return self.root / ".nox" / "release"

    @property
    def dist(self) -> Path:
        """Where the artifacts lie that are published."""
        return self.root / "dist"

    def git(self, *arguments: str, timeout_seconds: float | None = None) -> str:
        """Return what git says; where it refuses, that is why the release stops."""
        done = self._run(arguments, timeout_seconds)
        if done.returncode:
            command = " ".join(("git", *arguments))
            said = last_lines(done.stderr or done.stdout)
            raise ReleaseError(f"{command} has failed:\n{said}")
        return done.stdout.strip()

    def asks(self, *arguments: str) -> bool:
        """Tell whether git agrees: it answers by its exit status."""
        return self._run(arguments, None).returncode == 0

    def head(self) -> str:
        """Return the commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def knows(self, commit: str) -> bool:
        """Tell whether a commit is in this repository."""
        return self.asks("cat-file", "-e", f"{commit}^{{commit}}")

    def contains(self, commit: str, ancestor: str) -> bool:
        """Tell whether a commit has another one, or itself, in its history."""
        return self.asks("merge-base", "--is-ancestor", ancestor, commit)

    def tag_commit(self, tag: str) -> str | None:
        """Return the commit that a tag of this repository names, if it is there."""
        if not self.asks("rev-parse", "--quiet", "--verify", f"refs/tags/{tag}"):
            return None
        return self.git("rev-parse", f"refs/tags/{tag}^{{commit}}")

    def tags(self) -> list[str]:
        """Return the names of all tags."""
        return self.git("tag", "--list").splitlines()

    def check_branch(self) -> None:
        """Refuse to release from anywhere but the main branch."""
        branch = self.git("branch", "--show-current")
        if branch != MAIN:
            where = f"this is {branch}" if branch else "no branch is checked out here"
            raise ReleaseError(
                f"releases are made on {MAIN}, and {where}: git switch {MAIN}"
            )

    def check_clean(self) -> None:
        """Refuse a tree in which something is neither committed nor ignored."""
        changed = self.git("status", "--porcelain").splitlines()
        if not changed:
            return
        shown = "\n".join(f"    {line}" for line in changed[:SHOWN])
        more = f"\n    and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise ReleaseError(
            f"the tree is not clean: commit, stash or remove\n{shown}{more}"
        )

    def _run(
        self, arguments: tuple[str, ...], timeout_seconds: float | None
    ) -> subprocess.CompletedProcess[str]:
        # A question on the terminal would look like a remote that hangs.
        environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=self.root,
                env=environment,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            command = " ".join(("git", *arguments))
            message = f"{command} has not answered within {timeout_seconds:.0f} s"
            raise ReleaseError(message) from None
