"""A Celery task event as JSON text, written directly: Celery's dispatcher takes several times as long.

Without a logical clock: who receives an event that has none gives it its own, in the order of arrival.
"""

from __future__ import annotations

import os
from json.encoder import encode_basestring_ascii as quoted

from celery.utils.time import utcoffset

PAYLOAD_CHARACTERS = 500
"""As much of a payload or a result as Flower shows."""


class Sender:
    """Who sends: one child of a worker."""

    def __init__(self, hostname: str) -> None:
        self._who = f'"hostname":{quoted(hostname)},"pid":{os.getpid()},"utcoffset":{utcoffset()}'

    def began(self, uuid: str, kind: str, payload: str, attempt: int, now: float) -> str:
        """`task-received` and `task-started`; a job is received when its attempt begins.

        Args:
            uuid: The job.
            now: Seconds since 1970.
        """
        return (
            f'{{"type":"task-received","uuid":"{uuid}","root_id":"{uuid}","name":{quoted(kind)},"args":"",'
            f'"kwargs":{quoted(payload[:PAYLOAD_CHARACTERS])},"retries":{attempt - 1},"parent_id":null,'
            f'"eta":null,"expires":null,"timestamp":{now!r},{self._who}}},'
            f'{{"type":"task-started","uuid":"{uuid}","timestamp":{now!r},{self._who}}}'
        )

    def succeeded(self, uuid: str, result: str, run_seconds: float, now: float) -> str:
        """`task-succeeded`."""
        what = f'"result":{quoted(result[:PAYLOAD_CHARACTERS])},"runtime":{run_seconds!r}'
        return self._of("task-succeeded", uuid, what, now)

    def revoked(self, uuid: str, now: float) -> str:
        """`task-revoked`: it was cancelled."""
        return self._of("task-revoked", uuid, '"terminated":true,"signum":null,"expired":false', now)

    def retried(self, uuid: str, error: str, trace: str, now: float) -> str:
        """`task-retried`: this attempt failed, another is due."""
        return self._of("task-retried", uuid, _failure(error, trace), now)

    def failed(self, uuid: str, error: str, trace: str, now: float) -> str:
        """`task-failed`: there will be no other attempt."""
        return self._of("task-failed", uuid, _failure(error, trace), now)

    def _of(self, event: str, uuid: str, what: str, now: float) -> str:
        return f'{{"type":"{event}","uuid":"{uuid}",{what},"timestamp":{now!r},{self._who}}}'


def _failure(error: str, trace: str) -> str:
    return f'"exception":{quoted(error)},"traceback":{quoted(trace)}'
