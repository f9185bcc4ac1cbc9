"""`python -m core.demo [--once]`: start the system, show one job of every kind, keep serving."""

import argparse
import os
import sys
import threading
import time
from contextlib import suppress

from core.demo import screen
from core.demo.errors import DemoError
from core.demo.tour import Tour, mails
from core.embedded import environment
from core.supervisor.lock import hold_lock
from core.supervisor.screen import address, in_one_sentence, line
from core.supervisor.supervise import Supervisor, running
from core.supervisor.system import OPERATOR, Wishes, plan


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the table")
    parser.add_argument("--workers", type=int, default=2, help="how many worker processes")
    parser.add_argument("--port", type=int, help="the web's port")
    asked = parser.parse_args()
    wishes = Wishes(environment.folder(), dict(os.environ), asked.workers, asked.port)
    return in_one_sentence(lambda: start(wishes, once=asked.once))


def start(wishes: Wishes, *, once: bool) -> int:
    with hold_lock(wishes.folder):
        return demonstrate(Supervisor(plan(wishes)), once=once)


def demonstrate(supervisor: Supervisor, *, once: bool) -> int:
    began = time.monotonic()
    system = supervisor.system
    tour = Tour(system.variables["PUBLIC_URL"], OPERATOR, system.operator_password, screen.Bars().show)
    guide = threading.Thread(target=lambda: take(tour, began), daemon=True)
    with suppress(KeyboardInterrupt), running(supervisor):
        # The tour reads the database: Django finds its address here.
        os.environ.update(system.variables, DJANGO_SETTINGS_MODULE="core.settings")
        line("")
        guide.start()
        supervisor.keep_running(until=lambda: not guide.is_alive())
        if not (once or supervisor.asked_to_stop):
            line(address(system))
            supervisor.keep_running()
    return 0 if tour.is_well or not once else 1


def take(tour: Tour, began: float) -> None:
    """The whole tour, and its table."""
    folder = environment.folder() / "mail"
    before = mails(folder)
    try:
        tour.run()
    except DemoError as error:
        line(f"millrace: {error}")
        return
    line(screen.table(tour.stops))
    if new := len(mails(folder) - before):
        line(f"\n  Mail: {new} new in {folder}")
    well = sum(stop.is_well for stop in tour.stops)
    line(
        f"\n  {well} of {len(tour.stops)} kinds succeeded, {time.monotonic() - began:.1f} s after the start."
    )


if __name__ == "__main__":
    sys.exit(main())
