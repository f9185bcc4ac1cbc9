"""S3: how fast `submit_many` accepts 100,000 validated jobs, to their commit."""

from __future__ import annotations

import time

from bench.lab import Lab
from bench.measure import Found, alone, at_least
from bench.progress import Progress
from bench.wishes import Wishes

MEASURES = ("S3",)
BAR = at_least(50_000, "jobs/s")
JOBS, QUICK_JOBS = 100_000, 2_000


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """The payloads stand ready as dictionaries: they are the caller's work."""
    from jobs.lifecycle.submit_many import submit_many
    from jobs.owners import service_user

    jobs = QUICK_JOBS if wishes.is_quick else JOBS
    owner = service_user("bench")
    rates = []
    progress = Progress("S3", wishes.rounds)
    for _ in range(wishes.rounds):
        payloads = [letter(number) for number in range(jobs)]
        lab.empty()
        with progress.step("submit_many") as told:
            began = time.monotonic()
            submit_many("bench.letter", payloads, owner=owner)
            rates.append(jobs / (time.monotonic() - began))
            told.append(f"{rates[-1]:,.0f} jobs/s")
    return [
        Found(
            measure="S3", lines=[alone("S3", rates, "jobs/s", BAR)], values={"millrace": rates},
            rounds=wishes.rounds, more={"jobs": jobs},
        )
    ]  # fmt: skip


def letter(number: int) -> dict[str, object]:
    """Three fields, as an ordinary payload has."""
    return {
        "to": f"reader{number}@example.com",
        "subject": f"The news, part {number}",
        "copies": number % 10 + 1,
    }
