"""E1 to E3: personal mails a second, each in the ledger: plain, signed, and beside Django's send_messages."""

from __future__ import annotations

from bench.lab import Lab
from bench.mailings import Arm, Sent, campaigns, flood, send, send_messages
from bench.measure import Found, Line, alone, at_least, beside
from bench.meter import typical
from bench.progress import Progress
from bench.wishes import Wishes

MEASURES = ("E1", "E2", "E3")
PLAIN_BAR, SIGNED_BAR, RATIO_BAR = at_least(2_000, "mails/s"), at_least(1_500, "mails/s"), at_least(2.5)
PLAIN = campaigns("plain", share=3.0)
RSA = campaigns("rsa", share=2.0, key="rsa")
ED25519 = campaigns("ed25519", share=2.0, key="ed25519")
DJANGO = send_messages(share=0.75)
SINK = flood(share=4.0)
ARMS = {"E1": (PLAIN,), "E2": (RSA, ED25519), "E3": (PLAIN, DJANGO)}
ALGORITHMS = {"rsa": b"a=rsa-sha256", "ed25519": b"a=ed25519-sha256"}


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """Every arm in every round, and what the sink could take at most."""
    asked = [measure for measure in MEASURES if wishes.wants(measure)]
    arms = dict.fromkeys([arm for measure in asked for arm in ARMS[measure]] + [SINK])
    sent: dict[str, list[Sent]] = {arm.name: [] for arm in arms}
    progress = Progress("/".join(asked), wishes.rounds * len(arms))
    for _ in range(wishes.rounds):
        for arm in arms:
            with progress.step(arm.name) as told:
                one = send(lab, arm, wishes.jobs)
                check_signature(arm, one)
                sent[arm.name].append(one)
                told.append(f"{one.rate:,.0f} mails/s, {sum(one.costs.values()):.0f} µs of CPU each")
    rates = {name: [one.rate for one in some] for name, some in sent.items()}
    costs = {name: typical([one.costs for one in some]) for name, some in sent.items()}
    more = {"mails": wishes.jobs, "cpu": costs}
    return [
        Found(
            measure=measure, lines=lines(measure, rates), values=rates, rounds=wishes.rounds, more=more
        )
        for measure in asked
    ]  # fmt: skip


def lines(measure: str, rates: dict[str, list[float]]) -> list[Line]:
    """What a measure says."""
    if measure == "E1":
        return [alone("E1", rates["plain"], "mails/s", PLAIN_BAR)]
    if measure == "E2":
        return [
            alone("E2", rates["rsa"], "mails/s", SIGNED_BAR),
            alone("E2 Ed25519", rates["ed25519"], "mails/s"),
        ]
    return [beside("E3", rates["plain"], "mails/s", "send_messages", rates["send_messages"], RATIO_BAR)]


def check_signature(arm: Arm, sent: Sent) -> None:
    """What is measured as signed is signed, and nothing else is."""
    wanted = ALGORITHMS.get(arm.name)
    is_signed = b"DKIM-Signature:" in sent.first
    if is_signed != (wanted is not None) or (wanted and wanted not in sent.first):
        raise SystemExit(f"{arm.name}: the first mail is not signed as it should be: {sent.first[:500]!r}")
