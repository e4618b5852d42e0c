"""
Prepare a release: everything up to, and not including, the first upload.

    python3 scripts/prepare_release.py 0.3.0

Makes the release commit (version, pins, changelog) in a checkout of its own, builds it,
tests what was built, and puts the commit on main and the artifacts into dist/ when all
has passed. Nothing leaves this machine. The same command continues where it stopped.
"""

from __future__ import annotations

import argparse
import signal
import sys

from _release.environment import ROOT, enter


def main() -> int:
    """Prepare, or say what is in the way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="X.Y.Z, or X.Y.ZrcN")
    parser.add_argument(
        "--suite-passed-elsewhere",
        metavar="WHERE",
        help="skip the suite: it has passed on this commit there (kept in the record)",
    )
    arguments = parser.parse_args()
    enter("prepare_release", sys.argv[1:])
    # They need what enter() has seen to.
    from _release.errors import ReleaseError  # noqa: PLC0415
    from _release.preparation import prepare  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        prepare(
            ROOT,
            arguments.version,
            suite_passed_elsewhere=arguments.suite_passed_elsewhere,
        )
    except ReleaseError as error:
        said = str(error)
    except KeyboardInterrupt:
        said = "interrupted"
    else:
        return 0
    print(f"prepare_release.py: {said}", file=sys.stderr)
    print("nothing is published; the same command goes on from here", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
