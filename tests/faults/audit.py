"""The audit: a trigger that writes down every change of a job's state. Only the fault suite installs it.

It runs in the transaction of the change, so what was rolled back is not there, and what is there happened.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import psycopg

INSTALL = """
CREATE TABLE fault_audit (
    id bigserial PRIMARY KEY, job uuid NOT NULL, attempt int NOT NULL, holder uuid,
    before text NOT NULL, after text NOT NULL, code text NOT NULL,
    failures int NOT NULL, crashes int NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION fault_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fault_audit (job, attempt, holder, before, after, code, failures, crashes, at)
    VALUES (NEW.id, NEW.attempt, coalesce(NEW.holder, OLD.holder), OLD.state, NEW.state, NEW.code,
            NEW.failures, NEW.crashes, clock_timestamp());
    RETURN NEW;
END $$;
CREATE TRIGGER fault_audit AFTER UPDATE OF state ON millrace_job
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION fault_audit();
"""


class Change(NamedTuple):
    """One change of state; `holder` is who held the job before it; `at` is the database's time (s)."""

    job: UUID
    attempt: int
    holder: UUID | None
    before: str
    after: str
    code: str
    failures: int
    crashes: int
    at: float


def install(connection: psycopg.Connection) -> None:
    """Begin to write down."""
    connection.execute(INSTALL)


def changes(connection: psycopg.Connection) -> list[Change]:
    """Everything that was written down, in order."""
    rows = connection.execute(
        "SELECT job, attempt, holder, before, after, code, failures, crashes, extract(epoch FROM at)::float8"
        " FROM fault_audit ORDER BY id"
    )
    return [Change(*row) for row in rows]
