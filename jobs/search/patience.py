"""How long one look for jobs may take: a filter no index answers must not hold a connection for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg.errors
from django.db import OperationalError, connection, transaction

from jobs.errors import BadFilter

SECONDS = 8.0
HURRY = "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)"


@contextmanager
def patience(text: str, seconds: float | None = None) -> Iterator[None]:
    """End what takes longer, and say how to ask for less. Only this transaction hears of it.

    Without a filter an index gives the list, and there is nothing to wait for.
    """
    if not text:
        yield
        return
    allowed = SECONDS if seconds is None else seconds
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(HURRY, [f"{allowed * 1000:.0f}ms"])
            before = cursor.fetchone()[0]
            yield
            # In a caller's transaction it would otherwise last until that ends.
            cursor.execute(HURRY, [before])
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise
        raise BadFilter(
            text, 1,
            f"to look through everything takes longer than {allowed:g} seconds; narrow it, "
            "for instance with `created:>1d`, `kind:` or `owner:`",
        ) from None  # fmt: skip
