"""What a report does: it is believed about the mails we sent, noted at their items, and may suppress.

Who is right when two disagree: our ledger. The Message-ID that a report returns has to carry our seal, and
the item it names says who got that mail; the report's own addresses only choose among those who did. Where
several share a mail any of them may have made it up: it is noted then, and suppresses nobody.

A report's rows and effects are one transaction. If we die before its commit nothing was done; after it the
same report finds its rows and does nothing, so that a person who lifted a suppression is not overruled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from jobs.database import DJANGO, Database
from jobs.errors import BadReport
from jobs.mail.address import key_of
from jobs.mail.message_ids import WHOLE_JOB, Sent, open_message_id
from jobs.mail.report import Action, Fate, read_report
from jobs.mail.status import is_dead
from jobs.mail.suppression import Entry, suppress
from jobs.models.suppression import Suppressed
from jobs.text import storable

log = structlog.get_logger(__name__)

ITEMS = """
SELECT item.id, coalesce(item.given ->> 'address', item.key), job.owner_id
  FROM millrace_item AS item JOIN millrace_job AS job ON job.id = item.job_id
 WHERE job.id = %(job)s AND (item.id = %(item)s OR %(item)s = 0) ORDER BY item.id LIMIT 100
"""
REMEMBER = """
INSERT INTO millrace_mail_report (id, identity, key, job, action, status, words, effect)
VALUES (%(id)s, %(identity)s, %(key)s, %(job)s, %(action)s, %(status)s, %(words)s, %(effect)s)
ON CONFLICT (identity, key) DO NOTHING RETURNING id
"""
NOTE = """
UPDATE millrace_item SET detail = coalesce(detail, '{}') || jsonb_build_object(
       'report', %(note)s::jsonb || jsonb_build_object('at', statement_timestamp() AT TIME ZONE 'UTC'))
 WHERE id = %(item)s AND (detail IS NULL OR jsonb_typeof(detail) = 'object')
"""
ENDED = frozenset({Action.FAILED, Action.COMPLAINED})


class Effect(StrEnum):
    """What a report did, from the least to the most."""

    NOTHING = "nothing"
    NOTED = "noted"
    SUPPRESSED = "suppressed"


class Mailed(NamedTuple):
    """Somebody who got the mail: an item of the ledger."""

    item: int
    address: str
    owner: int


class Taken(NamedTuple):
    """What came of a report; `is_new` is false for one that was taken before."""

    effect: Effect
    is_new: bool
    job: UUID


def take_report(raw: bytes, *, db: Database = DJANGO) -> Taken:
    """Believe it as far as it is about mails of ours; raises BadReport, saying why not."""
    report = read_report(raw)
    sent = open_message_id(report.message_id)
    if sent is None:
        raise BadReport(
            "The mail that this report returns is not one of ours: its Message-ID has no seal of ours."
        )
    mailed = [Mailed(*row) for row in db.rows(ITEMS, sent._asdict()) if "@" in row[1]]
    if not mailed:
        raise BadReport(f"The mail is one of job {sent.job}, which was cleaned up: it comes too late.")
    about = list(_about(mailed, report.fates, sent))
    if not about:
        raise BadReport("This report names nobody to whom that mail was sent.")
    with db.atomic():
        is_shared = sent.item == WHOLE_JOB and len(mailed) > 1
        taken = [_take(report.identity, sent, *each, is_shared=is_shared, db=db) for each in about]
    effects = [effect for effect in taken if effect is not None]
    found = Taken(max(effects or [Effect.NOTHING], key=list(Effect).index), bool(effects), sent.job)
    log.info("mail_report_taken", job_id=str(sent.job), effect=found.effect, is_new=found.is_new)
    return found


def _about(mailed: Sequence[Mailed], fates: Sequence[Fate], sent: Sent) -> Iterator[tuple[Mailed, Fate]]:
    """Whom of those who got the mail it is about.

    Where the mail was one recipient's alone, a report about an address it was forwarded to, and no other, is
    about theirs. One that an alias spread to several says nothing of the alias.
    """
    keys = {key_of(each.address): each for each in mailed}
    named = [(keys[key], fate) for fate in fates for key in _keys(fate) if key in keys]
    if named or sent.item == WHOLE_JOB:
        yield from dict(named).items()
    elif len(fates) == 1:
        yield mailed[0], fates[0]


def _keys(fate: Fate) -> Iterator[str]:
    for address in fate.addresses:
        try:
            yield key_of(address)
        except ValueError:
            continue


def _take(
    identity: str, sent: Sent, mailed: Mailed, fate: Fate, *, is_shared: bool, db: Database
) -> Effect | None:
    """Do what it asks for; None if that was done before."""
    # Of a mail that was redirected it is about the mailbox that got it, and not about who was meant.
    # Everybody who got a shared one knows its Message-ID and, by its To, whom a made-up report could name.
    reason = None if sent.is_redirected or is_shared else _reason(fate)
    effect = Effect.SUPPRESSED if reason else Effect.NOTED if fate.action in ENDED else Effect.NOTHING
    status, words = str(fate.status or ""), storable(fate.words)
    told = {"action": fate.action.value, "status": status, "words": words}
    row = {
        "id": uuid7(),
        "identity": identity,
        "key": key_of(mailed.address),
        "job": sent.job,
        "effect": effect.value,
    }
    if not db.rows(REMEMBER, row | told):
        return None
    if effect is not Effect.NOTHING:
        db.rows(NOTE, {"item": mailed.item, "note": json.dumps(told)})
    if reason:
        entry = Entry(
            address=mailed.address,
            reason=reason,
            source="report",
            job=sent.job,
            note=f"{status} {words}".strip(),
        )
        suppress(mailed.owner, [entry], db=db)
    return effect


def _reason(fate: Fate) -> Suppressed | None:
    if fate.action is Action.COMPLAINED:
        return Suppressed.COMPLAINED
    is_final = fate.action is Action.FAILED and is_dead(fate.status, fate.code, fate.words)
    return Suppressed.BOUNCED if is_final else None
