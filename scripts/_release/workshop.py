"""
The checkout in which a release is made: the maintainer's own is never half done.

It is a worktree of the same repository: a commit that is made there can be put on the
main branch when everything has passed, and is simply left when something has not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import attrs

from .changelog import write_section
from .errors import ReleaseError, last_lines
from .repository import Repository
from .versions import write_version

if TYPE_CHECKING:
    from packaging.version import Version


@attrs.frozen
class Workshop:
    """The checkout, with one commit in it."""

    repository: Repository

    @property
    def checkout(self) -> Repository:
        """The checkout itself."""
        return Repository(self.repository.workshop / "checkout")

    def open(self, commit: str) -> None:
        """Bring the checkout to a commit; what git ignores stays, it saves time."""
        place = self.checkout
        if not self._is_whole():
            shutil.rmtree(place.root, ignore_errors=True)
            self.repository.git("worktree", "prune")
            add = ("worktree", "add", "--force", "--detach")
            self.repository.git(*add, str(place.root), commit)
        place.git("reset", "--quiet", "--hard")
        place.git("checkout", "--quiet", "--force", "--detach", commit)
        place.git("clean", "--quiet", "-d", "--force")

    def commit_release(self, version: Version) -> str:
        """Commit the version and its section of the changelog; return the commit."""
        write_version(self.checkout.root, version)
        write_section(self.checkout.root, version)
        return self._commit(release_subject(version))

    def commit_development(self, version: Version) -> str:
        """Commit a version that stands for what comes next; return the commit."""
        write_version(self.checkout.root, version)
        return self._commit(development_subject(version))

    def run(self, *arguments: str, is_long: bool = False) -> None:
        """Run a script or module of the checkout; what takes long shows how it goes."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.checkout.root,
            stdout=None if is_long else subprocess.PIPE,
            stderr=None if is_long else subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            command = " ".join(("python", *arguments))
            said = "see above" if is_long else f"\n{last_lines(done.stdout)}"
            raise ReleaseError(f"{command} has failed: {said}")

    def _commit(self, subject: str) -> str:
        self.checkout.git("add", "--all")
        # Its hooks have seen everything but numbers, and the suite is still to come.
        self.checkout.git("commit", "--quiet", "--no-verify", "--message", subject)
        return self.checkout.head()

    def _is_whole(self) -> bool:
        """Tell whether the checkout is one, and not a folder of the one around it."""
        place = self.checkout
        if not (place.root / ".git").is_file():
            return False
        if not place.asks("rev-parse", "--show-toplevel"):
            return False
        found = place.git("rev-parse", "--show-toplevel")
        return found == str(place.root.resolve())


def release_subject(version: Version) -> str:
    """Return the subject by which a release commit is known."""
    return f"Release {version}"


def development_subject(version: Version) -> str:
    """Return the subject of the commit after a release."""
    return f"Begin {version}"
