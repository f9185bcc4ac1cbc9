"""Case 5: the COMMIT went through, or did not, and its answer never came."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.faults.account import Answer
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.door import is_rolled_back
from tests.faults.judge import Budgets
from tests.faults.lab import Lab
from tests.faults.proxy import Proxy

VERBS = {
    "claim": b"attempt = job.attempt + 1",
    "renew": b"greatest(\n               job.lease",
    "finish": b"finished_at =",
}
"""A piece of the statement whose reply is dropped; it commits by itself, so that reply is its COMMIT's."""
AT_ONCE = Budgets(recovery=2.0, why="the worker lives, and gives back what it may hold at once")
SUBMITS = 20
JOBS = 30
DROPS = 5


def run(size: Size) -> Iterator[Row]:
    """A door's COMMIT, asked again under the same idempotency key; then each verb of a worker."""
    with Lab() as lab:
        proxy = lab.proxy(lab.postgres.port)
        if size.wants("submit"):
            yield submits(lab, proxy, size)
        for verb in VERBS:
            if size.wants(verb, in_quick=verb != "renew"):
                yield worker_verb(lab, proxy, verb, size)


def submits(lab: Lab, proxy: Proxy, size: Size) -> Row:
    """Every other COMMIT's reply is dropped, and who knows nothing asks again; some roll back."""
    worker = lab.worker()
    door = lab.door(**lab.postgres_at(proxy))
    unknown = rolled_back = 0
    for number in range(size.of(SUBMITS, 6)):
        if is_rolled_back(number):
            _, answer = door.submit("test.once", idempotency=f"order-{number}", rolls_back=True)
            rolled_back += answer is Answer.FAILED
            continue
        if number % 2:
            proxy.drop_reply(b"COMMIT")
        key, answer = door.submit("test.once", idempotency=f"order-{number}")
        unknown += answer is Answer.UNKNOWN
        if answer is not Answer.OK:
            _, again = door.submit("test.once", idempotency=f"order-{number}", key=key)
            assert again is Answer.OK, again
    verdict = lab.judge()
    worker.stop()
    door.stop()
    found = row(
        "submit", "reply to COMMIT dropped, asked again under the same idempotency key", verdict,
        note=f"{proxy.dropped} replies dropped, {unknown} answers unknown, {rolled_back} submits rolled back",
        control_note="no transaction to commit; a publish whose answer is lost is sent twice or not at all",
    )  # fmt: skip
    expect(found, lab.charged() == 0, f"{lab.charged()} attempts were charged, though no process died")
    expect(found, rolled_back > 0, "nothing was rolled back")
    return expect(found, unknown == proxy.dropped > 0, f"{proxy.dropped} dropped, {unknown} unknown")


def worker_verb(lab: Lab, proxy: Proxy, verb: str, size: Size) -> Row:
    """A worker does not hear what became of its claim, renewal or finish, several times."""
    lab.next_round()
    before = proxy.dropped
    worker = lab.worker(**lab.postgres_at(proxy))
    if verb == "renew":
        found = drop_renewals(lab, proxy)
    else:
        lab.submit_mix(size.of(JOBS, 12))
        found = drop_some(lab, proxy, verb, size.of(DROPS, 2))
    found()
    verdict = lab.judge(AT_ONCE if verb != "renew" else None)
    worker.stop()
    dropped = proxy.dropped - before
    made = row(verb, "reply to the statement dropped", verdict, note=f"{dropped} replies dropped")
    expect(made, lab.charged() == 0, f"{lab.charged()} attempts were charged, though no process died")
    return expect(made, dropped > 0, "no reply was dropped")


def drop_some(lab: Lab, proxy: Proxy, verb: str, times: int) -> Callable[[], object]:
    """The next statements of that verb; more load comes until each was dropped."""

    def wait() -> None:
        goal = proxy.dropped + times
        while proxy.dropped < goal:
            seen = proxy.dropped
            proxy.drop_reply(VERBS[verb])
            lab.submit("test.once")
            lab.eventually(lambda seen=seen: proxy.dropped > seen, what=f"a {verb} is cut")
            lab.struck()

    return wait


def drop_renewals(lab: Lab, proxy: Proxy) -> Callable[[], object]:
    """While a job runs that needs three heartbeats."""
    gate = lab.folder / "renewals"
    gate.unlink(missing_ok=True)

    def wait() -> None:
        lab.submit("test.once", gate=str(gate))
        lab.running()
        for _ in range(3):
            seen = proxy.dropped
            proxy.drop_reply(VERBS["renew"])
            lab.eventually(lambda seen=seen: proxy.dropped > seen, what="a renewal is cut")
            lab.struck()
        gate.touch()

    return wait


CASE = Case(
    5,
    "Unknown COMMIT on submit, claim, renew and finish",
    "an unknown submit is the whole job once or nothing; one job per idempotency key; no effect twice",
    run,
)
