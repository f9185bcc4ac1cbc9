"""`python -m core.supervisor --workers 2`: the whole system in the foreground, until Ctrl-C."""

import argparse
import os
import sys
from contextlib import suppress

from core.embedded import environment
from core.embedded.account import Account
from core.supervisor import screen
from core.supervisor.lock import hold_lock
from core.supervisor.supervise import Supervisor, running
from core.supervisor.system import Wishes, plan


def main() -> int:
    wishes = read_wishes()
    return screen.in_one_sentence(lambda: start(wishes))


def start(wishes: Wishes) -> int:
    with hold_lock(wishes.folder):
        return run(Supervisor(plan(wishes)))


def run(supervisor: Supervisor) -> int:
    with suppress(KeyboardInterrupt), running(supervisor):
        screen.line(screen.address(supervisor.system))
        supervisor.keep_running()
    return 0


def read_wishes() -> Wishes:
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="how many worker processes")
    parser.add_argument("--port", type=int, help="the web's port; without it 8000, or a free one")
    parser.add_argument(
        "--postgres-as",
        choices=list(Account),
        type=Account,
        help="as whom the embedded PostgreSQL runs; without it, the first way that works here",
    )
    asked = parser.parse_args()
    if asked.workers < 1:
        parser.error(f"WORKERS={asked.workers} would leave every job waiting: it must be at least 1")
    return Wishes(environment.folder(), dict(os.environ), asked.workers, asked.port, asked.postgres_as)


if __name__ == "__main__":
    sys.exit(main())
