"""S4: submit over HTTP, beside a bare Django view that INSERTs one row and publishes one message.

One web process serves both, in turn: the same server, the same threads, the same middleware. No worker runs.
"""

from __future__ import annotations

import json

from bench.lab import Lab
from bench.measure import Found, at_least, at_most, beside
from bench.progress import Progress
from bench.running import running, wait_until
from bench.wishes import Wishes

MEASURES = ("S4",)
RATE_BAR, LATENCY_BAR = at_least(0.7), at_most(1.5)
CONNECTIONS = 16
REQUESTS, QUICK_REQUESTS = 4_000, 200
PATHS = {"millrace": "/api/v1/jobs", "bare view": "/bare"}
TABLE = "CREATE TABLE bench_bare (id bigserial PRIMARY KEY, payload jsonb NOT NULL)"
BODY = {"kind": "bench.letter", "payload": {"to": "ada@example.com", "subject": "Hello", "copies": 1}}


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """Both in every round."""
    requests = QUICK_REQUESTS if wishes.is_quick else REQUESTS
    lab.sql("DROP TABLE IF EXISTS bench_bare", TABLE)
    asked = json.dumps({"headers": headers(), "body": BODY})
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in PATHS}
    progress = Progress("S4", wishes.rounds * len(PATHS))
    for _ in range(wishes.rounds):
        for name, path in PATHS.items():
            with progress.step(name) as told:
                lab.empty()
                one = post(lab, path, requests, asked)
                taken[name].append(one)
                told.append(f"{one['rate']:,.0f}/s, p50 {one['p50']:.1f} ms, p99 {one['p99']:.1f} ms")
    return [found(taken, wishes.rounds, requests)]


def post(lab: Lab, path: str, requests: int, asked: str) -> dict[str, float]:
    """Requests a second, p50 and p99 in milliseconds, of a web process that starts now."""
    web = lab.web()
    with running(web):
        wait_until(web.is_ready, f"{web.name} answers (see {web.log})")
        arguments = (str(web.port), path, str(CONNECTIONS), str(requests))
        answer: dict[str, float] = json.loads(lab.run_own("-m", "bench.posting", *arguments, given=asked))
        return answer


def headers() -> dict[str, str]:
    """What a program sends with each job."""
    from django.contrib.auth.models import Group

    from jobs.owners import SUBMITTER, service_user
    from jobs.tokens import make_token

    owner = service_user("bench")
    owner.groups.add(Group.objects.get(name=SUBMITTER))
    made = make_token(owner, name="bench", scopes=["submit", "read"])
    return {"Authorization": f"Bearer {made.secret}", "Content-Type": "application/json"}


def found(taken: dict[str, list[dict[str, float]]], rounds: int, requests: int) -> Found:
    """A line for the speed, one for the slowest."""
    values = {
        f"{name} {what}": [one[what] for one in each] for name, each in taken.items() for what in each[0]
    }
    lines = [
        beside("S4", values["millrace rate"], "submits/s", "bare view", values["bare view rate"], RATE_BAR),
        beside("S4 p99", values["millrace p99"], "ms", "bare view", values["bare view p99"], LATENCY_BAR),
    ]
    more = {"requests": requests, "connections": CONNECTIONS}
    return Found(measure="S4", lines=lines, values=values, rounds=rounds, more=more)
