"""scripts/publish_release.py: in order, once each, and on from wherever it stopped."""

from __future__ import annotations

import signal

import pytest

pytestmark = [pytest.mark.build, pytest.mark.db]

VERSION, TAG = "90.1.0", "v90.1.0"
CORE, STORAGE, RUNTIME, SUPPORT = PROJECTS = (
    "runledger-core",
    "runledger-postgres",
    "runledger-runtime",
    "runledger-test-support",
)


def assert_stopped(done, *sentences):
    """It failed, said so in whole sentences, and how to go on."""
    assert 1 == done.returncode, done.stdout
    for sentence in (*sentences, "to continue:   PUBLISH_REMOTE=origin python3"):
        assert sentence in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_whole_release(release):
    commit = release.head()

    done = release.publish()

    assert 0 == done.returncode, done.stderr
    assert release.of(*PROJECTS) == release.relay.uploads
    assert sorted(release.of(*PROJECTS)) == release.published()
    waits = [line for line in done.stdout.splitlines() if line.startswith("waiting")]
    assert [f"waiting until {name} can be installed ..." for name in PROJECTS] == waits
    remote = release.git("ls-remote", "origin")
    assert f"{commit}\trefs/tags/{TAG}^{{}}" in remote
    assert f"{release.head()}\trefs/heads/main" in remote
    assert f"{commit} Begin 90.1.1.dev0" == release.git("log", "-1", "--format=%P %s")
    for name, digest in release.files().items():
        assert f"{digest}  {name}" in release.git("cat-file", "-p", TAG)

    again = release.publish()

    assert 0 == again.returncode
    assert 8 == len(release.relay.uploads)
    assert remote == release.git("ls-remote", "origin")


def test_a_dry_run_says_everything_and_changes_nothing(release):
    release.put_on_index(CORE)
    before = release.state(), release.refs(), release.published()

    done = release.publish("--dry-run")

    assert 0 == done.returncode, done.stderr
    assert before == (release.state(), release.refs(), release.published())
    assert [] == release.relay.uploads
    expected = []
    for project in (STORAGE, RUNTIME, SUPPORT):
        expected += [
            f"would upload {', '.join(release.of(project))}",
            f"would wait until {project} can be installed",
        ]
    expected += [
        f"would tag {release.head()[:12]} as {TAG}",
        "would begin 90.1.1.dev0 on main",
        f"would push {TAG} and main to origin",
    ]
    assert expected == done.stdout.splitlines()


def test_a_failure_after_the_second_upload_is_continued(release):
    release.put_on_index(RUNTIME, SUPPORT)
    release.relay.faults = {3: "refuse", 4: "drop"}
    wheel, sdist = release.of(STORAGE)
    summary = (
        f"the index did not take {wheel}",
        f"published:     {CORE}, {RUNTIME}, {SUPPORT}\n",
        f"not published: {STORAGE}\n",
        f"tag:           {TAG} not pushed",
    )

    refused = release.publish()
    dropped = release.publish()

    assert_stopped(refused, *summary, "403", "belongs to somebody else")
    assert_stopped(dropped, *summary, "Connection")
    assert "" == release.git("tag")

    continued = release.publish()

    assert 0 == continued.returncode, continued.stderr
    assert f"{release.of(CORE)[0]} is published already" in continued.stdout
    assert [*release.of(CORE), wheel, wheel, wheel, sdist] == release.relay.uploads


def test_an_interrupted_release_is_continued(release, kill_group):
    release.put_on_index(CORE, RUNTIME, SUPPORT)
    release.relay.faults = {2: "hang", 3: "hang"}
    wheel, sdist = release.of(STORAGE)

    def interrupt(which):
        with release.start_publishing() as publishing:
            assert release.relay.has_hung.wait(60)
            release.relay.has_hung.clear()
            kill_group(publishing, which)
            return publishing.wait(), publishing.stderr.read()

    status, said = interrupt(signal.SIGINT)
    killed, _ = interrupt(signal.SIGKILL)

    assert (1, -signal.SIGKILL) == (status, killed)
    assert "publish_release.py: interrupted" in said
    assert f"unclear:       {sdist}: nobody has answered its upload" in said
    assert f"not published: {STORAGE} (but {wheel} is)" in said
    assert "" == release.git("tag")

    continued = release.publish()

    assert 0 == continued.returncode, continued.stderr
    assert [wheel, sdist, sdist, sdist] == release.relay.uploads


def test_an_index_that_loses_answers_and_is_late_gets_every_file_once(release):
    release.put_on_index(CORE, RUNTIME, SUPPORT)
    release.relay.faults = {1: "lose the answer"}
    release.relay.stale_pages, release.relay.stale_after = 1, 2

    done = release.publish()

    assert 0 == done.returncode, done.stderr
    assert 0 == release.relay.stale_pages
    assert release.of(STORAGE) == release.relay.uploads


def test_a_file_that_may_have_arrived_is_not_called_unpublished(release):
    release.put_on_index(CORE, RUNTIME, SUPPORT)
    release.relay.faults = {1: "lose the answer"}
    release.relay.stale_pages = 1

    done = release.publish()

    assert_stopped(done, f"unclear:       {release.of(STORAGE)[0]}")


def test_an_index_that_never_shows_a_file_is_given_up(release):
    release.put_on_index(RUNTIME, SUPPORT)
    release.relay.stale_pages = 1000

    done = release.publish("--patience", "0")

    assert_stopped(done, f"{CORE} {VERSION} is uploaded, and cannot be installed")
    assert release.of(CORE) == release.relay.uploads


def test_an_upload_that_is_never_answered_is_given_up(release):
    release.relay.faults = {1: "hang"}

    done = release.publish("--timeout", "2")

    assert_stopped(done, "was not answered within 10 s", "published:     nothing\n")


def test_an_index_that_does_not_answer_stops_before_any_upload(release):
    release.relay.close()

    done = release.publish()

    assert_stopped(
        done,
        "the index does not answer at http://127.0.0.1",
        "published:     nothing by this run; what the index has is not known",
    )


def test_credentials_that_are_refused_are_not_shown(release):
    done = release.publish(TWINE_PASSWORD="wrong staple")  # noqa: S106

    reason = "did not take runledger_core-90.1.0-py3-none-any.whl:\n    ERROR "
    assert_stopped(done, reason, "403", "published:     nothing\n")
    assert "staple" not in done.stderr


def test_a_published_file_that_is_another_stops_before_any_upload(release):
    name = release.of(RUNTIME)[1]
    (release.index / name).write_text("something else")

    done = release.publish()

    assert_stopped(done, f"the index has other files of the same names: {name}")
    assert [name] == release.published()


@pytest.mark.parametrize("where", ["here", "on the remote"])
def test_a_tag_of_another_commit_stops_before_any_upload(release, where):
    release.git("tag", TAG, "HEAD^")
    if where == "on the remote":
        release.git("push", "--quiet", "origin", TAG)
        release.git("tag", "--delete", TAG)

    done = release.publish()

    assert_stopped(done, f"{TAG} exists", "is another commit")
    assert [] == release.relay.uploads


def let_remote_go_ahead(release):
    other = release.folder / "other"
    release.git("clone", "--quiet", str(release.remote), str(other))
    release.git("commit", "--quiet", "--allow-empty", "-m", "Work on", cwd=other)
    release.git("push", "--quiet", "origin", "main", cwd=other)


def test_a_remote_that_is_ahead_stops_before_any_upload(release):
    let_remote_go_ahead(release)

    done = release.publish()

    assert_stopped(done, "main of origin has commits that the release commit does not")
    assert [] == release.relay.uploads


def test_a_release_that_is_begun_is_finished_beside_a_remote_that_is_ahead(release):
    """What is on the index cannot be taken back: at least its tag is pushed."""
    release.put_on_index(*PROJECTS)
    let_remote_go_ahead(release)
    main = release.git("ls-remote", "origin", "main")

    done = release.publish()

    assert 0 == done.returncode, done.stderr
    assert "main there is ahead: merge it" in done.stdout
    assert main == release.git("ls-remote", "origin", "main")
    assert f"refs/tags/{TAG}" in release.git("ls-remote", "origin")


def test_a_remote_that_is_not_there_stops_before_any_upload(release):
    release.remote.rename(release.folder / "elsewhere.git")

    done = release.publish()

    assert_stopped(done, "git ls-remote origin", "has failed")
    assert [] == release.relay.uploads


def test_a_push_that_fails_is_continued(release):
    """The index has everything: only tag and branch are missing."""
    release.put_on_index(*PROJECTS)
    hook = release.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho closed for today >&2\nexit 1\n")
    hook.chmod(0o755)

    stopped = release.publish()

    assert_stopped(stopped, "closed for today", f"tag:           {TAG} not pushed")
    assert f"published:     {', '.join(PROJECTS)}\n" in stopped.stderr
    hook.unlink()

    assert 0 == release.publish().returncode
    assert f"{release.head()}\trefs/heads/main" in release.git("ls-remote", "origin")


def test_artifacts_that_were_not_tested_are_not_published(release):
    name = release.of(STORAGE)[0]
    (release.root / "dist" / name).write_bytes(b"built again")

    done = release.publish()

    assert_stopped(done, f"{name} is not the file that was tested")
    assert [] == release.relay.uploads


@pytest.mark.parametrize(
    ("version", "settings", "complaint"),
    [
        ("90.1.1", {}, "90.1.1 is not prepared here"),
        (VERSION, {"PUBLISH_REMOTE": ""}, "PUBLISH_REMOTE is not set"),
        (VERSION, {"TWINE_REPOSITORY_URL": ""}, "--upload-url"),
    ],
    ids=["not prepared", "no remote", "no place for uploads"],
)
def test_what_is_missing_is_named(release, version, settings, complaint):
    options = (version, *release.options()[1:])

    done = release.run("publish_release.py", *options, **release.settings(**settings))

    assert_stopped(done, complaint)
