"""Elsewhere: which of the servers that this process is told of are not on this machine."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from celery_app import app


def elsewhere() -> dict[str, str]:
    """By the variable that names it, each host that is not this machine. Nobody is asked."""
    return {variable: host for variable, host in hosts() if not is_loopback(host)}


def is_loopback(host: str) -> bool:
    """Whether it is this machine; a path, or nothing, is a socket in its file system."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host in {"", "localhost"} or host.startswith("/")


def hosts() -> Iterator[tuple[str, str]]:
    """Of the database, the broker and the web pages. A service of libpq may lead anywhere."""
    database = settings.DATABASES[DEFAULT_DB_ALIAS]
    options = database.get("OPTIONS", {})
    for variable, named in [
        ("DATABASE_URL", database.get("HOST")),
        *(("DATABASE_URL", options.get(option)) for option in ("host", "hostaddr", "service")),
        *((variable, os.environ.get(variable)) for variable in ("PGHOST", "PGHOSTADDR", "PGSERVICE")),
    ]:
        for host in str(named or "").split(","):
            yield variable, host
    for urls in (app.conf.broker_read_url, app.conf.broker_write_url):
        for url in [urls] if isinstance(urls, str) else urls or []:
            for part in url.split(";"):
                yield "BROKER_URL", urlsplit(part).hostname or ""
    yield "PUBLIC_URL", urlsplit(getattr(settings, "PUBLIC_URL", "")).hostname or ""
