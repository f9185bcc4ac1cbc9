"""Ask an idle Millrace for jobs: `python -m bench.app.ask COUNT`."""

from __future__ import annotations

import sys

import django

from bench.asking import ask_repeatedly


def main(count: str) -> None:
    """Submit as any Python code would: one job, in a transaction of its own."""
    django.setup()
    from bench.app.kinds import COUNTER
    from jobs.lifecycle.submit import submit_job
    from jobs.owners import service_user

    owner = service_user("bench")

    def ask(number: int) -> None:
        submit_job("bench.tell", {"number": number}, owner=owner)

    ask_repeatedly(ask, COUNTER, int(count))


if __name__ == "__main__":
    main(*sys.argv[1:])
