"""System checks of what would otherwise go wrong much later: proportions of times, kinds, database, files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.files.storage import FileSystemStorage, storages
from django.db import DEFAULT_DB_ALIAS, connections

from celery_app import SOCKET_SECONDS, app
from jobs.conf import Conf, conf
from jobs.lifecycle.place import QUEUE_NAME
from jobs.mail.address import read_address
from jobs.mail.limits import read_limits
from jobs.registry import KINDS, Kind

POSTGRESQL = 15
KIND_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\Z")
PATIENCE = {
    ("redis", "valkey", "sentinel"): ("socket_timeout", "socket_connect_timeout"),
    ("amqp", "pyamqp"): ("read_timeout", "write_timeout"),
}
"""Which options of a broker's transport limit how long one call may take."""
Apps = Sequence[AppConfig] | None


@register
def check_times(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether the periods leave each other room."""
    return list(wrong_times(conf()))


@register
def check_kinds(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether every kind can be named, queued and ended."""
    return [found for kind in KINDS.all() for found in wrong_kind(kind)]


@register
def check_mail_limits(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether the limits of mail can be understood."""
    return list(wrong_mail_limits(conf()))


@register
def check_engine(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether the database is PostgreSQL at all; asks nobody."""
    engine = connections[DEFAULT_DB_ALIAS].vendor
    if engine == "postgresql":
        return []
    return [
        Error(
            f"The default database is {engine}, not PostgreSQL.",
            hint="Set DATABASE_URL=postgres://user:password@host:5432/name. Claims and locks need it.",
            id="millrace.E008",
        )
    ]


@register
def check_transport(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether a broker that is frozen is given up in time; asks nobody."""
    return list(wrong_transport(str(app.conf.broker_url), app.conf.broker_transport_options))


@register
def check_redirect(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether mail reaches those whom it is for."""
    return list(wrong_redirect(conf().email_redirect_to))


@register
def check_failpoints(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether a fault test left its injection behind; without FAULT_TESTS it does nothing."""
    if not conf().failpoint or conf().fault_tests:
        return []
    return [
        Error(
            f"FAILPOINT={conf().failpoint!r} asks for an injected fault.",
            hint="Unset FAILPOINT. Only a fault test sets it, together with FAULT_TESTS=on.",
            id="millrace.E016",
        )
    ]


@register(Tags.security, deploy=True)
def check_fault_tests(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether faults may be injected where jobs matter."""
    if not conf().fault_tests:
        return []
    return [
        Error(
            "FAULT_TESTS is on: whoever sets FAILPOINT can make workers die.",
            hint="Unset FAULT_TESTS.",
            id="millrace.E017",
        )
    ]


@register(Tags.database)
def check_server(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Whether the server is new enough; runs with `check --database default` and before migrations."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or connections[DEFAULT_DB_ALIAS].vendor != "postgresql":
        return []
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    version = connection.pg_version // 10_000  # type: ignore[attr-defined]
    return wrong_server(version)


@register
def check_files(app_configs: Apps = None, **_: Any) -> list[CheckMessage]:
    """Whether uploads and results can be written where they are kept."""
    storage = storages["default"]
    if not isinstance(storage, FileSystemStorage):
        return []
    folder = Path(storage.location)
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"Files cannot be kept in {folder}: {there} is not a folder that this process may write to.",
            hint="Let MEDIA_DIR name a folder that belongs to the user of web and workers.",
            id="millrace.E010",
        )
    ]


def wrong_times(given: Conf) -> Iterator[Error]:
    """The proportions that DESIGN's defaults keep."""
    if given.lease_seconds < 3 * given.heartbeat_seconds:
        yield Error(
            f"A lease of {given.lease_seconds:g} s with a heartbeat of {given.heartbeat_seconds:g} s gives no"
            " second chance: one late beat and a healthy worker loses its jobs.",
            hint="Make LEASE_SECONDS at least 3 × HEARTBEAT_SECONDS.",
            id="millrace.E001",
        )
    if given.sweep_seconds > given.lease_seconds:
        yield Error(
            f"Lost bells and expired leases are looked for every {given.sweep_seconds:g} s, less often than a"
            f" lease of {given.lease_seconds:g} s expires.",
            hint="Make SWEEP_SECONDS at most LEASE_SECONDS; a twelfth of it is usual.",
            id="millrace.E002",
        )
    if given.slice_seconds > given.heartbeat_seconds:
        yield Error(
            f"A slice of {given.slice_seconds:g} s keeps a worker child on one queue for longer than a"
            f" heartbeat ({given.heartbeat_seconds:g} s), and the others starve.",
            hint="Make SLICE_SECONDS smaller than HEARTBEAT_SECONDS; 0.5 is usual.",
            id="millrace.E003",
        )
    if given.flush_seconds > given.heartbeat_seconds:
        yield Error(
            f"Progress is written every {given.flush_seconds:g} s, less often than the heartbeat"
            f" ({given.heartbeat_seconds:g} s): a killed job would not show its last lines.",
            hint="Make FLUSH_SECONDS at most HEARTBEAT_SECONDS.",
            id="millrace.E004",
        )


def wrong_redirect(to: str) -> Iterator[CheckMessage]:
    """All mail goes to one mailbox, or, if that is none, nowhere."""
    if not to:
        return
    try:
        read_address(to)
    except ValueError as error:
        yield Error(
            f"EMAIL_REDIRECT_TO={to!r} {error}: no mail is sent at all.",
            hint="Give it one bare address, or unset it to let mail out.",
            id="millrace.E022",
        )
    else:
        yield Warning(
            f"All mail goes to {to}, whoever it is for: EMAIL_REDIRECT_TO is set.",
            hint="Unset it where mail is to reach people.",
            id="millrace.W023",
        )


def wrong_mail_limits(given: Conf) -> Iterator[Error]:
    """A limit that nobody would keep."""
    try:
        read_limits(given.email_account_limit, given.email_domain_limits)
    except ValueError as error:
        yield Error(
            f"{error}",
            hint="Such are EMAIL_ACCOUNT_LIMIT=100/s,8 and EMAIL_DOMAIN_LIMITS=gmail.com=20/s,5 *=50/s,10;"
            " unset them for none.",
            id="millrace.E024",
        )


def wrong_transport(url: str, options: Mapping[str, Any]) -> Iterator[Error]:
    """A call to the broker that may last for ever."""
    endless = [
        name
        for schemes, names in PATIENCE.items()
        if url.startswith(schemes)
        for name in names
        if not options.get(name)
    ]
    if endless:
        found = ", ".join(f"{name}={options.get(name)!r}" for name in endless)
        yield Error(
            f"CELERY_BROKER_TRANSPORT_OPTIONS has {found}: a broker that is frozen hangs the ringer of every"
            " process, and the consumer of every worker, for ever.",
            hint=f"Leave {', '.join(endless)} out for the default of {SOCKET_SECONDS:g} s, or give seconds.",
            id="millrace.E018",
        )


def wrong_queues(where: str, names: Iterable[str]) -> Iterator[Error]:
    """Names that no queue can have."""
    for name in names:
        if not QUEUE_NAME.match(name):
            yield Error(
                f"{where}: {name!r} is no name for a queue.",
                hint="Use lower-case letters, digits, '.', '_' and '-'.",
                id="millrace.E019",
            )


def wrong_kind(kind: Kind) -> Iterator[Error]:
    """What would make a kind unusable once a job of it is accepted."""
    where = f"{kind.module}, kind {kind.name!r}"
    if not KIND_NAME.match(kind.name):
        yield Error(
            f"{where}: the name is not dotted lower case.",
            hint="Name it like 'images.resize': letters, digits and '_', at least one dot.",
            id="millrace.E005",
        )
    if not QUEUE_NAME.match(kind.queue):
        yield Error(
            f"{where}: {kind.queue!r} is no name for a queue.",
            hint="Use lower-case letters, digits, '.', '_' and '-'.",
            id="millrace.E006",
        )
    if kind.timeout <= timedelta(0) or kind.timeout > timedelta(days=1):
        yield Error(
            f"{where}: a timeout of {kind.timeout} can never be met or never ends.",
            hint="Give more than 0 s and at most a day; split longer work into several jobs.",
            id="millrace.E007",
        )


def wrong_server(version: int) -> list[CheckMessage]:
    """Whether a server of this major version will do."""
    if version >= POSTGRESQL:
        return []
    return [
        Error(
            f"The server is PostgreSQL {version}; Millrace needs {POSTGRESQL} or newer.",
            hint="Upgrade it, or let DATABASE_URL name a newer one.",
            id="millrace.E009",
        )
    ]
