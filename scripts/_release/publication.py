"""
Publish a prepared release: upload in order, tag, push.

What has been done is asked of the index and of the remote, never remembered: so the
same command continues, whatever stopped it and wherever it is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .errors import ReleaseError
from .projects import Artifact, Project, check_untouched
from .remote import RemoteState
from .repository import MAIN
from .upload import UploadError
from .versions import next_development
from .workshop import Workshop, development_subject

if TYPE_CHECKING:
    from packaging.version import Version

    from .remote import Remote
    from .repository import Repository
    from .upload import Uploader


@attrs.define
class Publication:
    """One run of publish_release.py."""

    repository: Repository
    version: Version
    commit: str
    projects: list[Project]
    remote: Remote
    uploader: Uploader
    # What is known so far, for whoever has to continue.
    is_index_known: bool = False
    is_tag_pushed: bool = False
    remote_state: RemoteState | None = None

    @property
    def artifacts(self) -> list[Artifact]:
        """All files, in the order of their upload."""
        return [one for project in self.projects for one in project.artifacts]

    def check(self) -> None:
        """Find everything that could stop the release, before anything is uploaded."""
        repository, remote = self.repository, self.remote
        self._check_commit()
        self.is_tag_pushed = remote.has_tag()
        self.remote_state = remote.state()
        if self.remote_state is RemoteState.BEHIND:
            remote.try_push()
        self._ask_index()
        missing = [one for one in self.artifacts if not one.is_published]
        check_untouched(missing, str(self.version))
        # Once anything is published this release has to be finished as it is, and its
        # tag can be pushed alone.
        is_begun = len(missing) < len(self.artifacts)
        if self.remote_state is RemoteState.AHEAD and not is_begun:
            raise ReleaseError(
                f"{MAIN} of {remote.name} has commits that the release commit does not"
                f" have. Take it back (git reset --hard {self.commit[:12]}^), get them"
                f" (git pull), and prepare {self.version} again"
            )
        repository.check_branch()

    def describe(self) -> list[str]:
        """Say what run() would do."""
        actions = []
        for project in self.projects:
            missing = [one.name for one in project.artifacts if not one.is_published]
            if missing:
                actions.append(f"upload {', '.join(missing)}")
                actions.append(f"wait until {project.name} can be installed")
        if self.repository.tag_commit(self.remote.tag) is None:
            actions.append(f"tag {self.commit[:12]} as {self.remote.tag}")
        if not self.is_tag_pushed:
            if self._can_begin_next():
                actions.append(f"begin {next_development(self.version)} on {MAIN}")
            actions.append(f"push {self._pushed()} to {self.remote.name}")
        return actions

    def run(self) -> None:
        """Upload what is missing, one distribution after the other; tag; push."""
        # What a later one was uploaded after has been waited for.
        begun = [
            any(one.is_published for one in each.artifacts) for each in self.projects
        ]
        is_complete = all(project.is_published for project in self.projects)
        for number, project in enumerate(self.projects):
            if not is_complete:
                is_waited_for = project.is_published and any(begun[number + 1 :])
                self._publish(project, is_waited_for=is_waited_for)
        self._tag()
        if self.is_tag_pushed:
            return
        is_ahead = self.remote_state is RemoteState.AHEAD
        tip = None if is_ahead else self._begin_next()
        print(f"pushing {self._pushed()} to {self.remote.name} ...", flush=True)
        self.remote.push(tip=tip)
        self.is_tag_pushed = True

    def summary(self) -> list[str]:
        """Say what is published and what is not, as far as this run knows."""
        tag = "pushed" if self.is_tag_pushed else "not pushed"
        if not self.is_index_known:
            return [
                "published:     nothing by this run; what the index has is not known",
                f"tag:           {self.remote.tag} {tag}",
            ]
        published = [one.name for one in self.projects if one.is_published]
        lines = [f"published:     {', '.join(published) or 'nothing'}"]
        unclear = [one.name for one in self.artifacts if one.is_unclear]
        if unclear:
            lines.append(
                f"unclear:       {', '.join(unclear)}: nobody has answered its upload"
            )
        for project in self.projects:
            if project.is_published:
                continue
            have = [one.name for one in project.artifacts if one.is_published]
            note = f" (but {', '.join(have)} is)" if have else ""
            lines.append(f"not published: {project.name}{note}")
        return [*lines, f"tag:           {self.remote.tag} {tag}"]

    def _check_commit(self) -> None:
        """Refuse when the release commit is not here, or its tag is something else."""
        repository, tag = self.repository, self.remote.tag
        if not repository.knows(self.commit) or not repository.contains(
            repository.head(), self.commit
        ):
            raise ReleaseError(
                f"the release commit {self.commit[:12]} is not in the history of what"
                f" is checked out: prepare {self.version} again"
            )
        tagged = repository.tag_commit(tag)
        if tagged is not None and tagged != self.commit:
            raise ReleaseError(f"{tag} exists and is another commit ({tagged[:12]})")

    def _ask_index(self) -> None:
        """Learn what is published; refuse what is published as something else."""
        foreign = []
        for project in self.projects:
            found = self.uploader.index.files(project.name)
            for one in project.artifacts:
                one.is_published = found.get(one.name) == one.sha256
                if one.name in found and not one.is_published:
                    foreign.append(one.name)
        self.is_index_known = True
        if foreign:
            raise ReleaseError(
                f"the index has other files of the same names: {', '.join(foreign)}."
                " What is published cannot be replaced: release another version"
            )

    def _publish(self, project: Project, *, is_waited_for: bool) -> None:
        """Upload what is missing of a distribution, and wait for it."""
        for one in project.artifacts:
            if one.is_published:
                print(f"{one.name} is published already", flush=True)
            else:
                print(f"uploading {one.name} ...", flush=True)
                self._upload(project, one)
        if is_waited_for:
            return
        print(f"waiting until {project.name} can be installed ...", flush=True)
        self.uploader.wait_until_installable(
            project.name, str(self.version), project.wheel.sha256
        )

    def _upload(self, project: Project, one: Artifact) -> None:
        one.is_unclear = True
        try:
            self.uploader.upload(one.path)
        except UploadError as error:
            one.is_unclear = not error.is_refused
            if not self._has_arrived(project, one):
                raise
            print(f"{one.name} has arrived all the same", flush=True)
        one.is_unclear = False
        one.is_published = True

    def _has_arrived(self, project: Project, one: Artifact) -> bool:
        """
        Ask after a failed upload: its answer may be all that was lost.

        That the index does not show it proves nothing, pages come late.
        """
        try:
            found = self.uploader.index.files(project.name)
        except ReleaseError:
            return False
        return found.get(one.name) == one.sha256

    def _tag(self) -> None:
        """Make the annotated tag, which names the files, or take the remote's."""
        repository, tag = self.repository, self.remote.tag
        if repository.tag_commit(tag) is not None:
            return
        if self.is_tag_pushed:
            reference = f"refs/tags/{tag}:refs/tags/{tag}"
            repository.git("fetch", "--quiet", self.remote.name, reference)
            return
        lines = "\n".join(f"{one.sha256}  {one.name}" for one in self.artifacts)
        message = f"Runledger {self.version}\n\n{lines}"
        repository.git("tag", "--annotate", "--message", message, tag, self.commit)

    def _can_begin_next(self) -> bool:
        """Tell whether main is at the release commit, with nothing in the way."""
        repository = self.repository
        is_clean = not repository.git("status", "--porcelain", "--untracked-files=no")
        return (
            is_clean
            and repository.head() == self.commit
            and self.remote_state is not RemoteState.AHEAD
        )

    def _begin_next(self) -> str:
        """
        Give main the version of what comes next; return the commit to push.

        What is built of main from now on must not bear the name of what is published.
        """
        repository = self.repository
        if self._can_begin_next():
            workshop = Workshop(repository)
            workshop.open(self.commit)
            begun = workshop.commit_development(next_development(self.version))
            repository.git("merge", "--quiet", "--ff-only", begun)
            return begun
        begun = development_subject(next_development(self.version))
        said = repository.git("log", "-1", "--format=%P %s")
        return repository.head() if said == f"{self.commit} {begun}" else self.commit

    def _pushed(self) -> str:
        """Name what is pushed."""
        if self.remote_state is RemoteState.AHEAD:
            return f"{self.remote.tag} alone ({MAIN} there is ahead: merge it)"
        return f"{self.remote.tag} and {MAIN}"
