"""The parts of docs/explain/performance.md: a table, and perhaps a picture, for each measure."""

from __future__ import annotations

from collections.abc import Iterable

from bench import words
from bench.kept import Kept
from bench.measure import median, spread
from bench.peers import PEERS
from bench.titles import depth, number, title

PARTS = {
    "S7 events": "task events",
    "S7 logs": "kept log lines",
    "S7 metrics": "metrics",
    "S7 fairness": "fair shares",
    "S7 together": "**all of these together**",
    "S7 limit": "a limit with room, on each of the jobs",
    "S7 flower": "Flower, on the same two cores",
}
ADDED = {"limit", "flower"}
"""Arms of S7 that have what they are called after; the others lack it."""


def drains(results: dict[str, Kept]) -> list[str]:
    """The table of all queues, and the picture."""
    one, many = results.get("S1"), results["S2"]
    rows = {"**Millrace, in batches**": many["values"]["millrace"]}
    if one is not None:
        rows["**Millrace, one at a time**"] = one["values"]["millrace"]
    rows |= {f"{peer.title} {peer.version}": many["values"].get(peer.name, []) for peer in PEERS}
    celery, huey = (median(many["values"][name]) for name in ("celery_raw", "huey"))
    return [
        *picture("bench-drain", "Bars: jobs a second of Millrace and its peers"),
        "| | jobs/s | least … most | × Celery, raw | × Huey |",
        "|---|---|---|---|---|",
        *(drain_row(name, values, celery, huey, many["machine"]["python"]) for name, values in rows.items()),
        "",
    ]


def drain_row(name: str, values: list[float], celery: float, huey: float, python: str) -> str:
    """One queue's figures, or why it has none."""
    if not values:
        why = next(peer.why_not(python) for peer in PEERS if name == f"{peer.title} {peer.version}")
        return f"| {name} | {why or 'not run'} | | | |"
    middle, (least, most) = median(values), spread(values)
    ratios = f"{middle / celery:.2f} | {middle / huey:.2f}"
    return f"| {name} | {number(middle)} | {number(least)} … {number(most)} | {ratios} |"


def promises() -> list[str]:
    """What was run, and what it does not promise."""
    return [
        "### What the others do not promise",
        "",
        words.PROMISES,
        "| | how it was run | what it does not promise |",
        "|---|---|---|",
        *(f"| {peer.title} {peer.version} | {peer.how} | {peer.does_not} |" for peer in PEERS),
        "",
    ]


def rates(found: Kept) -> list[str]:
    """One figure and its spread."""
    values = found["values"]["millrace"]
    least, most = spread(values)
    return [
        f"{number(median(values))} jobs/s, between {number(least)} and {number(most)}, in calls of "
        f"{found['more']['jobs']:,} jobs.",
        "",
    ]


def over_http(found: Kept) -> list[str]:
    """Both arms."""
    rows = [
        (name, *(found["values"][f"{name} {what}"] for what in ("rate", "p50", "p99")))
        for name in ("millrace", "bare view")
    ]
    return [
        "| | submits/s | p50, ms | p99, ms |",
        "|---|---|---|---|",
        *(f"| {title(name)} | {' | '.join(map(with_spread, values))} |" for name, *values in rows),
        "",
    ]


def latencies(found: Kept) -> list[str]:
    """Both arms, in the middle and at the end of their distributions."""
    rows = [
        (title(name), *(found["values"][f"{name} p{percent}"] for percent in (50, 99)))
        for name in ("millrace", "celery_raw")
    ]
    return [
        *picture("bench-latency", "Curves: how soon a job starts, Millrace and raw Celery"),
        "| | p50, ms | p99, ms |",
        "|---|---|---|",
        *(f"| {name} | {with_spread(middle)} | {with_spread(end)} |" for name, middle, end in rows),
        "",
    ]


def depths(found: Kept) -> list[str]:
    """A row for each depth."""
    rows = []
    for one in found["more"]["depths"]:
        cells = (with_spread(found["values"][f"{name} {one}"]) for name in ("S1", "S2", "claim", "buffers"))
        rows.append(f"| {depth(one)} | {' | '.join(cells)} |")
    return [
        *picture("bench-depth", "Three curves over the number of jobs waiting"),
        "| waiting | one at a time, jobs/s | in batches, jobs/s | p99 of a claim, ms | blocks a claim |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def prices(found: Kept) -> list[str]:
    """A row for each part."""
    costs = {arm: sum(each.values()) for arm, each in found["more"]["cpu"].items()}
    rows = []
    for line in found["lines"]:
        arm = line["measure"].removeprefix("S7 ")
        more = costs[arm] - costs["all"] if arm in ADDED else costs["all"] - costs[arm]
        low, high = line["spread"]
        rows.append(
            f"| {PARTS[line['measure']]} | {number(line['peer_value'])} | {line['value']:.1f} % |"
            f" {low:.0f} … {high:.0f} % | {more:+.0f} µs |"
        )
    return [
        f"With everything on: {number(median(found['values']['all']))} jobs/s,"
        f" and {costs['all']:,.0f} µs of the processors' time for a job.",
        "",
        "| what | without it, jobs/s | its price | between | more processor time a job |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def idle(found: Kept) -> list[str]:
    """A row for each program."""
    rows = found["more"]["processes"]
    cpu, megabytes, count = (sum(row[place] for row in rows.values()) for place in range(3))
    return [
        f"Watched for {found['more']['seconds']:,.0f} s.",
        "",
        "| program | processes | % of a core | MB (PSS) |",
        "|---|---|---|---|",
        *(f"| {name} | {row[2]} | {row[0]:.2f} | {row[1]:.0f} |" for name, row in rows.items()),
        f"| **all** | {count} | {cpu:.2f} | {megabytes:.0f} |",
        "",
    ]


def memory(found: Kept) -> list[str]:
    """What it held after every tenth."""
    step = found["more"]["step"]
    rows = zip(found["values"]["uss"], found["values"]["pss"], strict=True)
    return [
        "| jobs done | its own (USS), MB | PSS, MB |",
        "|---|---|---|",
        *(f"| {step * place:,} | {uss:.1f} | {pss:.1f} |" for place, (uss, pss) in enumerate(rows, 1)),
        "",
    ]


def mails(found: Kept) -> list[str]:
    """A row for each way to send."""
    values, cpu = found["values"], found["more"]["cpu"]
    django = values.get("send_messages")
    rows = []
    for name in ("plain", "ed25519", "rsa", "send_messages", "sink"):
        if name in values:
            ratio = f"{median(values[name]) / median(django):.2f}" if django and name != "sink" else ""
            used = " | ".join(f"{cpu[name][program]:.0f}" for program in ("sender", "postgresql", "sink"))
            rows.append(f"| {title(name)} | {with_spread(values[name])} | {ratio} | {used} |")
    return [
        *picture("bench-mail", "Bars: mails a second of Millrace and of Django's send_messages"),
        "| | mails/s | × `send_messages` | µs of the sender | of PostgreSQL | of the sink |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def mail_memory(found: Kept) -> list[str]:
    """At their highest."""
    cells = " | ".join(f"{found['values'][name][0]:.1f}" for name in ("largest", "main", "whole"))
    return [
        *picture("bench-mail-memory", "A curve: a worker's memory over the mails it has sent"),
        f"The highest of {found['more']['looks']:,} looks, in MB:",
        "",
        "| recipients | largest process | main | whole worker |",
        "|---|---|---|---|",
        f"| {found['more']['recipients']:,} | {cells} |",
        "",
    ]


def mail_lists(found: Kept) -> list[str]:
    """Both doors."""
    values = found["values"]
    return [
        f"{found['more']['recipients']:,} recipients, {found['more']['bytes'] / 1e6:.1f} MB.",
        "",
        "| | seconds | MB above idle |",
        "|---|---|---|",
        *(
            f"| {name} | {with_spread(values[f'{name} seconds'])} |"
            f" {with_spread(values[f'{name} megabytes'])} |"
            for name in ("API", "form")
        ),
        "",
    ]


def picture(name: str, text: str) -> Iterable[str]:
    """For light pages and dark ones."""
    return (
        "<picture>",
        f'  <source media="(prefers-color-scheme: dark)" srcset="../images/{name}-dark.svg">',
        f'  <img alt="{text}" src="../images/{name}-light.svg">',
        "</picture>",
        "",
    )


def with_spread(values: list[float]) -> str:
    """The median, and between what it lay."""
    least, most = spread(values)
    return f"{number(median(values))} ({number(least)} … {number(most)})"
