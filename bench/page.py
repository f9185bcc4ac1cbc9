"""docs/explain/performance.md, made of bench/results; `python -m bench.page` makes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import tables, words
from bench.kept import Kept, read
from bench.titles import number, title
from bench.wishes import RESULTS

PAGE = Path(__file__).parent.parent / "docs" / "explain" / "performance.md"
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
        *heading("S1 and S2: draining tiny jobs", words.DRAIN, results, "S2", tables.drains),
        *tables.promises(),
        *heading("S3: accepting many at once", words.SUBMIT_MANY, results, "S3", tables.rates),
        *heading("S4: submitting over HTTP", words.OVER_HTTP, results, "S4", tables.over_http),
        *heading("S5: from idle to running", words.LATENCY, results, "S5", tables.latencies),
        *heading("S6: a full table", words.DEPTH, results, "S6", tables.depths),
        *heading("S7: what explaining costs", words.PRICE, results, "S7", tables.prices),
        *heading("S8: doing nothing", words.IDLE, results, "S8", tables.idle),
        *heading("S9: a worker's memory", words.MEMORY, results, "S9", tables.memory),
        *heading("E1, E2 and E3: mail to many", words.MAIL, results, "E1", tables.mails),
        *heading("E4: a worker during a million mails", words.MAIL_MEMORY, results, "E4", tables.mail_memory),
        *heading("E5: accepting a list", words.MAIL_LIST, results, "E5", tables.mail_lists),
        words.RUN,
    ]
    return "\n".join(parts)


def heading(name: str, text: str, results: dict[str, Kept], measure: str, body: Any) -> list[str]:
    """A section: what is measured, what was found, and where."""
    found = results.get(measure)
    if found is None:
        return [f"## {name}", "", text, *NOTHING]
    if not found["rounds"]:
        return [f"## {name}", "", text, *NOTHING]
    told = body(results) if measure == "S2" else body(found)
    return [f"## {name}", "", text, *told, *origin(found)]


def summary(results: dict[str, Kept]) -> list[str]:
    """Every line that was found, beside its bar."""
    names = sorted(results, key=lambda name: (name.startswith("E"), name))
    rows = [line for name in names for line in results[name]["lines"]]
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


if __name__ == "__main__":
    write(read(RESULTS))
