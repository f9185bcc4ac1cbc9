"""S9: whether a worker grows: what it holds after a million jobs, beside after the first tenth of them."""

from __future__ import annotations

from bench.drains import submit
from bench.lab import Lab
from bench.measure import Found, at_most, beside
from bench.processes import family, memory
from bench.progress import Progress
from bench.running import running, wait_until
from bench.wishes import Wishes

MEASURES = ("S9",)
BAR = at_most(1.1)
STEP, QUICK_STEP = 100_000, 2_000
STEPS = 10
PATIENCE_SECONDS = 300


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """One worker's life; jobs in batches, because a million one by one would take a quarter of an hour."""
    step = QUICK_STEP if wishes.is_quick else STEP
    progress = Progress("S9", STEPS)
    lab.empty()
    held: list[float] = []
    shared: list[float] = []
    worker = lab.worker()
    with running(worker):
        wait_until(worker.is_ready, f"{worker.name} listens (see {worker.log})")
        for number in range(1, STEPS + 1):
            with progress.step(f"{number * step:,} jobs") as told:
                submit("bench.many", step)
                wait_until(
                    lambda: lab.done() >= number * step and lab.is_settled(),  # noqa: B023 - called at once
                    f"{number * step:,} jobs were done",
                    seconds=PATIENCE_SECONDS,
                )
                sizes = [memory(pid) for pid in family(worker.pid or 0)]
                held.append(sum(size.uss for size in sizes))
                shared.append(sum(size.pss for size in sizes))
                told.append(f"{held[-1]:.1f} MB its own, {shared[-1]:.1f} MB PSS")
                lab.forget_jobs()
    at_first = f"after {step:,} jobs"
    return [
        Found(
            measure="S9",
            lines=[beside("S9", held[-1:], "MB", at_first, held[:1], BAR)],
            values={"uss": held, "pss": shared},
            rounds=1,
            more={"step": step},
        )
    ]
