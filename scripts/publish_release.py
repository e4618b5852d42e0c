"""
Publish a release that prepare_release.py has prepared.

    PUBLISH_REMOTE=origin python3 scripts/publish_release.py 0.3.0 --dry-run
    PUBLISH_REMOTE=origin python3 scripts/publish_release.py 0.3.0

Uploads core, postgres, runtime and test-support, each when the one before can be
installed from the index; then makes the tag and pushes it with the main branch. What is
published already is not uploaded again: after a failure the same command continues.

Credentials come as twine takes them: TWINE_USERNAME and TWINE_PASSWORD, .pypirc or a
keyring. PUBLISH_REMOTE is the name or URL of the git repository to push to.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys

from _release.environment import ROOT, enter


def main() -> int:
    """Publish, or say what was and what was not, and how to go on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="the version that was prepared")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, print what would be done, and do nothing",
    )
    parser.add_argument(
        "--index-url", metavar="URL", help="where the index is read; default: PyPI"
    )
    parser.add_argument(
        "--upload-url",
        metavar="URL",
        default=os.environ.get("TWINE_REPOSITORY_URL") or None,
        help="where it takes uploads; default: TWINE_REPOSITORY_URL, or PyPI",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=30.0,
        help="for an answer of the index; default: 30, five times that for an upload",
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=600.0,
        help="until what was uploaded can be installed; default: 600",
    )
    arguments = parser.parse_args()
    enter("publish_release", sys.argv[1:])
    # They need what enter() has seen to.
    from _release.errors import ReleaseError  # noqa: PLC0415
    from _release.opening import open_publication  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    publication = None
    try:
        with open_publication(
            ROOT,
            arguments.version,
            remote_name=os.environ.get("PUBLISH_REMOTE", ""),
            index_url=arguments.index_url,
            upload_url=arguments.upload_url,
            timeout_seconds=arguments.timeout,
            patience_seconds=arguments.patience,
        ) as publication:
            publication.check()
            if arguments.dry_run:
                for action in publication.describe() or ["nothing: all is done"]:
                    print(f"would {action}" if action[:7] != "nothing" else action)
                return 0
            publication.run()
    except ReleaseError as error:
        said = str(error)
    except KeyboardInterrupt:
        said = "interrupted"
    else:
        print(f"{arguments.version} is published, tagged and pushed")
        return 0
    print(f"publish_release.py: {said}", file=sys.stderr)
    for line in publication.summary() if publication else ["nothing was uploaded"]:
        print(f"    {line}", file=sys.stderr)
    print(f"    to continue:   {command_line()}", file=sys.stderr)
    return 1


def command_line() -> str:
    """Return the command that was given, for a terminal."""
    remote = shlex.quote(os.environ.get("PUBLISH_REMOTE") or "origin")
    command = ["python3", "scripts/publish_release.py", *sys.argv[1:]]
    return f"PUBLISH_REMOTE={remote} {shlex.join(command)}"


if __name__ == "__main__":
    sys.exit(main())
