"""`make faults GUARDS=1`: take out one guard at a time, and see the case fail that it is for.

A case that passes without its guard proves nothing. In a temporary copy of the tree one piece of text is
replaced, which must stand there exactly once, and a row of the case is run in its quick form: first as the
tree is, then without the guard.
`python -m tests.faults.guards [--case 1,9] [--no-report]`. Ends with 1 if a guard was not shown to be needed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import report, source
from tests.faults.case import Size
from tests.faults.lab import ROOT
from tests.faults.one_case import run_apart

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True)
class Guard:
    """What guards, where, and the row of a case that needs it; `text` becomes `instead`."""

    name: str
    case: int
    row: str
    file: str
    text: str
    instead: str
    drain: float = 20.0
    """How long the last job is waited for: without the guard it may never end."""


GUARDS = (
    Guard(
        "the sweep rings again", 1, "submit.after_commit", "jobs/lifecycle/sweep.py",
        "    for queue in queues:\n        ring(queue)\n",
        "    assert ring\n",
    ),
    Guard(
        "rescue takes back leases that ran out", 1, "claim.after_commit, main", "workers/timers.py",
        "            rescue_expired(db=self.db)\n",
        "            assert rescue_expired\n",
    ),
    Guard(
        "what a dead attempt left undecided is uncertain", 1, "effect.after, child", "jobs/items.py",
        "self._db.rows(TAKE_OVER, {**self._fence, \"state\": self.undecided_state.value})\n",
        "self._db.rows(TAKE_OVER, {**self._fence, \"state\": ItemState.PENDING.value})\n",
    ),
    Guard(
        "the fence of finish: attempt and holder", 2, "finish.before, the next attempt running",
        "jobs/lifecycle/finish.py",
        " AND job.holder = %(holder)s AND job.attempt = {attempt}",
        "",
    ),
    Guard(
        "suspects are claimed alone", 4, "main, 10", "jobs/lifecycle/rescue.py",
        "        suspect = NOT {CHARGED},\n",
        "        suspect = false,\n",
        drain=60.0,
    ),
    Guard(
        "an idempotency key stands for one job", 5, "submit", "jobs/lifecycle/submit.py",
        "            if known := remember(key, job=job, print_=print_, db=db):\n"
        "                return Submitted(known, replayed=True)\n",
        "            remember(key, job=job, print_=print_, db=db)\n",
    ),
    Guard(
        "what may have been claimed unseen is handed back", 5, "claim", "workers/runner.py",
        "            self._hand_back()\n            ring(queue)\n",
        "            ring(queue)\n",
    ),
    Guard(
        "a broken connection is opened again", 9, "terminate", "jobs/database.py",
        "        if self._connection is None or not self.is_open:\n",
        "        if self._connection is None:\n",
    ),
    Guard(
        "a server's last words are heard before the next statement", 9, "terminate", "jobs/database.py",
        "            hear_last_words(self._connection)\n",
        "            pass\n",
    ),
    Guard(
        "the statement that ends a job writes its event", 10, "finish.before, the job", "jobs/outbox.py",
        "         THEN millrace_tell_webhooks(array_agg(id)) END AS told\n",
        "         THEN NULL END AS told\n",
    ),
    Guard(
        "a telling without an answer is repeated", 10, "lost replies", "workers/kinds/webhook.py",
        "    raise Failed(tried.error, again_in=again_in)\n",
        "    raise Rejected(tried.error)\n",
    ),
    Guard(
        "every telling of an event has the same id", 10, "lost replies", "jobs/webhooks/message.py",
        "    return f\"msg_{delivery.hex}\"\n",
        "    return f\"msg_{delivery.int + __import__('time').monotonic_ns():x}\"\n",
    ),
    Guard(
        "what is known to be told is not told again", 10, "finish.before, its carrier",
        "workers/kinds/webhook.py",
        "    if delivery.delivered_at is not None:\n",
        "    if delivery.delivered_at is not None and delivery.carrier is None:\n",
    ),
    Guard(
        "a lost answer is no no", 22, "lost replies, at most once", "workers/engines/smtp/mailer.py",
        "        return _each(waiting, Verdict.UNDECIDED, str(error))\n",
        "        return _each(waiting, Verdict.UNSENT, str(error))\n",
    ),
    Guard(
        "a lost answer is no yes", 22, "mail server, not kept, at most once",
        "workers/engines/smtp/mailer.py",
        "        return _each(waiting, Verdict.UNDECIDED, str(error))\n",
        "        return _each(waiting, Verdict.TAKEN, str(error))\n",
    ),
    Guard(
        "what was claimed by a dead attempt may have been sent", 22, "effect.after, child, at most once",
        "jobs/items.py",
        "self._db.rows(TAKE_OVER, {**self._fence, \"state\": self.undecided_state.value})\n",
        "self._db.rows(TAKE_OVER, {**self._fence, \"state\": ItemState.PENDING.value})\n",
    ),
    Guard(
        "recipients are claimed before they are sent to", 22, "effect.after, child, at most once",
        "jobs/items.py",
        "    UPDATE millrace_item i SET state = 'doing', attempt = %(attempt)s, moved_at",
        "    UPDATE millrace_item i SET attempt = %(attempt)s, moved_at",
    ),
    Guard(
        "recipients are settled after the answer", 22, "child, at most once",
        "workers/engines/mail/delivery.py",
        "        send_chunk(self._transport, self._sending, lambda: self._has_to_stop)\n",
        "        self._context.items.exchange([Ended(item.id, ItemState.DONE) for item in sent], 0)\n"
        "        send_chunk(self._transport, self._sending, lambda: self._has_to_stop)\n"
        "        self._sending = Sending([], [])\n",
    ),
    Guard(
        "the fence of the ledger: attempt and holder", 22, "frozen, at most once", "jobs/items.py",
        " AND state = 'running' AND attempt = %(attempt)s AND holder = %(holder)s FOR SHARE\n",
        " AND %(attempt)s::int > 0 AND %(holder)s::uuid IS NOT NULL FOR SHARE\n",
    ),
    Guard(
        "every mail to one of a list has the same Message-ID", 22, "lost replies, at least once",
        "workers/kinds/campaign.py",
        "message_id=own_message_id(context.job, item.id, item.given),\n",
        "message_id=own_message_id(context.job, item.id + (context.attempt - 1) * 1_000_000, item.given),\n",
    ),
    Guard(
        "what a job leaves undecided that is given up is uncertain", 22, "budget, at most once",
        "jobs/items.py",
        "    db.rows(LEAVE, {\"jobs\": list(jobs)})\n",
        "    assert LEAVE\n",
    ),
    Guard(
        "that a mail may have come stays said", 22, "lost replies, at least once",
        "workers/engines/mail/delivery.py",
        "{\"uncertain\": context.attempt, \"error\": why})\n",
        "{\"error\": why})\n",
    ),
    Guard(
        "an error that Redis answers with is a lost connection", 13, "READONLY", "workers/consumer.py",
        "            self.connection_errors += self.channel_errors\n",
        "            pass\n",
    ),
    Guard(
        "what is no message is refused", 15, "forged", "workers/consumer.py",
        "            use_worker_channels(conn)\n",
        "            assert use_worker_channels\n",
    ),
    Guard(
        "the fence of finish: the holder", 21, "", "jobs/lifecycle/finish.py",
        " AND job.holder = %(holder)s AND job.attempt = {",
        " AND job.attempt = {",
    ),
)  # fmt: skip


class NotShownError(Exception):
    """The guard could not be shown to be needed; says why."""


def main() -> int:
    """One guard after the other."""
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    numbers = {int(part) for part in asked.case.split(",")} if asked.case else {one.case for one in GUARDS}
    failed, measured_on = 0, source.tree()
    with copied() as tree:
        sound: set[tuple[int, str]] = set()
        for guard in (one for one in GUARDS if one.case in numbers):
            print(f"\n{guard.case:>2}  without: {guard.name}   ({guard.file})", flush=True)
            try:
                said = shown(guard, tree, sound)
                print(f"    ok   case {guard.case} fails: {said}", flush=True)
            except NotShownError as error:
                said = f"not shown: {error}"
                failed += 1
                print(f"    FAIL {error}", flush=True)
            if not asked.no_report:
                report.write_guard(
                    name=guard.name,
                    file=guard.file,
                    case=guard.case,
                    row=guard.row,
                    said=said,
                    **measured_on,
                )
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.guards", description=__doc__)
    parser.add_argument("--case", default="", help="numbers, separated by commas; all if left out")
    parser.add_argument("--no-report", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args()


@contextmanager
def copied() -> Iterator[Path]:
    """The tree as it stands, somewhere else."""
    with tempfile.TemporaryDirectory(prefix="millrace-guards-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        yield tree


def shown(guard: Guard, tree: Path, sound: set[tuple[int, str]]) -> str:
    """What the judge says without the guard; `sound` are the rows that are known to pass with all guards."""
    file = tree / guard.file
    with_guard = file.read_text()
    found = with_guard.count(guard.text)
    if found != 1:
        raise NotShownError(f"{guard.text.strip()!r} stands {found} times in {guard.file}, not once")
    if (guard.case, guard.row) not in sound:
        if said := run(guard, tree):
            raise NotShownError(f"the case fails with the guard in: {said}")
        sound.add((guard.case, guard.row))
    file.write_text(with_guard.replace(guard.text, guard.instead))
    try:
        said = run(guard, tree)
    finally:
        file.write_text(with_guard)
    if not said:
        raise NotShownError("the case passes without it")
    return said


def run(guard: Guard, tree: Path) -> str:
    """What was wrong, '' if nothing; NotShownError for a case that ended without a verdict."""
    # No byte code: the file changes within a second, and what Python compiled might seem to be newer.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    size = Size(is_quick=True, only=guard.row)
    rows = list(run_apart(guard.case, size, guard.drain, cwd=tree, environment=environment))
    if died := [row for row in rows if "the case itself ended" in row["injected"]]:
        raise NotShownError(died[0]["injected"])
    return "; ".join(violation for row in rows for violation in row["violations"])


if __name__ == "__main__":
    sys.exit(main())
