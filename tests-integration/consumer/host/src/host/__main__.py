"""The shop's commands: migrate, worker, enqueue, settle RUN MAIL..."""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Run one command; what it found goes to the output as JSON."""
    match sys.argv[1:]:
        case ["worker"]:
            from .worker import run  # noqa: PLC0415 - producers need no handlers

            return run()
        case ["migrate"]:
            from .producer import migrate  # noqa: PLC0415

            migrate()
        case ["enqueue"]:
            from .producer import enqueue  # noqa: PLC0415

            print(json.dumps(enqueue()))
        case ["settle", run_id, *mails]:
            from .producer import settle  # noqa: PLC0415

            print(json.dumps(settle(run_id, *mails)))
        case _:
            sys.exit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
