"""docs/explain/performance.md, made of bench/results; `python -m bench.page` makes it anew."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import words
from bench.kept import Kept, read
from bench.measure import median, spread
from bench.peers import PEERS
from bench.titles import depth, title
from bench.wishes import RESULTS

PAGE = Path(__file__).parent.parent / "docs" / "explain" / "performance.md"
PARTS = {"S7 events": "task events for Flower", "S7 logs": "kept log lines", "S7 metrics": "metrics"}
NOTHING = ["Not measured yet.", ""]


def write(results: dict[str, Kept]) -> None:
    """The page anew."""
    PAGE.write_text(page(results))


def page(results: dict[str, Kept]) -> str:
    """The whole page."""
    parts = [
        words.HEAD,
        *summary(results),
        words.METHOD,
        *heading("S1 and S2: draining tiny jobs", words.DRAIN, results, "S2", drains),
        *promises(),
        *heading("S3: accepting many at once", words.SUBMIT_MANY, results, "S3", rates),
        *heading("S4: submitting over HTTP", words.OVER_HTTP, results, "S4", lambda found: []),
        *heading("S5: from idle to running", words.LATENCY, results, "S5", latencies),
        *heading("S6: a full table", words.DEPTH, results, "S6", depths),
        *heading("S7: what explaining costs", words.PRICE, results, "S7", prices),
        *heading("S8: doing nothing", words.IDLE, results, "S8", idle),
        *heading("S9: a worker's memory", words.MEMORY, results, "S9", memory),
        words.RUN,
    ]
    return "\n".join(parts)


def heading(name: str, text: str, results: dict[str, Kept], measure: str, body: Any) -> list[str]:
    """A section: what is measured, what was found, and where."""
    found = results.get(measure)
    if found is None:
        return [f"## {name}", "", text, *NOTHING]
    told = body(results) if measure == "S2" else body(found)
    return [f"## {name}", "", text, *told, *(origin(found) if found["rounds"] else [])]


def summary(results: dict[str, Kept]) -> list[str]:
    """Every line that was found, beside its bar."""
    rows = [line for name in sorted(results) for line in results[name]["lines"]]
    return [
        "| | Millrace | beside | | ratio | bar | |",
        "|---|---|---|---|---|---|---|",
        *(summary_row(line) for line in rows),
        "",
    ]


def summary_row(line: dict[str, Any]) -> str:
    """One of them."""
    if line["value"] is None:
        return f"| {line['measure']} | {line['note']} | | | | {line['bar']} | |"
    note = f" ({line['note']})" if line.get("note") else ""
    peer = title(line["peer"]) if line["peer"] else ""
    other = f"{number(line['peer_value'])} {line['unit']}" if line["peer_value"] is not None and peer else ""
    ratio = f"{line['ratio']:.2f}" if line["ratio"] is not None else ""
    met = {True: "met", False: "**missed**", None: ""}[line["is_met"]]
    if line["measure"].startswith("S7"):
        other = f"{number(line['peer_value'])} jobs/s"
    value = f"{number(line['value'])} {line['unit']}{note}"
    return f"| {line['measure']} | {value} | {peer} | {other} | {ratio} | {line['bar'] or ''} | {met} |"


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
    lines = {line["measure"]: line for line in found["lines"]}
    rows = [(PARTS.get(name, name), line) for name, line in lines.items() if name != "S7 together"]
    rows.append(("**all of these together**", lines["S7 together"]))
    return [
        f"With everything on: {number(median(found['values']['all']))} jobs/s.",
        "",
        "| what | without it, jobs/s | its price | between |",
        "|---|---|---|---|",
        *(
            f"| {what} | {number(line['peer_value'])} | {line['value']:.1f} % |"
            f" {line['spread'][0]:.0f} … {line['spread'][1]:.0f} % |"
            for what, line in rows
        ),
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


def origin(found: Kept) -> list[str]:
    """When and where it was measured."""
    on = found["machine"]
    rounds = "one round" if found["rounds"] == 1 else f"{found['rounds']} rounds"
    return [
        f"{found['at']} UTC, {rounds}. {on['processor']}, {on['cores']} cores, {on['memory']}, "
        f"{on['system']}, Python {on['python']}, PostgreSQL {on['postgresql']}. "
        f"Others used {unknown(on['others_percent'])} % of the machine meanwhile.",
        "",
    ]


def unknown(percent: float | None) -> str:
    """Nobody looked, now and then."""
    return "?" if percent is None else f"{percent:g}"


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


def number(value: float) -> str:
    """As many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    write(read(RESULTS))
