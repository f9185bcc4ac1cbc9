"""S1 and S2: how fast two processes drain tiny jobs, one at a time and in batches, beside every peer."""

from __future__ import annotations

from bench.drains import drain, millrace, of_peer
from bench.lab import Lab
from bench.measure import Bar, Found, at_least, beside, median
from bench.peers import PEERS
from bench.progress import Progress
from bench.wishes import Wishes

MEASURES = ("S1", "S2")
OURS = {
    "S1": millrace("millrace", "bench.one", share=1.0),
    "S2": millrace("millrace", "bench.many", share=6.0),
}
AGAINST: dict[str, tuple[str, Bar]] = {"S1": ("celery_raw", at_least(1.2)), "S2": ("huey", at_least(2.0))}


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """Every arm in every round, so that a noisy neighbour disturbs all of them alike."""
    lab.prepare_peers()
    asked = [measure for measure in MEASURES if wishes.wants(measure)]
    peers = [of_peer(peer) for peer in PEERS if not peer.why_not()]
    arms = {**{measure: OURS[measure] for measure in asked}, **{arm.name: arm for arm in peers}}
    rates: dict[str, list[float]] = {name: [] for name in arms}
    progress = Progress("/".join(asked), wishes.rounds * len(arms))
    for number in range(wishes.rounds):
        for name, arm in arms.items():
            with progress.step(name) as told:
                rates[name].append(drain(lab, arm, wishes.jobs).rate)
                told.append(f"round {number + 1}: {rates[name][-1]:,.0f} jobs/s")
    return [found(measure, rates, wishes) for measure in asked]


def found(measure: str, rates: dict[str, list[float]], wishes: Wishes) -> Found:
    """Millrace beside the peer that the bar names, and everybody's figures."""
    peer, bar = AGAINST[measure]
    others = {name: values for name, values in rates.items() if name not in MEASURES}
    return Found(
        measure=measure,
        lines=[beside(measure, rates[measure], "jobs/s", peer, rates[peer], bar)],
        values={"millrace": rates[measure], **others},
        rounds=wishes.rounds,
        more={"jobs": wishes.jobs, "medians": {name: median(values) for name, values in others.items()}},
    )
